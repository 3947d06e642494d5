"""LBP-TOP: local binary patterns on three orthogonal planes, counted in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mer_lightning.descriptors.blocks import to_shares
from mer_lightning.descriptors.lbp import PLANES, circle, margins, pattern_histograms, sign_codes, uniform_table
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from mer_lightning.descriptors.blocks import Regions
    from mer_lightning.descriptors.lbp import Neighbourhood


def lbp_top(
    clips: Tensor,
    *,
    radii: tuple[int, int, int] = (1, 1, 4),
    neighbours: int = 4,
    uniform: bool = False,
    blocks: tuple[int, int] | Regions = (5, 5),
) -> Tensor:
    """Histograms of LBP codes on the planes XY, XT and YT in each block over the whole clip.

    Only voxels with all their neighbours on all three planes are counted; a histogram sums to 1. The defaults are
    the official baseline of MEGC2019 on clips of 10 frames.

    Args:
        clips: ``(N, T, H, W)``, grey levels of any scale.
        radii: Along x, y and t, voxels.
        neighbours: Of a voxel on each plane, 8 at most.
        uniform: Count the codes that are not uniform in one bin (``u2``); needs 8 neighbours.
        blocks: Rows and columns, or regions of the picture.

    Returns:
        ``(N, D)``, float32, in 0..1: for each block the three planes in order;
        D = blocks * 3 * 2^P, or 59 in place of 2^P where uniform. A region without a voxel has zeros.

    Raises:
        DataError: The clips are too small, or the number of neighbours or the regions do not fit.

    Source: Zhao and Pietikainen, Dynamic Texture Recognition Using Local Binary Patterns with an Application to
    Facial Expressions, TPAMI 29(6), 2007.
    """
    if not 1 <= neighbours <= 8 or (uniform and neighbours != 8):
        raise DataError(f"LBP-TOP takes 1 to 8 neighbours, and 8 where uniform, got {neighbours}")
    patterns = [circle(plane, radii, neighbours) for plane in PLANES]

    def codes_of(around: Neighbourhood) -> list[tuple[Tensor, int]]:
        return [(sign_codes(around, pattern), 1 << neighbours) for pattern in patterns]

    counts = pattern_histograms(clips, margins(*patterns), blocks, codes_of)
    if uniform:
        table = uniform_table().to(clips.device)
        counts = [count @ table for count in counts]
    return torch.stack([to_shares(count) for count in counts], 2).flatten(1)
