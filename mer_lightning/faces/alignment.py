"""Similarity alignment on the inner eye corners: the onset frame decides, the whole clip follows.

Aligning every frame by its own landmarks would take their jitter for motion, which is larger than a
micro-expression; so one transform per clip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from kornia.geometry.transform import warp_affine
from torch import Tensor
from torch.nn import functional

from mer_lightning.faces.points import (
    CHIN,
    COUNT,
    INNER_EYES,
    LEFT_BROW,
    LEFT_EYE,
    MOUTH,
    NOSTRILS,
    RIGHT_BROW,
    RIGHT_EYE,
)
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHUNK, _CHUNK_ON_DEVICE = 1 << 23, 1 << 26
"""Most float32 values that are warped at once; a processor is three times as fast within its cache."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Where the face lies in an aligned picture.

    Attributes:
        height: Pixels.
        width: Pixels.
        eye_distance: Distance of the inner eye corners, fraction of the width.
        eye_height: Their distance from the upper edge, fraction of the height.
    """

    height: int = 224
    width: int = 224
    eye_distance: float = 0.24
    eye_height: float = 0.32

    def corners(self) -> Tensor:
        """Inner eye corners in the aligned picture, ``(2, 2)`` pixels, x then y."""
        half = 0.5 * self.eye_distance * self.width
        middle, height = 0.5 * (self.width - 1), self.eye_height * (self.height - 1)
        return torch.tensor([[middle - half, height], [middle + half, height]], dtype=torch.float64)


def similarity(points: Tensor, crop: Crop) -> Tensor:
    """Similarity that brings the inner eye corners to their place.

    Args:
        points: ``(..., 68, 2)`` pixels of the source, x then y.
        crop: The aligned picture.

    Returns:
        ``(..., 2, 3)``, float64: source pixels to aligned pixels.

    Raises:
        DataError: Other than 68 points, or the corners coincide.
    """
    if points.shape[-2:] != (COUNT, 2):
        raise DataError(f"alignment expects {COUNT} points of two coordinates, found shape {tuple(points.shape)}")
    source = points[..., list(INNER_EYES), :].to(torch.float64)
    target = crop.corners().to(source.device)
    across = source[..., 1, :] - source[..., 0, :]
    length = across.square().sum(-1)
    if not bool((length > 1).all()):
        raise DataError("alignment: the inner eye corners coincide; are the landmarks right?")
    goal = target[1] - target[0]
    # goal = (a + ib) across, in complex numbers
    a = (across * goal).sum(-1) / length
    b = (across[..., 0] * goal[1] - across[..., 1] * goal[0]) / length
    linear = torch.stack([torch.stack([a, -b], -1), torch.stack([b, a], -1)], -2)
    shift = target[0] - (linear @ source[..., 0, :, None])[..., 0]
    return torch.cat([linear, shift[..., None]], -1)


def check_face(points: Tensor, width: int, height: int) -> None:
    """Make sure that landmarks can be those of a face in a picture.

    Args:
        points: ``(68, 2)`` pixels, x then y.
        width: Of the picture, in pixels.
        height: Likewise.

    Raises:
        DataError: Less than half of them, or not both inner eye corners, lie in the picture; or as ``check_order``.
    """
    edges = torch.tensor([width, height], dtype=points.dtype, device=points.device)
    inside = ((points >= 0) & (points < edges)).all(-1)
    if not bool(inside[list(INNER_EYES)].all()) or int(inside.sum()) * 2 < COUNT:
        raise DataError(f"{int(inside.sum())} of {COUNT} landmarks lie in the picture of {width} x {height}")
    check_order(points)


def check_order(points: Tensor) -> None:
    """Make sure that brows, eyes, nose, mouth and chin lie one below the other, once the eyes lie level.

    Raises:
        DataError: They do not, as where points were mirrored and not exchanged, or are numbered otherwise.
    """
    aligned = transform_points(similarity(points, Crop()), points)
    parts = ((*RIGHT_BROW, *LEFT_BROW), (*RIGHT_EYE, *LEFT_EYE), NOSTRILS, MOUTH, CHIN)
    heights = [float(aligned[list(part), 1].mean()) for part in parts]
    right, left = (float(aligned[list(part), 0].mean()) for part in (RIGHT_EYE, LEFT_EYE))
    if heights != sorted(heights) or right >= left:
        raise DataError(
            "landmarks: expected brows, eyes, nose, mouth and chin one below the other, in the order of iBUG 300-W; "
            "were they mirrored?"
        )


def transform_points(matrix: Tensor, points: Tensor) -> Tensor:
    """Bring points into the aligned picture.

    Args:
        matrix: ``(..., 2, 3)``.
        points: ``(..., N, 2)``.

    Returns:
        ``(..., N, 2)``, dtype of the matrix.
    """
    return points.to(matrix.dtype) @ matrix[..., :2].transpose(-1, -2) + matrix[..., None, :, 2]


def align(frames: Tensor, points: Tensor, crop: Crop) -> Tensor:
    """Align and crop clips on the device that the frames are on.

    Args:
        frames: ``(B, T, C, H, W)``, uint8 or float.
        points: ``(B, 68, 2)``, landmarks of the onset frames.
        crop: The aligned picture.

    Returns:
        ``(B, T, C, crop.height, crop.width)``, float32, in the range of the input; 0 outside of the source.

    Raises:
        DataError: Shapes that do not fit, or corners that coincide.
    """
    if frames.ndim != 5 or len(frames) != len(points):
        raise DataError(f"alignment expects (B, T, C, H, W) frames and B faces, found {tuple(frames.shape)}")
    matrix = similarity(points.to(frames.device), crop)
    left, top, right, bottom = _source_box(matrix, crop, frames.shape[-1], frames.shape[-2])
    window = frames[..., top:bottom, left:right]
    matrix = _shifted(matrix, left, top)
    # where several source pixels fall on one, averaging first avoids aliasing
    scale = float(torch.linalg.det(matrix[..., :2]).sqrt().max())
    factor = max(1, math.floor(1 / scale))
    return _warp(window, matrix, factor, crop)


def _source_box(matrix: Tensor, crop: Crop, width: int, height: int) -> tuple[int, int, int, int]:
    """Part of the source that any clip of the batch needs: left, top, right, bottom (excluded)."""
    inverse = torch.linalg.inv(matrix[..., :2])
    edges: Sequence[tuple[int, int]] = [(0, 0), (crop.width, 0), (0, crop.height), (crop.width, crop.height)]
    corners = torch.tensor(edges, dtype=matrix.dtype, device=matrix.device) - 0.5
    source = (corners - matrix[..., None, :, 2]) @ inverse.transpose(-1, -2)
    low, high = source.flatten(0, -2).amin(0).tolist(), source.flatten(0, -2).amax(0).tolist()
    # a margin for the interpolation; one pixel at least where a face lies outside of the picture
    left = min(max(0, math.floor(low[0]) - 2), width - 1)
    top = min(max(0, math.floor(low[1]) - 2), height - 1)
    right = max(left + 1, min(width, math.ceil(high[0]) + 3))
    bottom = max(top + 1, min(height, math.ceil(high[1]) + 3))
    return left, top, right, bottom


def _shifted(matrix: Tensor, left: int, top: int) -> Tensor:
    origin = torch.tensor([[float(left), float(top)]], dtype=matrix.dtype, device=matrix.device)
    return torch.cat([matrix[..., :2], transform_points(matrix, origin).transpose(-1, -2)], -1)


def _warp(window: Tensor, matrix: Tensor, factor: int, crop: Crop) -> Tensor:
    clips, count, channels, height, width = window.shape
    if factor > 1:
        # aligned = M (factor * pooled + (factor - 1) / 2)
        middle = torch.full((1, 2), (factor - 1) / 2, dtype=matrix.dtype, device=matrix.device)
        shift = transform_points(matrix, middle).transpose(-1, -2)
        matrix = torch.cat([matrix[..., :2] * factor, shift], -1)
    # the sampler's own coordinates are not defined for a side of one pixel
    rows, columns = max(2, -(-height // factor)), max(2, -(-width // factor))
    matrix, size = matrix.to(torch.float32), (crop.height, crop.width)
    most = _CHUNK if window.device.type == "cpu" else _CHUNK_ON_DEVICE
    step = max(1, most // (clips * channels * height * width))
    aligned = torch.empty(clips, count, channels, crop.height, crop.width, device=window.device)
    for start in range(0, count, step):
        # one grid per clip, not per frame: its frames go in as channels
        part = window[:, start : start + step].to(torch.float32).flatten(1, 2)
        if factor > 1:
            part = functional.avg_pool2d(part, factor, ceil_mode=True)
        part = functional.pad(part, (0, columns - part.shape[-1], 0, rows - part.shape[-2]))
        warped = warp_affine(part, matrix, size, align_corners=True)
        aligned[:, start : start + step] = warped.unflatten(1, (-1, channels))
    return aligned
