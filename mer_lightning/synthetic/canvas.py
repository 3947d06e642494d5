"""What synthetic faces are drawn with: palettes, soft shapes, noise, and the canvas of one person."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from mer_lightning.synthetic.identity import Identity

SKIN_TONES = (
    (0.80, 0.55, 0.44),
    (0.74, 0.49, 0.37),
    (0.66, 0.42, 0.30),
    (0.52, 0.31, 0.21),
    (0.33, 0.18, 0.115),
    (0.20, 0.105, 0.07),
)
"""Linear reflectance of skin from very light to very dark, interpolated by ``Identity.tone``."""

HAIR_TONES = ((0.012, 0.010, 0.010), (0.035, 0.020, 0.013), (0.085, 0.045, 0.022), (0.22, 0.13, 0.055))
IRIS_TONES = ((0.035, 0.016, 0.008), (0.09, 0.045, 0.018), (0.09, 0.11, 0.06), (0.12, 0.19, 0.27))
NOISE_SIZE = 512
"""Side of the periodic noise tile that skin, hair and cloth are drawn from."""


def blend(palette: tuple[tuple[float, float, float], ...], position: float, device: torch.device) -> Tensor:
    """Interpolate a palette at a position in 0..1; ``(3, 1, 1)``."""
    place = min(max(position, 0.0), 1.0) * (len(palette) - 1)
    low = min(int(place), len(palette) - 2)
    table = torch.tensor(palette, device=device)
    return torch.lerp(table[low], table[low + 1], place - low)[:, None, None]


def bump(x: Tensor, y: Tensor, cx: float, cy: float, sx: float, sy: float) -> Tensor:
    """Give a Gaussian hill of height one."""
    return torch.exp(-0.5 * ((x - cx) / sx) ** 2) * torch.exp(-0.5 * ((y - cy) / sy) ** 2)


def pair(x: Tensor, y: Tensor, cx: float, cy: float, sx: float, sy: float) -> Tensor:
    """Give the same hill on both sides of the face."""
    return bump(x, y, cx, cy, sx, sy) + bump(x, y, -cx, cy, sx, sy)


def crease(x: Tensor, y: Tensor, start: tuple[float, float], end: tuple[float, float], width: float) -> Tensor:
    """Give a soft line between two points."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = (((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy)).clamp(0, 1)
    gap = (x - start[0] - along * dx) ** 2 + (y - start[1] - along * dy) ** 2
    return torch.exp(-0.5 * gap / width**2) * torch.sin(math.pi * (0.12 + 0.76 * along))


@functools.lru_cache(maxsize=4)
def noise_tile(device: torch.device) -> Tensor:
    """Draw one periodic tile of noise in four bands; ``(1, 4, N, N)``, zero mean, unit variance."""
    draw = np.random.default_rng(0x7E47)
    white = torch.from_numpy(draw.standard_normal((4, NOISE_SIZE, NOISE_SIZE)).astype(np.float32)).to(device)
    spectrum = torch.fft.rfft2(white)
    fy = torch.fft.fftfreq(NOISE_SIZE, device=device)[:, None] * NOISE_SIZE
    fx = torch.fft.rfftfreq(NOISE_SIZE, device=device)[None, :] * NOISE_SIZE
    radius = torch.sqrt(fx**2 + fy**2)
    # channels: blotches, grain, pores, fibres
    bands = torch.stack(
        [
            torch.exp(-((radius / 9) ** 2)),
            torch.exp(-((radius / 60) ** 2)) * (radius > 6),
            torch.exp(-(((radius - 120) / 60) ** 2)),
            torch.exp(-((fx / 14) ** 2)) * torch.exp(-((fy / 120) ** 2)) * (radius > 1),
        ]
    )
    tile = torch.fft.irfft2(spectrum * bands, s=(NOISE_SIZE, NOISE_SIZE))
    return ((tile - tile.mean((1, 2), keepdim=True)) / tile.std((1, 2), keepdim=True))[None]


@dataclass(frozen=True, slots=True)
class Canvas:
    """What every part of the drawing needs: the person, the coordinates and the noise."""

    who: Identity
    x: Tensor
    y: Tensor
    tile: Tensor
    spacing: float

    @property
    def edge(self) -> float:
        """Width of a sharp edge, pupil distances."""
        return 0.9 * self.spacing

    def noise(self, channel: int, u: Tensor, v: Tensor) -> Tensor:
        """Look a noise channel up at coordinates of period one, everybody elsewhere in it; ``(H, W)``."""
        shift = (self.who.seed % 9973) / 9973, (self.who.seed % 9967) / 9967
        grid = torch.stack([((u + shift[0]) % 1) * 2 - 1, ((v + shift[1]) % 1) * 2 - 1], -1)[None]
        tile = self.tile[:, channel : channel + 1]
        return functional.grid_sample(tile, grid, padding_mode="reflection", align_corners=True)[0, 0]

    def step(self, distance: Tensor, softness: float = 1.0) -> Tensor:
        """Give one where a distance is positive, with an edge of about one pixel times ``softness``."""
        return torch.sigmoid(distance / (self.edge * softness))

    def outline(self) -> Tensor:
        """Give the radius of the head: one on the outline, less inside."""
        who = self.who
        n = torch.where(self.y > 0, who.jaw, 2.15)
        height = torch.where(self.y > 0, who.chin, -who.crown)
        return ((self.x.abs() / who.head) ** n + (self.y.abs() / height) ** n) ** (1 / n)

    def lids(self, side: int) -> tuple[Tensor, Tensor, Tensor]:
        """Give, for one eye, the place between its corners (-1..1), the upper lid and the lower lid."""
        half, upper, lower = self.who.eye
        local = (self.x - side * 0.5) / half
        outward = local * side
        axis = -self.who.canthus * outward * half
        arc = (1 - local**2).clamp_min(0)
        top = axis - upper * arc**0.75 * (1 - 0.12 * outward)
        return (
            outward,
            top.expand_as(self.y * self.x),
            (axis + lower * arc * (1 + 0.15 * outward)).expand_as(top),
        )

    def lips(self) -> tuple[Tensor, Tensor, Tensor]:
        """Give the ordinates of the upper edge, of the line between the lips and of the lower edge."""
        wide, line, above, below = self.who.mouth
        t = (self.x / wide).clamp(-1, 1)
        arc = (1 - t**2).clamp_min(0)
        bow = 0.16 * torch.exp(-0.5 * (t / 0.13) ** 2) - 0.05
        middle = line + 0.010 - 0.016 * torch.exp(-0.5 * (t / 0.25) ** 2) * -1 - 0.014 * torch.cos(t * 6.0) * arc
        top = line + 0.012 - above * (arc**0.9 * (1 - bow) * 1.02)
        return top, middle, line + 0.012 + below * arc**0.62 * (0.9 + 0.1 * arc)
