"""What became of the folds of some runs: recorded, told to who watches, summed up once all of a run are in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.records.fold import FoldRecord
from benchmark.records.run import save_run
from benchmark.records.store import RunManifest
from benchmark.training.locks import FoldLocks
from benchmark.training.summary import make_record
from mer_lightning.protocols import definition_of
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from benchmark.records.run import RunRecord
    from benchmark.records.store import Store
    from benchmark.training.executors import Executor
    from benchmark.training.jobs import Job, Outcome, RunFold
    from benchmark.training.plan import Run
    from benchmark.training.progress import FoldProgress
    from benchmark.training.tracking.mirror import Tracker
    from mer_lightning.protocols import Fold


@dataclass(frozen=True)
class Output:
    """Where results go.

    Attributes:
        store: Local records; folds that are in it are not trained again.
        records: Folder of the RunRecords.
        tracker: Told of each run that was worked on.
        console: Where progress is shown.
    """

    store: Store
    records: Path
    tracker: Tracker
    console: Console


class Ledger:
    """Who trains which fold of some runs, and what came out.

    Args:
        runs: Whose folds.
        output: Where results go.
        progress: Shows how far they are.
        executor: What trains them, as records say.
    """

    def __init__(self, runs: Sequence[Run], output: Output, progress: FoldProgress, executor: Executor) -> None:
        self._runs = {run.id: run for run in runs}
        self._unfinished = Counter(run.planned for run in self._runs.values())
        self._output, self._progress, self._executor = output, progress, executor
        self._locks: dict[str, FoldLocks] = {}
        self._left: dict[str, set[str]] = {}
        self._trained: set[str] = set()
        self._notes: set[str] = set()
        self.results: dict[str, RunRecord] = {}
        """Record of each finished run, by id."""

    def open(self, runs: Sequence[Run]) -> dict[str, list[Fold]]:
        """Missing folds of runs, by id; from now on this process may take them.

        Raises:
            DataError: As ``begin_run``, or the store cannot be written.
        """
        missing = {run.id: begin_run(run, self._output.store) for run in runs}
        self._progress.start(runs, already=sum(len(run.folds) - len(missing[run.id]) for run in runs))
        for run in runs:
            self._left[run.id] = {fold.held_out for fold in missing[run.id]}
            self._locks[run.id] = FoldLocks(self._output.store.folder(run.id))
        return missing

    def take(self, member: RunFold) -> bool:
        """Take a fold; False where another process has it or has finished it."""
        if not self._locks[member.run].take(member.fold.held_out):
            return False
        if self._output.store.fold(member.run, member.fold.held_out) is None:
            return True
        # somebody finished it since this process looked
        self._settle(member)
        self._progress.fold_found()
        return False

    def is_left(self, member: RunFold) -> bool:
        """True while nobody has finished a fold."""
        return member.fold.held_out in self._left[member.run]

    def keep(self, job: Job, outcomes: Sequence[Outcome]) -> None:
        """Store what became of a job."""
        store = self._output.store
        for member, outcome in zip(job.members, outcomes, strict=True):
            if isinstance(outcome.result, FoldRecord):
                store.save_fold(member.run, outcome.result)
            else:
                store.save_error(member.run, outcome.held_out, outcome.result.message, outcome.result.details)
            if outcome.note:
                self.note(self._runs[member.run], outcome.note)
            if member.run not in self._trained:
                self._trained.add(member.run)
                self._output.tracker.expect()
            self._settle(member)
            self._progress.fold_done()
        for run in dict.fromkeys(member.run for member in job.members):
            self.finish_if_done(run)

    def finish_if_done(self, name: str) -> None:
        """Record a run, by its id, and let go of its table if it was the last one to need it, once no fold is left."""
        run = self._runs[name]
        if self._left[name] or name in self.results:
            return
        record = make_record(run, self._output.store, self._executor.accelerator, self._executor.threads)
        path = save_run(self._output.records, record)
        self.results[name] = record
        self._progress.finish_run(record)
        self._unfinished[run.planned] -= 1
        if not self._unfinished[run.planned]:
            run.planned.let_go()
        if name in self._trained and record.complete:
            self._output.tracker.publish(self._output.store.folder(name), path)

    def say(self, line: str) -> None:
        """Print a line."""
        self._progress.say(line)

    def note(self, run: Run, note: str) -> None:
        """Say something of a method once."""
        line = f"{run.recipe.name} · {run.board}: {note}"
        if line not in self._notes:
            self._notes.add(line)
            self.say(line)

    def close(self) -> None:
        """Give every fold back."""
        for locks in self._locks.values():
            locks.close()

    def _settle(self, member: RunFold) -> None:
        self._locks[member.run].release(member.fold.held_out)
        self._left[member.run].discard(member.fold.held_out)


def begin_run(run: Run, store: Store) -> list[Fold]:
    """Make a run known to the store and say which of its folds are missing there.

    Raises:
        DataError: A fold that is there predicts other clips, has other labels or other classes than the run.
    """
    named = {"run": run.id, "method": run.recipe.name, "board": run.board}
    definition = definition_of(run.protocol)
    store.begin(RunManifest(**named, seed=run.seed, folds=len(run.folds), definition=definition))
    done = store.folds(run.id)
    classes, (keys, labels) = len(run.protocol.scheme.classes), (run.labelled.keys, run.labelled.labels)
    for fold in run.folds:
        found = done[fold.held_out].predictions if fold.held_out in done else None
        if found is not None and (
            sorted((p.key, p.label) for p in found) != sorted((keys[row], labels[row]) for row in fold.test.tolist())
            or any(p.prediction >= classes for p in found)
        ):
            raise DataError(
                f"{store.fold_path(run.id, fold.held_out)}: expected a class in 0..{classes - 1} for each clip of "
                f"{fold.held_out}, beside its label; remove the file, and the fold is trained again"
            )
    return [fold for fold in run.folds if fold.held_out not in done]
