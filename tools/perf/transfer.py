"""What S2's network costs: fine-tuning with what frozen blocks give kept, and the memory formats of convolutions."""

from __future__ import annotations

import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

from benchmark.methods.recipe import load_recipe
from mer_lightning.augmentation.pool import POSITIONS
from mer_lightning.datamodules import Table
from mer_lightning.devices import keep_freed_memory
from mer_lightning.motion import get_representation
from mer_lightning.protocols import Fold
from mer_lightning.tasks import Fit, Start, build_model, fit_network
from mer_lightning.tasks.classifier import make_optimizer
from mer_lightning.tasks.fold import in_memory_format
from mer_lightning.types import person_of
from tools.perf.measurement import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable

    from mer_lightning.settings import Training
    from mer_lightning.tasks.fold import Fitted

_METHOD = "s3d-cnn-transfer"
_NETWORKS = ("s3d-cnn", "s3d-cnn-2d", "s3d-cnn-3d")
_CLASSES, _PEOPLE, _CLIPS = 5, 5, 30
_OFFICIAL = 246
"""Clips of CASME II in five classes."""


def run(*, quick: bool = False) -> list[Measurement]:
    """Milliseconds of the processor on one thread, both ways in turns, on maps of random numbers.

    Args:
        quick: Fewer epochs and rounds.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    keep_freed_memory()
    try:
        return [*_fine_tuning(3 if quick else 6), *(_formats(method, 1 if quick else 3) for method in _NETWORKS)]
    finally:
        torch.set_num_threads(threads)


def _fine_tuning(epochs: int) -> list[Measurement]:
    recipe = load_recipe(_METHOD)
    assert recipe.model is not None and recipe.training is not None
    table, steps = _table(), 2 * _CLASSES
    model = recipe.model
    training = recipe.training.model_copy(update={"samples_per_class": 20, "schedule": None})
    tested = np.arange(_CLIPS // _PEOPLE, dtype=np.int32)
    fold = Fold(person_of(table.keys[0]), table.people, tested, np.array([], dtype=np.int32))
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        weights = Path(folder) / "start.safetensors"
        save_file(build_model(table, model).state_dict(), weights)
        fit = Fit(table, fold, accelerator="cpu", start=Start(weights, freeze=True))

        def timed(epochs: int, *, keeps: bool, **changed: str) -> tuple[float, Fitted]:
            given = training.model_copy(update={"epochs": epochs, **changed})
            # nobody keeps anything where frozen blocks are not asked about
            with nullcontext() if keeps else patch("mer_lightning.tasks.fold.keep_frozen", return_value=[]):
                began = time.process_time()
                fitted = fit_network(fit, model, given)
                return time.process_time() - began, fitted

        first = [timed(1, keeps=keeps) for keeps in (True, False)]
        # what was kept is there now: more epochs are steps alone, so the reference's first epoch is left out as well
        one = [timed(1, keeps=keeps) for keeps in (True, False)]
        many = [timed(1 + epochs, keeps=keeps) for keeps in (True, False)]
        before = [timed(number, keeps=False, memory_format="contiguous")[0] for number in (1, 1 + epochs)]
    ours, plain = ((b[0] - a[0]) / epochs / steps * 1e3 for a, b in zip(one, many, strict=True))
    same = many[0][1].task.curve == many[1][1].task.curve and all(
        torch.equal(a, b)
        for a, b in zip(many[0][1].task.state_dict().values(), many[1][1].task.state_dict().values(), strict=True)
    )
    said = "the same losses and weights, to the bit" if same else "OTHER LOSSES OR WEIGHTS"
    rows, pairs = recipe.training.epochs, 50 * _CLASSES
    whole = [
        f[0] + (m / 1e3) * (rows * pairs / recipe.training.batch_size - steps)
        for f, m in zip(first, (ours, plain), strict=True)
    ]
    instead = many[0][1].data.instead
    assert instead is not None
    each = instead.kept.nbytes / len(table.keys) / POSITIONS / 2**20
    against = "every block in every step"
    return [
        Measurement(
            name=f"{_METHOD}, a step of 10 as before, cpu",
            ours=ours,
            reference=(before[1] - before[0]) / epochs / steps * 1e3,
            unit="ms",
            better="lower",
            against="every block in every step, in contiguous order",
            goal="at most 0.2 x",
        ),
        Measurement(
            name=f"{_METHOD}, a step of 10, cpu",
            ours=ours,
            reference=plain,
            unit="ms",
            better="lower",
            against=against,
            note=said,
        ),
        Measurement(
            name=f"{_METHOD}, a fold of {rows} epochs, cpu",
            ours=whole[0],
            reference=whole[1],
            unit="s",
            better="lower",
            against=against,
            note=f"the first epoch, and as many steps as {pairs} sequences make",
        ),
        Measurement(
            name=f"{_METHOD}, memory of what is kept of {_OFFICIAL} clips",
            ours=each * _OFFICIAL * POSITIONS,
            unit="MiB",
            better="lower",
            note=f"{each:.2f} MiB for a clip at a position, at {POSITIONS} positions",
        ),
    ]


def _table() -> Table:
    """Maps of random numbers, of the size that the recipe's network takes."""
    shape = (3, 10, 96, 96)
    keys = tuple(sorted(f"casme2/sub{n % _PEOPLE:02d}/{n:03d}" for n in range(_CLIPS)))
    people = sorted({person_of(key) for key in keys})
    assert len(people) == _PEOPLE
    inputs = torch.rand(_CLIPS, *shape, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(_CLIPS) % _CLASSES
    return Table(
        keys, inputs, labels, _CLASSES, get_representation("flow_sequence", {"frames": 11}), "", (b"",) * _CLIPS
    )


def _formats(method: str, rounds: int) -> Measurement:
    """A step of ten sequences in the order of the recipe and in the other one."""
    recipe = load_recipe(method)
    assert recipe.model is not None and recipe.training is not None
    formats = ("channels_last", "contiguous")
    steps = [_step(method, recipe.training.model_copy(update={"memory_format": one})) for one in formats]
    best = [float("inf")] * 2
    for _ in range(1 + rounds):
        for way, step in enumerate(steps):
            began = time.process_time()
            step()
            best[way] = min(best[way], (time.process_time() - began) * 1e3)
    return Measurement(
        name=f"{method}, memory_format: channels_last, a step of 10, cpu",
        ours=best[0],
        reference=best[1],
        unit="ms",
        better="lower",
        against="contiguous",
        goal="at most 0.8 x",
        note=f"the recipe says {recipe.training.memory_format}",
    )


def _step(method: str, training: Training) -> Callable[[], None]:
    recipe = load_recipe(method)
    assert recipe.model is not None
    torch.manual_seed(0)
    built = recipe.model.build("mer_lightning.models", classes=_CLASSES, in_channels=3)
    model = in_memory_format(built, training)
    optimizer = make_optimizer(training.optimizer, list(model.parameters()))
    inputs, labels = torch.rand(10, 3, 10, 96, 96), torch.arange(10) % _CLASSES

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(model(inputs), labels).backward()
        optimizer.step()

    return step
