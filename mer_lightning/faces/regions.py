"""Regions of interest from 68 points: 36 small ones, blocks around eyes and mouth, a mask of the face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageDraw

from mer_lightning.faces.points import (
    COUNT,
    JAW,
    LEFT_BROW,
    LEFT_EYE,
    MOUTH,
    NOSE,
    RIGHT_BROW,
    RIGHT_EYE,
    Points,
)
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Block = Literal["eyes", "mouth"]
Vertex = int | tuple[int, int, float]
"""A point, or ``(i, j, t)``: t of the way from point i to point j; beyond 1 it lies outside."""

_FOREHEAD = 2.2
_SIDE: tuple[tuple[Vertex, ...], ...] = (
    (17, 18, (37, 18, 1.9), (36, 17, 1.9)),  # forehead above the outer brow
    (18, 19, (37, 19, _FOREHEAD), (37, 18, 1.9)),
    (19, 20, (38, 20, _FOREHEAD), (37, 19, _FOREHEAD)),
    (20, 21, (39, 21, _FOREHEAD), (38, 20, _FOREHEAD)),
    (21, (21, 22, 0.5), 27, 39),  # glabella
    (17, 18, 37, 36),  # between brow and eye
    (18, 19, 20, 38, 37),
    (20, 21, 39, 38),
    (36, 41, (41, 31, 0.3), (36, 2, 0.3)),  # below the eye
    (41, 40, 39, (39, 31, 0.35), (41, 31, 0.3)),
    (39, 27, 29, (39, 31, 0.6)),  # side of the nose
    ((39, 31, 0.6), 29, 30, 33, 31),
    ((36, 2, 0.3), (41, 31, 0.3), (48, 41, 0.6), 2, 1),  # upper cheek
    ((41, 31, 0.3), (39, 31, 0.35), (39, 31, 0.6), 31, (48, 41, 0.6)),
    (2, (48, 41, 0.6), 48, 4, 3),  # lower cheek
    ((48, 41, 0.6), 31, 33, 51, 50, 49, 48),  # upper lip and the fold beside it
    (48, 49, 50, 51, 57, 58, 59),  # the mouth
    (48, 59, 58, 57, 8, 7, 6, 5, 4),  # chin
)
"""One side of the face, subject's right; the other side is its mirror image."""

_MIRROR: tuple[int, ...] = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46),
    *(39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
REGIONS = 2 * len(_SIDE)


def mirror_points(points: Points, width: int) -> Points:
    """Points of the mirrored picture, in their own order again.

    Args:
        points: ``(68, 2)`` pixels.
        width: Width of the picture.

    Returns:
        ``(68, 2)``, float32.
    """
    mirrored = points[list(_MIRROR)].astype(np.float32)
    mirrored[:, 0] = width - 1 - mirrored[:, 0]
    return mirrored


def region_polygons(points: Points) -> list[Points]:
    """Outlines of the 36 regions.

    The division follows the idea of MDMO (Liu et al., TAFFC 2016): small regions along brows, eyes, nose,
    cheeks and mouth whose borders are the points themselves. Its own vertex list was made for 66 points of
    another tracker; these are drawn anew for the 68, 18 regions on each side.

    Args:
        points: ``(68, 2)`` pixels.

    Returns:
        36 outlines ``(N, 2)``: the subject's right side first, then the left side in the same order.

    Raises:
        DataError: Other than 68 points.
    """
    if points.shape != (COUNT, 2):
        raise DataError(f"regions need {COUNT} points of two coordinates, found shape {points.shape}")
    right = [np.stack([_place(points, vertex) for vertex in outline]) for outline in _SIDE]
    left = [np.stack([_place(points[list(_MIRROR)], vertex) for vertex in outline]) for outline in _SIDE]
    return [*right, *left]


def region_map(points: Points, height: int, width: int) -> NDArray[np.uint8]:
    """Label every pixel with its region.

    Args:
        points: ``(68, 2)`` pixels.
        height: Height of the picture.
        width: Width of the picture.

    Returns:
        ``(H, W)``, uint8: 0 outside, 1 to 36 by `region_polygons`; a pixel has one region, the later one
        where two outlines meet.

    Raises:
        DataError: Other than 68 points.
    """
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    for label, outline in enumerate(region_polygons(points), start=1):
        draw.polygon([(float(x), float(y)) for x, y in outline], fill=label)
    return np.asarray(image).copy()


def face_mask(points: Points, height: int, width: int) -> NDArray[np.bool_]:
    """Mask the face from jaw to forehead.

    Args:
        points: ``(68, 2)`` pixels.
        height: Height of the picture.
        width: Width of the picture.

    Returns:
        ``(H, W)``, bool.

    Raises:
        DataError: Other than 68 points.
    """
    if points.shape != (COUNT, 2):
        raise DataError(f"a face mask needs {COUNT} points of two coordinates, found shape {points.shape}")
    forehead: list[Vertex] = [(36, 17, 1.9), (37, 19, _FOREHEAD), (39, 21, _FOREHEAD)]
    right = [_place(points, vertex) for vertex in forehead]
    left = [_place(points[list(_MIRROR)], vertex) for vertex in forehead]
    outline = [*(points[index] for index in JAW), *left, *reversed(right)]
    image = Image.new("1", (width, height))
    ImageDraw.Draw(image).polygon([(float(x), float(y)) for x, y in outline], fill=1)
    return np.asarray(image).astype(bool)


def block(points: Points, name: Block, height: int, width: int, margin: float = 0.15) -> tuple[int, int, int, int]:
    """Box around the eyes with the brows, or around the mouth.

    Args:
        points: ``(68, 2)`` pixels.
        name: Which one.
        height: Height of the picture.
        width: Width of the picture.
        margin: Added on every side, fraction of the box.

    Returns:
        Top, left, bottom, right, the last two excluded; within the picture and never empty.

    Raises:
        DataError: Other than 68 points, or an unknown name.
    """
    groups: dict[str, Sequence[int]] = {
        "eyes": (*RIGHT_BROW, *LEFT_BROW, *RIGHT_EYE, *LEFT_EYE),
        "mouth": (*NOSE[4:], *MOUTH),
    }
    if points.shape != (COUNT, 2) or name not in groups:
        raise DataError(f"block '{name}' of shape {points.shape}: expected eyes or mouth and {COUNT} points")
    chosen = points[list(groups[name])]
    low, high = chosen.min(0), chosen.max(0)
    grow = margin * (high - low)
    left, top = (int(value) for value in np.floor(low - grow))
    right, bottom = (int(value) + 1 for value in np.ceil(high + grow))
    left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
    return top, left, max(top + 1, min(bottom, height)), max(left + 1, min(right, width))


def _place(points: Points, vertex: Vertex) -> Points:
    if isinstance(vertex, int):
        return points[vertex]
    start, stop, part = vertex
    return points[start] + np.float32(part) * (points[stop] - points[start])
