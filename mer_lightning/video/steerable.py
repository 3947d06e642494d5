"""Complex steerable pyramid: pictures as oriented waves of every length, whose phase says where they are.

Sources: Simoncelli and Freeman, The Steerable Pyramid, ICIP 1995; its complex form, Portilla and Simoncelli, A
Parametric Texture Model Based on Joint Statistics of Complex Wavelet Coefficients, IJCV 2000.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Band:
    """Waves of one length and direction in the spectrum of a picture.

    Attributes:
        rows: Rows of the spectrum that hold them, ``(h,)``.
        columns: Columns of the spectrum that hold them, ``(w,)``.
        window: Weight of each of these frequencies, ``(h, w)``, 0 on one side of the spectrum: the coefficients are
            complex.
    """

    rows: Tensor
    columns: Tensor
    window: Tensor

    def split(self, spectrum: Tensor) -> Tensor:
        """Coefficients ``(..., h, w)``, complex, of the spectrum ``(..., H, W)`` of real pictures."""
        part = spectrum[..., self.rows[:, None], self.columns]
        return torch.fft.ifft2(2 * part * self.window)

    def join(self, total: Tensor, coefficients: Tensor) -> None:
        """Add to a spectrum ``(..., H, W)`` what coefficients of this band say; its inverse's real part counts."""
        total[..., self.rows[:, None], self.columns] += torch.fft.fft2(coefficients) * self.window


@dataclass(frozen=True, slots=True)
class Pyramid:
    """Bands of pictures of one size, which hold everything between the residuals.

    Attributes:
        bands: From fine to coarse.
        residual: Share of each frequency that no band holds: the finest grain and the overall brightness, ``(H, W)``.
    """

    bands: tuple[Band, ...]
    residual: Tensor

    def split(self, spectrum: Tensor) -> Iterator[tuple[Band, Tensor]]:
        """Each band with its coefficients, one at a time: all together take the memory of many clips."""
        for band in self.bands:
            yield band, band.split(spectrum)


def steerable_pyramid(
    size: tuple[int, int], *, per_octave: int = 1, orientations: int = 8, device: torch.device | str = "cpu"
) -> Pyramid:
    """Make the pyramid of pictures of one size.

    The squares of all windows add up to 1, so that ``join`` of what ``split`` gave, with the residual, is the picture.

    Args:
        size: Height and width; bands go on until a wave is as long as the shorter side.
        per_octave: Bands per octave. More of them are narrower: a wave can be moved further in them, and more of what
            lies around it, a mirrored border among it, counts for its phase.
        orientations: Directions, at least 2.
        device: Where it is used.

    Raises:
        ValueError: A number is too small.
    """
    if min(size) < 1 or per_octave < 1 or orientations < 2:
        given = f"{size}, {per_octave} and {orientations}"
        raise ValueError(f"expected a size, at least 1 band per octave and 2 orientations, got {given}")
    return _pyramid(size, per_octave, orientations, torch.device(device))


@lru_cache(maxsize=8)
def _pyramid(size: tuple[int, int], per_octave: int, orientations: int, device: torch.device) -> Pyramid:
    height, width = size
    y, x = torch.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
    # bands below the shortest wave of a grid, two pixels; infinite for the mean
    place = -per_octave * torch.log2(2 * x.hypot(y))
    levels = math.floor(per_octave * math.log2(max(min(size), 2) / 2))
    angle = torch.atan2(y, x)
    directions = [math.pi * k / orientations for k in range(orientations)]
    power = orientations - 1
    evenness = math.sqrt(sum(math.cos(one) ** (2 * power) for one in directions))
    bands: list[Band] = []
    held = torch.zeros(size, dtype=torch.float64)
    for level in range(1, levels):
        # neighbours cross where both are the root of a half
        radial = torch.cos((place - level).clamp(-1, 1) * (math.pi / 2))
        finest = 0.5 * 2 ** (-(level - 1) / per_octave)
        rows, columns = (_low(side, finest) for side in size)
        for direction in directions:
            window = radial * torch.cos(angle - direction).clamp(min=0) ** power / evenness
            held += window**2 + _opposite(window) ** 2
            cut = window[rows[:, None], columns]
            bands.append(Band(rows.to(device), columns.to(device), cut.to(device, torch.float32)))
    return Pyramid(tuple(bands), (1 - held).to(device, torch.float32))


def _frequencies(side: int) -> Tensor:
    return torch.fft.fftfreq(side, dtype=torch.float64)


def _low(side: int, finest: float) -> Tensor:
    """Places in a spectrum of the frequencies up to ``finest``, cycles a pixel, in the order of a smaller spectrum."""
    kept = min(side, 2 * math.ceil(finest * side) + 1)
    return torch.round(torch.fft.fftfreq(kept) * kept).long() % side


def _opposite(window: Tensor) -> Tensor:
    """The window at the negative of each frequency."""
    return window.flip((0, 1)).roll((1, 1), (0, 1))
