"""What 16-bit products do to a score: networks that say ``bf16-mixed``, trained in both precisions on a small twin."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from benchmark.methods.source import Source
from benchmark.methods.suite import Suite
from benchmark.training.plan import make_plan
from mer_lightning.metrics import confusion_matrix, uar, uf1
from mer_lightning.tasks import Fit, train_network
from tools.perf.measurement import Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mer_lightning.protocols import Fold
    from mer_lightning.settings import Component, Training

_METHOD, _PROTOCOL = "s3d-cnn-short", "casme2-3"
_PRECISIONS = ("bf16-mixed", "32-true")


def run(*, quick: bool = False) -> list[Measurement]:
    """Train every fold of a twin's three classes in both precisions, from the same weights in the same order.

    The twin is smaller than the one of the leaderboard: what counts is the difference.

    Args:
        quick: Two folds of fewer people.
    """
    source = Source(name="synthetic-video", scale=0.15 if quick else 0.3)
    suite = Suite(
        name="perf", title="", summary="", source=source, protocols=(_PROTOCOL,), methods=(_METHOD,), seeds=(0,)
    )
    (run,) = make_plan(suite)
    recipe, folds = run.recipe, run.folds[: 2 if quick else None]
    assert recipe.model is not None and recipe.training is not None
    fits = [Fit(run.table, fold, accelerator="cpu") for fold in folds]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        both = [
            _trained(fits, recipe.model, recipe.training.model_copy(update={"precision": one})) for one in _PRECISIONS
        ]
    finally:
        torch.set_num_threads(threads)
    return _rows(both, folds)


def _trained(fits: Sequence[Fit], model: Component, training: Training) -> tuple[list[tuple[int, int]], float]:
    """Label and prediction of every clip, and seconds of the processor."""
    began = time.process_time()
    results = [train_network(fit, model, training) for fit in fits]
    pairs = [(one.label, one.prediction) for result in results for one in result.predictions]
    return pairs, time.process_time() - began


def _rows(both: Sequence[tuple[list[tuple[int, int]], float]], folds: Sequence[Fold]) -> list[Measurement]:
    (ours, fast), (theirs, slow) = both
    clips = len(ours)
    classes = 1 + max(label for label, _ in ours)
    matrices = [
        confusion_matrix([label for label, _ in pairs], [guess for _, guess in pairs], classes)
        for pairs in (ours, theirs)
    ]
    other = sum(a != b for a, b in zip(ours, theirs, strict=True))
    name = f"{_METHOD}, bf16-mixed"
    note = f"{clips} clips of {len(folds)} people, {other} of them predicted otherwise; one of them is {1 / clips:.2g}"
    rows = [
        Measurement(
            name=f"{name}, {score}",
            ours=float(of(matrices[0])),
            reference=float(of(matrices[1])),
            unit=score,
            better="higher",
            against="32-true",
            note=note,
        )
        for score, of in (("UF1", uf1), ("UAR", uar))
    ]
    cost = Measurement(
        name=f"{name}, all folds, cpu", ours=fast, reference=slow, unit="s", better="lower", against="32-true"
    )
    return [*rows, cost]
