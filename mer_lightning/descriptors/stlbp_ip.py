"""STLBP-IP: local binary patterns of the integral projections of what changed since the first frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mer_lightning.descriptors.blocks import count_codes, to_shares
from mer_lightning.descriptors.lbp import Neighbourhood, circle, pack_bits, sign_codes, uniform_table
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from torch import Tensor

_REACH = 4
"""Neighbours on each side of a mask of W = 9."""


def stlbp_ip(clips: Tensor, *, blocks: tuple[int, int] = (1, 1)) -> Tensor:
    """Histograms of the shape of the projections, and of how they change.

    Every frame but the first becomes its difference to the first one; its mean along each row and along each
    column are the horizontal and the vertical projection. A code of the four neighbours on each side describes the
    shape of a projection, LBP (P = 8, R = 1, u2) of the projections over time their motion.

    Args:
        clips: ``(N, T, H, W)``, grey levels of any scale.
        blocks: Rows and columns; projections are taken within each.

    Returns:
        ``(N, rows * columns * 630)``, float32, in 0..1: for each block 256 bins of the horizontal and of the
        vertical projection, 59 of YT and of XT; each histogram sums to 1.

    Raises:
        DataError: Fewer than 4 frames, or blocks below 9 pixels.

    Source: Huang, Wang, Zhao and Pietikainen, Facial Micro-Expression Recognition Using Spatiotemporal Local Binary
    Pattern with Integral Projection, ICCV workshops 2015.
    """
    _, frames, height, width = clips.shape
    if frames < 4 or min(height // blocks[0], width // blocks[1]) <= 2 * _REACH:
        raise DataError(
            f"STLBP-IP takes 4 frames and blocks of {2 * _REACH + 1} pixels at least, got {frames} frames of "
            f"{height} x {width} in {blocks[0]} x {blocks[1]} blocks"
        )
    changes = clips[:, 1:] - clips[:, :1]
    parts: list[Tensor] = []
    for rows in changes.tensor_split(blocks[0], 2):
        for block in rows.tensor_split(blocks[1], 3):
            projections = [block.mean(3), block.mean(2)]
            parts += [_shape(projection) for projection in projections]
            parts += [_motion(projection) for projection in projections]
    return torch.cat([to_shares(part) for part in parts], 1)


def _shape(projection: Tensor) -> Tensor:
    """Counts of 1-D codes of projections ``(N, T, L)``, ``(N, 256)``."""
    steps = [step for step in range(-_REACH, _REACH + 1) if step]
    length = projection.shape[2] - 2 * _REACH
    centre = projection.narrow(2, _REACH, length)
    codes = pack_bits(projection.narrow(2, _REACH + step, length) >= centre for step in steps)
    return _count(codes[:, :, None])


def _motion(projection: Tensor) -> Tensor:
    """Counts of u2 codes of projections over time ``(N, T, L)``, ``(N, 59)``."""
    pattern = circle("xy", (1, 1, 1), 8)
    codes = sign_codes(Neighbourhood(projection[:, None], (0, 1, 1)), pattern)
    return _count(codes) @ uniform_table().to(projection.device)


def _count(codes: Tensor) -> Tensor:
    one_block = torch.zeros(codes.shape[2:], dtype=torch.int64, device=codes.device)
    return count_codes(codes, one_block, 1, 256)[:, 0].float()
