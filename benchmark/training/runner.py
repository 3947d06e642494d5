"""Train what is missing, record every fold the moment it ends, and go on when one fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from benchmark.records.clip_list import check_free
from benchmark.records.fold import FoldRecord
from benchmark.records.run import load_clip_list, save_run
from benchmark.records.store import RunManifest
from benchmark.training.jobs import Job, RunFold, pays_together
from benchmark.training.locks import FoldLocks
from benchmark.training.pretraining import prepare_start
from benchmark.training.progress import FoldProgress
from benchmark.training.summary import make_record
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from benchmark.records.run import RunRecord
    from benchmark.records.store import Store
    from benchmark.training.executors import Executor
    from benchmark.training.jobs import Outcome
    from benchmark.training.plan import Run
    from benchmark.training.tracking.mirror import Tracker
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold
    from mer_lightning.tasks import AtOnce


def run_all(
    runs: Sequence[Run],
    *,
    store: Store,
    records: Path,
    tracker: Tracker,
    console: Console,
    executor: Executor,
    at_once: int | None = None,
    progress: FoldProgress | None = None,
) -> list[RunRecord]:
    """Train the missing folds of every run and write its RunRecord.

    Args:
        runs: What to train, from ``make_plan``.
        store: Local records; folds that are in it are not trained again.
        records: Folder of the RunRecords.
        tracker: Told of each run that was worked on.
        console: Where progress is shown.
        executor: Where folds are trained.
        at_once: Folds of one network, of all its seeds, that are trained as one; None takes what fits on a GPU, and 1
            on a CPU.
        progress: Shows it; None shows a bar over folds.

    Returns:
        One RunRecord per run, in order; ``failed`` names the folds that ended in an error.

    Raises:
        DataError: The store cannot be written, or its folds are not of these runs; or there are records of other clips,
            see ``check_free``.
    """
    check_free((run.clip_list for run in runs), records, load_clip_list)
    with progress or FoldProgress(console, sum(len(run.folds) for run in runs)) as shown:
        work = _Work(runs, store, records, tracker, shown, executor, at_once)
        # a generator that is dropped with an exception under way would go on until somebody collects it
        with closing(work), closing(executor.run(work.jobs(), Tables(runs))) as ended:
            for job, outcomes in ended:
                work.keep(job, outcomes)
    return [work.results[run.id] for run in runs]


class Tables(Mapping[str, "Table"]):
    """Table of each run by its id, read when it is asked for."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = {run.id: run for run in runs}

    def __getitem__(self, run: str) -> Table:
        return self._runs[run].table

    def __iter__(self) -> Iterator[str]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)


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
        self._unfinished = Counter(id(run.late_table) for run in self._runs.values())
        self._store, self._records, self._tracker, self._progress = store, records, tracker, progress
        self._executor, self._at_once = executor, at_once
        self._locks: dict[str, FoldLocks] = {}
        self._left: dict[str, set[str]] = {}
        self._trained: set[str] = set()
        self._notes: set[str] = set()
        self.results: dict[str, RunRecord] = {}

    def jobs(self) -> Iterator[Job | None]:
        """Every fold that is missing and that nobody else trains; at the end, what others left."""
        waiting: list[RunFold] = []
        for runs in self._side_by_side():
            missing = self._begin(runs)
            if missing and not runs[0].late_table.is_read:
                seen = dict.fromkeys(part.sees.name for part in runs[0].recipe.trained)
                self._progress.say(f"{' and '.join(seen)}: {len(runs[0].labelled.samples)} samples")
            how = self._how(runs[0], len(missing))
            for part in _divide(missing, runs[0], how, self._executor, self._at_once):
                mine = [member for member in part if self._take(member)]
                if mine:
                    yield Job(runs[0].recipe, tuple(mine), how)
                # a job takes time, in which others may have finished theirs
                waiting += [member for member in part if member not in mine and self._is_left(member)]
            for run in runs:
                self._finish_if_done(run)
        yield from self._left_by_others(waiting)

    def _left_by_others(self, waiting: list[RunFold]) -> Iterator[Job | None]:
        while waiting:
            for member in tuple(waiting):
                run = self._runs[member.run]
                if self._take(member):
                    yield Job(run.recipe, (member,))
                elif self._is_left(member):
                    continue
                waiting.remove(member)
                self._finish_if_done(run)
            if waiting:
                yield None

    def keep(self, job: Job, outcomes: Sequence[Outcome]) -> None:
        """Store what became of a job."""
        for member, outcome in zip(job.members, outcomes, strict=True):
            run = self._runs[member.run]
            if isinstance(outcome.result, FoldRecord):
                self._store.save_fold(run.id, outcome.result)
            else:
                self._store.save_error(run.id, outcome.held_out, outcome.result.message, outcome.result.details)
            if outcome.note:
                self._note(run, outcome.note)
            if run.id not in self._trained:
                self._trained.add(run.id)
                self._tracker.expect()
            self._settle(member)
            self._progress.fold_done()
        for run in {member.run: self._runs[member.run] for member in job.members}.values():
            self._finish_if_done(run)

    def close(self) -> None:
        """Give every fold back."""
        for locks in self._locks.values():
            locks.close()

    def _side_by_side(self) -> list[list[Run]]:
        """Runs whose folds may be trained as one: those that differ in their seeds alone, where that is wanted."""
        sets: dict[str, list[Run]] = {}
        for run in self._runs.values():
            but_seed = run.id.replace(f"--s{run.seed}--", "--")
            sets.setdefault(but_seed if self._wants_at_once(run) else run.id, []).append(run)
        return list(sets.values())

    def _begin(self, runs: Sequence[Run]) -> list[RunFold]:
        """What is missing of runs; from now on this process may take it."""
        left = {run.id: begin_run(run, self._store) for run in runs}
        self._progress.start(runs, already=sum(len(run.folds) - len(left[run.id]) for run in runs))
        missing: list[RunFold] = []
        for run in runs:
            self._left[run.id] = {fold.held_out for fold in left[run.id]}
            self._locks[run.id] = FoldLocks(self._store.folder(run.id))
            if left[run.id]:
                accelerator = self._executor.accelerator
                start = prepare_start(run, self._store, self._progress.say, accelerator=accelerator)
                missing += [RunFold(run.id, run.seed, fold, start) for fold in left[run.id]]
        return missing

    def _take(self, member: RunFold) -> bool:
        if not self._locks[member.run].take(member.fold.held_out):
            return False
        if self._store.fold(member.run, member.fold.held_out) is None:
            return True
        # somebody finished it since this process looked
        self._settle(member)
        self._progress.fold_found()
        return False

    def _is_left(self, member: RunFold) -> bool:
        return member.fold.held_out in self._left[member.run]

    def _settle(self, member: RunFold) -> None:
        self._locks[member.run].release(member.fold.held_out)
        self._left[member.run].discard(member.fold.held_out)

    def _finish_if_done(self, run: Run) -> None:
        if self._left[run.id] or run.id in self.results:
            return
        record = make_record(run, self._store, self._executor.accelerator, self._executor.threads)
        path = save_run(self._records, record)
        self.results[run.id] = record
        self._progress.finish_run(record)
        self._unfinished[id(run.late_table)] -= 1
        if not self._unfinished[id(run.late_table)]:
            run.late_table.let_go()
        if run.id in self._trained and record.complete:
            self._tracker.publish(self._store.folder(run.id), path)

    def _wants_at_once(self, run: Run) -> bool:
        if run.recipe.model is None or self._at_once == 1:
            return False
        return self._at_once is not None or pays_together(self._executor.accelerator)

    def _how(self, run: Run, missing: int) -> AtOnce | None:
        """How so many missing folds can be trained at once; None where they are not."""
        if missing and run.recipe.ensemble is not None and self._at_once not in {None, 1}:
            self._note(run, "fold by fold: on a GPU an ensemble trains seeds and inner folds of a member at once")
        if missing < 2 or not self._wants_at_once(run):
            return None
        from mer_lightning.tasks import examine

        assert run.recipe.model is not None and run.recipe.training is not None
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
    """Make a run known to the store and say which of its folds are missing there.

    Raises:
        DataError: A fold that is there predicts other clips, has other labels or other classes than the run.
    """
    store.begin(RunManifest(run=run.id, method=run.recipe.name, board=run.board, seed=run.seed, folds=len(run.folds)))
    done = store.folds(run.id)
    classes = len(run.protocol.scheme.classes)
    labels = {sample.key: label for sample, label in zip(run.labelled.samples, run.labelled.labels, strict=True)}
    for fold in run.folds:
        found = done[fold.held_out].predictions if fold.held_out in done else None
        if found is not None and (
            sorted((p.key, p.label) for p in found) != sorted((key, labels[key]) for key in fold.test)
            or any(p.prediction >= classes for p in found)
        ):
            raise DataError(
                f"{store.fold_path(run.id, fold.held_out)}: expected a class in 0..{classes - 1} for each clip of "
                f"{fold.held_out}, beside its label; remove the file, and the fold is trained again"
            )
    return [fold for fold in run.folds if fold.held_out not in done]


def _divide(
    missing: Sequence[RunFold], run: Run, how: AtOnce | None, executor: Executor, at_once: int | None
) -> list[list[RunFold]]:
    """Parts that are trained as one, of a run and others like it."""
    if how is None:
        return [[member] for member in missing]
    from mer_lightning.tasks import places_of, replicas_that_fit

    model, training = run.recipe.model, run.recipe.training
    assert model is not None and training is not None
    at_once = at_once or replicas_that_fit(run.table, model, training, executor.workers)
    sets = places_of(run.table, [member.fold for member in missing], training, at_once)
    return [[missing[place] for place in places] for places in sets]
