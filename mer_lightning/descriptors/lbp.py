"""Local binary patterns of volumes of frames, the codes that LBP-TOP and its relatives count."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Literal

import torch

from mer_lightning.descriptors.blocks import Regions, block_labels, count_codes
from mer_lightning.devices import in_threads
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

Plane = Literal["xy", "xt", "yt"]
PLANES: tuple[Plane, ...] = ("xy", "xt", "yt")
Offset = tuple[float, float, float]
"""Place of a neighbour beside its centre: frames, rows, columns."""

AXES: dict[Plane, tuple[int, int]] = {"xy": (1, 2), "xt": (0, 2), "yt": (0, 1)}
_ON_CPU, _ON_DEVICE = 1 << 17, 1 << 25
"""Voxels that are coded together; a processor is several times as fast within its cache."""


def circle(plane: Plane, radii: tuple[int, int, int], neighbours: int) -> tuple[Offset, ...]:
    """Neighbours on the ellipse around a voxel in one plane.

    Neighbour p lies ``r cos(2 pi p / P)`` along the second axis of the plane's name in space (x, or y in YT) and
    ``-r sin(2 pi p / P)`` along the other.

    Args:
        plane: Which plane.
        radii: Along x, y and t.
        neighbours: P.

    Returns:
        One offset per bit, lowest bit first.
    """
    down, across = AXES[plane]
    radius = radii[::-1]
    offsets: list[Offset] = []
    for p in range(neighbours):
        angle = 2 * math.pi * p / neighbours
        place = [0.0, 0.0, 0.0]
        # rounding keeps quarter turns on the grid
        place[across] = round(radius[across] * math.cos(angle), 5)
        place[down] = round(-radius[down] * math.sin(angle), 5)
        offsets.append((place[0], place[1], place[2]))
    return tuple(offsets)


def margins(*patterns: tuple[Offset, ...]) -> tuple[int, int, int]:
    """Frames, rows and columns at the border that have not all neighbours of some pattern."""
    first, second, third = (
        max(math.ceil(abs(offset[axis])) for pattern in patterns for offset in pattern) for axis in range(3)
    )
    return first, second, third


class Neighbourhood:
    """A volume and its values beside every inner voxel, read between voxels where it must.

    Args:
        volume: ``(N, T, H, W)``.
        margin: Frames, rows and columns at the border that are no centres.
    """

    def __init__(self, volume: Tensor, margin: tuple[int, int, int]) -> None:
        self.volume, self._margin = volume, margin
        self._between: dict[tuple[int, float], Tensor] = {}
        self.centre = self.at((0.0, 0.0, 0.0))

    def at(self, offset: Offset) -> Tensor:
        """Values at a place beside every centre, ``(N, T', H', W')``."""
        axes = [axis for axis in range(3) if offset[axis] % 1]
        if not axes:
            return self._cut(self.volume, offset, range(3))
        first, *rest = axes
        key = (first, offset[first])
        if key not in self._between:
            # neighbours on both sides share what lies between along one axis
            self._between[key] = self._read(self.volume, first, offset[first])
        values = self._between[key]
        for axis in rest:
            values = self._read(values, axis, offset[axis])
        return self._cut(values, offset, (axis for axis in range(3) if axis not in axes))

    def _cut(self, values: Tensor, offset: Offset, axes: Iterator[int] | range) -> Tensor:
        for axis in axes:
            values = self._shift(values, axis, int(offset[axis]))
        return values

    def _shift(self, values: Tensor, axis: int, step: int) -> Tensor:
        margin = self._margin[axis]
        return values.narrow(axis + 1, margin + step, self.volume.shape[axis + 1] - 2 * margin)

    def _read(self, values: Tensor, axis: int, offset: float) -> Tensor:
        low = math.floor(offset)
        # a value between equal ones is exactly theirs, which weighted sums would not give
        return torch.lerp(self._shift(values, axis, low), self._shift(values, axis, low + 1), offset - low)


def sign_codes(around: Neighbourhood, pattern: tuple[Offset, ...]) -> Tensor:
    """The local binary pattern of every inner voxel: bit p is 1 where neighbour p is at least the centre.

    Args:
        around: The volume.
        pattern: Neighbours, 8 at most.

    Returns:
        ``(N, T', H', W')``, uint8.
    """
    return pack_bits(around.at(offset) >= around.centre for offset in pattern)


def pack_bits(bits: Iterator[Tensor]) -> Tensor:
    """Codes from their bits, lowest first, 8 at most: bool to uint8."""
    code = next(bits).to(torch.uint8)
    for place, bit in enumerate(bits, start=1):
        code.add_(bit.view(torch.uint8), alpha=1 << place)
    return code


def pattern_histograms(
    clips: Tensor,
    margin: tuple[int, int, int],
    blocks: tuple[int, int] | Regions,
    codes_of: Callable[[Neighbourhood], list[tuple[Tensor, int]]],
) -> list[Tensor]:
    """Count the codes of clips in each block.

    Args:
        clips: ``(N, T, H, W)``, grey levels.
        margin: Frames, rows and columns at the border that are no centres.
        blocks: Rows and columns of blocks, which divide the centres; or regions of the picture.
        codes_of: Gives codes ``(n, T', H', W')`` and how many there are, for each kind of code.

    Returns:
        Counts ``(N, blocks, bins)`` of each kind, float32.

    Raises:
        DataError: The clips are too small for the margin or the blocks, or the regions are of another size.
    """
    count, frames, height, width = clips.shape
    inner = [size - 2 * edge for size, edge in zip((frames, height, width), margin, strict=True)]
    if min(inner) < 1:
        raise DataError(f"clips of {frames} x {height} x {width} have no voxel with all its neighbours")
    labels, number = _divided(clips, margin, blocks)
    voxels = _ON_DEVICE if clips.is_cuda else _ON_CPU
    length = max(1, min(inner[0], voxels // (height * width)))
    together = max(1, voxels // (length * height * width))
    chunks = [(first, start) for first in range(0, count, together) for start in range(0, inner[0], length)]
    found: dict[tuple[int, int], list[Tensor]] = {}

    def work(index: int) -> None:
        first, start = chunks[index]
        part = clips[first : first + together, start : min(start + length, inner[0]) + 2 * margin[0]]
        coded = codes_of(Neighbourhood(part, margin))
        # one place more for what lies in no region
        found[chunks[index]] = [count_codes(codes, labels, number + 1, bins)[:, :number] for codes, bins in coded]

    in_threads(work, range(len(chunks)), threads=1 if clips.is_cuda else None)
    kinds = range(len(found[0, 0]))
    sums = [
        [sum(found[first, start][kind] for start in range(0, inner[0], length)) for kind in kinds]
        for first in range(0, count, together)
    ]
    return [torch.cat([torch.as_tensor(some[kind]) for some in sums]).float() for kind in kinds]


def _divided(clips: Tensor, margin: tuple[int, int, int], blocks: tuple[int, int] | Regions) -> tuple[Tensor, int]:
    """Place of each centre, ``(H', W')``, and the number of places; that number itself stands for none of them."""
    height, width = clips.shape[2:]
    centres = slice(margin[1], height - margin[1]), slice(margin[2], width - margin[2])
    if isinstance(blocks, Regions):
        if blocks.labels.shape != (height, width):
            raise DataError(f"regions of {tuple(blocks.labels.shape)} pixels do not fit clips of {height} x {width}")
        labels = blocks.labels[centres]
        return torch.where(labels < 0, blocks.count, labels), blocks.count
    return block_labels(clips[..., *centres], blocks), blocks[0] * blocks[1]


@cache
def uniform_table() -> Tensor:
    """Which of 59 bins each of the 256 codes of eight neighbours counts in, as ``(256, 59)`` of 0 and 1.

    The 58 codes with two changes between 0 and 1 around the circle at most have a bin each, by rising code; all
    others share the last (``u2``).
    """
    codes = range(256)
    changes = [bin(code ^ ((code >> 1) | (code & 1) << 7)).count("1") for code in codes]
    uniform = [code for code in codes if changes[code] <= 2]
    place = {code: index for index, code in enumerate(uniform)}
    table = torch.zeros(256, len(uniform) + 1)
    for code in codes:
        table[code, place.get(code, len(uniform))] = 1
    return table
