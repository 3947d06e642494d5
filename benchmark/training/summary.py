"""What the store holds of a run, summed up in its RunRecord."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING

import numpy as np

from benchmark.records.curves import learning_of, mean_curve
from benchmark.records.fold import FoldRecord, confusion_of
from benchmark.records.provenance import DataProvenance, TuningRecord
from benchmark.records.run import RunRecord
from mer_lightning.metrics import uf1
from mer_lightning.protocols import definition_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmark.methods.recipe import Recipe
    from benchmark.records.store import Store
    from benchmark.training.plan import Run

_PACKAGES = ("torch", "lightning", "torchmetrics", "kornia", "numpy", "scikit-learn")
_UNRECORDED = {"search_space"}
"""What might be searched decides nothing in a record; a tuned recipe says what was searched."""


def make_record(run: Run, store: Store, accelerator: str, threads: int | None = None) -> RunRecord:
    """Sum up what the store holds of a run."""
    people = {fold.held_out for fold in run.folds}
    folds = [fold for fold in store.folds(run.id).values() if fold.held_out in people]
    confusion = confusion_of(folds, len(run.protocol.scheme.classes))
    whole = len(folds) == len(run.folds)
    tuning = _tuning_of(folds, float(uf1(np.array(list(confusion.values())).sum(0))) if whole else None)
    packages = _PACKAGES if tuning is None else (*_PACKAGES, "optuna")
    return RunRecord(
        run=run.id,
        method=run.recipe.name,
        title=run.recipe.title,
        board=run.board,
        edition=run.edition,
        protocol=run.protocol.id,
        protocol_version=run.protocol.version,
        protocol_hash=run.protocol.hash,
        definition=definition_of(run.protocol),
        selection=run.protocol.selection,
        recipe_hash=run.recipe.hash,
        recipe=run.recipe.model_dump(mode="json", exclude=_unrecorded(run.recipe)),
        data=DataProvenance(
            source=run.dataset.name,
            release=run.dataset.release,
            synthetic=run.dataset.synthetic,
            choices=dict(run.dataset.choices),
            table_hash=run.labelled.table_hash,
            content_hash=run.planned.content_hash,
        ),
        pretraining=store.pretraining(run.id),
        seed=run.seed,
        classes=run.protocol.scheme.classes,
        databases=run.protocol.tested_databases,
        folds=len(run.folds),
        finished=len(folds),
        failed=tuple(sorted(set(store.errors(run.id)) & people)),
        confusion=confusion,
        versions={"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages},
        device=_device_name(accelerator, threads),
        seconds=round(sum(fold.seconds for fold in folds), 3),
        tuning=tuning,
        audit={fold.held_out: fold.audit for fold in folds if fold.audit is not None},
        curve=mean_curve(folds),
        learning=learning_of(folds),
    )


def _tuning_of(folds: Sequence[FoldRecord], uf1: float | None) -> TuningRecord | None:
    """What the studies of a run spent and promised.

    Args:
        folds: Those of its folds that are in.
        uf1: Pooled UF1 of the run; None while folds are missing.

    Returns:
        None where nothing was tuned.
    """
    pairs = [(fold.search, fold.inner_uf1) for fold in folds]
    known = [(search, inner) for search, inner in pairs if search is not None and inner is not None]
    if not known:
        return None
    first = known[0][0]
    studies = [first] if first.mode == "global" else [search for search, _ in known]
    inner = float(np.mean([value for _, value in known]))
    return TuningRecord(
        mode=first.mode,
        sampler=first.sampler,
        pruner=first.pruner,
        trials=sum(study.trials for study in studies),
        pruned=sum(study.pruned for study in studies),
        epochs=sum(study.epochs for study in studies),
        seconds=round(sum(study.seconds for study in studies), 3),
        studies=len(studies),
        inner_uf1=round(inner, 6),
        optimism=None if uf1 is None or first.mode == "global" else round(inner - uf1, 6),
    )


def _unrecorded(recipe: Recipe) -> set[str]:
    optional = {"unranked", "chosen_on", "ensemble", "parts", "outside"}
    return _UNRECORDED | {name for name in optional if not getattr(recipe, name)}


def _device_name(accelerator: str, threads: int | None) -> str:
    import torch

    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU ({platform.machine()}, threads: {threads or torch.get_num_threads()})"
