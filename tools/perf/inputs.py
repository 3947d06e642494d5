"""Runs on the official folds whose inputs have another number, size or shape; what is in them does not change speed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import interpolate

from benchmark.methods.recipe import load_recipe
from benchmark.methods.source import Source
from benchmark.methods.suite import Suite
from benchmark.training.plan import Run, make_plan
from mer_lightning.motion import get_representation
from mer_lightning.protocols import Fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mer_lightning.datamodules import Table

VOLUME = {"size": 32, "frames": 10}
"""Arguments of ``fcnn-3d`` that make it small enough for a processor."""


def official(methods: Sequence[str]) -> dict[str, Run]:
    """Runs of methods on 442 synthetic maps of 28 x 28, by name; ``fcnn-3d`` on clips of ten maps of 32 x 32."""
    suite = Suite(
        name="perf",
        title="",
        summary="",
        source=Source(name="synthetic-flow"),
        protocols=("megc2019",),
        methods=tuple(method for method in methods if method != "fcnn-3d"),
        seeds=(0,),
    )
    runs = {run.recipe.name: run for run in make_plan(suite)}
    if "fcnn-3d" in methods:
        runs["fcnn-3d"] = _volumes(next(iter(runs.values())))
    return runs


def short(run: Run, epochs: int) -> Run:
    """The same run with so many epochs."""
    assert run.recipe.training is not None
    training = run.recipe.training.model_copy(update={"epochs": epochs})
    return replace(run, recipe=run.recipe.model_copy(update={"training": training}))


def tenfold(run: Run) -> Run:
    """The same run with ten copies of every sample, on the side of its original."""
    table = run.table
    many = replace(
        table,
        keys=tuple(f"{key}-{copy}" for copy in range(10) for key in table.keys),
        inputs=table.inputs.repeat(10, *[1] * (table.inputs.ndim - 1)),
        labels=table.labels.repeat(10),
        contents=table.contents * 10,
    )
    return _with_table(replace(run, folds=tuple(_tenfold(fold, many) for fold in run.folds)), many)


def resized(run: Run, side: int) -> Run:
    """The same run with maps of ``side`` x ``side`` pixels."""
    inputs = interpolate(run.table.inputs, (side, side), mode="bilinear", align_corners=False)
    return _with_table(run, replace(run.table, inputs=inputs))


def _volumes(run: Run) -> Run:
    recipe = load_recipe("fcnn-3d")
    assert recipe.model is not None
    side = VOLUME["size"]
    arguments = recipe.sees.arguments | {"size": [side, side], "flow_size": [side, side]}
    representation = get_representation(recipe.sees.name, arguments)
    shape = (len(run.table.keys), len(representation.channels), VOLUME["frames"], side, side)
    inputs = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    model = recipe.model.model_copy(update={"arguments": recipe.model.arguments | VOLUME})
    small = replace(run, recipe=recipe.model_copy(update={"model": model}))
    return _with_table(small, replace(run.table, inputs=inputs, representation=representation))


def _with_table(run: Run, table: Table) -> Run:
    return replace(run, planned=replace(run.planned, table=table))


def _tenfold(fold: Fold, many: Table) -> Fold:
    copies = fold.total * np.arange(10, dtype=np.int32)[:, None]
    test, validation = ((copies + side).flatten() for side in (fold.test, fold.validation))
    return Fold(fold.held_out, many.people, test, validation)
