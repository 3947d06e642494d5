import math

import pytest
import torch

from mer_lightning.video.magnification import magnify_motion

FPS, LENGTH, SIDE = 60.0, 120, 96


def oscillation(rate, size=0.05, wavelength=32.0):
    """A grating that moves to and fro by ``size`` pixels ``rate`` times a second, ``(T, 1, H, W)``."""
    shift = size * torch.sin(2 * math.pi * rate * torch.arange(LENGTH) / FPS)
    x = torch.arange(float(SIDE))
    rows = 0.5 + 0.2 * torch.sin(2 * math.pi * (x[None] - shift[:, None]) / wavelength)
    return rows[:, None, None, :].expand(-1, 1, SIDE, -1).clone()


def displacement(clip, wavelength=32.0):
    """Motion of the grating from its phase, pixels."""
    x = torch.arange(float(SIDE))
    row = clip[:, 0, SIDE // 2] - 0.5
    wave = torch.exp(-2j * math.pi * x / wavelength)
    # whole periods only
    return -(torch.angle((row * wave).sum(1)) + math.pi / 2) * wavelength / (2 * math.pi)


def gain(rate, wavelength=32.0, **parameters):
    clip = oscillation(rate, wavelength=wavelength)
    magnified = magnify_motion(clip, fps=FPS, **parameters)
    before, after = displacement(clip, wavelength), displacement(magnified, wavelength)
    inside = slice(30, -30)
    return (after[inside] * before[inside]).sum() / before[inside].square().sum()


@pytest.mark.parametrize("temporal", ["butterworth", "zero_phase", "iir"])
@pytest.mark.parametrize("alpha", [10, 20])
@pytest.mark.parametrize("wavelength", [16.0, 24.0, 32.0, 48.0])
def test_motion_in_the_pass_band_grows_by_one_plus_alpha(temporal, alpha, wavelength):
    band = {"low": 2.0, "high": 6.0} if temporal == "zero_phase" else {"low": 0.5, "high": 12.0}
    centre = math.sqrt(band["low"] * band["high"])
    assert gain(centre, wavelength, alpha=alpha, temporal=temporal, **band) == pytest.approx(1 + alpha, rel=0.1)


@pytest.mark.parametrize("rate", [0.3, 20.0])
def test_motion_outside_is_left_alone(rate):
    assert gain(rate, alpha=10, low=2.0, high=6.0, temporal="zero_phase") == pytest.approx(1, abs=0.3)


def test_fine_structure_gets_less():
    fine = oscillation(3.5, wavelength=4.0)
    magnified = magnify_motion(fine, alpha=10, low=2.0, high=6.0, fps=FPS, temporal="zero_phase")
    assert 1 < displacement(magnified, 4.0).abs().max() / displacement(fine, 4.0).abs().max() < 6


@pytest.mark.parametrize("method", ["linear", "phase"])
@pytest.mark.parametrize("temporal", ["butterworth", "zero_phase", "iir", "onset"])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (5, 3, 7, 9), (2, 4, 1, 16, 18), (30, 1, 64, 64)])
def test_still_clips_stay_still(method, temporal, shape):
    clip = torch.rand(1, *shape[-3:]).expand(shape)
    band = {} if temporal == "onset" else {"low": 1.0, "high": 5.0, "fps": 30}
    magnified = magnify_motion(clip, alpha=20, temporal=temporal, method=method, **band)
    assert magnified.shape == shape
    assert torch.allclose(magnified, clip, atol=1e-3)


@pytest.mark.parametrize("method", ["linear", "phase"])
def test_batch_equals_single_and_overall_brightness_is_kept(method):
    given = {"alpha": 10, "low": 1.0, "high": 5.0, "fps": 30, "method": method}
    smooth = torch.nn.functional.avg_pool2d(torch.rand(2 * 20, 1, 28, 28), 5, 1).view(2, 20, 1, 24, 24)
    batch = magnify_motion(smooth, **given)
    for clip, expected in zip(smooth, batch, strict=True):
        assert torch.allclose(magnify_motion(clip, **given), expected, atol=1e-3)
    flicker = torch.sin(torch.arange(20.0))[:, None, None, None].expand(-1, 1, 24, 24)
    assert torch.allclose(magnify_motion(flicker, **given), flicker, atol=1e-4)


@pytest.mark.parametrize("method", ["linear", "phase"])
@pytest.mark.parametrize("temporal", ["butterworth", "iir", "onset"])
def test_what_uses_past_frames_only_leaves_the_onset_and_does_not_look_ahead(method, temporal):
    band = {} if temporal == "onset" else {"low": 0.5, "high": 5.0, "fps": 30}
    given = {"alpha": 10, "temporal": temporal, "method": method, **band}
    clip = oscillation(3.0)[:24]
    magnified = magnify_motion(clip, **given)
    assert torch.allclose(magnified[0], clip[0], atol=1e-5)
    assert torch.allclose(magnify_motion(clip[:12], **given), magnified[:12], atol=1e-4)


def test_zero_phase_moves_the_onset_too():
    clip = oscillation(3.0)[3:24]
    magnified = magnify_motion(clip, alpha=10, low=0.5, high=5.0, fps=30, temporal="zero_phase")
    assert (magnified[0] - clip[0]).abs().max() > 5e-4


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": -1},
        {"low": 0},
        {"high": 40.0},
        {"low": 9.0},
        {"low": None},
        {"temporal": "ideal"},
        {"temporal": "onset"},
        {"wavelength": 0},
        {"method": "lagrangian"},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=r"expected"):
        magnify_motion(torch.rand(8, 1, 8, 8), **{"alpha": 10, "low": 1.0, "high": 5.0, "fps": 30, **wrong})


def test_broken_frames_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        magnify_motion(torch.full((4, 1, 8, 8), torch.nan), alpha=10, low=1.0, high=5.0, fps=30)
