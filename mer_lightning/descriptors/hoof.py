"""Histograms of oriented optical flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mer_lightning.descriptors.blocks import block_labels, sum_over_blocks, to_shares

if TYPE_CHECKING:
    from torch import Tensor


def oriented_sums(direction: Tensor, weights: Tensor, bins: int, labels: Tensor, blocks: int) -> Tensor:
    """Sum the weights of the vectors of each direction in each block.

    Args:
        direction: Bin of each vector, ``(..., H, W)``, int64, in ``0..bins - 1``.
        weights: ``(..., H, W)``, not negative.
        bins: Number of directions.
        labels: Block of each pixel, ``(H, W)``.
        blocks: Number of blocks.

    Returns:
        ``(..., blocks, bins)``.
    """
    # one direction at a time: all of them would hold the flow as often as there are bins
    sums = [sum_over_blocks(torch.where(direction == b, weights, 0), labels, blocks) for b in range(bins)]
    return torch.stack(sums, -1)


def hoof(flow: Tensor, *, bins: int = 30, blocks: tuple[int, int] = (1, 1)) -> Tensor:
    """Histograms of directions, weighted by length, that a mirror left to right does not change.

    A vector counts by the angle between it and the horizontal line, whether it points left or right.

    Args:
        flow: ``(N, F, 2, H, W)``, pixels.
        bins: Over -90..90 degrees, upwards (towards negative y) last.
        blocks: Rows and columns.

    Returns:
        ``(N, F * rows * columns * bins)``, float32, in 0..1; the histogram of a block of a map sums to 1, or to 0
        where nothing moves.

    Raises:
        DataError: A block would be empty.

    Source: Chaudhry, Ravichandran, Hager and Vidal, Histograms of Oriented Optical Flow and Binet-Cauchy Kernels on
    Nonlinear Dynamical Systems for the Recognition of Human Actions, CVPR 2009.
    """
    labels = block_labels(flow, blocks)
    u, v = flow.unbind(-3)
    rise = torch.atan2(-v, u.abs()) / torch.pi + 0.5
    direction = torch.floor(rise * bins).long().clamp(0, bins - 1)
    length = torch.linalg.vector_norm(flow, dim=-3)
    return to_shares(oriented_sums(direction, length, bins, labels, blocks[0] * blocks[1])).flatten(1)
