"""What a trial is worth: a recipe trained on inner folds, their predictions pooled; and who looks on meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from benchmark.methods.own_code import check_code
from benchmark.training.jobs import is_out_of_memory, pays_together, train_fold
from mer_lightning.metrics import confusion_matrix, uf1
from mer_lightning.types import DivergedError, person_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lightning import Callback

    from benchmark.methods.recipe import Recipe
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold
    from mer_lightning.tasks import AtOnce, Fit, FoldResult
    from mer_lightning.types import Prediction


class Judge(Protocol):
    """Who is told how a trial goes; a trial of Optuna."""

    def report(self, value: float, step: int) -> None:
        """Take a value of the trial."""
        ...

    def should_prune(self) -> bool:
        """True when the trial is not worth going on with."""
        ...


class Watch:
    """Looks at a trial while it is trained: counts epochs, reports, and ends it where its judge says so.

    Args:
        table: The samples that the trial sees.
        judge: Who decides.
        by_subject: After each inner fold, report the class-balanced share of right clips of each of its subjects, under
            the subject's number: trials are compared on the same subjects.
        every: Report the UF1 of what has been tested so far whenever so many epochs have passed, counted over all inner
            folds; 0 never does.
    """

    def __init__(self, table: Table, judge: Judge, *, by_subject: bool = False, every: int = 0) -> None:
        self._table, self._judge = table, judge
        self._by_subject, self._every = by_subject, every
        counts = torch.bincount(table.labels.cpu(), minlength=table.classes).clamp(min=1)
        self._weights = (len(table.keys) / table.classes / counts).tolist()
        self._number = {person: n for n, person in enumerate(table.people.names)}
        self._before, self._now = 0, 0
        self._labels: list[int] = []
        self._guesses: list[int] = []

    @property
    def epochs(self) -> int:
        """Epochs that the trial has trained, all inner folds together."""
        return self._before + self._now

    @property
    def in_turn(self) -> bool:
        """True where inner folds must be trained one after another, because something is reported between them."""
        return self._by_subject

    def callbacks(self, folds: Sequence[Fold]) -> tuple[Callback, ...]:
        """What looks on while inner folds are trained, one alone or several as one."""
        if not self._every:
            return ()
        from mer_lightning.tasks import AtEpochs

        rows = self._table.rows(np.concatenate([fold.test for fold in folds]))
        labels = self._table.labels[rows].tolist()

        def wanted(epoch: int) -> bool:
            self._now = epoch * len(folds)
            return self.epochs // self._every > (self.epochs - len(folds)) // self._every

        def tell(_: int, guesses: Sequence[int]) -> None:
            matrix = confusion_matrix([*self._labels, *labels], [*self._guesses, *guesses], self._table.classes)
            self._judge.report(float(uf1(matrix)), self.epochs)
            self._end_if_hopeless()

        return (AtEpochs(self._table.classes, wanted, tell),)

    def fold_done(self, result: FoldResult, *, last: bool) -> None:
        """Take the result of an inner fold.

        Raises:
            TrialPruned: The judge has seen enough, and folds are left.
        """
        self._before += len(result.curve.get("train_loss", ()))
        self._now = 0
        self._labels += [p.label for p in result.predictions]
        self._guesses += [p.prediction for p in result.predictions]
        if self._by_subject:
            for number, share in self._shares(result.predictions).items():
                self._judge.report(share, number)
            if not last:
                self._end_if_hopeless()

    def _shares(self, predictions: Sequence[Prediction]) -> dict[int, float]:
        right: dict[int, list[float]] = {}
        for p in predictions:
            right.setdefault(self._number[person_of(p.key)], []).append(
                self._weights[p.label] * (p.label == p.prediction)
            )
        return {number: sum(values) / len(values) for number, values in sorted(right.items())}

    def _end_if_hopeless(self) -> None:
        if self._judge.should_prune():
            from optuna import TrialPruned

            raise TrialPruned


def inner_uf1(recipe: Recipe, fits: Sequence[Fit], watch: Watch | None = None, *, at_once: bool | None = None) -> float:
    """Train a recipe on every inner fold and pool the predictions: the value of a trial.

    Args:
        recipe: With the values of the trial.
        fits: One per inner fold, of one table: the samples that the trial may see and no others.
        watch: Looks on.
        at_once: Train all folds of a network as one, where the model allows; None does so on a GPU.
    """
    table = fits[0].table
    if at_once is None:
        at_once = pays_together(fits[0].accelerator)
    parts: list[tuple[Sequence[Fit], AtOnce | None]] = [([fit], None) for fit in fits]
    if at_once and recipe.model is not None and not (watch and watch.in_turn):
        parts = _as_one(recipe, fits) or parts
    results: list[FoldResult] = []
    for part, how in parts:
        try:
            for result in _train_folds(recipe, part, how, watch):
                results.append(result)
                if watch:
                    watch.fold_done(result, last=len(results) == len(fits))
        except DivergedError:
            # an answer like others: the trial counts, and is not tried again when the search goes on
            return 0.0
    predictions = [prediction for result in results for prediction in result.predictions]
    labels, guesses = [p.label for p in predictions], [p.prediction for p in predictions]
    return float(uf1(confusion_matrix(labels, guesses, table.classes)))


def _as_one(recipe: Recipe, fits: Sequence[Fit]) -> list[tuple[Sequence[Fit], AtOnce | None]]:
    """Parts of the folds that are trained as one; none where the model does not allow it."""
    from mer_lightning.tasks import examine, places_of

    assert recipe.model is not None and recipe.training is not None, "the plan has checked the recipe"
    table = fits[0].table
    how = examine(table, recipe.model, recipe.training)
    if how.reason:
        return []
    sets = places_of(table, [fit.fold for fit in fits], recipe.training, len(fits))
    return [([fits[place] for place in places], how) for places in sets]


def _train_folds(recipe: Recipe, fits: Sequence[Fit], how: AtOnce | None, watch: Watch | None) -> Iterator[FoldResult]:
    """Results of folds, trained as one where ``how`` says so and the memory suffices, else one after another."""
    from mer_lightning.tasks import train_networks

    def watched(*some: Fit) -> list[Fit]:
        looking = watch.callbacks([fit.fold for fit in some]) if watch else ()
        return [replace(fit, callbacks=looking) for fit in some]

    if how is not None and len(fits) > 1:
        assert recipe.model is not None and recipe.training is not None, "the plan has checked the recipe"
        try:
            check_code(recipe.outside)
            yield from train_networks(watched(*fits), recipe.model, recipe.training, how)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        else:
            return
    for fit in fits:
        yield train_fold(recipe, *watched(fit))
