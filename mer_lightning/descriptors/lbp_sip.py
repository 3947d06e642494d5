"""LBP-SIP: the six neighbours of a voxel that lie on the intersections of the three planes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mer_lightning.descriptors.blocks import to_shares
from mer_lightning.descriptors.lbp import circle, margins, pattern_histograms, sign_codes

if TYPE_CHECKING:
    from torch import Tensor

    from mer_lightning.descriptors.lbp import Neighbourhood, Offset


def lbp_sip(clips: Tensor, *, radii: tuple[int, int, int] = (1, 1, 4), blocks: tuple[int, int] = (5, 5)) -> Tensor:
    """Histograms of a code of the four neighbours in space and one of the two in time, in each block.

    LBP-TOP with P = 4 looks at twelve neighbours, of which only these six differ.

    Args:
        clips: ``(N, T, H, W)``, grey levels of any scale.
        radii: Along x, y and t, voxels.
        blocks: Rows and columns.

    Returns:
        ``(N, rows * columns * 20)``, float32, in 0..1: for each block 16 bins in space and 4 in time, each part
        with sum 1.

    Raises:
        DataError: The clips are too small.

    Source: Wang, See, Phan and Oh, LBP with Six Intersection Points: Reducing Redundant Information in LBP-TOP for
    Micro-expression Recognition, ACCV 2014.
    """
    space = circle("xy", radii, 4)
    time: tuple[Offset, ...] = ((float(radii[2]), 0.0, 0.0), (-float(radii[2]), 0.0, 0.0))

    def codes_of(around: Neighbourhood) -> list[tuple[Tensor, int]]:
        return [(sign_codes(around, space), 16), (sign_codes(around, time), 4)]

    counts = pattern_histograms(clips, margins(space, time), blocks, codes_of)
    return torch.cat([to_shares(count) for count in counts], 2).flatten(1)
