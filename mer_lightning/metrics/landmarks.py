"""How far predicted landmarks lie from true ones, by the size of the face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def alignment_error(true: NDArray[np.floating], predicted: NDArray[np.floating]) -> float:
    """Mean distance of landmarks, divided by the root of the area of the true points' bounding box.

    Source: paper S4, equations 1 and 2; unlike the distance of the eyes, the box does not vanish in profile.

    Args:
        true: ``(N, 2)``, pixels.
        predicted: The same points, ``(N, 2)``, pixels.

    Raises:
        DataError: The shapes do not fit, a value is not finite, or the true points span no box.
    """
    if true.ndim != 2 or true.shape[1:] != (2,) or not len(true) or true.shape != predicted.shape:
        raise DataError(f"expected two times (N, 2) landmarks, got {true.shape} and {predicted.shape}")
    if not (np.isfinite(true).all() and np.isfinite(predicted).all()):
        raise DataError("landmarks: expected finite positions")
    width, height = np.ptp(true, axis=0)
    if not width * height > 0:
        raise DataError(f"landmarks: expected true points that span a box, got one of {width:g} x {height:g} pixels")
    return float(np.linalg.norm(true - predicted, axis=1).mean() / np.sqrt(width * height))
