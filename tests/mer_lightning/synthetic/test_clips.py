from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from mer_lightning.synthetic.action_units import shading_basis
from mer_lightning.synthetic.clips import intensities, render_clip, track_landmarks, true_flow
from mer_lightning.synthetic.identity import Identity
from mer_lightning.synthetic.rendering import render_frames
from tests.mer_lightning.synthetic.test_scripts import SMILE, VIEW, script


def warp(image: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Look ``(C, H, W)`` up at the pixels moved by ``(2, H, W)``."""
    height, width = flow.shape[1:]
    pixels = torch.stack(torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy"))
    grid = (2 * (pixels + flow) + 1) / torch.tensor((width, height))[:, None, None] - 1
    return functional.grid_sample(image[None], grid.permute(1, 2, 0)[None], padding_mode="border", align_corners=False)[
        0
    ]


def planes(frames: torch.Tensor, index: int) -> torch.Tensor:
    return frames[index].permute(2, 0, 1).float()


def test_a_clip_has_frames_flow_landmarks_and_intensities():
    clip = render_clip(script())
    assert clip.frames.shape == (13, 128, 128, 3) and clip.frames.dtype == torch.uint8
    assert clip.flow.shape == (2, 128, 128)
    assert clip.landmarks.shape == (13, 68, 2)
    assert clip.intensities.shape == (13, 4)
    assert render_frames(script(grey=True)).shape == (13, 128, 128, 1)


@pytest.mark.parametrize("drift", [0.0, 0.02])
def test_warping_the_apex_by_the_true_flow_gives_the_onset(drift: float):
    one = script(drift=drift)
    frames = render_frames(one)
    onset, apex = planes(frames, one.onset), planes(frames, one.apex)
    # folds get darker, which no displacement explains: look elsewhere, and where something moves
    x, y = VIEW.grid()
    channels = [channel for channel, _ in one.units]
    folds = torch.tensordot(
        torch.tensor(list(SMILE.values())), shading_basis(Identity.sample(one.who), channels, x, y), 1
    )
    moving = (folds.abs() < 0.005) & (true_flow(one).norm(dim=0) > 0.25)
    moving[:4] = moving[-4:] = moving[:, :4] = moving[:, -4:] = False
    assert moving.sum() > 500
    error = (warp(apex, true_flow(one)) - onset).abs().mean(0)[moving]
    before = (apex - onset).abs().mean(0)[moving]
    wrong = (warp(apex, -true_flow(one)) - onset).abs().mean(0)[moving]
    assert error.mean() < 0.5 * before.mean() < 0.5 * wrong.mean()
    assert error.quantile(0.95) < 6


def test_the_flow_from_a_frame_to_itself_is_nothing():
    one = script(drift=0.02)
    assert true_flow(one, one.apex, one.apex).abs().max() < 1e-3


def test_the_flow_back_undoes_the_flow():
    one = script(drift=0.02)
    there, back = true_flow(one), true_flow(one, one.apex, one.onset)
    assert (there + warp(back, there))[:, 8:-8, 8:-8].abs().max() < 0.02


def test_landmarks_move_with_the_flow():
    one = script(drift=0.02)
    points = track_landmarks(one)
    start = points[one.onset]
    grid = ((2 * start + 1) / 128 - 1)[None, None]
    flow = functional.grid_sample(true_flow(one)[None], grid, align_corners=False)[0, :, 0].T
    assert (points[one.apex] - start - flow).norm(dim=1).max() < 0.05
    assert (points[one.apex] - start).norm(dim=1).max() > 0.5


def test_no_movement_leaves_only_noise():
    still = replace(script(drift=0.0), units=())
    frames = render_frames(still)
    assert torch.equal(frames[0], frames[-1])
    assert true_flow(still).abs().max() < 1e-4


def test_intensities_are_pixels():
    one = script()
    assert float(intensities(one)[one.apex, 0]) == pytest.approx(0.05 * VIEW.scale)


def test_exaggeration_scales_the_flow():
    one = script(drift=0.0)
    small, large = true_flow(one).abs().max(), true_flow(one.exaggerate(3)).abs().max()
    assert 2 < float(large / small) < 4
