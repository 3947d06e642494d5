"""Learning curves of a run: the mean over its folds, and few enough points of it to be committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from mer_lightning.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmark.records.fold import FoldRecord

POINTS = 60


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
    chosen = np.unique(np.linspace(0, len(points) - 1, min(POINTS, len(points))).round().astype(int)).tolist()
    # a curve that some folds were not measured on is not comparable with the others
    names = [name for name in points[0] if all(np.isfinite(point[name]) for point in points)]
    return MeanCurve(
        epochs=tuple(i + 1 for i in chosen),
        values={name: tuple(round(points[i][name], 4) for i in chosen) for name in names},
    )
