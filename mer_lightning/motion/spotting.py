"""Where in a clip the expression is strongest, for databases and videos without an annotated apex.

Source: Liong, See, Wong, Le Ngo, Oh and Phan, Automatic Apex Frame Spotting in Micro-expression Database,
ACPR 2015.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch.nn import functional

from mer_lightning.descriptors.blocks import block_labels, count_codes
from mer_lightning.descriptors.lbp import Neighbourhood, sign_codes
from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.strain import flow_magnitude, optical_strain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

# left eye with brow, right eye with brow, mouth of an aligned face: top, bottom, left, right as fractions
FACE_REGIONS = ((0.15, 0.5, 0.05, 0.5), (0.15, 0.5, 0.5, 0.95), (0.6, 0.95, 0.2, 0.8))
Region = tuple[float, float, float, float]

SPOTTING_VERSION = 2
"""Part of the cache key of a clip without an annotated apex; raised whenever another frame may be found."""

# the eight direct neighbours of a pixel
_AROUND = tuple((0.0, y, x) for y in (-1.0, 0.0, 1.0) for x in (-1.0, 0.0, 1.0) if (y, x) != (0.0, 0.0))
# larger frames are shrunk to this side: an apex needs no fine detail
_SIDE = 128
# standard deviation of the smoothing over time, as a fraction of the clip
_SMOOTHING = 0.05


def appearance_curve(frames: Tensor, regions: Sequence[Region] = FACE_REGIONS, blocks: int = 2) -> Tensor:
    """How far every frame's texture is from that of the onset, averaged over regions of the face.

    Args:
        frames: One clip, ``(T, H, W)``, grey levels.
        regions: Top, bottom, left, right as fractions of the frame.
        blocks: Histograms per side of a region.

    Returns:
        ``(T,)``, one minus the correlation of the histograms, 0..2; zero at the onset.

    Raises:
        ValueError: The clip is empty or smaller than 3 x 3.
    """
    if frames.ndim != 3 or not len(frames) or min(frames.shape[-2:]) < 3:
        raise ValueError(f"frames must be (T, H, W) of at least 3 x 3 pixels, got {tuple(frames.shape)}")
    codes = sign_codes(Neighbourhood(frames[:, None], (0, 1, 1)), _AROUND)
    curves: list[Tensor] = []
    for rows, columns in (_pixels(region, *codes.shape[-2:]) for region in regions):
        region = codes[..., rows, columns]
        histograms = count_codes(region, block_labels(region, (blocks, blocks)), blocks**2, 256).float()
        centred = histograms - histograms.mean(-1, keepdim=True)
        correlation = functional.cosine_similarity(centred, centred[:1], dim=-1)
        curves.append((1 - correlation).mean(-1))
    return torch.stack(curves).mean(0)


def motion_curve(
    frames: Tensor, motion: Literal["flow", "strain"] = "strain", regions: Sequence[Region] = FACE_REGIONS
) -> Tensor:
    """Mean strain, or mean length of the flow, from the onset to every frame, averaged over regions of the face.

    A head that moves has flow everywhere but hardly any strain.

    Args:
        frames: One clip, ``(T, H, W)``, grey levels in 0..1.
        motion: What is averaged.
        regions: Top, bottom, left, right as fractions of the frame.

    Returns:
        ``(T,)``; pixels for ``flow``, no unit for ``strain``.

    Raises:
        ValueError: The clip is not ``(T, H, W)``, is empty or is not finite.
    """
    if frames.ndim != 3:
        raise ValueError(f"frames must be (T, H, W), got {tuple(frames.shape)}")
    flow = farneback_flow(frames[:1, None].expand(len(frames), -1, -1, -1), frames[:, None])
    measured = (flow_magnitude(flow) if motion == "flow" else optical_strain(flow))[:, 0]
    parts = [measured[:, rows, columns] for rows, columns in (_pixels(r, *measured.shape[1:]) for r in regions)]
    return torch.stack([part.mean((1, 2)) for part in parts]).mean(0)


def _pixels(region: Region, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a region, at least one of each."""
    top, bottom, left, right = region
    rows = slice(int(top * height), max(int(bottom * height), int(top * height) + 1))
    return rows, slice(int(left * width), max(int(right * width), int(left * width) + 1))


def smooth_in_time(frames: Tensor, deviation: float) -> Tensor:
    """Average every frame with its neighbours by Gaussian weights, which takes the noise of a camera away.

    Args:
        frames: ``(T, ...)``.
        deviation: Standard deviation of the weights, frames; 0 leaves the clip.

    Returns:
        Same shape, float32.
    """
    if deviation <= 0:
        return frames.float()
    time = torch.arange(len(frames), dtype=torch.float32, device=frames.device)
    weights = torch.exp(-((time[:, None] - time) ** 2) / (2 * deviation**2))
    return torch.tensordot(weights / weights.sum(1, keepdim=True), frames.float(), 1)


def divide_and_conquer(curve: Tensor, separation: int = 2) -> int:
    """Find the apex of a curve: halve the clip, keep the half whose peaks sum to more, until one frame is left.

    Args:
        curve: ``(T,)``.
        separation: A peak is the largest value within this many frames on both sides.

    Returns:
        Index of the apex.

    Raises:
        ValueError: The curve is empty or not one-dimensional.
    """
    if curve.ndim != 1 or not len(curve):
        raise ValueError(f"curve must be a non-empty (T,) tensor, got {tuple(curve.shape)}")
    # noise has peaks everywhere, and a long half more of them: what counts is what rises above the mean
    values = curve.detach().float().cpu()
    values = (values - values.mean()).clamp_min(0)
    around = functional.max_pool1d(values[None], 2 * separation + 1, 1, separation)[0]
    peaks = torch.where(values >= around, values, 0).tolist()
    first, last = 0, len(peaks)
    while last - first > 1:
        middle = (first + last + 1) // 2
        if sum(peaks[first:middle]) >= sum(peaks[middle:last]):
            last = middle
        else:
            first = middle
    return first


def spot_apex(frames: Tensor, how: Literal["strain", "flow", "texture"] = "strain") -> int:
    """Find the apex of a clip that starts at the onset: divide and conquer over regions of eyes and mouth.

    Noise of the camera is averaged over a twentieth of the clip first; it would hide the apex otherwise.

    Args:
        frames: ``(T, H, W)``, grey levels in 0..1.
        how: What is measured against the onset: ``strain``; ``flow``, which a moving head misleads; or
            ``texture``, local binary patterns, for pictures with little noise.

    Returns:
        Index of the apex frame.

    Raises:
        ValueError: The clip does not fit.
    """
    if frames.ndim == 3 and max(frames.shape[-2:]) > _SIDE:
        size = tuple(min(side, _SIDE) for side in frames.shape[-2:])
        frames = functional.interpolate(frames[:, None], size=size, mode="bilinear", antialias=True)[:, 0]
    frames = smooth_in_time(frames, _SMOOTHING * len(frames))
    return divide_and_conquer(appearance_curve(frames) if how == "texture" else motion_curve(frames, how))
