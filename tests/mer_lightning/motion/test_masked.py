import pytest
import torch

from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.masked import masked_farneback_flow


def test_flow_is_kept_where_the_difference_exceeds_its_scaled_mean():
    frames = torch.rand(2, 4, 24, 30)
    flow, mask, whole = masked_farneback_flow(frames, a=0.8, winsize=9)
    assert flow.shape == (2, 3, 2, 24, 30)
    difference = (frames[:, 1:] - frames[:, :-1]).abs()
    expected = torch.stack([d > 0.8 * d.mean() for d in difference])
    assert torch.equal(mask[:, :, 0], expected)
    plain = farneback_flow(frames[:, 1:2], frames[:, 2:3], winsize=9)
    assert torch.allclose(flow[:, 1], plain * expected[:, 1:2], atol=1e-5)
    assert torch.allclose(whole[:, 1], plain, atol=1e-5)


def test_face_region_bounds_mask_and_threshold():
    frames = torch.rand(1, 3, 20, 20)
    face = torch.zeros(20, 20, dtype=torch.bool)
    face[5:15, 5:15] = True
    mask = masked_farneback_flow(frames, face=face).mask[:, :, 0]
    difference = (frames[:, 1:] - frames[:, :-1]).abs()
    assert torch.equal(mask, (difference > 0.8 * difference[..., 5:15, 5:15].mean()) & face)


def test_more_is_removed_with_larger_a_and_still_clips_have_nothing():
    frames = torch.rand(1, 3, 16, 16)
    kept = [masked_farneback_flow(frames, a=a).mask.sum() for a in (0.0, 0.8, 1.5)]
    assert kept[0] > kept[1] > kept[2]
    assert not masked_farneback_flow(frames[:, :1].expand(-1, 3, -1, -1)).mask.any()


def test_wrong_arguments_are_refused():
    for frames, more in (
        (torch.rand(1, 1, 8, 8), {}),
        (torch.rand(1, 3, 8, 8), {"a": -1}),
        (torch.rand(1, 3, 8, 8), {"face": torch.zeros(8, 8)}),
    ):
        with pytest.raises(ValueError, match=r"two frames|negative|empty"):
            masked_farneback_flow(frames, **more)
