"""What the settings of a recipe that change no result but its rounding do to the time of an epoch."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from benchmark.training.jobs import train_fold
from mer_lightning.tasks import Fit
from tools.perf.gpu import NO_CUDA
from tools.perf.inputs import short
from tools.perf.measurement import Measurement

if TYPE_CHECKING:
    from benchmark.training.plan import Run

_OPTIONS: tuple[dict[str, str], ...] = (
    {"precision": "bf16-mixed"},
    {"memory_format": "channels_last"},
    {"compile": "default"},
    {"compile": "cuda_graphs"},
)


def options(run: Run, device: str, *, epochs: int, rounds: int) -> list[Measurement]:
    """An epoch with each option beside one without, what the first epoch takes longer left out.

    Args:
        run: The method.
        device: ``cpu`` or ``cuda``; a CPU has no CUDA graphs.
        epochs: How many are timed, one after another.
        rounds: How often; the shortest counts.
    """
    ways = [way for way in _OPTIONS if device == "cuda" or "cuda_graphs" not in way.values()]
    names = {f"{run.recipe.name}, {device}, {' '.join(f'{k}: {v}' for k, v in way.items())}": way for way in ways}
    if device == "cuda" and not torch.cuda.is_available():
        return [_row(name, None, None, note=NO_CUDA) for name in names]
    runs = {"": run} | {name: _with(run, way) for name, way in names.items()}
    for own in runs.values():
        _seconds(own, 1, device)  # compiles
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, own in runs.items():
            more = _seconds(own, 1 + epochs, device) - _seconds(own, 1, device)
            best[name] = min(best[name], more / epochs * 1e3)
    return [_row(name, best[name], best[""]) for name in names]


def _with(run: Run, values: dict[str, str]) -> Run:
    assert run.recipe.training is not None
    return replace(run, recipe=run.recipe.with_values({f"training.{key}": value for key, value in values.items()}))


def _seconds(run: Run, epochs: int, device: str) -> float:
    began = time.perf_counter()
    accelerator = "gpu" if device == "cuda" else "cpu"
    train_fold(short(run, epochs).recipe, Fit(run.table, run.folds[0], accelerator=accelerator))
    return time.perf_counter() - began


def _row(
    name: str, ours: float | None, plain: float | None, note: str = "one fold, its first epoch left out"
) -> Measurement:
    return Measurement(
        name=name,
        ours=ours,
        reference=plain,
        unit="ms per epoch",
        better="lower",
        against="the recipe as it is",
        note=note,
    )
