"""FDM: the principal direction of motion in cuboids of the flow of a clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from mer_lightning.descriptors.blocks import block_labels, sum_over_blocks

if TYPE_CHECKING:
    from torch import Tensor

_ROUNDS = 20
_NOISE = 1e-6


def fdm(flow: Tensor, *, blocks: tuple[int, int] = (8, 8)) -> Tensor:
    """Unit vectors along the principal direction of each block of each map.

    The head's own motion is taken out as the median of each component of each map. The principal direction of a
    block is found in turns: sum the vectors that point to the same side as the last estimate, until the sum keeps
    its direction. The first estimate is the sum of all, or the longest vector where that is nothing.

    Args:
        flow: Between neighbouring frames, ``(N, F, 2, H, W)``, pixels.
        blocks: Rows and columns of cuboids of one map.

    Returns:
        ``(N, F * rows * columns * 2)``, float32: x and y of each unit vector; 0 where nothing moves.

    Raises:
        DataError: A block would be empty.

    Source: Xu, Zhang and Wang, Microexpression Identification and Categorization Using a Facial Dynamics Map,
    TAFFC 8(2), 2017.
    """
    labels, count = block_labels(flow, blocks), blocks[0] * blocks[1]
    moved = flow - flow.flatten(-2).median(-1).values[..., None, None]
    direction = _first(moved, labels, count)
    for _ in range(_ROUNDS):
        along = (moved * direction[..., labels]).sum(2, keepdim=True)
        following = sum_over_blocks(torch.where(along > 0, moved, 0), labels, count)
        if torch.equal(following, direction):
            break
        direction = following
    still = torch.linalg.vector_norm(direction, dim=2, keepdim=True) < _NOISE
    units = functional.normalize(torch.where(still, 0, direction), dim=2)
    return units.transpose(2, 3).flatten(1)


def _first(moved: Tensor, labels: Tensor, count: int) -> Tensor:
    """First estimate of each block, ``(N, F, 2, count)``."""
    total = sum_over_blocks(moved, labels, count)
    length = torch.linalg.vector_norm(moved, dim=2)
    nothing = torch.linalg.vector_norm(total, dim=2) <= _NOISE * sum_over_blocks(length, labels, count)
    if not bool(nothing.any()):
        return total
    longest = torch.stack([_longest(moved, length, labels == block) for block in range(count)], -1)
    return torch.where(nothing[:, :, None], longest, total)


def _longest(moved: Tensor, length: Tensor, here: Tensor) -> Tensor:
    place = torch.where(here, length, -1).flatten(2).argmax(2)
    return moved.flatten(3).gather(3, place[:, :, None, None].expand(-1, -1, 2, 1))[..., 0]
