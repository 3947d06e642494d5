"""What 16-bit products do to a score: networks that say ``bf16-mixed``, trained in both precisions on a small twin."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from benchmark.methods.recipe import load_recipe
from mer_lightning.datamodules import PlannedTable
from mer_lightning.metrics import confusion_matrix, uar, uf1
from mer_lightning.motion import get_representation
from mer_lightning.protocols import get_protocol
from mer_lightning.synthetic.composite import SyntheticComposite
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

    The twin is smaller than the one of the leaderboard and its maps are not magnified: what counts is the difference.

    Args:
        quick: Two folds of fewer people.
    """
    recipe, protocol = load_recipe(_METHOD), get_protocol(_PROTOCOL)
    assert recipe.model is not None and recipe.training is not None
    dataset = SyntheticComposite(0.15 if quick else 0.3, size=48, frames=0.1)
    labelled = protocol.label(dataset)
    maps = get_representation("flow_sequence", {"frames": 11, "size": [48, 48], "flow_size": [48, 48]})
    classes = len(protocol.scheme.classes)
    table = PlannedTable(dataset, labelled, classes, maps).get()
    folds = protocol.folds(labelled)[: 2 if quick else None]
    fits = [Fit(table, fold, accelerator="cpu") for fold in folds]
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
    matrices = [confusion_matrix(*zip(*pairs, strict=True), classes) for pairs in (ours, theirs)]
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
