"""What an epoch draws from: nine positions of a sample, and classes in equal numbers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_lightning.augmentation.pool import POSITIONS, at_position, balanced_indices


@pytest.mark.parametrize("shape", [(3, 32, 40), (3, 4, 32, 40)])
def test_nine_positions(shape):
    maps = torch.rand(shape).expand(POSITIONS, *shape)
    kept, up_left, up, *_, down_right = at_position(maps, torch.arange(POSITIONS), 10)
    assert torch.equal(kept, maps[0])
    assert torch.equal(up_left[..., :-10, :-10], maps[0, ..., 10:, 10:])
    assert torch.equal(down_right[..., 10:, 10:], maps[0, ..., :-10, :-10])
    assert torch.equal(up[..., -10:, :], maps[0, ..., -1:, :].expand_as(up[..., -10:, :]))


def test_every_sample_has_its_own_position():
    maps = torch.rand(20, 2, 12, 12)
    positions = torch.randint(POSITIONS, (20,))
    together = at_position(maps, positions, 3)
    for row in range(20):
        assert torch.equal(together[row : row + 1], at_position(maps[row : row + 1], positions[row : row + 1], 3))
    assert len({tuple(at_position(maps[:1], torch.tensor([p]), 3).flatten().tolist()) for p in range(9)}) == 9


@settings(max_examples=30)
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
