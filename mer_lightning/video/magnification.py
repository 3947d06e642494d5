"""Eulerian video magnification of motion: small changes over time are amplified in every spatial band.

Source: Wu, Rubinstein, Shih, Guttag, Durand and Freeman, Eulerian Video Magnification for Revealing Subtle
Changes in the World, SIGGRAPH 2012.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from kornia.geometry.transform import pyrdown
from scipy import signal
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

TemporalFilter = Literal["iir", "butterworth"]

# bands are split off until a side would fall below this
_SMALLEST_SIDE = 2


def magnify_motion(
    frames: Tensor,
    *,
    alpha: float,
    low: float,
    high: float,
    fps: float,
    temporal: TemporalFilter = "butterworth",
    wavelength: float = 16.0,
) -> Tensor:
    """Amplify motions of a clip that change at given rates.

    A motion of ``d`` pixels becomes ``(1 + alpha) d`` while ``(1 + alpha) d < lambda / 8`` for structures of
    wavelength ``lambda``; finer bands than ``wavelength`` get the smaller factor that this bound leaves them.
    What is coarser than all bands, the overall brightness, stays as it is.

    Args:
        frames: ``(T, C, H, W)`` or ``(B, T, C, H, W)``, values in 0..1.
        alpha: Amplification, at least 0; papers use 10 (S2) and 20 (S4).
        low: Lower edge of the pass band, Hz.
        high: Upper edge of the pass band, Hz, below half of ``fps``.
        fps: Frames per second of the clip.
        temporal: ``iir``, the difference of two first-order low-passes, scaled to 1 at its peak, which uses
            past frames only; or ``butterworth``, second order, run forwards and backwards, without delay.
        wavelength: Shortest wavelength that gets all of ``alpha``, pixels.

    Returns:
        Same shape, float32; not clipped, so values may leave 0..1.

    Raises:
        ValueError: The shape does not fit, values are not finite, or a parameter is out of range.
    """
    if frames.ndim not in (4, 5) or not frames.numel():
        raise ValueError(f"frames must be a non-empty ([B,] T, C, H, W) tensor, got {tuple(frames.shape)}")
    frames = frames.float()
    if not bool(torch.isfinite(frames).all()):
        raise ValueError("frames hold NaN or infinite values")
    if alpha < 0 or wavelength <= 0 or not 0 < low < high < fps / 2:
        raise ValueError(
            f"expected alpha >= 0, wavelength > 0 and 0 < low < high < fps / 2, got {alpha}, {wavelength}, {low}, "
            f"{high}, {fps}"
        )
    length = frames.shape[-4]
    response = _temporal_matrix(length, low / fps, high / fps, temporal)
    weights = torch.tensor(response.copy(), dtype=torch.float32).to(frames.device)
    # filtering in time and splitting into bands commute, so the one that needs no pyramid per frame comes first
    change = (weights @ frames.flatten(-3)).view(-1, *frames.shape[-3:])
    return frames + _weighted_bands(change, alpha, wavelength).view(frames.shape)


@lru_cache(maxsize=32)
def _temporal_matrix(length: int, low: float, high: float, temporal: TemporalFilter) -> NDArray[np.float64]:
    """Filter as a matrix ``(T, T)`` over time: what it makes of every unit impulse; edges in cycles a frame."""
    impulses = np.eye(length)
    if length == 1:
        return np.zeros((1, 1))
    if temporal == "iir":
        rates = [1 - math.exp(-2 * math.pi * edge) for edge in (high, low)]
        passed = [_low_pass(impulses, rate) for rate in rates]
        at = np.exp(1j * np.linspace(0, np.pi, 2049))
        gain = np.abs(np.subtract(*(rate / (1 - (1 - rate) / at) for rate in rates))).max()
        return (passed[0] - passed[1]) / gain
    if temporal == "butterworth":
        sections = signal.butter(2, (low, high), btype="bandpass", output="sos", fs=1.0)
        # beyond its ends a clip is continued point-mirrored, as far as it is long
        padding = min(length - 1, round(3 / low))
        return signal.sosfiltfilt(sections, impulses, axis=0, padtype="odd", padlen=padding)
    raise ValueError(f"unknown temporal filter {temporal!r}, expected iir or butterworth")


def _low_pass(signals: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """First-order low-pass along the first axis that starts at rest on the first frame."""
    start = (1 - rate) * signals[:1]
    filtered, _ = signal.lfilter([rate], [1, rate - 1], signals, axis=0, zi=start)
    return filtered


def _weighted_bands(images: Tensor, alpha: float, wavelength: float) -> Tensor:
    """Sum of the Laplacian bands of ``(N, C, H, W)``, each with the factor that its wavelength allows."""
    bands: list[Tensor] = []
    rest = images
    while min(rest.shape[-2:]) >= 2 * _SMALLEST_SIDE:
        coarser = pyrdown(rest)
        bands.append(rest - _enlarge(coarser, rest))
        rest = coarser
    total = torch.zeros_like(rest)
    for level in reversed(range(len(bands))):
        # A band is one octave from the shortest wavelength that its grid can hold, and holds a tenth of waves two
        # octaves longer, which complete the bands below it. Were its own wavelengths to decide, a wave just longer
        # than the bound would miss a sixth of its amplification; so the next octave decides.
        decisive = 8 * 2**level
        factor = min(alpha, max(0.0, (1 + alpha) * decisive / wavelength - 1))
        total = _enlarge(total, bands[level]) + factor * bands[level]
    return total


def _enlarge(image: Tensor, like: Tensor) -> Tensor:
    # linear interpolation damps waves of 16 pixels by a tenth, and the band above would have to hold what it lost
    return functional.interpolate(image, size=like.shape[-2:], mode="bicubic", align_corners=False)
