"""Train what a leak study needs: one honest run that also says what every candidate predicts, and fits gone wrong.

A ``Fold`` refuses a subject on two sides. A random split therefore gets a table in which the parts of the split stand
where subjects would: the habit is one of whoever made those parts, and no rule of the suite is loosened for it.
"""

from __future__ import annotations

import warnings
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

from benchmark.evidence.habits import (
    LeakRecord,
    best_common,
    best_of_last,
    confusion_by_person,
    oracle_per_fold,
    read_guesses,
)
from benchmark.methods.own_code import check_code
from benchmark.records.fold import FoldRecord, PredictionRecord, confusion_of
from benchmark.training.jobs import Job, Outcome, RunFold, failure, fold_record
from benchmark.training.ledger import begin_run
from benchmark.training.progress import FoldProgress
from benchmark.training.summary import make_record
from mer_lightning.augmentation.pool import at_position
from mer_lightning.protocols import Fold, fold_seed, rows_of
from mer_lightning.tasks import Fit, fit_estimator, train_network
from mer_lightning.tasks.every_epoch import DIGITS
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import Console

    from benchmark.evidence.habits import Kind
    from benchmark.methods.recipe import Recipe
    from benchmark.records.fold import Matrix
    from benchmark.records.store import Store
    from benchmark.training.executors import Executor
    from benchmark.training.plan import Run
    from mer_lightning.datamodules import Table
    from mer_lightning.tasks import FoldResult

PARTS = 10
"""Parts of a random split."""
_COPIES = (0, 2, 4, 5, 7)
"""Positions of ``mer_lightning.augmentation.pool``: as it is, and one pixel up, left, right and down."""


@dataclass(frozen=True, slots=True)
class HabitFit:
    """One fit of its own: what on, and what each tested key of it is called in the protocol."""

    fit: Fit
    key_of: Mapping[str, str]


def study(run: Run, *, store: Store, console: Console, executor: Executor) -> LeakRecord:
    """Train what is missing of a study and sum it up.

    Args:
        run: The honest run. Networks are trained once, with what every epoch predicts; estimators are fitted once per
            fold as they are, once per value of C where they have one, and once per fold of every other habit.
        store: Local records of studies; folds that are in it are not trained again.
        console: Where progress is shown.
        executor: Where the honest run is trained; does ``study_job``.

    Raises:
        DataError: The method cannot be studied, or a fold failed; the others are kept.
    """
    if run.recipe.ensemble is not None:
        raise DataError(f"{run.recipe.name}: expected a method by itself; study {run.recipe.names}")
    if run.recipe.transfer is not None:
        raise DataError(f"{run.recipe.name}: expected a method without pre-training")
    if run.protocol.tested:
        raise DataError(f"{run.protocol.id}: expected a protocol that holds out subjects or databases in turn")
    if run.table.classes > len(DIGITS):
        raise DataError(f"{run.protocol.id}: expected at most {len(DIGITS)} classes")
    kind: Kind | None = "epoch" if run.recipe.training else "C" if _costs(run.recipe) else None
    with FoldProgress(console, len(run.folds)) as progress:
        begin_run(run, store)
        done = store.folds(run.id)
        # a fold that was trained without its candidates is not what is asked for
        missing = [f for f in run.folds if f.held_out not in done or (kind and not done[f.held_out].candidates)]
        progress.start([run], already=len(run.folds) - len(missing))
        jobs = (Job(run.recipe, (RunFold(run.id, run.seed, fold),)) for fold in missing)
        # closed before anything else happens, so that no worker outlives an error
        with closing(executor.run(iter(jobs), {run.id: run.planned})) as ended:
            for _, trained in ended:
                for outcome in trained:
                    _keep(run, outcome, store)
                    progress.fold_done()
        honest = make_record(run, store, executor.accelerator, executor.threads)
        progress.finish_run(honest)
    if not honest.complete:
        raise DataError(f"{run.id}: folds failed: {', '.join(honest.failed)} (see {store.folder(run.id)})")
    outcomes: dict[str, dict[str, Matrix]] = {}
    guesses = read_guesses(store.folds(run.id).values()) if kind else []
    if kind:
        classes = run.table.classes
        outcomes["test_oracle"] = confusion_by_person(guesses, oracle_per_fold(guesses), classes)
        outcomes["best_common"] = confusion_by_person(guesses, best_common(guesses, classes)[1], classes)
    if run.recipe.estimator is not None:
        outcomes |= {name: _fit_all(run, name, fits, store, console) for name, fits in FITS.items()}
    return LeakRecord(
        honest=honest,
        candidates=kind,
        number=guesses[0].guesses.shape[1] if kind else 0,
        outcomes=outcomes,
        best_of=best_of_last(guesses, run.table.classes) if kind == "epoch" else (),
    )


def study_job(job: Job, table: Table, accelerator: str) -> tuple[Outcome, ...]:
    """Train the folds of a job and keep what every candidate predicts; an error in one goes no further."""
    outcomes: list[Outcome] = []
    for fit in job.fits(table, accelerator):
        held_out = fit.fold.held_out
        try:
            result = _train_candidates(job.recipe, fit)
        except Exception as error:
            outcomes.append(Outcome(held_out, failure(error)))
        else:
            outcomes.append(Outcome(held_out, fold_record(fit, result)))
    return tuple(outcomes)


def _keep(run: Run, outcome: Outcome, store: Store) -> None:
    if isinstance(outcome.result, FoldRecord):
        store.save_fold(run.id, outcome.result)
    else:
        store.save_error(run.id, outcome.held_out, outcome.result.message, outcome.result.details)


def _costs(recipe: Recipe) -> tuple[float, ...]:
    return tuple(recipe.estimator.arguments.get("costs", ())) if recipe.estimator else ()


def _train_candidates(recipe: Recipe, fit: Fit) -> FoldResult:
    check_code(recipe.outside)
    if recipe.estimator is None:
        assert recipe.model is not None and recipe.training is not None, "the plan has checked the recipe"
        return train_network(replace(fit, every_epoch=True), recipe.model, recipe.training)
    result = fit_estimator(fit, recipe.estimator)
    columns: list[FoldResult] = []
    for cost in _costs(recipe):
        alone = recipe.with_values({"estimator.arguments.costs": [cost]}).estimator
        assert alone is not None
        columns.append(fit_estimator(fit, alone))
    rows = zip(*([DIGITS[p.prediction] for p in column.predictions] for column in columns), strict=True)
    return replace(result, candidates=tuple(map("".join, rows)))


def _fit_all(
    run: Run, name: str, fits: Callable[[Run], Iterator[HabitFit]], store: Store, console: Console
) -> dict[str, Matrix]:
    """Confusion matrix of each subject under a habit, or its honest counterpart, that needs fits of its own."""
    estimator = run.recipe.estimator
    assert estimator is not None
    place = f"{run.id}--{name}"
    done = store.folds(place)
    console.print(f"{run.recipe.name} · {run.board} · {name}" + (f": {len(done)} folds are there" if done else ""))
    for one in fits(run):
        fold = one.fit.fold
        if fold.held_out not in done:
            result = fit_estimator(one.fit, estimator)
            record = FoldRecord(
                held_out=fold.held_out,
                predictions=tuple(
                    PredictionRecord(key=one.key_of[p.key], label=p.label, prediction=p.prediction)
                    for p in result.predictions
                ),
                samples={"train": len(fold.known), "validation": 0},
                seconds=round(result.seconds, 4),
            )
            store.save_fold(place, record)
    return confusion_of(store.folds(place).values(), run.table.classes)


def _scaled_apart(run: Run) -> Iterator[HabitFit]:
    """Every fold standardised by its training side, as it should be."""
    for fold in run.folds:
        table = _standardised(run.table, run.table.rows(np.concatenate((fold.train, fold.validation))))
        yield _as_it_is(table, fold)


def _scaled_together(run: Run) -> Iterator[HabitFit]:
    table = _standardised(run.table, torch.arange(len(run.table.keys)))
    for fold in run.folds:
        yield _as_it_is(table, fold)


def _as_it_is(table: Table, fold: Fold) -> HabitFit:
    return HabitFit(Fit(table, fold), {key: key for key in table.keys})


def _random_split(run: Run) -> Iterator[HabitFit]:
    yield from _random_parts(run, (0,), "random_split")


def _augmented_inside(run: Run) -> Iterator[HabitFit]:
    """Training sides with their shifted copies, as it should be."""
    originals, places = len(run.table.keys), np.arange(len(_COPIES), dtype=np.int32)
    # the copies of a row behind each other
    order = np.arange(originals, dtype=np.int32)[:, None] + originals * places
    table = _with_copies(run.table, _COPIES).only(order.flatten())
    key_of = {f"{key}~{_COPIES[0]}": key for key in run.table.keys}
    for fold in run.folds:
        test, validation = (side[:, None] * len(places) + places for side in (fold.test, fold.validation))
        copied = Fold(fold.held_out, table.people, test[:, 0], validation.flatten(), test[:, 1:].flatten())
        yield HabitFit(Fit(table, copied), key_of)


def _augmented_before_split(run: Run) -> Iterator[HabitFit]:
    yield from _random_parts(run, _COPIES, "augmented_before_split")


FITS: dict[str, Callable[[Run], Iterator[HabitFit]]] = {
    "scaled_apart": _scaled_apart,
    "scaled_together": _scaled_together,
    "random_split": _random_split,
    "augmented_inside": _augmented_inside,
    "augmented_before_split": _augmented_before_split,
}
"""Predictions that need fits of their own, by outcome; for estimators, whose fits take seconds."""


def _standardised(table: Table, rows: torch.Tensor) -> Table:
    """Every input less the mean of some rows and divided by their standard deviation (by 1 where it is 0)."""
    seen = table.inputs[rows].double()
    deviation = seen.std(0, correction=0)
    deviation[deviation == 0] = 1
    return replace(table, inputs=((table.inputs.double() - seen.mean(0)) / deviation).to(table.inputs.dtype))


def _with_copies(table: Table, positions: Sequence[int]) -> Table:
    """The table once per position, one pixel away from its place; copy i of a row stands at ``row + i * N``."""
    moved = [at_position(table.inputs, torch.full((len(table.keys),), place), 1) for place in positions]
    return replace(
        table,
        keys=tuple(f"{key}~{place}" for place in positions for key in table.keys),
        inputs=torch.cat(moved),
        labels=table.labels.repeat(len(positions)),
        contents=tuple(bytes([place]) + content for place in positions for content in table.contents),
    )


def _random_parts(run: Run, positions: Sequence[int], name: str) -> Iterator[HabitFit]:
    """Stratified random parts of all clips and copies, where every original is tested once."""
    table, originals = _with_copies(run.table, positions), len(run.table.keys)
    labels = table.labels.numpy()
    parts = min(PARTS, int(np.bincount(run.table.labels.numpy()).max()))
    splitter = StratifiedKFold(parts, shuffle=True, random_state=fold_seed(run.seed, name))
    part_of = np.zeros(len(labels), np.int64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        for part, (_, rows) in enumerate(splitter.split(labels, labels)):
            part_of[rows] = part
    keys = tuple(f"random/part{part + 1:02d}/{row}" for row, part in enumerate(part_of.tolist()))
    table = replace(table, keys=keys)
    for part in range(parts):
        own = rows_of(part_of == part)
        tested, copies = own[own < originals], own[own >= originals]
        if len(tested):
            fold = Fold(f"random/part{part + 1:02d}", table.people, tested, unused=copies)
            yield HabitFit(Fit(table, fold), dict(zip(keys, run.table.keys, strict=False)))
