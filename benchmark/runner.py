"""Train what is missing, record every fold the moment it ends, and go on when one fails."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmark.curves import mean_curve
from benchmark.jobs import Job
from benchmark.locks import FoldLocks
from benchmark.pretraining import prepare_start
from benchmark.records import DataProvenance, FoldRecord, RunRecord, confusion_of, save_run, tuning_of
from benchmark.store import RunManifest
from mer_lightning.metrics import uf1

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from benchmark.executors import Executor
    from benchmark.jobs import Outcome
    from benchmark.plan import Run
    from benchmark.recipe import Recipe
    from benchmark.store import Store
    from benchmark.tracking import Tracker
    from mer_lightning.protocols import Fold
    from mer_lightning.tasks import AtOnce, Start

_PACKAGES = ("torch", "lightning", "torchmetrics", "kornia", "numpy", "scikit-learn")
_QUIET_SECONDS = 30.0
_UNRECORDED = {"search_space"}
"""What might be searched decides nothing in a record; a tuned recipe says what was searched."""


def run_all(
    runs: Sequence[Run],
    *,
    store: Store,
    records: Path,
    tracker: Tracker,
    console: Console,
    executor: Executor,
    at_once: int | None = None,
) -> list[RunRecord]:
    """Train the missing folds of every run and write its RunRecord.

    Args:
        runs: What to train, from ``make_plan``.
        store: Local records; folds that are in it are not trained again.
        records: Folder of the RunRecords.
        tracker: Told of each run that was worked on.
        console: Where progress is shown.
        executor: Where folds are trained.
        at_once: Folds of one network that are trained as one; None takes what fits on a GPU, and 1 on a CPU.

    Returns:
        One RunRecord per run, in order; ``failed`` names the folds that ended in an error.

    Raises:
        DataError: The store cannot be written.
    """
    with FoldProgress(console, sum(len(run.folds) for run in runs)) as progress:
        work = _Work(runs, store, records, tracker, progress, executor, at_once)
        # a generator that is dropped with an exception under way would go on until somebody collects it
        with closing(work), closing(executor.run(work.jobs(), {run.id: run.table for run in runs})) as ended:
            for job, outcomes in ended:
                work.keep(job, outcomes)
    return [work.results[run.id] for run in runs]


class _Work:
    """What is left to do of some runs, and what has become of it."""

    def __init__(
        self,
        runs: Sequence[Run],
        store: Store,
        records: Path,
        tracker: Tracker,
        progress: FoldProgress,
        executor: Executor,
        at_once: int | None,
    ) -> None:
        self._runs = {run.id: run for run in runs}
        self._store, self._records, self._tracker, self._progress = store, records, tracker, progress
        self._executor, self._at_once = executor, at_once
        self._locks: dict[str, FoldLocks] = {}
        self._left: dict[str, set[str]] = {}
        self._trained: set[str] = set()
        self._notes: set[str] = set()
        self.results: dict[str, RunRecord] = {}

    def jobs(self) -> Iterator[Job | None]:
        """Every fold that is missing and that nobody else trains; at the end, what others left."""
        waiting: list[tuple[Run, Fold, Start | None]] = []
        accelerator = self._executor.accelerator
        for run in self._runs.values():
            missing = begin_run(run, self._store)
            self._progress.start_run(run, already=len(run.folds) - len(missing))
            self._left[run.id] = {fold.held_out for fold in missing}
            self._locks[run.id] = FoldLocks(self._store.folder(run.id), [fold.held_out for fold in run.folds])
            how = self._how(run, missing) if missing else None
            start = prepare_start(run, self._store, self._progress.say, accelerator=accelerator) if missing else None
            for part in _divide(missing, run, how, self._executor, self._at_once):
                mine = [fold for fold in part if self._take(run, fold)]
                theirs = [fold for fold in part if fold not in mine and fold.held_out in self._left[run.id]]
                waiting += [(run, fold, start) for fold in theirs]
                if mine:
                    yield Job(run.id, run.recipe, run.seed, tuple(mine), how, start)
            self._finish_if_done(run)
        while waiting:
            for run, fold, start in tuple(waiting):
                if self._take(run, fold):
                    yield Job(run.id, run.recipe, run.seed, (fold,), start=start)
                elif fold.held_out in self._left[run.id]:
                    continue
                waiting.remove((run, fold, start))
                self._finish_if_done(run)
            if waiting:
                yield None

    def keep(self, job: Job, outcomes: Sequence[Outcome]) -> None:
        """Store what became of a job."""
        run = self._runs[job.run]
        for outcome in outcomes:
            if isinstance(outcome.result, FoldRecord):
                self._store.save_fold(run.id, outcome.result)
            else:
                self._store.save_error(run.id, outcome.held_out, outcome.result.message, outcome.result.details)
            if outcome.note:
                self._note(run, outcome.note)
            self._trained.add(run.id)
            self._settle(run, outcome.held_out)
            self._progress.fold_done()
        self._finish_if_done(run)

    def close(self) -> None:
        """Give every fold back."""
        for locks in self._locks.values():
            locks.close()

    def _take(self, run: Run, fold: Fold) -> bool:
        if not self._locks[run.id].take(fold.held_out):
            return False
        if self._store.fold(run.id, fold.held_out) is None:
            return True
        # somebody finished it since this process looked
        self._settle(run, fold.held_out)
        self._progress.fold_found()
        return False

    def _settle(self, run: Run, held_out: str) -> None:
        self._locks[run.id].release(held_out)
        self._left[run.id].discard(held_out)

    def _finish_if_done(self, run: Run) -> None:
        if self._left[run.id] or run.id in self.results:
            return
        record = make_record(run, self._store, self._executor.accelerator, self._executor.threads)
        path = save_run(self._records, record)
        self.results[run.id] = record
        self._progress.finish_run(record)
        if run.id in self._trained and record.complete:
            self._tracker.publish(self._store.folder(run.id), path)

    def _how(self, run: Run, missing: Sequence[Fold]) -> AtOnce | None:
        """How the folds of a run can be trained at once; None where they are not."""
        wanted = self._at_once != 1 and len(missing) > 1
        if run.recipe.model is None or run.recipe.training is None or not wanted:
            return None
        if self._at_once is None and not _on_cuda(self._executor.accelerator):
            return None
        from mer_lightning.tasks import examine

        how = examine(run.table, run.recipe.model, run.recipe.training)
        if how.reason:
            self._note(run, f"fold by fold: {how.reason}")
            return None
        return how

    def _note(self, run: Run, note: str) -> None:
        line = f"{run.recipe.name} · {run.board}: {note}"
        if line not in self._notes:
            self._notes.add(line)
            self._progress.say(line)


def begin_run(run: Run, store: Store) -> list[Fold]:
    """Make a run known to the store and say which of its folds are missing there."""
    store.begin(RunManifest(run=run.id, method=run.recipe.name, board=run.board, seed=run.seed, folds=len(run.folds)))
    done = store.folds(run.id)
    return [fold for fold in run.folds if fold.held_out not in done]


def make_record(run: Run, store: Store, accelerator: str, threads: int | None = None) -> RunRecord:
    """Sum up what the store holds of a run."""
    people = {fold.held_out for fold in run.folds}
    folds = [fold for fold in store.folds(run.id).values() if fold.held_out in people]
    confusion = confusion_of(folds, len(run.protocol.scheme.classes))
    whole = len(folds) == len(run.folds)
    tuning = tuning_of(folds, float(uf1(np.array(list(confusion.values())).sum(0))) if whole else None)
    packages = _PACKAGES if tuning is None else (*_PACKAGES, "optuna")
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
        recipe=run.recipe.model_dump(mode="json", exclude=_unsaid(run.recipe)),
        data=DataProvenance(
            source=run.dataset.name,
            release=run.dataset.release,
            synthetic=run.dataset.synthetic,
            choices=dict(run.dataset.choices),
            table_hash=run.labelled.table_hash,
            content_hash=run.table.content_hash,
        ),
        pretraining=store.pretraining(run.id),
        seed=run.seed,
        classes=run.protocol.scheme.classes,
        databases=tuple(run.protocol.counts),
        folds=len(run.folds),
        finished=len(folds),
        failed=tuple(sorted(set(store.errors(run.id)) & people)),
        confusion=confusion,
        versions={"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages},
        device=_device_name(accelerator, threads),
        seconds=round(sum(fold.seconds for fold in folds), 3),
        tuning=tuning,
        audit={fold.held_out: fold.audit for fold in folds if fold.audit is not None},
        curve=mean_curve(folds),
    )


def _unsaid(recipe: Recipe) -> set[str]:
    optional = {"unranked", "chosen_on"}
    return _UNRECORDED | {name for name in optional if not getattr(recipe, name)}


def _divide(
    missing: Sequence[Fold], run: Run, how: AtOnce | None, executor: Executor, at_once: int | None
) -> list[list[Fold]]:
    """Parts that are trained as one."""
    if how is None:
        return [[fold] for fold in missing]
    from mer_lightning.tasks import replicas_that_fit, sets_of

    model, training = run.recipe.model, run.recipe.training
    assert model is not None and training is not None
    at_once = at_once or replicas_that_fit(run.table, model, training, executor.workers)
    return sets_of(run.table, missing, training, at_once)


def _on_cuda(accelerator: str) -> bool:
    import torch

    return accelerator in {"auto", "gpu", "cuda"} and torch.cuda.is_available()


def _device_name(accelerator: str, threads: int | None) -> str:
    import torch

    if _on_cuda(accelerator):
        return torch.cuda.get_device_name()
    return f"CPU ({platform.machine()}, threads: {threads or torch.get_num_threads()})"


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

    def fold_found(self) -> None:
        """Count a fold that another process trained."""
        self._count += 1
        self._bar.update(self._task, total=self._folds - self._count + self._trained)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line)

    def finish_run(self, record: RunRecord) -> None:
        """Say what came out."""
        name = f"{record.method} · {record.board} · seed {record.seed}"
        if record.complete:
            score = float(uf1(record.matrices().sum(0)))
            self._console.print(f"{name}: UF1 {score:.4f}, {record.folds} folds, {record.seconds:.0f} s")
        else:
            self._console.print(
                f"{name}: incomplete {record.finished}/{record.folds}, failed: {', '.join(record.failed)}"
            )
