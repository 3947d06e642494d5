"""Train what is missing, record every fold the moment it ends, and go on when one fails."""

from __future__ import annotations

import importlib.metadata
import platform
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmark.audit import audit_fold
from benchmark.records import (
    DataProvenance,
    FoldRecord,
    PredictionRecord,
    RunManifest,
    RunRecord,
    confusion_of,
    save_run,
)
from mer_lightning.metrics import uf1

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rich.console import Console

    from benchmark.plan import Run
    from benchmark.recipe import Recipe
    from benchmark.records import Store
    from benchmark.tracking import Tracker
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold
    from mer_lightning.tasks import FoldResult

_PACKAGES = ("torch", "lightning", "torchmetrics", "kornia", "numpy", "scikit-learn")
_QUIET_SECONDS = 30.0


def run_all(
    runs: Sequence[Run],
    *,
    store: Store,
    records: Path,
    tracker: Tracker,
    console: Console,
    accelerator: str = "auto",
) -> list[RunRecord]:
    """Train the missing folds of every run and write its RunRecord.

    Args:
        runs: What to train, from ``make_plan``.
        store: Local records; folds that are in it are not trained again.
        records: Folder of the RunRecords.
        tracker: Told of each run that was worked on.
        console: Where progress is shown.
        accelerator: Lightning's accelerator.

    Returns:
        One RunRecord per run, in order; ``failed`` names the folds that ended in an error.
    """
    results: list[RunRecord] = []
    with FoldProgress(console, sum(len(run.folds) for run in runs)) as progress:
        for run in runs:
            missing = begin_run(run, store)
            progress.start_run(run, already=len(run.folds) - len(missing))
            for fold in missing:
                keep_fold(run, fold, store, partial(_train, run, fold, accelerator))
                progress.fold_done()
            record = make_record(run, store, accelerator)
            path = save_run(records, record)
            results.append(record)
            progress.finish_run(record)
            if missing and record.complete:
                tracker.publish(store.folder(run.id), path)
    return results


def begin_run(run: Run, store: Store) -> list[Fold]:
    """Make a run known to the store and say which of its folds are missing there."""
    store.begin(RunManifest(run=run.id, method=run.recipe.name, board=run.board, seed=run.seed, folds=len(run.folds)))
    done = store.folds(run.id)
    return [fold for fold in run.folds if fold.held_out not in done]


def keep_fold(run: Run, fold: Fold, store: Store, train: Callable[[], FoldRecord]) -> None:
    """Store what training a fold gives; an error in it is kept as well and goes no further."""
    try:
        record = train()
    except Exception as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        store.save_error(run.id, fold.held_out, message, traceback.format_exc())
        return
    store.save_fold(run.id, record)


def train_fold(recipe: Recipe, table: Table, fold: Fold, *, seed: int, accelerator: str) -> FoldResult:
    """Fit a recipe's network or estimator on one fold and predict its test side."""
    from mer_lightning.tasks import fit_estimator, train_network

    if recipe.estimator is not None:
        return fit_estimator(table, fold, recipe.estimator, seed=seed)
    assert recipe.model is not None and recipe.training is not None, "the plan has checked the recipe"
    return train_network(table, fold, recipe.model, recipe.training, seed=seed, accelerator=accelerator)


def fold_record(fold: Fold, table: Table, result: FoldResult) -> FoldRecord:
    """What is kept of a trained fold; ``table`` is what it was trained on."""
    return FoldRecord(
        held_out=fold.held_out,
        predictions=tuple(
            PredictionRecord(key=p.key, label=p.label, prediction=p.prediction, scores=p.scores)
            for p in result.predictions
        ),
        samples={"train": len(fold.train), "validation": len(fold.validation)},
        seconds=round(result.seconds, 4),
        curve=result.curve,
        epoch=result.epoch,
        audit=audit_fold(fold, table),
    )


def make_record(run: Run, store: Store, accelerator: str) -> RunRecord:
    """Sum up what the store holds of a run."""
    people = {fold.held_out for fold in run.folds}
    folds = [fold for fold in store.folds(run.id).values() if fold.held_out in people]
    return RunRecord(
        run=run.id,
        method=run.recipe.name,
        title=run.recipe.title,
        board=run.board,
        edition=run.edition,
        protocol=run.protocol.id,
        protocol_version=run.protocol.version,
        protocol_hash=run.protocol.hash,
        selection=run.protocol.selection,
        recipe_hash=run.recipe.hash,
        # what might be searched decides nothing here; a tuned recipe says what was searched
        recipe=run.recipe.model_dump(mode="json", exclude={"search_space"}),
        data=DataProvenance(
            source=run.dataset.name,
            release=run.dataset.release,
            synthetic=run.dataset.synthetic,
            choices=dict(run.dataset.choices),
            table_hash=run.labelled.table_hash,
            content_hash=run.table.content_hash,
        ),
        seed=run.seed,
        classes=run.protocol.scheme.classes,
        databases=tuple(run.protocol.counts),
        folds=len(run.folds),
        finished=len(folds),
        failed=tuple(sorted(set(store.errors(run.id)) & people)),
        confusion=confusion_of(folds, len(run.protocol.scheme.classes)),
        versions={"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in _PACKAGES},
        device=_device_name(accelerator),
        seconds=round(sum(fold.seconds for fold in folds), 3),
        audit={fold.held_out: fold.audit for fold in folds if fold.audit is not None},
    )


def _train(run: Run, fold: Fold, accelerator: str) -> FoldRecord:
    return fold_record(fold, run.table, train_fold(run.recipe, run.table, fold, seed=run.seed, accelerator=accelerator))


def _device_name(accelerator: str) -> str:
    import torch

    if accelerator in {"auto", "gpu", "cuda"} and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU ({platform.machine()}, threads: {torch.get_num_threads()})"


class FoldProgress:
    """A bar over folds with time left on a terminal; elsewhere a line per run and one every half minute."""

    def __init__(self, console: Console, folds: int) -> None:
        self._console, self._folds = console, folds
        self._count = self._trained = 0
        self._start = self._last_line = time.monotonic()
        self._name = ""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("folds"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=folds)

    def __enter__(self) -> FoldProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start_run(self, run: Run, already: int) -> None:
        """Name what comes next; ``already`` of its folds are in the store."""
        self._name = f"{run.recipe.name} · {run.board} · seed {run.seed}"
        self._count += already
        # folds that are already there took no time and must not make the rest look fast
        self._bar.update(self._task, description=self._name, total=self._folds - self._count + self._trained)

    def fold_done(self) -> None:
        """Count a fold that was trained."""
        self._count += 1
        self._trained += 1
        self._bar.advance(self._task)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line > _QUIET_SECONDS:
            self._last_line = now
            left = (now - self._start) / self._trained * (self._folds - self._count)
            self._console.print(f"{self._name}: {self._count}/{self._folds} folds, about {left / 60:.0f} min left")

    def finish_run(self, record: RunRecord) -> None:
        """Say what came out."""
        if record.complete:
            score = float(uf1(record.matrices().sum(0)))
            self._console.print(f"{self._name}: UF1 {score:.4f}, {record.folds} folds, {record.seconds:.0f} s")
        else:
            self._console.print(
                f"{self._name}: incomplete {record.finished}/{record.folds}, failed: {', '.join(record.failed)}"
            )
