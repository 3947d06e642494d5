"""Several methods on one fold: the mean of their class scores, or an estimator on top of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from mer_lightning.descriptors.estimator import TrainingSide
from mer_lightning.protocols import split_inside
from mer_lightning.tasks.fold import FoldResult, predictions_of
from mer_lightning.types import DivergedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from mer_lightning.descriptors.estimator import Estimator
    from mer_lightning.settings import Component
    from mer_lightning.tasks.fold import Fit


@dataclass(frozen=True, slots=True)
class Trained:
    """One method of an ensemble.

    Attributes:
        train: Trains it on some folds of one table; for every fold one result per seed of its own.
        weight: How much its scores count in a mean.
    """

    train: Callable[[Sequence[Fit]], Sequence[Sequence[FoldResult]]]
    weight: float = 1.0

    def scores(self, fits: Sequence[Fit]) -> list[NDArray[np.float64]]:
        """Class scores of the test side of each fold, ``(n, C)``, the mean over its seeds."""
        return [
            np.mean([[prediction.scores for prediction in result.predictions] for result in results], 0)
            for results in self.train(fits)
        ]


def average(fit: Fit, members: Sequence[Trained]) -> FoldResult:
    """Train every member on a fold and predict by the weighted mean of their class scores.

    Args:
        fit: What every member is trained and tested on.
        members: One or more.

    Raises:
        DivergedError: Their weights or the mean of their scores are not finite.
    """
    start = time.perf_counter()
    scores = [member.scores([fit])[0] for member in members]
    weights = [member.weight for member in members]
    if not np.isfinite(sum(weights)):
        raise DivergedError(f"{fit.fold.held_out}: weights of the members, {weights}, have no finite sum")
    mean = np.average(scores, axis=0, weights=weights)
    return FoldResult(predictions_of(fit, torch.from_numpy(mean)), time.perf_counter() - start)


def stack(fit: Fit, members: Sequence[Trained], top: Component, *, inner_folds: int = 5) -> FoldResult:
    """Train every member on a fold and predict by an estimator that has learnt what their class scores are worth.

    It is fitted on the scores that training samples get in subject-grouped inner folds, from members that were trained
    without the sample's person. For that a table is made that does not hold the held-out subject at all.

    Args:
        fit: What every member is trained and tested on; where it has validation subjects, its inner folds have too.
        members: One or more.
        top: A class of ``mer_lightning.descriptors``; it sees ``(n, members * C)``, and chooses inside of that.
        inner_folds: Number of subject-grouped inner folds, whose split follows from the seed and the held-out subject.

    Raises:
        DataError: Too few training subjects to split.

    Source: Wolpert, Stacked Generalization, Neural Networks 5(2), 1992.
    """
    start = time.perf_counter()
    table, fold = fit.table, fit.fold
    inner = split_inside(fold, table.labels.cpu().numpy(), table.people, inner_folds, fit.seed, validate=fit.validates)
    seen = table.only(fold.known)
    parts = [replace(fit, table=seen, fold=part) for part in inner]
    scores = np.zeros((len(members), len(seen.keys), table.classes))
    for own, member in zip(scores, members, strict=True):
        for part, tested in zip(inner, member.scores(parts), strict=True):
            own[part.test] = tested
    built: Estimator = top.build("mer_lightning.descriptors")
    people = seen.people.at(np.arange(len(seen.keys), dtype=np.int32))
    built.fit(TrainingSide(_beside(scores), seen.labels.cpu().numpy(), people, table.classes))
    outer = np.stack([member.scores([fit])[0] for member in members])
    guessed = torch.from_numpy(built.predict(_beside(outer)))
    return FoldResult(predictions_of(fit, guessed), time.perf_counter() - start)


def _beside(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Class scores of several members ``(members, n, C)`` as one row per sample, ``(n, members * C)``."""
    return scores.transpose(1, 0, 2).reshape(scores.shape[1], -1).astype(np.float32)
