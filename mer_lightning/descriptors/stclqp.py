"""Inspired by STCLQP: codes of signs, magnitudes and orientations around a voxel, for codebooks to quantise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mer_lightning.descriptors.blocks import to_shares
from mer_lightning.descriptors.lbp import (
    AXES,
    PLANES,
    Neighbourhood,
    circle,
    margins,
    pack_bits,
    pattern_histograms,
    sign_codes,
)

if TYPE_CHECKING:
    from torch import Tensor

    from mer_lightning.descriptors.lbp import Offset

CODES = 256
KINDS = 3 * len(PLANES)
"""Signs, magnitudes and orientations on each plane."""


def quantised_patterns(
    clips: Tensor, *, radii: tuple[int, int, int] = (1, 1, 1), blocks: tuple[int, int] = (4, 4)
) -> Tensor:
    """Histograms of three codes of eight neighbours on each plane, for each block over the whole clip.

    Bit p of the code of signs says whether neighbour p is at least the centre; of magnitudes, whether it differs
    from the centre by at least the mean of the eight; of orientations, whether its gradient in the plane points to
    the same side as the centre's.

    Args:
        clips: ``(N, T, H, W)``, grey levels of any scale.
        radii: Along x, y and t, voxels.
        blocks: Rows and columns.

    Returns:
        ``(N, rows * columns * 9 * 256)``, float32, in 0..1: for each block and plane (XY, XT, YT) the three
        histograms, each with sum 1.

    Raises:
        DataError: The clips are too small.

    Source: inspired by Huang, Zhao, Hong, Zheng and Pietikainen, Spontaneous Facial Micro-Expression Analysis Using
    Spatiotemporal Completed Local Quantized Patterns, Neurocomputing 175, 2016.
    """
    patterns = {plane: circle(plane, radii, 8) for plane in PLANES}
    first, second, third = margins(*patterns.values())
    # one more, so that no gradient at a border is read
    edges = (first + 1, second + 1, third + 1)

    def codes_of(around: Neighbourhood) -> list[tuple[Tensor, int]]:
        found: list[tuple[Tensor, int]] = []
        slopes = [Neighbourhood(slope, edges) for slope in torch.gradient(around.volume, dim=(1, 2, 3))]
        for plane in PLANES:
            pattern = patterns[plane]
            found += [
                (sign_codes(around, pattern), CODES),
                (_magnitudes(around, pattern), CODES),
                (_orientations([slopes[axis] for axis in AXES[plane]], pattern), CODES),
            ]
        return found

    counts = pattern_histograms(clips, edges, blocks, codes_of)
    return torch.stack([to_shares(count) for count in counts], 2).flatten(1)


def _magnitudes(around: Neighbourhood, pattern: tuple[Offset, ...]) -> Tensor:
    sizes = torch.stack([(around.at(offset) - around.centre).abs() for offset in pattern])
    return pack_bits(iter(sizes >= sizes.mean(0)))


def _orientations(slopes: list[Neighbourhood], pattern: tuple[Offset, ...]) -> Tensor:
    def same_side(offset: Offset) -> Tensor:
        return sum((slope.at(offset) * slope.centre for slope in slopes), torch.zeros(())) >= 0

    return pack_bits(same_side(offset) for offset in pattern)
