"""Pictures of what tuning did, drawn by Optuna from the trials that a run keeps; no storage has to be reachable."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from benchmark.records.fold import FoldRecord, confusion_of
from benchmark.records.store import Store
from benchmark.svg import draw_svg
from benchmark.tuning.kept import load_studies
from mer_lightning.metrics import uf1

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from optuna import Study
    from optuna.distributions import BaseDistribution

    from benchmark.tuning.kept import Scored

_LOG_FROM = 50
_SCORE = "inner UF1"


def draw_studies(folder: Path, output: Path) -> list[Path]:
    """Draw history, importance and slices of all studies of a run, and its optimism, as SVG.

    Args:
        folder: Folder of the run.
        output: Where pictures go.

    Returns:
        Their paths.

    Raises:
        DataError: The folder holds no trials, or a file of them is not what it should be.
    """
    from optuna.visualization import matplotlib as drawn

    kept = load_studies(folder)
    studies = [_study(study.scored, study.study) for study in kept]
    # a slice and an importance are of all trials of all studies, which have one search space
    pooled = _study([trial for study in kept for trial in study.scored], "all")
    folds = [fold for fold in Store(folder.parent).folds(folder.name).values() if fold.inner_uf1 is not None]
    pictures: dict[str, tuple[str, Callable[[], object]]] = {
        "history": (
            "Best inner UF1 so far, by trial",
            lambda: drawn.plot_optimization_history(studies, target_name=_SCORE, error_bar=len(studies) > 1),
        ),
        "slices": ("Inner UF1 of each trial, by value", lambda: drawn.plot_slice(pooled, target_name=_SCORE)),
    }
    if len({trial.value for trial in pooled.trials}) > 1:
        pictures["importance"] = (
            "Share of what decides the inner UF1",
            lambda: drawn.plot_param_importances(pooled, target_name=_SCORE),
        )
    if folds:
        pictures["optimism"] = ("Inner and outer scores", lambda: _plot_optimism(folds))
    output.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for name, (title, plot) in sorted(pictures.items()):
        path = output / f"{name}.svg"
        path.write_text(_svg(title, plot), encoding="utf-8")
        paths.append(path)
    return paths


def _study(trials: Scored, name: str) -> Study:
    """The complete trials as a study in memory; each value that was tried lies in its key's range."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = _short({key for values, _ in trials for key in values})
    trials = [({names[key]: _plain(value) for key, value in values.items()}, score) for values, score in trials]
    keys = sorted(names.values())
    ranges = {key: _range([values[key] for values, _ in trials if key in values]) for key in keys}
    study = optuna.create_study(direction="maximize", study_name=name)
    study.add_trials(
        [
            optuna.create_trial(params=values, distributions={key: ranges[key] for key in values}, value=score)
            for values, score in trials
        ]
    )
    return study


def _short(keys: set[str]) -> dict[str, str]:
    """The last part of each dotted key, where no other has the same."""
    last = [key.rpartition(".")[2] for key in keys]
    return {key: name if last.count(name) == 1 else key for key in keys for name in [key.rpartition(".")[2]]}


def _plain(value: object) -> float | str:
    """A number, or what else is chosen from as text."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _range(values: Sequence[float | str]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) < len(values):
        return CategoricalDistribution(sorted({str(value) for value in values}))
    low, high = min(numbers), max(numbers)
    return FloatDistribution(low, high, log=low > 0 and high / low > _LOG_FROM)


def _svg(title: str, plot: Callable[[], object]) -> str:
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    def make() -> tuple[Figure, str]:
        plot()
        figure = plt.gcf()
        figure.set_layout_engine("constrained")
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold", parse_math=False)
        for axes in figure.axes:
            for place in ("left", "center"):
                axes.set_title("", loc=place)
        return figure, title

    # Optuna sets a style and draws on the current figure, of which it measures text: both are given back
    with mpl.rc_context({"backend": "agg"}), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return draw_svg(make, formulas=True)
        finally:
            plt.close("all")


def _plot_optimism(folds: Sequence[FoldRecord]) -> None:
    from matplotlib import pyplot as plt

    inner = [fold.inner_uf1 for fold in folds if fold.inner_uf1 is not None]
    classes = 1 + max(max(p.label, p.prediction) for fold in folds for p in fold.predictions)
    outer = float(uf1(np.array(list(confusion_of(folds, classes).values())).sum(0)))
    axes = plt.subplots()[1]
    axes.hist(inner, bins=20, color="#bbbbbb")
    axes.axvline(float(np.mean(inner)), color="black", label=f"inner UF1, mean of folds: {np.mean(inner):.4f}")
    axes.axvline(outer, color="#0b6e4f", lw=2, label=f"outer UF1, pooled: {outer:.4f}")
    axes.set_xlabel("UF1")
    axes.set_ylabel("folds")
    axes.legend(frameon=False, fontsize=8)
