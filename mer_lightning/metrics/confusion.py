"""Accuracy, UF1, UAR and others as functions of a confusion matrix.

LOSO folds hold few clips and rarely all classes, so a score per fold means little: predictions are pooled
over all folds into one matrix and scored once (MEGC2019 guideline). All functions accept leading batch
dimensions, ``(..., C, C)``, rows truth and columns prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_AT_ONCE, _IN_A_ROW = 8, 128
"""Of eight numbers in a row and more, numpy adds up eight sums at once, and halves what is longer than 128."""


def confusion_matrix(labels: ArrayLike, predictions: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Count how often each true class was predicted as each class.

    Args:
        labels: True class indices, ``(N,)``, in ``0..classes-1``.
        predictions: Predicted class indices, ``(N,)``, in ``0..classes-1``.
        classes: Number of classes C.

    Returns:
        ``(C, C)``, rows truth, columns prediction.

    Raises:
        ValueError: Lengths differ or an index is out of range.
    """
    truth, guess = np.asarray(labels, dtype=np.int64), np.asarray(predictions, dtype=np.int64)
    if truth.shape != guess.shape or truth.ndim != 1:
        raise ValueError(f"labels {truth.shape} and predictions {guess.shape} must be lists of one length")
    if truth.size and not (min(truth.min(), guess.min()) >= 0 and max(truth.max(), guess.max()) < classes):
        raise ValueError(f"class indices must be in 0..{classes - 1}")
    return np.bincount(truth * classes + guess, minlength=classes**2).reshape(classes, classes)


@dataclass(frozen=True)
class Margins:
    """What scores depend on, class first, so that one that is wanted of many matrices goes through memory by rows.

    Attributes:
        hits: Diagonals, ``(C, ...)``.
        truth, guessed: Row and column sums, of the same shape or one that broadcasts to it.
    """

    hits: NDArray[np.float64]
    truth: NDArray[np.float64]
    guessed: NDArray[np.float64]

    @cached_property
    def total(self) -> NDArray[np.float64]:
        """Samples of each matrix, ``(...)``."""
        return sum_rows(self.truth)

    @cached_property
    def f1(self) -> NDArray[np.float64]:
        """F1 of each class, ``(C, ...)``."""
        return _ratio(2 * self.hits, self.truth + self.guessed)


def margins_of(matrix: ArrayLike) -> Margins:
    """Diagonals and sums of matrices ``(..., C, C)``."""
    counts = np.asarray(matrix, dtype=np.float64)
    found = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1), counts.sum(-2)
    return Margins(*(np.moveaxis(part, -1, 0) for part in found))


def accuracy(matrix: ArrayLike) -> NDArray[np.float64]:
    """Fraction of samples on the diagonal, 0..1; 0 for an empty matrix."""
    return accuracy_of(margins_of(matrix))


def accuracy_of(found: Margins) -> NDArray[np.float64]:
    """As ``accuracy``."""
    return _ratio(sum_rows(found.hits), found.total)


def uf1(matrix: ArrayLike) -> NDArray[np.float64]:
    """Unweighted F1: mean over all C classes of 2TP / (2TP + FP + FN), 0..1 (MEGC2019).

    A class that is absent from both truth and prediction is 0/0; it counts as 0 and stays in the mean.
    torchmetrics drops such a class instead, which raises the score.
    """
    return uf1_of(margins_of(matrix))


def uf1_of(found: Margins) -> NDArray[np.float64]:
    """As ``uf1``."""
    return mean_rows(found.f1)


def uar(matrix: ArrayLike) -> NDArray[np.float64]:
    """Unweighted average recall: mean over all C classes of TP / n, 0..1 (MEGC2019).

    A class without a true sample has no recall; it counts as 0 and stays in the mean.
    """
    return uar_of(margins_of(matrix))


def uar_of(found: Margins) -> NDArray[np.float64]:
    """As ``uar``."""
    return mean_rows(_ratio(found.hits, found.truth))


def weighted_f1(matrix: ArrayLike) -> NDArray[np.float64]:
    """F1 of each class weighted by its true samples, 0..1; an absent class weighs nothing, an empty matrix is 0."""
    return weighted_f1_of(margins_of(matrix))


def weighted_f1_of(found: Margins) -> NDArray[np.float64]:
    """As ``weighted_f1``."""
    return _ratio(sum_rows(found.f1 * found.truth), found.total)


def macro_precision(matrix: ArrayLike) -> NDArray[np.float64]:
    """Mean over all C classes of TP / (TP + FP), 0..1: the UAR of a transposed matrix.

    A class that is never predicted has no precision; it counts as 0 and stays in the mean.
    """
    return macro_precision_of(margins_of(matrix))


def macro_precision_of(found: Margins) -> NDArray[np.float64]:
    """As ``macro_precision``."""
    return mean_rows(_ratio(found.hits, found.guessed))


def kappa(matrix: ArrayLike) -> NDArray[np.float64]:
    """Cohen's kappa, -1..1: agreement beyond what chance gives at these shares of truth and prediction.

    Where chance gives full agreement already, because truth and prediction are one and the same class, it is 0/0 and
    counts as 0; so does an empty matrix. scikit-learn gives NaN there, and the same as here everywhere else.
    """
    return kappa_of(margins_of(matrix))


def kappa_of(found: Margins) -> NDArray[np.float64]:
    """As ``kappa``."""
    chance = sum_rows(found.truth * found.guessed)
    return _ratio(found.total * sum_rows(found.hits) - chance, found.total**2 - chance)


def matthews(matrix: ArrayLike) -> NDArray[np.float64]:
    """Matthews' correlation coefficient of several classes (R_K of Gorodkin, 2004), -1..1.

    Where truth or prediction is one class throughout there is nothing to correlate, and it is 0, as in scikit-learn.
    """
    return matthews_of(margins_of(matrix))


def matthews_of(found: Margins) -> NDArray[np.float64]:
    """As ``matthews``."""
    square = found.total**2
    together = found.total * sum_rows(found.hits) - sum_rows(found.truth * found.guessed)
    alone = (square - sum_rows(found.truth**2)) * (square - sum_rows(found.guessed**2))
    return _ratio(together, np.sqrt(alone))


def absent_classes(matrix: ArrayLike) -> list[int]:
    """Indices of the classes that have no true sample, for the warning beside a score."""
    return np.flatnonzero(np.asarray(matrix).sum(-1) == 0).tolist()


def sum_rows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the first axis, added up as ``values.sum(-1)`` where it is the last: equal to the last digit."""
    if len(values) < _AT_ONCE:
        return np.add.reduce(values, axis=0)
    if len(values) > _IN_A_ROW:
        rows = values.reshape(len(values), -1)
        return np.ascontiguousarray(rows.T).sum(-1).reshape(values.shape[1:])
    whole = len(values) - len(values) % _AT_ONCE
    a, b, c, d, e, f, g, h = np.add.reduce(values[:whole].reshape(-1, _AT_ONCE, *values.shape[1:]), axis=0)
    return reduce(np.add, values[whole:], ((a + b) + (c + d)) + ((e + f) + (g + h)))


def mean_rows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the first axis, as ``sum_rows``."""
    return sum_rows(values) / len(values)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    there = whole > 0
    if there.all():
        return part / whole
    return np.where(there, part / np.where(there, whole, 1.0), 0.0)
