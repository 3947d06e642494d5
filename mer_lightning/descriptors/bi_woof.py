"""Bi-WOOF: directions of the flow to the apex, weighted by its length in each pixel and by strain in each block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from mer_lightning.descriptors.blocks import block_labels, mean_of_blocks, orientation_bins, to_shares
from mer_lightning.descriptors.hoof import oriented_sums

if TYPE_CHECKING:
    from torch import Tensor


def bi_woof(flow: Tensor, strain: Tensor, *, bins: int = 8, blocks: tuple[int, int] = (5, 5)) -> Tensor:
    """Histograms of directions in blocks with weights on two levels.

    Args:
        flow: Onset to apex, ``(N, 2, H, W)``, pixels.
        strain: Optical strain of it, ``(N, 1, H, W)``, not negative.
        bins: Directions over the full circle.
        blocks: Rows and columns.

    Returns:
        ``(N, rows * columns * bins)``, float32, not negative: for each block the histogram of directions, each
        vector counting by its length, with sum 1, times the mean strain of the block; all together of length 1,
        or 0 where nothing is strained.

    Raises:
        DataError: A block would be empty.

    Source: Liong, See, Wong and Phan, Less is More: Micro-expression Recognition from Video Using Apex Frame,
    Signal Processing: Image Communication 62, 2018.
    """
    labels, count = block_labels(flow, blocks), blocks[0] * blocks[1]
    u, v = flow.unbind(1)
    length = torch.linalg.vector_norm(flow, dim=1)
    local = to_shares(oriented_sums(orientation_bins(u, v, bins), length, bins, labels, count))
    weighted = local * mean_of_blocks(strain[:, 0], labels, count)[..., None]
    return functional.normalize(weighted.flatten(1), dim=1)
