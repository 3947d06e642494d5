"""What a GPU has to do with a suite: memory of a replica, utilisation, and the published trainings as a whole."""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from statistics import mean
from typing import TYPE_CHECKING

import torch

from mer_lightning.tasks import Fit, bytes_per_replica, examine, replicas_that_fit, sets_of, train_networks
from tools.perf.measurement import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from benchmark.training.plan import Run

NO_CUDA = "skipped: no CUDA"
GOALS = {"ststnet": "at most 0.033 x, under 60 s", "off-apexnet": "at most 0.125 x"}
"""Of the time of ``naive_loop`` on the same GPU."""


def published(run: Run, naive: Callable[[], float]) -> list[Measurement]:
    """All folds with the recipe's own epochs, at once, beside ``naive_loop``, and how busy the GPU is meanwhile.

    Args:
        run: The method as it is.
        naive: Seconds that ``naive_loop`` takes for one fold and epoch; a whole run of it would take hours.
    """
    recipe, folds = run.recipe, run.folds
    assert recipe.model is not None and recipe.training is not None
    model, training = recipe.model, recipe.training
    name = f"{recipe.name}, cuda, {len(folds)} folds of {training.epochs} epochs"
    goal = GOALS[recipe.name]
    if not torch.cuda.is_available():
        return [
            Measurement(name=f"{name}, at once", ours=None, unit="s", better="lower", goal=goal, note=NO_CUDA),
            Measurement(name=f"{name}, peak memory", ours=None, unit="MiB", better="lower", note=NO_CUDA),
            Measurement(name=f"{name}, GPU utilisation", ours=None, unit="%", better="higher", note=NO_CUDA),
        ]
    how = examine(run.table, model, training)
    sets = sets_of(run.table, folds, training, replicas_that_fit(run.table, model, training, 1))
    torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    with utilisation() as busy:
        for part in sets:
            train_networks([Fit(run.table, fold, accelerator="gpu") for fold in part], model, training, how)
        torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    peak = torch.cuda.max_memory_allocated() / 2**20
    return [
        Measurement(
            name=f"{name}, at once",
            ours=seconds,
            reference=naive() * len(folds) * training.epochs,
            unit="s",
            better="lower",
            against="naive_loop, from its time for a fold and epoch",
            goal=goal,
            note=f"{len(sets)} fits",
        ),
        Measurement(name=f"{name}, peak memory", ours=peak, unit="MiB", better="lower"),
        Measurement(
            name=f"{name}, GPU utilisation",
            ours=mean(busy) if busy else None,
            unit="%",
            better="higher",
            note="" if busy else "skipped: nvidia-smi says nothing",
        ),
    ]


@contextmanager
def utilisation() -> Generator[list[float]]:
    """Per cent of time in which the first GPU had something to do, several times a second; filled at the end."""
    seen: list[float] = []
    query = ["nvidia-smi", "--id=0", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--loop-ms=200"]
    try:
        watch = subprocess.Popen(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        yield seen
        return
    try:
        yield seen
    finally:
        watch.terminate()
        lines = watch.communicate()[0].splitlines()
        seen += [float(line) for line in lines if line.strip().isdigit()]


def memory(run: Run, few: int) -> Measurement:
    """Estimated beside measured memory of a replica: the difference of ``few`` and twice as many."""
    recipe = run.recipe
    title = f"{recipe.name}, memory of a replica, estimated to measured"
    if not torch.cuda.is_available():
        return Measurement(name=title, ours=None, unit="MiB", better="lower", goal="0.75 to 1.25 x", note=NO_CUDA)
    assert recipe.model is not None and recipe.training is not None
    peaks: list[int] = []
    # the difference of two sizes is free of what does not grow with the replicas
    alike = max(sets_of(run.table, run.folds, recipe.training, len(run.folds)), key=len)
    for count in (few, 2 * few):
        torch.cuda.reset_peak_memory_stats()
        fits = [Fit(run.table, fold, accelerator="gpu") for fold in alike[:count]]
        train_networks(fits, recipe.model, recipe.training)
        peaks.append(torch.cuda.max_memory_allocated())
    estimate = bytes_per_replica(run.table, recipe.model, recipe.training, torch.device("cuda"))
    return Measurement(
        name=title,
        ours=estimate / 2**20,
        reference=(peaks[1] - peaks[0]) / few / 2**20,
        unit="MiB",
        better="lower",
        against="torch.cuda.max_memory_allocated",
        goal="0.75 to 1.25 x",
    )
