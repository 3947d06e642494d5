"""Where the face of a CK+ sequence lies, by the landmarks that are released with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mer_lightning.datasets.paths import inside, relative, walk
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mer_lightning.types import Sample

LANDMARKS = "Landmarks/S005/001/S005_001_00000001_landmarks.txt"
MARGIN = 0.05
"""On each side of the points, as a fraction of their larger extent.

The inner eye corners of the mean face are then as far apart, .24 of the width, as in pictures that are aligned.
"""
_COUNT = 68
_LARGEST = 100_000.0
_LONGEST_FILE = 16_384
_SUBJECT = re.compile(r"S\d{3}")


class Box(NamedTuple):
    """A square around a face, pixels of the picture.

    Attributes:
        left: Centre of its leftmost column.
        top: Centre of its topmost row.
        side: Width and height.
    """

    left: float
    top: float
    side: float


def find_landmark_folder(root: Path) -> Path | None:
    """The folder of the released landmarks, at most three levels down; None if there is none.

    Raises:
        DataError: As ``walk``.
    """
    for folder, folders, _ in walk(root, 3, prune=_SUBJECT):
        if "landmarks" in folder.name.lower() and any(_SUBJECT.fullmatch(path.name) for path in folders):
            return folder
    return None


def released_points(root: Path, landmarks: Path, sample: Sample) -> NDArray[np.float32]:
    """The landmarks of the onset frame of a sequence: a line of x and y for each point, in the order of iBUG.

    Args:
        root: Root of the database; nothing outside it is read.
        landmarks: Folder of the released landmarks.
        sample: A sequence of CK+.

    Returns:
        ``(68, 2)`` pixels, x then y.

    Raises:
        DataError: No such file, or it does not hold 68 points.
    """
    name = f"{sample.subject}_{sample.clip}_{sample.onset or 0:08d}_landmarks.txt"
    path = landmarks / sample.subject / sample.clip / name
    where = relative(root, path)
    try:
        text = inside(root, path).read_bytes()[:_LONGEST_FILE].decode("ascii")
        points = np.array([line.split() for line in text.splitlines() if line.strip()], np.float64)
    except FileNotFoundError:
        raise DataError(f"{where}: no landmarks of the first frame") from None
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        points = np.empty((0, 0))
    if points.shape != (_COUNT, 2) or not (np.abs(points) < _LARGEST).all():
        raise DataError(f"{where}: expected {_COUNT} lines of two numbers, x and y in pixels")
    return points.astype(np.float32)


def face_box(points: NDArray[np.float32], margin: float = MARGIN) -> Box:
    """The square around points, with a margin.

    Args:
        points: ``(N, 2)`` pixels, x then y.
        margin: On each side, as a fraction of the larger extent of the points.
    """
    low, high = points.min(0).astype(float), points.max(0).astype(float)
    side = float((high - low).max()) * (1 + 2 * margin)
    left, top = ((low + high - side) / 2).tolist()
    return Box(left, top, side)


def cut(clip: NDArray[np.uint8], box: Box, what: str) -> NDArray[np.uint8]:
    """Cut all frames of a clip to one box, moved into the picture where it sticks out, and no larger than it.

    Args:
        clip: ``(T, H, W, C)``.
        box: The box.
        what: What is cut, for the message.

    Returns:
        ``(T, S, S, C)``, whole pixels, not resized.

    Raises:
        DataError: The box has no pixel, or its middle lies outside of the picture.
    """
    height, width = clip.shape[1:3]
    side = min(round(box.side), height, width)
    x, y = box.left + box.side / 2, box.top + box.side / 2
    if side < 1 or not (0 <= x < width and 0 <= y < height):
        raise DataError(f"{what}: its landmarks lie at {x:.0f}, {y:.0f}, outside of the {width} x {height} picture")
    left = min(max(0, round(box.left)), width - side)
    top = min(max(0, round(box.top)), height - side)
    return np.ascontiguousarray(clip[:, top : top + side, left : left + side])
