import numpy as np
import pytest
import torch

from mer_lightning.motion.frames import to_frames, to_grey
from mer_lightning.motion.spotting import (
    appearance_curve,
    divide_and_conquer,
    motion_curve,
    smooth_in_time,
    spot_apex,
)
from mer_lightning.synthetic.composite import SyntheticComposite


def clip(apex, length=25, side=48, seed=0):
    """Mouth corners of a textured face that move until the apex and back, ``(T, H, W)``."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, side // 4, side // 4, generator=generator)
    face = torch.nn.functional.interpolate(coarse, size=side, mode="bicubic").clamp(0, 1)
    y, x = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    weight = torch.exp(-((x.abs() - 0.35) ** 2 + (y - 0.55) ** 2) / 0.05)
    time = np.interp(np.arange(length), [0, apex, length - 1], [0, 1, 0])
    grids = torch.stack([torch.stack((x, y - 2.0 * (2 / side) * float(t) * weight), -1) for t in time])
    frames = torch.nn.functional.grid_sample(face.expand(length, -1, -1, -1), grids, align_corners=True)
    return frames[:, 0] + 0.002 * torch.randn(length, side, side, generator=generator)


@pytest.mark.parametrize("how", ["strain", "flow"])
def test_apex_is_found_within_five_percent_and_better_than_the_middle(how):
    apexes = (6, 9, 15, 19)
    errors = [abs(spot_apex(clip(apex, seed=apex), how) - apex) / 25 for apex in apexes]
    assert np.mean(errors) < 0.05
    assert np.mean(errors) < np.mean([abs(apex - 12) / 25 for apex in apexes])


def test_texture_finds_the_apex_roughly():
    assert np.mean([abs(spot_apex(clip(apex, seed=apex), "texture") - apex) / 25 for apex in (6, 9, 15, 19)]) < 0.1


@pytest.mark.parametrize("frames", [0.2, pytest.param(1.0, marks=pytest.mark.slow)])
def test_the_apex_of_a_twin_is_found_within_five_percent_and_better_than_the_middle(frames):
    # noise, flicker and a moving head, as recorded
    composite = SyntheticComposite(0.1, frames=frames)
    errors, middle = [], []
    for sample in composite.samples[::3]:
        pixels = composite.read(sample)
        apex, last = sample.apex - sample.onset, len(pixels) - 1
        found = spot_apex(to_grey(to_frames(pixels, None, None))[:, 0])
        errors.append(abs(found - apex) / len(pixels))
        middle.append(abs(last / 2 - apex) / len(pixels))
    assert len(errors) >= 15
    assert np.mean(errors) < 0.05
    assert np.mean(errors) < np.mean(middle)


def test_a_moving_head_has_flow_but_hardly_any_strain():
    still = clip(12)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 48), torch.linspace(-1, 1, 48), indexing="ij")
    drift = torch.linspace(0, 2 * (2 / 48), 25)
    grids = torch.stack([torch.stack((x - d, y), -1) for d in drift])
    drifting = torch.nn.functional.grid_sample(still[:, None], grids, padding_mode="border", align_corners=True)[:, 0]
    assert abs(spot_apex(drifting, "strain") - 12) <= 1
    assert spot_apex(drifting, "flow") > 14


def test_large_frames_are_shrunk_and_the_apex_stays():
    large = torch.nn.functional.interpolate(clip(15)[:, None], size=(200, 240), mode="bicubic")[:, 0]
    assert abs(spot_apex(large) - 15) <= 1


def test_smoothing_in_time_averages_noise_and_keeps_a_still_clip():
    noise = torch.randn(40, 6, 6)
    assert smooth_in_time(noise, 2.0).std() < 0.5 * noise.std()
    still = torch.rand(1, 6, 6).expand(40, -1, -1)
    assert torch.allclose(smooth_in_time(still, 2.0), still, atol=1e-6)
    assert torch.equal(smooth_in_time(noise, 0.0), noise)


def test_divide_and_conquer_keeps_the_half_with_more_peaks():
    curve = torch.zeros(16)
    curve[3], curve[9], curve[13] = 5, 3, 4
    assert divide_and_conquer(curve) == 13
    assert divide_and_conquer(torch.tensor([1.0])) == 0
    assert divide_and_conquer(torch.zeros(9)) == 0


def test_curves_start_at_zero_and_still_clips_have_none():
    still = torch.rand(1, 40, 40).expand(5, -1, -1)
    assert appearance_curve(still).abs().max() < 1e-5
    assert motion_curve(still).abs().max() < 1e-5
    assert appearance_curve(clip(9))[0].abs() < 1e-5


def test_wrong_clips_are_refused():
    for call in (
        lambda: appearance_curve(torch.rand(4, 2, 2)),
        lambda: motion_curve(torch.rand(4, 4)),
        lambda: divide_and_conquer(torch.zeros(0)),
    ):
        with pytest.raises(ValueError, match="must be"):
            call()
