"""What a whole suite costs, fold by fold, at once and in processes, beside the loop of the field's public code."""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from rich.console import Console

from benchmark.executors import Local, Processes, cores
from benchmark.jobs import Job, Outcome, RunFold, train_fold
from benchmark.perf.measurement import Measurement
from benchmark.perf.naive import naive_loop
from benchmark.plan import Run, Suite, make_plan
from benchmark.records import FoldRecord, PredictionRecord
from benchmark.runner import run_all
from benchmark.source import Source
from benchmark.store import Store
from benchmark.tracking import NoTracker
from mer_lightning.datamodules import LateTable
from mer_lightning.tasks import bytes_per_replica, examine, sets_of, train_networks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from benchmark.executors import Executor
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold

_METHODS = ("ststnet", "off-apexnet")
_AGAINST = "naive_loop, all cores"
_NO_CUDA = "skipped: no CUDA"


@dataclass(frozen=True)
class _Size:
    """How much is measured."""

    folds: int
    epochs: int
    at_once: int
    rounds: int
    sleep: float


def run(*, quick: bool = False) -> list[Measurement]:
    """Time short trainings of the official folds on 442 synthetic maps; an epoch costs the same in a long one.

    Args:
        quick: Fewer folds, epochs and rounds, for a first look.
    """
    size = _Size(2, 2, 2, 1, 0.02) if quick else _Size(4, 5, 4, 2, 1.0)
    suite = Suite(
        name="perf",
        title="",
        summary="",
        source=Source(name="synthetic-flow"),
        protocols=("megc2019",),
        methods=_METHODS,
        seeds=(0,),
    )
    runs = make_plan(suite)
    rows: list[Measurement] = []
    for one in runs:
        rows += _ways(one, size)
    rows += _growth(runs[0], size)
    rows += [_overhead(runs[0], Local("cpu", sleeping_fold), size)]
    rows += [_overhead(runs[0], Processes(2, "cpu", sleeping_fold), size)]
    return rows


def _ways(run: Run, size: _Size) -> list[Measurement]:
    """One method trained in every way, in turns, on the CPU and on CUDA."""
    name, many = run.recipe.name, f"{size.folds} folds of {size.epochs} epochs"
    rows: list[Measurement] = []
    for device in ("cpu", "cuda"):
        titles = [f"{name}, {device}, {way}" for way in ("fold by fold", f"{size.at_once} folds at once", "processes")]
        if device == "cuda" and not torch.cuda.is_available():
            rows += [_row(title, None, None, note=_NO_CUDA) for title in titles[:2]]
            continue
        ways = [_naive, _one_by_one, _together] + ([_in_processes] if device == "cpu" else [])
        times: list[list[float]] = [[] for _ in ways]
        for _ in range(size.rounds):
            for own, way in zip(times, ways, strict=True):
                own.append(way(run, size, device) / size.folds / size.epochs * 1e3)
        # the shortest: what another program does to a shared machine only ever adds
        best = [min(own) for own in times]
        goal = "at most 0.33 x" if device == "cpu" and name == "ststnet" else ""
        notes = ["", "", f"{cores()} processes of one thread, started before"]
        for title, ours, note in zip(titles, best[1:], notes, strict=False):
            rows.append(
                _row(title, ours, best[0], note="; ".join(filter(None, (many, note))), goal=goal if note else "")
            )
    rows.append(_memory(run, size))
    return rows


def _naive(run: Run, size: _Size, device: str) -> float:
    training = run.recipe.training
    assert training is not None

    def work() -> None:
        naive_loop(
            run.table,
            _folds(run, size.folds),
            run.recipe.name,
            epochs=size.epochs,
            batch_size=training.batch_size,
            lr=training.optimizer.lr,
            device=torch.device(device),
        )

    return _seconds(work)


def _one_by_one(run: Run, size: _Size, device: str) -> float:
    recipe = _short(run, size.epochs).recipe

    def work() -> None:
        for fold in _folds(run, size.folds):
            train_fold(recipe, run.table, fold, seed=0, accelerator=_accelerator(device))

    return _seconds(work)


def _together(run: Run, size: _Size, device: str) -> float:
    recipe = _short(run, size.epochs).recipe
    assert recipe.model is not None and recipe.training is not None
    model, training = recipe.model, recipe.training
    how = examine(run.table, model, training)
    sets = sets_of(run.table, _folds(run, size.folds), training, size.at_once)

    def work() -> None:
        for part in sets:
            train_networks(
                run.table, part, model, training, seeds=[0] * len(part), accelerator=_accelerator(device), how=how
            )

    return _seconds(work)


def _in_processes(run: Run, size: _Size, device: str) -> float:
    """Seconds from the moment when every worker has trained something."""
    executor = Processes(None, _accelerator(device))
    warm, full = _short(run, 1).recipe, _short(run, size.epochs).recipe
    folds = _folds(run, size.folds)
    ready: list[float] = []

    def jobs() -> Iterator[Job | None]:
        yield from (Job(warm, (RunFold(run.id, 0, fold),)) for fold in islice(cycle(folds), executor.workers))
        while len(ready) < executor.workers:
            yield None
        yield from (Job(full, (RunFold(run.id, 0, fold),)) for fold in folds)

    with closing(executor.run(jobs(), {run.id: run.table})) as ended:
        for job, outcomes in ended:
            assert all(isinstance(outcome.result, FoldRecord) for outcome in outcomes), outcomes
            if job.recipe is warm:
                ready.append(time.perf_counter())
        end = time.perf_counter()
    return end - max(ready)


def _growth(run: Run, size: _Size) -> list[Measurement]:
    """How the cost of a fold and epoch grows with folds and with samples."""
    rows: list[Measurement] = []
    for folds in (4, 16, 68)[: 1 if size.rounds == 1 else 3]:
        seconds = _one_by_one(run, replace(size, folds=folds, epochs=2), "cpu")
        rows.append(_row(f"{run.recipe.name}, cpu, {folds} folds of 2 epochs", seconds / folds / 2 * 1e3, None))
    many = replace(
        run.table,
        keys=tuple(f"{key}-{copy}" for copy in range(10) for key in run.table.keys),
        inputs=run.table.inputs.repeat(10, *[1] * (run.table.inputs.ndim - 1)),
        labels=run.table.labels.repeat(10),
        contents=run.table.contents * 10,
    )
    for table, samples in ((run.table, 442), (many, 4420)):
        folds = tuple(_tenfold(fold, samples // 442) for fold in run.folds)
        own = replace(run, late_table=LateTable.of(table), folds=folds)
        seconds = _one_by_one(own, replace(size, folds=2, epochs=2), "cpu")
        rows.append(_row(f"{run.recipe.name}, cpu, {samples} samples", seconds / 4 * 1e3, None))
    return rows


def _tenfold(fold: Fold, copies: int) -> Fold:
    if copies == 1:
        return fold
    sides = (tuple(f"{key}-{copy}" for copy in range(copies) for key in side) for side in (fold.train, fold.test))
    train, test = sides
    return replace(fold, train=train, test=test)


def _overhead(run: Run, executor: Executor, size: _Size) -> Measurement:
    """What plan, locks, records and workers add to folds that only sleep."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "runs")
        run_all(
            [run],
            store=store,
            records=Path(folder) / "records",
            tracker=NoTracker(),
            console=Console(quiet=True),
            executor=_Sleeping(executor, size.sleep),
        )
        end = time.time()
        # from the first fold on: how long workers take to start is not a matter of the folds
        spent = end - min(fold.curve["began"][0] for fold in store.folds(run.id).values())
    least = len(run.folds) * size.sleep / executor.workers
    return Measurement(
        name=f"overhead of {len(run.folds)} folds of {size.sleep:g} s, {executor}",
        ours=(spent / least - 1) * 100,
        unit="%",
        better="lower",
        goal="under 2 %",
        note="from the first fold on",
    )


def _memory(run: Run, size: _Size) -> Measurement:
    """Estimated beside measured memory of a replica."""
    title = f"{run.recipe.name}, memory of a replica, estimated to measured"
    if not torch.cuda.is_available():
        return Measurement(name=title, ours=None, unit="MiB", better="lower", goal="0.75 to 1.25 x", note=_NO_CUDA)
    recipe = _short(run, 1).recipe
    assert recipe.model is not None and recipe.training is not None
    peaks: list[int] = []
    # the difference of two sizes is free of what does not grow with the replicas
    few, many = size.at_once, 2 * size.at_once
    alike = max(sets_of(run.table, run.folds, recipe.training, len(run.folds)), key=len)
    for count in (few, many):
        torch.cuda.reset_peak_memory_stats()
        folds = alike[:count]
        train_networks(run.table, folds, recipe.model, recipe.training, seeds=[0] * count, accelerator="gpu")
        peaks.append(torch.cuda.max_memory_allocated())
    estimate = bytes_per_replica(run.table, recipe.model, recipe.training, torch.device("cuda"))
    return Measurement(
        name=title,
        ours=estimate / 2**20,
        reference=(peaks[1] - peaks[0]) / (many - few) / 2**20,
        unit="MiB",
        better="lower",
        against="torch.cuda.max_memory_allocated",
        goal="0.75 to 1.25 x",
    )


def sleeping_fold(job: Job, table: Table, accelerator: str) -> tuple[Outcome, ...]:
    """Sleep as many seconds as the members' seeds have milliseconds, and predict class 0."""
    del accelerator
    began = time.time()
    seconds = sum(member.seed for member in job.members) / 1e3
    time.sleep(seconds)
    labels = dict(zip(table.keys, table.labels.tolist(), strict=True))
    return tuple(
        Outcome(
            fold.held_out,
            FoldRecord(
                held_out=fold.held_out,
                predictions=tuple(PredictionRecord(key=key, label=labels[key], prediction=0) for key in fold.test),
                samples={"train": len(fold.train)},
                seconds=seconds,
                curve={"began": (began,)},
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
        self, jobs: Iterator[Job | None], tables: Mapping[str, Table]
    ) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
        yield from self._executor.run((job and self._sleeping(job) for job in jobs), tables)

    def _sleeping(self, job: Job) -> Job:
        return replace(job, members=tuple(replace(member, seed=self._seed) for member in job.members))


def _folds(run: Run, count: int) -> list[Fold]:
    return list(run.folds[-count:])


def _short(run: Run, epochs: int) -> Run:
    assert run.recipe.training is not None
    training = run.recipe.training.model_copy(update={"epochs": epochs})
    return replace(run, recipe=run.recipe.model_copy(update={"training": training}))


def _accelerator(device: str) -> str:
    return "gpu" if device == "cuda" else "cpu"


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _row(name: str, ours: float | None, reference: float | None, *, note: str = "", goal: str = "") -> Measurement:
    return Measurement(
        name=name,
        ours=ours,
        reference=reference,
        unit="ms per fold and epoch",
        better="lower",
        against="" if reference is None else _AGAINST,
        goal=goal,
        note=note,
    )
