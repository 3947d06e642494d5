"""Pictures of what tuning did, drawn from the trials that a run keeps; no study has to be reachable any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.records.fold import FoldRecord, confusion_of
from benchmark.records.store import Store
from benchmark.svg import draw_svg
from benchmark.tuning.kept import load_studies
from mer_lightning.metrics import uf1

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmark.tuning.kept import Scored

_GREEN, _GREY = "#0b6e4f", "#bbbbbb"


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
    studies = [study.scored for study in load_studies(folder)]
    keys = sorted({key for trials in studies for values, _ in trials for key in values})
    folds = [fold for fold in Store(folder.parent).folds(folder.name).values() if fold.inner_uf1 is not None]
    pictures: dict[str, Callable[[], str]] = {
        "history": lambda: _svg(1, lambda axes: _history(axes[0], studies), "Best inner UF1 so far, by trial"),
        "importance": lambda: _svg(
            1, lambda axes: _importance(axes[0], importances(studies)), "Importance (PED-ANOVA)"
        ),
        "slices": lambda: _svg(
            len(keys), lambda axes: _slices(axes, keys, studies), "Inner UF1 of each trial, by value"
        ),
    }
    if folds:
        pictures["optimism"] = lambda: _svg(1, lambda axes: _optimism(axes[0], folds), "Inner and outer scores")
    output.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for name, draw in pictures.items():
        path = output / f"{name}.svg"
        path.write_text(draw(), encoding="utf-8")
        paths.append(path)
    return paths


def importances(studies: Sequence[Scored]) -> dict[str, float]:
    """Mean importance of each key over studies, given by what they scored, by Optuna's default.

    A study of fewer than four trials says nothing.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found: dict[str, list[float]] = {}
    for trials in studies:
        if len(trials) < 4 or len({score for _, score in trials}) < 2:
            continue
        made = optuna.create_study(direction="maximize")
        shared = set.intersection(*(set(values) for values, _ in trials))
        space = {key: _distribution([values[key] for values, _ in trials]) for key in sorted(shared)}
        space = {key: distribution for key, distribution in space.items() if not distribution.single()}
        made.add_trials(
            [
                optuna.create_trial(params={key: values[key] for key in space}, distributions=space, value=score)
                for values, score in trials
            ]
        )
        for key, value in optuna.importance.get_param_importances(made).items():
            found.setdefault(key, []).append(value)
    return {key: float(np.mean(values)) for key, values in sorted(found.items())}


def _distribution(values: Sequence[Any]) -> Any:  # noqa: ANN401 - one of Optuna's
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if isinstance(values[0], str):
        return CategoricalDistribution(sorted(set(values)))
    return FloatDistribution(float(min(values)), float(max(values)))


def _svg(panels: int, draw: Callable[[Sequence[Axes]], None], title: str) -> str:
    from matplotlib.figure import Figure

    def make() -> tuple[Figure, str]:
        figure = Figure(figsize=(max(5.0, 2.6 * panels), 3.4), layout="constrained")
        figure.patch.set_facecolor("white")
        axes = figure.subplots(1, panels, squeeze=False)[0]
        draw(list(axes))
        for one in axes:
            one.spines[["top", "right"]].set_visible(False)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
        return figure, title

    return draw_svg(make)


def _history(axes: Axes, studies: Sequence[Scored]) -> None:
    longest = max(len(trials) for trials in studies)
    best = np.full((len(studies), longest), np.nan)
    for row, trials in zip(best, studies, strict=True):
        row[: len(trials)] = np.maximum.accumulate([score for _, score in trials])
        axes.plot(range(1, len(trials) + 1), row[: len(trials)], color=_GREY, lw=0.7)
    axes.plot(range(1, longest + 1), np.nanmean(best, axis=0), color=_GREEN, lw=2, label="mean of studies")
    axes.set_xlabel("completed trials")
    axes.set_ylabel("inner UF1")
    axes.legend(frameon=False)


def _importance(axes: Axes, values: dict[str, float]) -> None:
    order = sorted(values, key=lambda key: values[key])
    axes.barh(range(len(order)), [values[key] for key in order], color=_GREEN)
    axes.set_yticks(range(len(order)), [key.rpartition(".")[2] for key in order])
    axes.set_xlabel("share of what decides the inner UF1, mean of studies")


def _slices(panels: Sequence[Axes], keys: Sequence[str], studies: Sequence[Scored]) -> None:
    for axes, key in zip(panels, keys, strict=True):
        pairs = [(values[key], score) for trials in studies for values, score in trials if key in values]
        values = [value for value, _ in pairs]
        axes.scatter(values, [score for _, score in pairs], s=8, color=_GREEN, alpha=0.4, lw=0)
        axes.set_xlabel(key.rpartition(".")[2])
        if isinstance(values[0], float) and min(values) > 0 and max(values) / min(values) > 50:
            axes.set_xscale("log")
        elif isinstance(values[0], str):
            axes.tick_params(axis="x", rotation=30)
    panels[0].set_ylabel("inner UF1")


def _optimism(axes: Axes, folds: Sequence[FoldRecord]) -> None:
    inner = [fold.inner_uf1 for fold in folds if fold.inner_uf1 is not None]
    classes = 1 + max(max(p.label, p.prediction) for fold in folds for p in fold.predictions)
    outer = float(uf1(np.array(list(confusion_of(folds, classes).values())).sum(0)))
    axes.hist(inner, bins=20, color=_GREY)
    axes.axvline(float(np.mean(inner)), color="black", label=f"inner UF1, mean of folds: {np.mean(inner):.4f}")
    axes.axvline(outer, color=_GREEN, lw=2, label=f"outer UF1, pooled: {outer:.4f}")
    axes.set_xlabel("UF1")
    axes.set_ylabel("folds")
    axes.legend(frameon=False, fontsize=8)
