import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_lightning.motion.strain import (
    flow_magnitude,
    flow_orientation,
    normalise,
    optical_strain,
    remove_head_motion,
    resize_flow,
)


def linear(xx, xy, yx, yy, size=(9, 11)):
    y, x = torch.meshgrid(torch.arange(float(size[0])), torch.arange(float(size[1])), indexing="ij")
    return torch.stack((xx * x + xy * y, yx * x + yy * y))[None]


@settings(max_examples=20, deadline=None)
@given(k=st.floats(-1, 1), dx=st.floats(-5, 5))
def test_strain_of_rotation_dilation_and_shear(k, dx):
    for field, expected in (
        (linear(0, -k, k, 0), 0),
        (linear(k, 0, 0, k), abs(k) * math.sqrt(2)),
        (linear(0, k, 0, 0), abs(k) / math.sqrt(2)),
    ):
        strain = optical_strain(field + dx)
        assert strain.shape == (1, 1, 9, 11)
        assert torch.allclose(strain, torch.full_like(strain, expected), atol=1e-5)


def test_strain_of_single_pixels_is_zero():
    assert optical_strain(torch.ones(1, 2, 1, 1)).item() == 0
    assert torch.equal(optical_strain(torch.ones(2, 3, 2, 1, 5)), torch.zeros(2, 3, 1, 1, 5))


def test_magnitude_and_orientation():
    flow = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)
    assert flow_magnitude(flow).item() == 5
    assert flow_orientation(flow).item() == pytest.approx(math.atan2(4, 3))


def test_head_motion_is_that_of_the_stable_region():
    flow = linear(0.1, 0, 0, 0)
    stable = torch.zeros(9, 11, dtype=torch.bool)
    stable[4, 4:7] = True
    moved = remove_head_motion(flow + torch.tensor([2.0, -1.0]).view(1, 2, 1, 1), stable)
    assert torch.allclose(moved, flow - torch.tensor([0.5, 0]).view(1, 2, 1, 1), atol=1e-6)
    with pytest.raises(ValueError, match="empty"):
        remove_head_motion(flow, torch.zeros(9, 11))


def test_normalisations():
    maps = torch.randn(2, 3, 8, 8) * 4 + 1
    scaled = normalise(maps, "minmax8")
    assert scaled.amin() == 0
    assert scaled.amax() == 1
    assert torch.equal((scaled * 255).round() / 255, scaled)
    scored = normalise(maps, "zscore")
    assert torch.allclose(scored.mean((-2, -1)), torch.zeros(2, 3), atol=1e-5)
    assert torch.allclose(scored.std((-2, -1), correction=0), torch.ones(2, 3), atol=1e-5)
    assert torch.equal(normalise(maps, "none"), maps)
    for name in ("minmax8", "zscore"):
        assert torch.equal(normalise(torch.full((1, 2, 4, 5), 7.3), name), torch.zeros(1, 2, 4, 5))
    with pytest.raises(ValueError, match="unknown"):
        normalise(maps, "other")


def test_resized_flow_keeps_its_meaning():
    flow = torch.ones(1, 2, 8, 16)
    small = resize_flow(flow, (4, 4))
    assert torch.allclose(small[0, :, 0, 0], torch.tensor([0.25, 0.5]))


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="flow must be"):
        optical_strain(torch.zeros(1, 3, 4, 4))
