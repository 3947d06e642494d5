"""Scores of the matrix of one fold, ``(C, C)``, as scikit-learn gives them to code that calls it fold by fold.

A class that a fold does not have is dropped from the mean, so every fold is a mean over other classes. Nothing here is
a result: the numbers show what the habit of averaging them is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def f1(matrix: ArrayLike) -> float:
    """Mean F1 over the classes that are there as truth or as prediction."""
    hits, truth, guessed = _sides(matrix)
    return _mean(2 * hits, truth + guessed)


def recall(matrix: ArrayLike) -> float:
    """Mean recall over the classes that have a true sample."""
    hits, truth, _ = _sides(matrix)
    return _mean(hits, truth)


def precision(matrix: ArrayLike) -> float:
    """Mean precision over the classes that are there as truth or as prediction; 0 for one that is never predicted."""
    hits, truth, guessed = _sides(matrix)
    seen = truth + guessed > 0
    return _mean(hits[seen], np.maximum(guessed[seen], 1))


def _sides(matrix: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    counts = np.asarray(matrix, dtype=np.float64)
    return np.diagonal(counts), counts.sum(1), counts.sum(0)


def _mean(parts: NDArray[np.float64], wholes: NDArray[np.float64]) -> float:
    return float((parts[wholes > 0] / wholes[wholes > 0]).mean())
