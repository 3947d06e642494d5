import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_lightning.augmentation.geometric import (
    GeometricAugmentation,
    balanced_indices,
    nine_positions,
    quarter_turns,
    turn_vectors,
)
from mer_lightning.motion.strain import flow_magnitude, optical_strain

FLOW = ("u", "v", "strain")


def smooth_flow(batch=3, side=48):
    """Flow that fades towards the border, with its strain."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    phase = torch.arange(batch)[:, None, None]
    fade = torch.exp(-4 * (x**2 + y**2))
    flow = torch.stack((fade * torch.sin(2 * x + phase), fade * torch.cos(3 * y - phase)), 1)
    return torch.cat((flow, optical_strain(flow)), 1)


def test_mirrored_flow_is_reversed():
    maps = smooth_flow()
    mirrored = GeometricAugmentation(FLOW, hflip=1.0)(maps)
    assert torch.allclose(mirrored[:, 0], -maps[:, 0].flip(-1), atol=1e-6)
    assert torch.allclose(mirrored[:, 1:], maps[:, 1:].flip(-1), atol=1e-5)


def test_rotation_and_scale_turn_the_vectors():
    torch.manual_seed(0)
    augment = GeometricAugmentation(FLOW, degrees=20.0, scale=(0.8, 1.2))
    maps = smooth_flow()
    moved = augment(maps)
    matrix = augment._affine.transform_matrix
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    back = torch.linalg.inv(matrix) @ torch.stack((x, y, torch.ones_like(x))).flatten(1)
    grid = back[:, :2].view(3, 2, 48, 48).movedim(1, -1) * (2 / 47) - 1
    read = torch.nn.functional.grid_sample(maps[:, :2], grid, padding_mode="border", align_corners=True)
    expected = torch.einsum("bij,bjhw->bihw", matrix[:, :2, :2], read)
    assert torch.allclose(moved[:, :2], expected, atol=0.02)
    assert torch.allclose(moved[:, 2:], optical_strain(moved[:, :2]), atol=1e-6)


def test_shift_changes_no_vector():
    augment = GeometricAugmentation(("u", "v"), shift=0.3)
    assert torch.allclose(augment(torch.ones(4, 2, 20, 20)), torch.ones(4, 2, 20, 20), atol=1e-5)


def test_frames_of_a_clip_move_alike_and_clips_differ():
    torch.manual_seed(0)
    clip = torch.rand(4, 1, 1, 32, 32).expand(4, 1, 5, 32, 32)
    moved = GeometricAugmentation(("grey",), hflip=0.5, degrees=10.0, shift=0.1, blur=0.5)(clip)
    assert torch.allclose(moved, moved[:, :, :1].expand_as(moved), atol=1e-6)
    assert len({round(float(m.sum()), 3) for m in moved}) == 4


def test_flow_sequences_keep_strain_and_magnitude_true():
    torch.manual_seed(1)
    maps = torch.stack([smooth_flow(2), 0.5 * smooth_flow(2)], 2)
    moved = GeometricAugmentation(FLOW, hflip=0.5, degrees=30.0)(maps)
    assert torch.allclose(moved[:, 2], optical_strain(moved[:, :2].movedim(1, 2)).squeeze(2), atol=1e-6)
    with_magnitude = maps.clone()
    with_magnitude[:, 2] = flow_magnitude(maps[:, :2].movedim(1, 2)).squeeze(2)
    turned = turn_vectors(with_magnitude, ("u", "v", "magnitude"), torch.eye(2).repeat(2, 1, 1))
    assert torch.allclose(turned, with_magnitude, atol=1e-6)


def test_images_are_left_by_turn_vectors_and_wrong_channels_refused():
    images = torch.rand(2, 1, 8, 8)
    assert torch.equal(turn_vectors(images, ("grey",), -torch.eye(2).repeat(2, 1, 1)), images)
    with pytest.raises(ValueError, match="channels"):
        turn_vectors(images, FLOW, torch.eye(2).repeat(2, 1, 1))
    with pytest.raises(ValueError, match="blur"):
        GeometricAugmentation(FLOW, blur=0.5)


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (2, 3, 4, 32, 32), (2, 32, 32)])
def test_nine_positions(shape):
    maps = torch.rand(shape)
    shifted = nine_positions(maps, 10).view(9, *shape)
    assert torch.equal(shifted[4], maps)
    assert torch.equal(shifted[0][..., 10:, 10:], maps[..., :-10, :-10])
    assert torch.equal(shifted[8][..., :-10, :-10], maps[..., 10:, 10:])
    assert torch.equal(shifted[1][..., :10, :], maps[..., :1, :].expand_as(shifted[1][..., :10, :]))
    with pytest.raises(ValueError, match="negative"):
        nine_positions(maps, -1)


def test_quarter_turns():
    maps = smooth_flow(4)
    turned = quarter_turns(maps, torch.arange(4), FLOW)
    assert torch.allclose(turned[0], maps[0])
    # a vector to the right at the right edge points up at the top edge after one turn
    right = torch.zeros(1, 2, 5, 5)
    right[0, 0, 2, 4] = 1
    up = quarter_turns(right, torch.tensor([1]), ("u", "v"))
    assert up[0, 1, 0, 2] == -1
    assert up.abs().sum() == 1
    four = maps
    for _ in range(4):
        four = quarter_turns(four, torch.ones(4, dtype=torch.long), FLOW)
    assert torch.allclose(four, maps, atol=1e-5)
    images = torch.rand(2, 1, 6, 6)
    assert torch.equal(quarter_turns(images, torch.tensor([2, 0]))[0], images[0].rot90(2, (-2, -1)))
    with pytest.raises(ValueError, match="square"):
        quarter_turns(torch.rand(1, 1, 4, 5), torch.tensor([1]))


def test_quarter_turn_of_a_pattern_and_its_flow_agree_with_geometry():
    # flow away from the centre stays flow away from the centre
    y, x = torch.meshgrid(torch.linspace(-1, 1, 9), torch.linspace(-1, 1, 9), indexing="ij")
    away = torch.stack((x, y))[None]
    for count in range(4):
        assert torch.allclose(quarter_turns(away, torch.tensor([count]), ("u", "v")), away, atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 40))
def test_balanced_indices(labels, per_class):
    labels = torch.tensor(labels)
    rows = balanced_indices(labels, per_class, torch.Generator().manual_seed(0))
    assert (labels[rows].bincount()[labels.unique()] == per_class).all()
    for label, size in zip(*labels.unique(return_counts=True), strict=True):
        used = rows[labels[rows] == label].bincount(minlength=len(labels))[labels == label]
        assert used.max() - used.min() <= 1
        assert used.max() == math.ceil(per_class / size)


def test_balanced_indices_are_seeded_and_checked():
    labels = torch.tensor([0, 0, 1])
    first, second = (balanced_indices(labels, 5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    with pytest.raises(ValueError, match="expected"):
        balanced_indices(labels, 0)
