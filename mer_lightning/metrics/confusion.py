"""Accuracy, UF1, UAR and others as functions of a confusion matrix.

LOSO folds hold few clips and rarely all classes, so a score per fold means little: predictions are pooled
over all folds into one matrix and scored once (MEGC2019 guideline). All functions accept leading batch
dimensions, ``(..., C, C)``, rows truth and columns prediction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


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


def accuracy(matrix: ArrayLike) -> NDArray[np.float64]:
    """Fraction of samples on the diagonal, 0..1; 0 for an empty matrix."""
    counts = np.asarray(matrix, dtype=np.float64)
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1)))


def uf1(matrix: ArrayLike) -> NDArray[np.float64]:
    """Unweighted F1: mean over all C classes of 2TP / (2TP + FP + FN), 0..1 (MEGC2019).

    A class that is absent from both truth and prediction is 0/0; it counts as 0 and stays in the mean.
    torchmetrics drops such a class instead, which raises the score.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return _ratio(2 * hits, counts.sum(-1) + counts.sum(-2)).mean(-1)


def uar(matrix: ArrayLike) -> NDArray[np.float64]:
    """Unweighted average recall: mean over all C classes of TP / n, 0..1 (MEGC2019).

    A class without a true sample has no recall; it counts as 0 and stays in the mean.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    return _ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1)).mean(-1)


def weighted_f1(matrix: ArrayLike) -> NDArray[np.float64]:
    """F1 of each class weighted by its true samples, 0..1; an absent class weighs nothing, an empty matrix is 0."""
    counts = np.asarray(matrix, dtype=np.float64)
    truth = counts.sum(-1)
    f1 = _ratio(2 * np.diagonal(counts, axis1=-2, axis2=-1), truth + counts.sum(-2))
    return _ratio((f1 * truth).sum(-1), truth.sum(-1))


def macro_precision(matrix: ArrayLike) -> NDArray[np.float64]:
    """Mean over all C classes of TP / (TP + FP), 0..1: the UAR of a transposed matrix.

    A class that is never predicted has no precision; it counts as 0 and stays in the mean.
    """
    return uar(np.swapaxes(np.asarray(matrix, dtype=np.float64), -2, -1))


def kappa(matrix: ArrayLike) -> NDArray[np.float64]:
    """Cohen's kappa, -1..1: agreement beyond what chance gives at these shares of truth and prediction.

    Where chance gives full agreement already, because truth and prediction are one and the same class, it is 0/0 and
    counts as 0; so does an empty matrix. scikit-learn gives NaN there, and the same as here everywhere else.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    total = counts.sum((-2, -1))
    hits, chance = total * np.trace(counts, axis1=-2, axis2=-1), (counts.sum(-1) * counts.sum(-2)).sum(-1)
    return _ratio(hits - chance, total**2 - chance)


def matthews(matrix: ArrayLike) -> NDArray[np.float64]:
    """Matthews' correlation coefficient of several classes (R_K of Gorodkin, 2004), -1..1.

    Where truth or prediction is one class throughout there is nothing to correlate, and it is 0, as in scikit-learn.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    truth, guessed, total = counts.sum(-1), counts.sum(-2), counts.sum((-2, -1))
    together = total * np.trace(counts, axis1=-2, axis2=-1) - (truth * guessed).sum(-1)
    alone = (total**2 - (truth**2).sum(-1)) * (total**2 - (guessed**2).sum(-1))
    return _ratio(together, np.sqrt(alone))


def absent_classes(matrix: ArrayLike) -> list[int]:
    """Indices of the classes that have no true sample, for the warning beside a score."""
    return np.flatnonzero(np.asarray(matrix).sum(-1) == 0).tolist()


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
