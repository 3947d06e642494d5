from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.tvl1 import tvl1_flow

METHODS = {"tvl1": tvl1_flow, "farneback": farneback_flow}
quick = settings(max_examples=5, deadline=None, derandomize=True)


@pytest.fixture(params=METHODS)
def method(request):
    return METHODS[request.param]


def error(flow, truth):
    return torch.linalg.vector_norm(flow - truth, dim=1).mean().item()


def opencv_tvl1(pairs, **parameters):
    solver = cv2.optflow.DualTVL1OpticalFlow_create()
    for name, value in parameters.items():
        getattr(solver, f"set{name}")(value)
    return torch.tensor(np.stack([solver.calc(*pair, None).transpose(2, 0, 1) for pair in pairs.bytes]))


def opencv_farneback(pairs, levels=3, winsize=15, iterations=3, poly_n=5, poly_sigma=1.2, gaussian=False):
    flags = cv2.OPTFLOW_FARNEBACK_GAUSSIAN if gaussian else 0
    arguments = (None, 0.5, levels, winsize, iterations, poly_n, poly_sigma, flags)
    maps = [cv2.calcOpticalFlowFarneback(*pair, *arguments).transpose(2, 0, 1) for pair in pairs.bytes]
    return torch.tensor(np.stack(maps))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"lambda_": 0.05, "median_filtering": 1}, {"Lambda": 0.05, "MedianFiltering": 1}),
        ({"warps": 2, "nscales": 3}, {"WarpingsNumber": 2, "ScalesNumber": 3}),
    ],
)
def test_tvl1_is_at_least_as_exact_as_opencv(moved, ours, theirs):
    pairs = moved()
    assert error(tvl1_flow(pairs.reference, pairs.target, **ours), pairs.flow) <= error(
        opencv_tvl1(pairs, **theirs), pairs.flow
    )


@pytest.mark.parametrize(
    "parameters",
    [{}, {"levels": 1, "winsize": 9}, {"gaussian": True}, {"poly_n": 7, "poly_sigma": 1.5, "iterations": 2}],
)
@pytest.mark.parametrize("amplitude", [None, 3.0])
def test_farneback_agrees_with_opencv_and_is_at_least_as_exact(moved, parameters, amplitude):
    pairs = moved(amplitude=amplitude)
    flow, reference = (
        farneback_flow(pairs.reference, pairs.target, **parameters),
        opencv_farneback(pairs, **parameters),
    )
    assert error(flow, reference) < (0.01 if amplitude is None else 0.05)
    assert error(flow, pairs.flow) <= error(reference, pairs.flow)


@pytest.mark.parametrize("amplitude", [0.1, 0.3, 0.5, 0.8])
def test_sub_pixel_motion_is_found_at_least_as_exactly_as_by_opencv(moved, amplitude):
    pairs = moved(3, 96, amplitude, seed=20)
    nothing = pairs.flow.norm(dim=1).mean()
    for flow, reference in (
        (tvl1_flow(pairs.reference, pairs.target), opencv_tvl1(pairs)),
        (farneback_flow(pairs.reference, pairs.target), opencv_farneback(pairs)),
    ):
        assert error(flow, pairs.flow) <= error(reference, pairs.flow)
        assert error(flow, pairs.flow) < 0.5 * nothing


def test_the_motion_of_twins_is_found_at_least_as_exactly_as_by_opencv(twins):
    assert len(twins.flow) >= 10
    tvl1, farneback = (method(twins.reference, twins.target) for method in METHODS.values())
    assert error(tvl1, twins.flow) <= error(opencv_tvl1(twins), twins.flow)
    assert error(farneback, twins.flow) <= error(opencv_farneback(twins), twins.flow)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 2, 4])
@pytest.mark.parametrize("amplitude", [None, 3.0])
def test_tvl1_beats_opencv_with_noise_and_on_larger_motions(moved, noise, amplitude):
    pairs = moved(6, 128, amplitude)
    generator = torch.Generator().manual_seed(0)
    for image in (pairs.reference, pairs.target):
        noisy = image + noise / 255 * torch.randn(image.shape, generator=generator)
        image.copy_((noisy * 255).round().clamp(0, 255) / 255)
    assert error(tvl1_flow(pairs.reference, pairs.target), pairs.flow) <= error(opencv_tvl1(pairs), pairs.flow)


def test_identical_frames_do_not_move(method, moved):
    image = moved(2).reference
    assert method(image, image).abs().max() < 1e-5


@quick
@given(dx=st.floats(-0.8, 0.8), dy=st.floats(-0.8, 0.8))
@pytest.mark.parametrize("name", METHODS)
def test_translation_is_found(name, dx, dy):
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")

    def texture(x, y):
        return 0.5 + 0.2 * torch.sin(0.5 * x + 0.2 * y) * torch.cos(0.4 * y - 0.1 * x) + 0.1 * torch.sin(0.9 * x - y)

    flow = METHODS[name](texture(x, y)[None, None], texture(x - dx, y - dy)[None, None])
    middle = flow[0, :, 12:-12, 12:-12].mean((1, 2))
    assert torch.allclose(middle, torch.tensor([dx, dy]), atol=0.05)


def test_flipping_commutes(method, moved):
    pairs = moved(2, 64)
    flow = method(pairs.reference, pairs.target)
    for axis, channel in ((-1, 0), (-2, 1)):
        mirrored = method(pairs.reference.flip(axis), pairs.target.flip(axis)).flip(axis)
        mirrored[:, channel] *= -1
        assert error(mirrored, flow) < 5e-3


def test_twice_the_size_is_twice_the_flow(method, moved):
    pairs = moved(2, 64, 0.6)
    double = [
        torch.nn.functional.interpolate(image, scale_factor=2, mode="bicubic").clamp(0, 1)
        for image in (pairs.reference, pairs.target)
    ]
    flow = torch.nn.functional.avg_pool2d(method(*double), 2)
    assert error(flow, 2 * pairs.flow) < 0.2 * pairs.flow.norm(dim=1).mean() * 2


def test_batch_equals_single(method, moved):
    pairs = moved(5, 64)
    # enough pairs for several blocks, settled at different times
    reference, target = pairs.reference.repeat(14, 1, 1, 1), pairs.target.repeat(14, 1, 1, 1)
    batch = method(reference, target)
    single = torch.cat([method(pairs.reference[i : i + 1], pairs.target[i : i + 1]) for i in range(5)])
    assert torch.allclose(batch, single.repeat(14, 1, 1, 1), atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (7, 9), (33, 20)])
@pytest.mark.parametrize("kind", ["constant", "saturated", "noise"])
def test_odd_images_give_finite_flow(method, size, kind):
    generator = torch.Generator().manual_seed(0)
    first = {"constant": torch.full((2, 1, *size), 0.3), "saturated": torch.ones(2, 1, *size)}.get(kind)
    if first is None:
        first = torch.rand(2, 1, *size, generator=generator)
    second = 1 - first if kind == "saturated" else torch.rand(2, 1, *size, generator=generator)
    flow = method(first, second)
    assert flow.shape == (2, 2, *size)
    assert flow.isfinite().all()
    assert flow.dtype == torch.float32


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), "reference must be"),
        (torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 9), "one shape"),
        (torch.zeros(0, 1, 8, 8), torch.zeros(0, 1, 8, 8), "non-empty"),
        (torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), torch.nan), "target holds NaN"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.zeros(1, 1, 8, 8, dtype=torch.uint8), "floats"),
    ],
)
def test_wrong_images_are_refused(method, first, second, message):
    with pytest.raises(ValueError, match=message):
        method(first, second)


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (tvl1_flow, {"tau": 0}),
        (tvl1_flow, {"scale_step": 1.0}),
        (tvl1_flow, {"epsilon": -1}),
        (tvl1_flow, {"median_filtering": 4}),
        (farneback_flow, {"pyr_scale": 1.5}),
        (farneback_flow, {"winsize": 0}),
        (farneback_flow, {"poly_sigma": 0}),
    ],
)
def test_wrong_parameters_are_refused(method, parameters):
    with pytest.raises(ValueError, match=next(iter(parameters)).replace("median_filtering", "median window")):
        method(torch.rand(1, 1, 32, 32), torch.rand(1, 1, 32, 32), **parameters)


def test_tvl1_illumination_field_explains_a_brighter_target(moved):
    pairs = moved(2, 64, 0.5)
    brighter = pairs.target + 0.06
    plain = error(tvl1_flow(pairs.reference, brighter), pairs.flow)
    assert error(tvl1_flow(pairs.reference, brighter, gamma=10.0), pairs.flow) < 0.7 * plain


@pytest.mark.gpu
def test_cuda_equals_cpu(method, moved):
    pairs = moved(4, 64)
    there = method(pairs.reference.cuda(), pairs.target.cuda()).cpu()
    assert torch.allclose(there, method(pairs.reference, pairs.target), atol=5e-3)


def test_threads_change_nothing(method, moved):
    pairs = moved(4, 64)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = method(pairs.reference, pairs.target)
        torch.set_num_threads(2)
        shared = method(pairs.reference, pairs.target)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert torch.allclose(alone, shared, atol=1e-5)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_flow_is_computed_in_every_mode_by_several_threads(method, moved, mode):
    pairs = moved(4, 64)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with mode():
            flow = method(pairs.reference, pairs.target)
    finally:
        torch.set_num_threads(before)
    assert torch.allclose(flow, method(pairs.reference, pairs.target), atol=1e-5)
    assert not flow.requires_grad


def test_tvl1_is_at_least_as_exact_as_opencv_where_motion_leaves_the_frame():
    # fine random texture that all moves, border included
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(3, 1, 60, 60, generator=generator)
    image = torch.nn.functional.interpolate(coarse, size=(192, 192), mode="bicubic").clamp(0, 1)
    bumps = torch.rand(3, 2, 4, 4, generator=generator) * 2 - 1
    flow = torch.nn.functional.interpolate(bumps, size=(96, 96), mode="bicubic", align_corners=True)
    flow *= 0.7 / flow.norm(dim=1).amax((1, 2))[:, None, None, None]
    y, x = torch.meshgrid(torch.linspace(-1, 1, 96), torch.linspace(-1, 1, 96), indexing="ij")
    here = torch.stack((x, y), -1).expand(3, -1, -1, -1)
    target, reference = (
        torch.nn.functional.grid_sample(image, grid, mode="bicubic", align_corners=True).mul(255).round() / 255
        for grid in (here, here + flow.permute(0, 2, 3, 1) * (2 / 95))
    )
    pairs = SimpleNamespace(
        bytes=[tuple((i[0] * 255).byte().numpy() for i in p) for p in zip(reference, target, strict=True)]
    )
    assert error(tvl1_flow(reference, target), flow) <= error(opencv_tvl1(pairs), flow)
    assert error(farneback_flow(reference, target), flow) <= error(opencv_farneback(pairs), flow)
