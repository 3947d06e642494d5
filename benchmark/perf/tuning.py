"""How many epochs pruning saves, and what it costs in the best inner score."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.perf.measurement import Measurement
from benchmark.plan import Suite, make_plan
from benchmark.search import Search, Tuning, best_of, search
from benchmark.search_space import FloatRange, IntRange, Range
from benchmark.source import Source

if TYPE_CHECKING:
    from typing import Literal

    from benchmark.plan import Run


def run(*, quick: bool = False) -> list[Measurement]:
    """Search the learning rate of STSTNet on the synthetic SMIC, inside one fold, with and without pruning.

    Args:
        quick: Fewer trials, for a first look.
    """
    suite = Suite(
        name="perf",
        title="",
        summary="",
        source=Source(name="synthetic-flow"),
        protocols=("smic-3",),
        methods=("ststnet",),
        seeds=(0,),
    )
    (one,) = make_plan(suite)
    trials, epochs = (6, 9) if quick else (24, 18)
    full, best = _spent(one, "none", trials, epochs)
    rows: list[Measurement] = []
    for pruner in ("wilcoxon", "hyperband"):
        spent, score = _spent(one, pruner, trials, epochs)
        rows.append(
            Measurement(
                name=f"epochs of {trials} trials, {pruner}",
                ours=spent,
                reference=full,
                unit="epochs",
                better="lower",
                against="no pruning",
                goal="at most 0.5 x",
                note=f"best inner UF1 {score:.4f}, without pruning {best:.4f}",
            )
        )
    return rows


def _spent(one: Run, pruner: Literal["none", "wilcoxon", "hyperband"], trials: int, epochs: int) -> tuple[int, float]:
    """Epochs of all trials, and the best inner UF1."""
    assert one.recipe.training is not None
    training = one.recipe.training.model_copy(update={"epochs": epochs})
    space: dict[str, Range] = {
        "training.optimizer.lr": FloatRange(kind="float", low=1e-6, high=1e-1, log=True),
        "training.epochs": IntRange(kind="int", low=epochs - 1, high=epochs),
    }
    recipe = one.recipe.model_copy(update={"training": training, "search_space": space})
    tuning = Tuning(trials=trials, sampler="random", pruner=pruner, search_space=space)
    fold = one.folds[0]
    inner = one.protocol.inner_folds(fold, one.labelled, tuning.inner_folds)
    with tempfile.TemporaryDirectory() as folder:
        given = Search(recipe, tuning, 0, "perf", f"{folder}/studies.journal", Path(folder))
        done = search(given, fold.held_out, one.table.only(fold.train), inner, accelerator="cpu")
    return sum(trial.user_attrs["epochs"] for trial in done), best_of(done, space)[1]
