"""OSW: LBP-TOP whose blocks count as much as they are strained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mer_lightning.descriptors.blocks import block_labels, mean_of_blocks
from mer_lightning.descriptors.lbp_top import lbp_top

if TYPE_CHECKING:
    from torch import Tensor


def osw(
    clips: Tensor,
    strain: Tensor,
    *,
    radii: tuple[int, int, int] = (1, 1, 4),
    neighbours: int = 4,
    uniform: bool = False,
    blocks: tuple[int, int] = (5, 5),
) -> Tensor:
    """LBP-TOP histograms times the optical strain of their block.

    The weight of a block is its mean strain over pixels and time, divided by the largest of the clip.

    Args:
        clips: ``(N, T, H, W)``, grey levels of any scale.
        strain: Of the flow between neighbouring frames, ``(N, F, H, W)``, not negative.
        radii: See ``lbp_top``, as the following.
        neighbours: Of a voxel on each plane.
        uniform: Count the codes that are not uniform in one bin.
        blocks: Rows and columns.

    Returns:
        ``(N, D)``, float32, in 0..1, as ``lbp_top``; 0 where nothing is strained.

    Raises:
        DataError: As ``lbp_top``.

    Source: Liong, See, Phan, Le Ngo, Oh and Wong, Subtle Expression Recognition Using Optical Strain Weighted
    Features, ACCV workshops 2014.
    """
    plain = lbp_top(clips, radii=radii, neighbours=neighbours, uniform=uniform, blocks=blocks)
    count = blocks[0] * blocks[1]
    labels = block_labels(strain, blocks)
    weights = mean_of_blocks(strain.mean(1), labels, count)
    largest = weights.amax(1, keepdim=True)
    weights = weights / torch.where(largest > 0, largest, 1)
    return (plain.view(len(plain), count, -1) * weights[..., None]).flatten(1)
