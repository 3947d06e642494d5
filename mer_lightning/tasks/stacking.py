"""Several methods on one fold: the mean of their class scores, or an estimator on top of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from mer_lightning.descriptors.estimator import TrainingSide
from mer_lightning.protocols import split_inside
from mer_lightning.tasks.fold import FoldResult, predictions_of
from mer_lightning.types import person_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from mer_lightning.datamodules import Table
    from mer_lightning.descriptors.estimator import Estimator
    from mer_lightning.protocols import Fold
    from mer_lightning.settings import Component


@dataclass(frozen=True, slots=True)
class Trained:
    """One method of an ensemble.

    Attributes:
        train: Trains it on each of some folds of a table; for every fold one result per seed.
        weight: How much its scores count in a mean.
    """

    train: Callable[[Table, Sequence[Fold]], Sequence[Sequence[FoldResult]]]
    weight: float = 1.0

    def scores(self, table: Table, folds: Sequence[Fold]) -> list[NDArray[np.float64]]:
        """Class scores of the test side of each fold, ``(n, C)``, the mean over its seeds."""
        return [
            np.mean([[prediction.scores for prediction in result.predictions] for result in results], 0)
            for results in self.train(table, folds)
        ]


def average(table: Table, fold: Fold, members: Sequence[Trained]) -> FoldResult:
    """Train every member on a fold and predict by the weighted mean of their class scores.

    Args:
        table: All samples of the protocol.
        fold: What every member is trained and tested on.
        members: One or more.
    """
    start = time.perf_counter()
    scores = [member.scores(table, [fold])[0] for member in members]
    mean = np.average(scores, axis=0, weights=[member.weight for member in members])
    return FoldResult(predictions_of(table, fold, torch.from_numpy(mean)), time.perf_counter() - start)


def stack(
    table: Table, fold: Fold, members: Sequence[Trained], top: Component, *, inner_folds: int = 5, seed: int = 0
) -> FoldResult:
    """Train every member on a fold and predict by an estimator that has learnt what their class scores are worth.

    It is fitted on the scores that training samples get in subject-grouped inner folds, from members that were trained
    without the sample's person. For that a table is made that does not hold the held-out subject at all.

    Args:
        table: All samples of the protocol.
        fold: What every member is trained and tested on; where it has validation subjects, its inner folds have too.
        members: One or more.
        top: A class of ``mer_lightning.descriptors``; it sees ``(n, members * C)``, and chooses inside of that.
        inner_folds: Number of subject-grouped inner folds.
        seed: Seed of the run; the split follows from it and the held-out subject.

    Raises:
        DataError: Too few training subjects to split.

    Source: Wolpert, Stacked Generalization, Neural Networks 5(2), 1992.
    """
    start = time.perf_counter()
    seen = table.only((*fold.train, *fold.validation))
    labels = seen.labels.cpu().numpy()
    label_of = dict(zip(seen.keys, labels.tolist(), strict=True))
    inner = split_inside(fold, label_of, inner_folds, seed, validate=bool(fold.validation))
    scores = np.zeros((len(members), len(seen.keys), table.classes))
    for own, member in zip(scores, members, strict=True):
        for part, tested in zip(inner, member.scores(seen, inner), strict=True):
            own[seen.rows(part.test).cpu().numpy()] = tested
    people = [person_of(key) for key in seen.keys]
    built: Estimator = top.build("mer_lightning.descriptors")
    known = TrainingSide(_beside(scores), labels, people, table.classes)
    built.fit(known)
    outer = np.stack([member.scores(table, [fold])[0] for member in members])
    guessed = torch.from_numpy(built.predict(_beside(outer)))
    return FoldResult(predictions_of(table, fold, guessed), time.perf_counter() - start)


def _beside(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Class scores of several members ``(members, n, C)`` as one row per sample, ``(n, members * C)``."""
    return scores.transpose(1, 0, 2).reshape(scores.shape[1], -1).astype(np.float32)
