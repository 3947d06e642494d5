"""What a whole suite costs in every way to train it, beside the loop of the field's public code, and how it grows."""

from __future__ import annotations

import importlib.util
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice, product
from typing import TYPE_CHECKING

import torch

from benchmark.records.fold import FoldRecord
from benchmark.training.executors import Local, Processes, Ray, cores
from benchmark.training.jobs import Job, Outcome, RunFold, do_job, train_fold
from mer_lightning.tasks import Fit, examine, sets_of, train_networks
from tools.perf.gpu import GOALS, NO_CUDA, memory, published
from tools.perf.inputs import official, resized, short, tenfold
from tools.perf.measurement import Measurement, best_seconds
from tools.perf.naive import timed_naive_loop
from tools.perf.options import options
from tools.perf.overhead import overhead, sleeping_fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmark.training.executors import Executor
    from benchmark.training.plan import Run
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold

_AGAINST = "naive_loop, all cores"
_RAY = importlib.util.find_spec("ray") is not None


@dataclass(frozen=True)
class _Size:
    """How much is measured."""

    folds: int
    epochs: int
    at_once: int
    rounds: int
    sleep: float
    grown_folds: tuple[int, ...]
    sides: tuple[int, ...]
    replicas: tuple[int, ...]


_QUICK = _Size(2, 2, 2, 1, 0.02, (4,), (28, 56), (2,))
_FULL = _Size(4, 5, 4, 2, 1.0, (4, 16, 68), (28, 56, 112), (2, 4, 8))


def run(*, quick: bool = False) -> list[Measurement]:
    """Time short trainings of the official folds on synthetic inputs; an epoch costs the same in a long one.

    Args:
        quick: Fewer folds, epochs and rounds, for a first look.
    """
    size = _QUICK if quick else _FULL
    runs = official(("ststnet", "off-apexnet", "fcnn-3d", "rcn-a-28"))
    # long enough that the start of a fold, some hundredths of a second, does not count
    rows = _ways(runs["ststnet"], replace(size, epochs=8 * size.epochs))
    rows += _ways(runs["off-apexnet"], replace(size, epochs=2 * size.epochs))
    # an epoch of volumes takes as long as ten of maps
    rows += _ways(runs["fcnn-3d"], replace(size, folds=2, epochs=1 if quick else 2, at_once=2))
    for name in GOALS:
        rows += published(runs[name], partial(_naive_fold_and_epoch, runs[name], size))
    for device in ("cuda",) if quick else ("cpu", "cuda"):
        rows += options(runs["ststnet"], device, epochs=size.epochs, rounds=size.rounds)
    rows += _growth(runs["ststnet"], runs["rcn-a-28"], size)
    for name in ("ststnet",) if quick else ("ststnet", "off-apexnet", "rcn-a-28"):
        rows += _at_once_on_one_thread(runs[name], size)
    for executor in (Local("cpu", sleeping_fold), Processes(2, "cpu", sleeping_fold)):
        rows += overhead(runs["ststnet"], executor, size.sleep)
    return rows


def _ways(run: Run, size: _Size) -> list[Measurement]:
    """One method trained in every way, in turns, on the CPU and on CUDA."""
    rows = _on_cpu(run, size)
    if not torch.cuda.is_available():
        titles = (f"{run.recipe.name}, cuda, {way}" for way in ("fold by fold", f"{size.at_once} folds at once"))
        return [*rows, *(_row(title, None, None, note=NO_CUDA) for title in titles), memory(run, size.at_once)]
    ways = {"fold by fold": _one_by_one, f"{size.at_once} folds at once": _together}
    return [*rows, *_timed(run, size, "cuda", ways), memory(run, size.at_once)]


def _on_cpu(run: Run, size: _Size) -> list[Measurement]:
    peaks: list[float] = []
    in_processes = partial(_in_workers, lambda: Processes(None, "cpu", measured_job), peaks)
    ways: dict[str, Callable[[Run, _Size, str], float]] = {
        "fold by fold": _one_by_one,
        f"{size.at_once} folds at once": _together,
        f"{cores()} processes, 1 thread each": in_processes,
    }
    if _RAY:
        ways[f"{cores()} tasks of Ray"] = partial(_in_workers, lambda: Ray(None, None, "cpu", measured_job), [])
    rows = _timed(run, size, "cpu", ways)
    name = f"{run.recipe.name}, cpu"
    if not _RAY:
        rows.append(_row(f"{name}, {cores()} tasks of Ray", None, None, note="skipped: ray not installed"))
    rows.append(
        Measurement(
            name=f"{name}, peak memory of a process",
            ours=max(peaks) / 2**20,
            unit="MiB",
            better="lower",
            note="resident, PyTorch and Lightning included, one fold at a time",
        )
    )
    return rows


def _timed(
    run: Run, size: _Size, device: str, ways: dict[str, Callable[[Run, _Size, str], float]]
) -> list[Measurement]:
    """The shortest of some rounds, each with every way in turn: what others do to a shared machine only ever adds."""
    all_ways = {"naive": _naive} | ways
    seconds: dict[str, list[float]] = {way: [] for way in all_ways}
    for _ in range(size.rounds):
        for way, train in all_ways.items():
            seconds[way].append(train(run, size, device) / size.folds / size.epochs)
    best = {way: min(own) for way, own in seconds.items()}
    samples = sum(fold.samples["train"] for fold in _folds(run, size.folds)) / size.folds
    name = f"{run.recipe.name}, {device}"
    rows: list[Measurement] = []
    for way in ways:
        # the goal is the machine's, with whatever it has
        goal = "at most 0.33 x" if "processes" in way and run.recipe.name == "ststnet" else ""
        note = f"{size.folds} folds of {size.epochs} epochs" + ("; workers started before" if "fold" not in way else "")
        rows.append(_row(f"{name}, {way}", best[way] * 1e3, best["naive"] * 1e3, note=note, goal=goal))
    quickest = min(ways, key=lambda way: best[way])
    rows.append(
        Measurement(
            name=f"{name}, training samples per second",
            ours=samples / best[quickest],
            reference=samples / best["naive"],
            unit="samples/s",
            better="higher",
            against=_AGAINST,
            note=quickest,
        )
    )
    return rows


def _naive(run: Run, size: _Size, device: str) -> float:
    training = run.recipe.training
    assert training is not None

    # a process of its own, as the public code has: what ours does to the memory of this one is not to help it
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        return alone.submit(
            timed_naive_loop,
            run.table,
            _folds(run, size.folds),
            run.recipe.name,
            epochs=size.epochs,
            batch_size=training.batch_size,
            lr=training.optimizer.lr,
            device=torch.device(device),
        ).result()


def _naive_fold_and_epoch(run: Run, size: _Size) -> float:
    return _naive(run, size, "cuda") / size.folds / size.epochs


def _one_by_one(run: Run, size: _Size, device: str) -> float:
    recipe = short(run, size.epochs).recipe

    def work() -> None:
        for fold in _folds(run, size.folds):
            train_fold(recipe, Fit(run.table, fold, accelerator=_accelerator(device)))

    return best_seconds(work)


def _together(run: Run, size: _Size, device: str) -> float:
    recipe = short(run, size.epochs).recipe
    assert recipe.model is not None and recipe.training is not None
    model, training = recipe.model, recipe.training
    how = examine(run.table, model, training)
    sets = sets_of(run.table, _folds(run, size.folds), training, size.at_once)

    def work() -> None:
        for part in sets:
            fits = [Fit(run.table, fold, accelerator=_accelerator(device)) for fold in part]
            train_networks(fits, model, training, how)

    return best_seconds(work)


def _in_workers(
    make: Callable[[], Executor],
    peaks: list[float],
    run: Run,
    size: _Size,
    device: str,
) -> float:
    """Seconds from the moment when every worker has trained something; ``peaks`` gets the bytes that each took."""
    del device
    executor = make()
    warm, full = short(run, 1).recipe, short(run, size.epochs).recipe
    folds = _folds(run, size.folds)
    ready: list[float] = []

    def jobs() -> Iterator[Job | None]:
        yield from (Job(warm, (RunFold(run.id, 0, fold),)) for fold in islice(cycle(folds), executor.workers))
        while len(ready) < executor.workers:
            yield None
        yield from (Job(full, (RunFold(run.id, 0, fold),)) for fold in folds)

    with closing(executor.run(jobs(), {run.id: run.planned})) as ended:
        for job, outcomes in ended:
            for outcome in outcomes:
                assert isinstance(outcome.result, FoldRecord), outcome.result
                peaks += outcome.result.curve["peak"]
            if job.recipe is warm:
                ready.append(time.perf_counter())
        end = time.perf_counter()
    return end - max(ready)


def measured_job(job: Job, table: Table, accelerator: str) -> tuple[Outcome, ...]:
    """Train the folds of a job, and put the most memory that the process ever had, in bytes, into their curves."""
    outcomes = do_job(job, table, accelerator)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
    return tuple(
        replace(outcome, result=outcome.result.model_copy(update={"curve": outcome.result.curve | {"peak": (peak,)}}))
        if isinstance(outcome.result, FoldRecord)
        else outcome
        for outcome in outcomes
    )


def _growth(small: Run, sized: Run, size: _Size) -> list[Measurement]:
    """How the cost of a fold and epoch grows with folds, with samples and with the size of the maps."""
    rows: list[Measurement] = []
    for folds in size.grown_folds:
        seconds = _one_by_one(small, replace(size, folds=folds, epochs=2), "cpu")
        rows.append(_row(f"{small.recipe.name}, cpu, {folds} folds of 2 epochs", seconds / folds / 2 * 1e3, None))
    few = replace(size, folds=2, epochs=2)
    for own in (small, tenfold(small)):
        seconds = _one_by_one(own, few, "cpu")
        rows.append(_row(f"{own.recipe.name}, cpu, {len(own.table.keys)} samples", seconds / 4 * 1e3, None))
    for side in size.sides:
        seconds = _one_by_one(resized(sized, side), replace(size, folds=1, epochs=2), "cpu")
        rows.append(_row(f"{sized.recipe.name}, cpu, maps of {side} x {side}", seconds / 2 * 1e3, None))
    return rows


def _at_once_on_one_thread(run: Run, size: _Size) -> list[Measurement]:
    """Whether folds at once ever pay on a processor: what ``--folds-at-once auto`` rests on."""
    most, epochs = max(size.replicas), 2
    recipe = short(run, epochs).recipe
    assert recipe.model is not None and recipe.training is not None
    # one set, so that every way trains the same folds
    folds = max(sets_of(run.table, run.folds, recipe.training, len(run.folds)), key=len)[:most]
    own = replace(run, folds=tuple(folds))
    few = replace(size, folds=len(folds), epochs=epochs)
    best = dict.fromkeys((1, *size.replicas), float("inf"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _, count in product(range(size.rounds), best):
            way = _one_by_one if count == 1 else _together
            best[count] = min(best[count], way(own, replace(few, at_once=count), "cpu"))
    finally:
        torch.set_num_threads(threads)
    return [
        Measurement(
            name=f"{run.recipe.name}, one thread, {count} folds at once",
            ours=best[count] / len(folds) / epochs * 1e3,
            reference=best[1] / len(folds) / epochs * 1e3,
            unit="ms per fold and epoch",
            better="lower",
            against="fold by fold, one thread",
        )
        for count in size.replicas
    ]


def _folds(run: Run, count: int) -> list[Fold]:
    return list(run.folds[-count:])


def _accelerator(device: str) -> str:
    return "gpu" if device == "cuda" else "cpu"


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
