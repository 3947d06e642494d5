"""How a run learnt: the mean curve over its folds, and what S2's Table 3 and Figure 5 say of single ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from benchmark.records.fold import Share  # noqa: TC001 - of a field
from mer_lightning.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmark.records.fold import FoldRecord

POINTS = 60
STEADY = 0.05
"""What training accuracy may still move by once it has converged."""
_DRAWN = (6 / 26, 16 / 26)
"""Folds whose curves are kept, as parts of all: those that S2's Figure 5 draws of its 26."""
_DIGITS = 4


class MeanCurve(Settings):
    """Learning curves averaged over folds.

    Attributes:
        epochs: From 1, in order; the first and the last are always in it.
        values: By name (``train_loss`` ...), one per epoch.
    """

    epochs: tuple[int, ...] = Field(min_length=1)
    values: dict[str, tuple[float, ...]]

    @model_validator(mode="after")
    def _check(self) -> MeanCurve:
        for name, values in self.values.items():
            if len(values) != len(self.epochs):
                raise ValueError(f"values.{name}: expected {len(self.epochs)}, one per epoch; found {len(values)}")
        return self


class FoldCurve(Settings):
    """Training accuracy of one fold.

    Attributes:
        fold: Counted from 1, in the order of whom they hold out.
        epochs: From 1, in order.
        accuracy: One per epoch, 0..1.
    """

    fold: int = Field(gt=0)
    epochs: tuple[int, ...] = Field(min_length=1)
    accuracy: tuple[Share, ...]

    @model_validator(mode="after")
    def _check(self) -> FoldCurve:
        if len(self.accuracy) != len(self.epochs):
            raise ValueError(f"accuracy: expected {len(self.epochs)}, one per epoch; found {len(self.accuracy)}")
        return self


class Learning(Settings):
    """How fast and how far the folds of a run learnt, as S2's Table 3 counts it; means over folds.

    Attributes:
        epochs: Epochs to converge, see ``converged``.
        accuracy: Training accuracy of the last epoch, 0..1.
        loss: Training loss of the last epoch; None where one was not finite.
        folds: Two folds whose curves are drawn, as S2's Figure 5 draws the 6th and the 16th of 26.
    """

    epochs: float = Field(ge=1)
    accuracy: Share
    loss: float | None
    folds: tuple[FoldCurve, ...]


def converged(accuracy: Sequence[float]) -> int:
    """The epoch, from 1, from which on training accuracy stays within ``STEADY`` of where it ends.

    The paper says "tends to be stable" without a measure. Where it ends is the mean of the last quarter of its epochs,
    so that one swing of the last epoch does not decide.

    Args:
        accuracy: One per epoch, 0..1.
    """
    values = np.asarray(accuracy, dtype=float)
    end = values[-max(1, len(values) // 4) :].mean()
    # rounding must not decide what lies at the edge
    away = np.flatnonzero(np.abs(values - end) > STEADY + 1e-9)
    return min(int(away[-1]) + 2, len(values)) if len(away) else 1


def learning_of(folds: Sequence[FoldRecord]) -> Learning | None:
    """Sum up how the folds of a run learnt; None where a fold has no training accuracy.

    Args:
        folds: All that are in.
    """
    ordered = sorted(folds, key=lambda fold: fold.held_out)
    curves = [fold.curve.get("train_accuracy", ()) for fold in ordered]
    if not curves or not all(len(curve) and np.isfinite(curve).all() for curve in curves):
        return None
    losses = [fold.curve.get("train_loss", (np.nan,))[-1] for fold in ordered]
    loss = float(np.mean(losses))
    drawn = sorted({min(max(1, round(part * len(curves))), len(curves)) for part in _DRAWN})
    return Learning(
        epochs=round(float(np.mean([converged(curve) for curve in curves])), _DIGITS),
        accuracy=round(float(np.mean([curve[-1] for curve in curves])), _DIGITS),
        loss=round(loss, _DIGITS) if np.isfinite(loss) else None,
        folds=tuple(_fold_curve(number, curves[number - 1]) for number in drawn),
    )


def average_curves(folds: Sequence[FoldRecord]) -> list[dict[str, float]]:
    """Mean over folds of every curve, one dictionary per epoch; a fold that stopped early counts while it ran."""
    names = sorted({name for fold in folds for name in fold.curve})
    length = max((len(fold.curve[name]) for fold in folds for name in fold.curve), default=0)
    points: list[dict[str, float]] = [{} for _ in range(length)]
    for name in names:
        padded = np.full((len(folds), length), np.nan)
        for row, fold in zip(padded, folds, strict=True):
            values = fold.curve.get(name, ())
            row[: len(values)] = values
        for point, value in zip(points, np.nanmean(padded, axis=0), strict=True):
            point[name] = float(value)
    return points


def mean_curve(folds: Sequence[FoldRecord]) -> MeanCurve | None:
    """The averaged curves at ``POINTS`` evenly spaced epochs, to four digits; None for methods without epochs."""
    points = average_curves(folds)
    if not points:
        return None
    chosen = _chosen(len(points))
    # a curve that some folds were not measured on is not comparable with the others
    names = [name for name in points[0] if all(np.isfinite(point[name]) for point in points)]
    return MeanCurve(
        epochs=tuple(i + 1 for i in chosen),
        values={name: tuple(round(points[i][name], _DIGITS) for i in chosen) for name in names},
    )


def _chosen(length: int) -> list[int]:
    """At most ``POINTS`` evenly spaced places, the first and the last among them."""
    return np.unique(np.linspace(0, length - 1, min(POINTS, length)).round().astype(int)).tolist()


def _fold_curve(number: int, accuracy: Sequence[float]) -> FoldCurve:
    chosen = _chosen(len(accuracy))
    return FoldCurve(
        fold=number,
        epochs=tuple(i + 1 for i in chosen),
        accuracy=tuple(round(accuracy[i], _DIGITS) for i in chosen),
    )
