"""What descriptors share: a picture divided into blocks, sums over them, and histograms of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mer_lightning.types import DataError


@dataclass(frozen=True, slots=True)
class Regions:
    """A picture divided into regions of any shape.

    Attributes:
        labels: Region of each pixel, ``(H, W)``, int64, in ``0..count - 1``; below 0 is none.
        count: Number of regions.
    """

    labels: Tensor
    count: int


def block_labels(planes: Tensor, blocks: tuple[int, int]) -> Tensor:
    """Number the pixels of a picture by the block that they lie in, row by row.

    Blocks differ by a pixel at most where they do not divide the picture.

    Args:
        planes: Pictures of that size, ``(..., H, W)``.
        blocks: Rows and columns of blocks.

    Returns:
        ``(H, W)``, int64, in ``0..rows * columns - 1``, on the device of the pictures.

    Raises:
        DataError: A block would be empty.
    """
    rows, columns = blocks
    height, width = planes.shape[-2:]
    if not (1 <= rows <= height and 1 <= columns <= width):
        raise DataError(f"{rows} x {columns} blocks do not fit {height} x {width} pixels")
    down = torch.arange(height, device=planes.device) * rows // height
    across = torch.arange(width, device=planes.device) * columns // width
    return down[:, None] * columns + across


def sum_over_blocks(planes: Tensor, labels: Tensor, count: int) -> Tensor:
    """Sum the pixels of each block.

    Args:
        planes: ``(..., H, W)``.
        labels: Block of each pixel, ``(H, W)``, in ``0..count - 1``; pixels below 0 belong to none.
        count: Number of blocks.

    Returns:
        ``(..., count)``, of the type of ``planes``.
    """
    belongs = labels.flatten()[:, None] == torch.arange(count, device=labels.device)
    return planes.flatten(-2) @ belongs.to(planes.dtype)


def mean_of_blocks(planes: Tensor, labels: Tensor, count: int) -> Tensor:
    """Mean of the pixels of each block; 0 where a block has none. See ``sum_over_blocks``."""
    sizes = sum_over_blocks(torch.ones_like(labels, dtype=planes.dtype), labels, count)
    return sum_over_blocks(planes, labels, count) / sizes.clamp_min(1)


def count_codes(codes: Tensor, labels: Tensor, blocks: int, bins: int) -> Tensor:
    """Count the codes of each block over time.

    Args:
        codes: ``(N, T, H, W)``, integers in ``0..bins - 1``.
        labels: Block of each pixel, ``(H, W)``.
        blocks: Number of blocks.
        bins: Number of codes.

    Returns:
        ``(N, blocks, bins)``, int64.
    """
    clip = torch.arange(len(codes), dtype=torch.int32, device=codes.device)[:, None, None, None] * (blocks * bins)
    places = clip + (labels * bins).to(torch.int32) + codes
    return torch.bincount(places.flatten(), minlength=len(codes) * blocks * bins).view(len(codes), blocks, bins)


def to_shares(histograms: Tensor) -> Tensor:
    """Scale histograms ``(..., bins)`` to sum 1; what is empty stays 0."""
    total = histograms.sum(-1, keepdim=True)
    return histograms / torch.where(total > 0, total, 1)


def orientation_bins(u: Tensor, v: Tensor, bins: int) -> Tensor:
    """Bin of the direction of vectors; bin 0 starts at the right and they turn with rising y.

    Args:
        u: Horizontal components.
        v: Vertical components, same shape.
        bins: Number of bins of equal width over the full circle.

    Returns:
        Same shape, int64, in ``0..bins - 1``.
    """
    turn = torch.atan2(v, u) / (2 * torch.pi)
    return torch.floor((turn % 1.0) * bins).long() % bins
