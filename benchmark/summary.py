"""What the store holds of a run, summed up in its RunRecord."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING

import numpy as np

from benchmark.curves import mean_curve
from benchmark.records import DataProvenance, RunRecord, confusion_of, tuning_of
from mer_lightning.metrics import uf1

if TYPE_CHECKING:
    from benchmark.plan import Run
    from benchmark.recipe import Recipe
    from benchmark.store import Store

_PACKAGES = ("torch", "lightning", "torchmetrics", "kornia", "numpy", "scikit-learn")
_UNRECORDED = {"search_space"}
"""What might be searched decides nothing in a record; a tuned recipe says what was searched."""


def make_record(run: Run, store: Store, accelerator: str, threads: int | None = None) -> RunRecord:
    """Sum up what the store holds of a run."""
    people = {fold.held_out for fold in run.folds}
    folds = [fold for fold in store.folds(run.id).values() if fold.held_out in people]
    confusion = confusion_of(folds, len(run.protocol.scheme.classes))
    whole = len(folds) == len(run.folds)
    tuning = tuning_of(folds, float(uf1(np.array(list(confusion.values())).sum(0))) if whole else None)
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
        selection=run.protocol.selection,
        recipe_hash=run.recipe.hash,
        recipe=run.recipe.model_dump(mode="json", exclude=_unsaid(run.recipe)),
        data=DataProvenance(
            source=run.dataset.name,
            release=run.dataset.release,
            synthetic=run.dataset.synthetic,
            choices=dict(run.dataset.choices),
            table_hash=run.labelled.table_hash,
            content_hash=run.late_table.content_hash,
        ),
        pretraining=store.pretraining(run.id),
        seed=run.seed,
        classes=run.protocol.scheme.classes,
        databases=tuple(run.protocol.counts),
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
    )


def _unsaid(recipe: Recipe) -> set[str]:
    optional = {"unranked", "chosen_on", "ensemble", "parts"}
    return _UNRECORDED | {name for name in optional if not getattr(recipe, name)}


def _device_name(accelerator: str, threads: int | None) -> str:
    import torch

    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU ({platform.machine()}, threads: {threads or torch.get_num_threads()})"
