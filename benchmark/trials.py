"""What a trial is worth: a recipe trained on inner folds, their predictions pooled; and who looks on meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch

from benchmark.jobs import pays_together, train_fold, train_together
from mer_lightning.metrics import confusion_matrix, uf1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning import Callback

    from benchmark.recipe import Recipe
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold
    from mer_lightning.tasks import FoldResult, Start
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
        every: Report the UF1 of what has been tested so far whenever so many epochs have passed; 0 never does.
    """

    def __init__(self, table: Table, judge: Judge, *, by_subject: bool = False, every: int = 0) -> None:
        self._table, self._judge = table, judge
        self._by_subject, self._every = by_subject, every
        counts = torch.bincount(table.labels.cpu(), minlength=table.classes).clamp(min=1)
        self._weights = (len(table.keys) / table.classes / counts).tolist()
        self._number = {person: n for n, person in enumerate(sorted({_person(key) for key in table.keys}))}
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
        return self._by_subject or self._every > 0

    def callbacks(self, fold: Fold) -> tuple[Callback, ...]:
        """What looks on while an inner fold is trained."""
        if not self._every:
            return ()
        from mer_lightning.tasks import AtEpochs

        labels = self._table.labels[self._table.rows(fold.test)].tolist()

        def tell(epoch: int, guesses: Sequence[int]) -> None:
            self._now = epoch
            if (self.epochs) % self._every == 0:
                matrix = confusion_matrix([*self._labels, *labels], [*self._guesses, *guesses], self._table.classes)
                self._judge.report(float(uf1(matrix)), self.epochs)
                self._end_if_hopeless()

        first = self._every - self._before % self._every
        return (AtEpochs(self._table.classes, lambda epoch: (epoch - first) % self._every == 0, tell),)

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
            right.setdefault(self._number[_person(p.key)], []).append(
                self._weights[p.label] * (p.label == p.prediction)
            )
        return {number: sum(values) / len(values) for number, values in sorted(right.items())}

    def _end_if_hopeless(self) -> None:
        if self._judge.should_prune():
            from optuna import TrialPruned

            raise TrialPruned


def inner_uf1(
    recipe: Recipe,
    table: Table,
    folds: Sequence[Fold],
    *,
    seed: int,
    accelerator: str,
    start: Start | None = None,
    watch: Watch | None = None,
    at_once: bool | None = None,
) -> float:
    """Train a recipe on every inner fold and pool the predictions: the value of a trial.

    Args:
        recipe: With the values of the trial.
        table: The samples that the trial may see and no others.
        folds: Splits of them.
        seed: Seed of the run, the same for all trials.
        accelerator: Lightning's accelerator.
        start: Pre-trained weights that every fold starts from.
        watch: Looks on.
        at_once: Train all folds of a network as one, where the model allows; None does so on a GPU.
    """
    results: list[FoldResult] = []
    if at_once is None:
        at_once = pays_together(accelerator)
    if at_once and not (watch and watch.in_turn):
        together = train_together(recipe, table, folds, [seed], accelerator=accelerator, start=start)
        results = [one for (one,) in together]
        for place, result in enumerate(results, start=1):
            if watch:
                watch.fold_done(result, last=place == len(folds))
    if not results:
        for place, fold in enumerate(folds, start=1):
            looking = watch.callbacks(fold) if watch else ()
            result = train_fold(recipe, table, fold, seed=seed, accelerator=accelerator, start=start, callbacks=looking)
            results.append(result)
            if watch:
                watch.fold_done(result, last=place == len(folds))
    predictions = [prediction for result in results for prediction in result.predictions]
    labels, guesses = [p.label for p in predictions], [p.prediction for p in predictions]
    return float(uf1(confusion_matrix(labels, guesses, table.classes)))


def _person(key: str) -> str:
    return key.rsplit("/", 1)[0]
