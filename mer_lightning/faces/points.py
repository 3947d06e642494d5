"""The 68 points (iBUG 300-W order) that the rest of the package speaks about, and a mean face of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]

COUNT = 68
JAW = tuple(range(17))
RIGHT_BROW = tuple(range(17, 22))
LEFT_BROW = tuple(range(22, 27))
CHIN = (7, 8, 9)
NOSE = tuple(range(27, 36))
NOSTRILS = tuple(range(31, 36))
RIGHT_EYE = tuple(range(36, 42))
LEFT_EYE = tuple(range(42, 48))
MOUTH = tuple(range(48, 68))
INNER_EYES = (39, 42)
"""Inner corner of the subject's right eye (left in the picture) and of the left eye; they keep still."""


def _arc(centre: tuple[float, float], radii: tuple[float, float], start: float, stop: float, count: int) -> Points:
    angles = np.linspace(math.radians(start), math.radians(stop), count)
    return np.stack([centre[0] + radii[0] * np.cos(angles), centre[1] + radii[1] * np.sin(angles)], axis=1).astype(
        np.float32
    )


def _line(start: tuple[float, float], stop: tuple[float, float], count: int) -> Points:
    return np.linspace(start, stop, count).astype(np.float32)


def _mirror(points: Points) -> Points:
    return (points * np.array([-1, 1], np.float32))[::-1]


def mean_face() -> Points:
    """Schematic mean face, drawn from arcs.

    The distance of the eye centres is 2, their middle is the origin, y points down.

    Returns:
        ``(68, 2)``, float32, x then y.
    """
    brow = _arc((-1.0, -0.25), (0.72, 0.5), 200, 330, 5)
    eye = _arc((-1.0, 0.0), (0.45, 0.2), 180, 480, 6)
    left_eye = np.stack([eye[3], eye[2], eye[1], eye[0], eye[5], eye[4]]) * np.array([-1, 1], np.float32)
    outer = _arc((0.0, 2.15), (0.8, 0.36), 180, 510, 12)
    inner = _arc((0.0, 2.15), (0.55, 0.12), 180, 495, 8)
    return np.concatenate(
        [
            _arc((0.0, 0.2), (2.1, 3.1), 180, 0, 17),
            brow,
            _mirror(brow),
            _line((0.0, 0.05), (0.0, 1.1), 4),
            _arc((0.0, 1.2), (0.45, 0.2), 180, 0, 5),
            eye,
            left_eye,
            outer,
            inner,
        ]
    ).astype(np.float32)
