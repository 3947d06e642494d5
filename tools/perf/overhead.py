"""What scheduling, locks, records and tracking add to folds that only sleep, and how long workers take to start."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from benchmark.records.fold import FoldRecord, PredictionRecord
from benchmark.records.store import Store
from benchmark.training.jobs import Job, Outcome
from benchmark.training.ledger import Output
from benchmark.training.runner import run_all
from benchmark.training.tracking.mirror import WandbTracker
from tools.perf.measurement import Measurement

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from benchmark.training.executors import Executor
    from benchmark.training.plan import Run
    from mer_lightning.datamodules import PlannedTable, Table


def overhead(run: Run, executor: Executor, seconds: float) -> list[Measurement]:
    """What is added to the folds of a run that sleep so many seconds each, and how long the start took.

    Args:
        run: Whose folds sleep.
        executor: Where; does ``sleeping_fold``.
        seconds: How long each sleeps.

    Returns:
        Overhead in per cent of the time that the folds need on so many workers: what workers wait between two folds,
        and what comes after the last fold, an offline mirror of the run included. That workers do not start at the
        same moment is a matter of the start.
    """
    began = time.time()
    with tempfile.TemporaryDirectory() as folder, _offline():
        store, console = Store(Path(folder) / "runs"), Console(quiet=True)
        tracker = WandbTracker(Path(folder) / "wandb", "perf", console)
        try:
            run_all([run], Output(store, Path(folder) / "records", tracker, console), _Sleeping(executor, seconds))
            recorded = time.time()
        finally:
            tracker.close()
        end = time.time()
        curves = [fold.curve for fold in store.folds(run.id).values()]
    spans: dict[float, list[tuple[float, float]]] = {}
    for curve in curves:
        spans.setdefault(curve["worker"][0], []).append((curve["began"][0], curve["ended"][0]))
    waits = sum(max(e for _, e in own) - min(b for b, _ in own) - sum(e - b for b, e in own) for own in spans.values())
    last = max(e for own in spans.values() for _, e in own)
    least = len(run.folds) * seconds / executor.workers
    name = f"{len(run.folds)} folds of {seconds:g} s, {executor}"
    parts = (
        f"{waits / len(curves) * 1e3:.1f} ms between two folds",
        f"{recorded - last:.2f} s for the record",
        f"{end - recorded:.2f} s for W&B",
    )
    return [
        Measurement(
            name=f"overhead of {name}",
            ours=(waits / executor.workers + end - last) / least * 100,
            unit="%",
            better="lower",
            goal="under 2 %",
            note=", ".join(parts),
        ),
        Measurement(
            name=f"start of {name}",
            ours=max(min(b for b, _ in own) for own in spans.values()) - began,
            unit="s",
            better="lower",
            note="until every worker trains",
        ),
    ]


@contextmanager
def _offline() -> Generator[None]:
    """Nothing that is only measured goes into anybody's account."""
    old = os.environ.get("WANDB_MODE")
    os.environ["WANDB_MODE"] = "offline"
    try:
        yield
    finally:
        if old is None:
            del os.environ["WANDB_MODE"]
        else:
            os.environ["WANDB_MODE"] = old


def sleeping_fold(job: Job, table: Table, accelerator: str) -> tuple[Outcome, ...]:
    """Sleep as many seconds as the members' seeds have milliseconds, and predict class 0."""
    del accelerator
    began = time.time()
    time.sleep(sum(member.seed for member in job.members) / 1e3)
    ended = time.time()
    labels = table.labels.tolist()
    return tuple(
        Outcome(
            fold.held_out,
            FoldRecord(
                held_out=fold.held_out,
                predictions=tuple(
                    PredictionRecord(key=table.keys[row], label=labels[row], prediction=0) for row in fold.test.tolist()
                ),
                samples=fold.samples,
                seconds=ended - began,
                curve={"began": (began,), "ended": (ended,), "worker": (float(os.getpid()),)},
            ),
        )
        for fold in job.folds
    )


class _Sleeping:
    """An executor whose jobs carry, as their seed, how many milliseconds they sleep."""

    def __init__(self, executor: Executor, seconds: float) -> None:
        self._executor, self._seed = executor, round(seconds * 1e3)
        self.accelerator, self.workers, self.threads = executor.accelerator, executor.workers, executor.threads

    def run(
        self, jobs: Iterator[Job | None], tables: Mapping[str, PlannedTable]
    ) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
        yield from self._executor.run((job and self._sleeping(job) for job in jobs), tables)

    def _sleeping(self, job: Job) -> Job:
        return replace(job, members=tuple(replace(member, seed=self._seed) for member in job.members))
