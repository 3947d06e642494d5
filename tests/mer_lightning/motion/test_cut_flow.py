"""Flow at the size of the recording, and the face cut out of it at nine places: against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from mer_lightning.augmentation import at_position, moves
from mer_lightning.motion import CutFlowSequence, FlowSequence, Magnification, get_representation
from mer_lightning.motion.cut_flow import _window
from mer_lightning.motion.grids import warp
from mer_lightning.types import DataError

PIXELS = {"normalisation": "none", "frames": 2}


def clip(height, width, frames=3, channels=1):
    return np.random.default_rng(0).integers(0, 256, (frames, height, width, channels), np.uint8)


@pytest.fixture
def planted(monkeypatch):
    """Flow that says where it was computed: u is the column, v the row, and how large the frames were."""
    seen = []

    def flow(self, reference, target):
        pairs, _, height, width = reference.shape
        seen.append((height, width))
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        return torch.stack((x, y)).float().expand(pairs, 2, height, width)

    monkeypatch.setattr(CutFlowSequence, "flow", flow)
    return seen


@given(st.integers(4, 60), st.integers(0, 20), st.integers(0, 20), st.integers(1, 50))
def test_a_cut_at_whole_pixels_is_what_torch_resizes(span, before, after, count):
    line = torch.rand(1, 1, 1, before + span + after)
    weights = _window(line.shape[-1], before, span, count)
    cut = line[..., before : before + span]
    resized = functional.interpolate(cut, size=(1, count), mode="bilinear", align_corners=False, antialias=True)
    assert torch.allclose(line @ weights.T, resized, atol=1e-5)


def test_flow_is_computed_at_the_size_of_the_recording_and_maps_are_reduced(planted):
    maps = CutFlowSequence(margin=0, **PIXELS)([clip(288, 192)])
    assert planted == [(288, 192)]
    # two columns and three rows of the recording are one of the map: their mean, in pixels of the map
    assert maps.shape == (1, 3, 1, 96, 96)
    assert torch.allclose(maps[0, 0, 0, 50, 1:-1], torch.arange(2, 190, 2).add(0.5).div(2), atol=1e-3)
    assert torch.allclose(maps[0, 1, 0, 1:-1, 50], torch.arange(3, 285, 3).add(1.0).div(3), atol=1e-3)
    # strain of the recording: one pixel a pixel both ways, whatever the map
    assert torch.allclose(maps[0, 2], torch.tensor(math.sqrt(2)), atol=1e-4)


def test_a_recording_larger_than_asked_for_is_reduced_in_proportion(planted):
    CutFlowSequence(flow_size=(100, 80), **PIXELS)([clip(300, 160)])
    assert planted == [(100, 53)]


def test_nine_positions_lie_in_pixels_of_the_recording(planted):
    # without the margin 96 x 96 remain, so that a map shows the recording pixel by pixel
    representation = CutFlowSequence(margin=10, **PIXELS)
    (made,) = representation.moved([clip(116, 116)], moves=moves(10))
    assert len(planted) == 1
    for maps, (down, right) in zip(made, moves(10), strict=True):
        columns, rows = torch.arange(96) + 10 - right, torch.arange(96) + 10 - down
        assert torch.allclose(maps[0, 0], columns.float().expand(96, 96), atol=1e-4)
        assert torch.allclose(maps[1, 0], rows.float()[:, None].expand(96, 96), atol=1e-4)
    # the eight directions reach from edge to edge of the picture, and repeat none
    assert (made[:, 0].min(), made[:, 0].max()) == (0, 115)
    assert torch.equal(representation([clip(116, 116)])[0], made[0])


def test_ten_pixels_of_a_recording_are_its_share_of_the_map():
    # a face of 240 pixels becomes 96: ten pixels are four of the map
    representation = CutFlowSequence(margin=10, method="farneback", **PIXELS)
    smooth = functional.interpolate(torch.rand(2, 1, 20, 20), size=(260, 260), mode="bicubic").clamp(0, 1)
    shots = (smooth * 255).byte().permute(0, 2, 3, 1).numpy()
    (made,) = representation.moved([shots], moves=moves(10))
    assert made[0].abs().max() > 0.1
    for position in range(1, 9):
        shifted = at_position(made[:1], torch.tensor([position]), 4)[0]
        assert torch.allclose(made[position][..., 5:-5, 5:-5], shifted[..., 5:-5, 5:-5], atol=1e-4)
        # of the whole map: what comes in is the recording, not its edge once more
        assert not torch.allclose(made[position], shifted, atol=1e-2)


def test_maps_of_a_sequence_are_standardised_together(monkeypatch):
    still = torch.rand(1, 2, 40, 40)

    def flow(self, reference, target):
        return torch.arange(1, len(reference) + 1)[:, None, None, None] * (still - still.mean((-1, -2), keepdim=True))

    monkeypatch.setattr(CutFlowSequence, "flow", flow)
    small = {"size": (40, 40), "margin": 0, "frames": 5}
    together, apart = (CutFlowSequence(together=how, **small)([clip(40, 40)])[0] for how in ("sequence", "map"))
    # u of map t is t times that of the first; its spread over the sequence is that of 1, 2, 3, 4: sqrt(30 / 4)
    spread = together.std((-1, -2), unbiased=False)
    expected = torch.tensor([1.0, 2.0, 3.0, 4.0]) / math.sqrt(7.5)
    assert torch.allclose(spread[:2], expected.expand(2, 4), atol=1e-3)
    assert torch.allclose(together.mean((-1, -2, -3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(together.square().mean((-1, -2, -3)), torch.ones(3), atol=1e-3)
    # scaled one by one, a weak map is as strong as a strong one
    assert torch.allclose(apart.std((-1, -2), unbiased=False), torch.ones(3, 4), atol=1e-3)


def test_flow_before_resizing_is_nearer_to_the_truth():
    torch.manual_seed(0)
    side, factor = 192, 2
    texture = functional.interpolate(torch.rand(1, 1, 96, 96), size=(side, side), mode="bicubic").clamp(0, 1)
    move = 0.8 * functional.interpolate(torch.randn(1, 2, 4, 4), size=(side, side), mode="bicubic")
    shots = (torch.cat((warp(texture, move), texture)) * 255).byte().permute(0, 2, 3, 1).numpy()
    truth = functional.interpolate(move, size=(96, 96), mode="bilinear", antialias=True)[0] / factor
    whole = CutFlowSequence(margin=0, third="none", **PIXELS)([shots])
    first = FlowSequence(third="none", size=(96, 96), flow_size=(96, 96), **PIXELS)([shots])
    error, before = ((maps[0, :, 0] - truth).norm(dim=0).mean() for maps in (whole, first))
    assert error < 0.75 * before


def test_the_recording_is_magnified_at_its_size_before_the_face_is_cut(planted, monkeypatch):
    seen = []
    monkeypatch.setattr(Magnification, "__call__", lambda _, frames: (seen.append(tuple(frames.shape)), frames)[1])
    representation = get_representation("flow_sequence_s2", {"magnification": {"alpha": 10.0}, "flow_size": [48, 48]})
    representation([clip(130, 120, frames=7, channels=3), clip(70, 80, frames=5)])
    assert seen == [(7, 1, 130, 120), (5, 1, 70, 80)]
    assert planted == [(48, 44), (42, 48)]


def test_both_steps_give_what_one_call_gives():
    representation = CutFlowSequence(size=(20, 20), frames=4, method="farneback")
    clips = [clip(40, 44), clip(40, 44, frames=6)]
    assert torch.equal(representation.maps(representation.sample(clips)), representation(clips))
    with pytest.raises(DataError, match="frames of clips together have one size, found 40 x 44 and 44 x 40"):
        representation.sample([clip(40, 44), clip(44, 40)])


def test_a_picture_that_is_all_margin_and_a_move_beyond_it_are_refused():
    with pytest.raises(DataError, match="without a margin of 10 pixels on each side, found a picture of 40 x 20"):
        CutFlowSequence(method="farneback")([clip(40, 20)])
    with pytest.raises(ValueError, match="at most the margin of 4 pixels"):
        CutFlowSequence(margin=4).moved([clip(40, 40)], moves=moves(5))
