"""Magnification of small motions: by brightness in spatial bands, or by the phases of waves.

Sources: Wu, Rubinstein, Shih, Guttag, Durand and Freeman, Eulerian Video Magnification for Revealing Subtle Changes in
the World, SIGGRAPH 2012; Wadhwa, Rubinstein, Durand and Freeman, Phase-Based Video Motion Processing, SIGGRAPH 2013.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from kornia.geometry.transform import pyrdown
from torch.nn import functional

from mer_lightning.video.phases import move_phases
from mer_lightning.video.temporal import TemporalFilter, check_band, temporal_matrix

if TYPE_CHECKING:
    from torch import Tensor

Method = Literal["linear", "phase"]
"""``linear`` amplifies changes of brightness (Wu et al., 2012), ``phase`` moves waves (Wadhwa et al., 2013)."""

# bands are split off until a side would fall below this
_SMALLEST_SIDE = 2


def magnify_motion(
    frames: Tensor,
    *,
    alpha: float,
    low: float | None = None,
    high: float | None = None,
    fps: float = 1.0,
    temporal: TemporalFilter = "butterworth",
    wavelength: float = 16.0,
    method: Method = "linear",
) -> Tensor:
    """Amplify motions of a clip that change at given rates.

    Asked for is ``(1 + alpha) d`` of a motion of ``d`` pixels; how much of it is reached depends on the method, on the
    filter and on how long the clip is, and ``python -m tools.magnification_gain`` measures it:

    * A filter with a band passes only a part of one slow rise, the less the longer it takes. ``onset`` passes all.
    * ``linear`` holds only while ``(1 + alpha) d < lambda / 8`` for structures of wavelength ``lambda``: beyond it, the
      motion saturates. Bands that are finer than ``wavelength`` get the smaller factor that this bound leaves them.
    * ``phase`` has no such bound for a wave alone; what is moved further than its own length loses contrast.

    What is coarser than all bands, the overall brightness, stays as it is.

    Args:
        frames: ``(T, C, H, W)`` or ``(B, T, C, H, W)``, values in 0..1.
        alpha: Amplification, at least 0; papers use 10 (S2) and 20 (S4).
        low: Lower edge of the pass band, Hz; None for ``onset``, which has no band.
        high: Upper edge of the pass band, Hz, below half of ``fps``; None for ``onset``.
        fps: Frames per second of the clip; 1 where the edges are in cycles a frame.
        temporal: Filter over time; see ``mer_lightning.video.temporal``.
        wavelength: Of ``linear``: shortest wavelength that gets all of ``alpha``, pixels.
        method: How motion is amplified.

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
    if alpha < 0 or wavelength <= 0 or method not in get_args(Method):
        raise ValueError(
            f"expected alpha >= 0, wavelength > 0 and linear or phase, got {alpha}, {wavelength} and {method!r}"
        )
    check_band(temporal, low, high, fps)
    edges = (None, None) if low is None or high is None else (low / fps, high / fps)
    response = temporal_matrix(frames.shape[-4], *edges, temporal)
    weights = torch.tensor(response.copy(), dtype=torch.float32).to(frames.device)
    if method == "phase":
        return move_phases(frames.view(-1, *frames.shape[-4:]), alpha, weights).view(frames.shape)
    # filtering in time and splitting into bands commute, so the one that needs no pyramid per frame comes first
    change = (weights @ frames.flatten(-3)).view(-1, *frames.shape[-3:])
    return frames + _weighted_bands(change, alpha, wavelength).view(frames.shape)


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
