"""What pruning saves, and what it costs in the best inner score: each pruner where it is the usual one."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.methods.search_space import FloatRange, IntRange, Range
from benchmark.methods.source import Source
from benchmark.methods.suite import Suite
from benchmark.training.plan import make_plan
from benchmark.tuning.search import Search, Tuning, best_of, search, usual_pruner
from mer_lightning.tasks import Fit
from tools.perf.measurement import Measurement

if TYPE_CHECKING:
    from benchmark.training.plan import Run
    from benchmark.tuning.search import Pruner


@dataclass(frozen=True)
class _Method:
    name: str
    protocol: str
    unit: str
    trials: int
    goal: str


_METHODS = (
    _Method("ststnet", "smic-3", "epochs", 24, "at most 0.5 x"),
    # three inner folds leave two thirds to save at most, and most of these trials are too good to be ended
    _Method("linear-svm", "megc2019", "people", 12, "below 1 x"),
)


@dataclass(frozen=True)
class _Spent:
    work: int
    """Epochs of a network, or people who were tested, all trials of all studies together."""
    best: float
    """Best inner UF1, mean of the studies."""


def run(*, quick: bool = False) -> list[Measurement]:
    """Tune STSTNet and the linear SVM on synthetic flow inside three folds, with the usual pruner and without.

    Trials are drawn at random, the same ones on both sides.

    Args:
        quick: Fewer trials inside one fold, for a first look.
    """
    rows: list[Measurement] = []
    for method in _METHODS:
        one = _run(method, epochs=9 if quick else 18)
        studies, trials = (1, 6) if quick else (3, method.trials)
        pruner = usual_pruner(one.recipe)
        ours, full = (_spend(one, name, studies, trials) for name in (pruner, "none"))
        what = f"{method.name}, {studies} studies of {trials} trials, {pruner}"
        rows += [
            Measurement(
                name=f"{method.unit}: {what}",
                ours=ours.work,
                reference=full.work,
                unit=method.unit,
                better="lower",
                against="no pruning",
                goal=method.goal,
                note=f"best inner UF1 {ours.best:.4f}, without pruning {full.best:.4f}",
            ),
            Measurement(
                name=f"best inner UF1: {what}",
                ours=ours.best,
                reference=full.best,
                unit="UF1",
                better="higher",
                against="no pruning",
                goal="1.00 x",
                note="mean of the studies",
            ),
        ]
    return rows


def _run(method: _Method, epochs: int) -> Run:
    """A method on synthetic flow; a network with few epochs and a learning rate that may be far off."""
    suite = Suite(
        name="perf",
        title="",
        summary="",
        source=Source(name="synthetic-flow"),
        protocols=(method.protocol,),
        methods=(method.name,),
        seeds=(0,),
    )
    (one,) = make_plan(suite)
    if one.recipe.training is None:
        return one
    training = one.recipe.training.model_copy(update={"epochs": epochs})
    space: dict[str, Range] = {
        "training.optimizer.lr": FloatRange(kind="float", low=1e-6, high=1e-1, log=True),
        "training.epochs": IntRange(kind="int", low=epochs - 1, high=epochs),
    }
    return replace(one, recipe=one.recipe.model_copy(update={"training": training, "search_space": space}))


def _spend(one: Run, pruner: Pruner, studies: int, trials: int) -> _Spent:
    space = one.recipe.search_space
    tuning = Tuning(trials=trials, sampler="random", pruner=pruner, search_space=space)
    work, best = 0, 0.0
    # folds that are far apart in the list are of different databases
    for fold in one.folds[:: max(1, len(one.folds) // studies)][:studies]:
        inner = one.protocol.inner_folds(fold, one.labelled, tuning.inner_folds)
        with tempfile.TemporaryDirectory() as folder:
            given = Search(one.recipe, tuning, 0, "perf", f"{folder}/studies.journal", Path(folder))
            seen = one.table.only(fold.known)
            done = search(given, fold.held_out, [Fit(seen, part, accelerator="cpu") for part in inner])
        people = len(seen.people.names)
        for trial in done:
            if one.recipe.training is not None:
                work += trial.user_attrs["epochs"]
            else:
                # wilcoxon is told of each person; without it all of them are tested
                work += len(trial.intermediate_values) if pruner == "wilcoxon" else people
        best += best_of(done, space)[1] / studies
    return _Spent(work, best)
