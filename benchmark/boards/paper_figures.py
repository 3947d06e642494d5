"""Pictures of the papers' figures, drawn from records alone: sweeps, bars and learning curves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from benchmark.boards.leakage_figure import CURVES
from benchmark.svg import draw_svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmark.evidence.statistics import Score

_PRINTED = "#7f8c8d"
_MARKERS = "os^Dv<>P"


@dataclass(frozen=True, slots=True)
class Series:
    """One curve or one set of bars.

    Attributes:
        title: What it is of.
        points: Place and score, 0..1.
    """

    title: str
    points: tuple[tuple[float, Score], ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture.

    Attributes:
        name: Of its file, without ending.
        title: What it shows, and on whom.
        svg: The picture.
        said: The picture in words.
    """

    name: str
    title: str
    svg: str
    said: str


def draw_sweep(name: str, title: str, axis: str, best: float, lines: Sequence[Series]) -> Drawn:
    """Draw scores over a setting, one curve per database; a line marks the value that the paper found best."""
    said = f"{title}: {_in_words(lines, axis)}; printed as the best: {axis} = {best:g}"

    def draw() -> tuple[Figure, str]:
        figure, axes = _figure(title)
        axes.axvline(best, color=_PRINTED, lw=1, ls=":", label="best in the paper")
        for line, colour, marker in zip(lines, cycle(CURVES), cycle(_MARKERS), strict=False):
            places, scores = zip(*line.points, strict=True)
            means, spreads = [100 * score.mean for score in scores], [100 * (score.spread or 0) for score in scores]
            axes.errorbar(
                places, means, spreads, color=colour, marker=marker, ms=5, lw=1.3, capsize=3, label=line.title
            )
        axes.set_xticks(sorted({place for line in lines for place, _ in line.points}))
        axes.set_xlabel(axis)
        _finish(figure, axes, "accuracy, %")
        return figure, said

    return Drawn(name, title, draw_svg(draw, name, made_of=(title, axis, best, tuple(lines))), said)


def draw_bars(name: str, title: str, rows: Sequence[str], bars: Sequence[Series]) -> Drawn:
    """Draw scores of rows side by side, one bar per score; a row without one has a gap."""
    said = f"{title}: {_in_words(bars, 'row')}"

    def draw() -> tuple[Figure, str]:
        figure, axes = _figure(title)
        wide = 0.8 / len(bars)
        for number, (line, colour) in enumerate(zip(bars, cycle(CURVES), strict=False)):
            places, scores = zip(*line.points, strict=True)
            at = [place - 0.4 + wide * (number + 0.5) for place in places]
            means, spreads = [100 * score.mean for score in scores], [100 * (score.spread or 0) for score in scores]
            axes.bar(at, means, 0.9 * wide, color=colour, label=line.title)
            axes.errorbar(at, means, spreads, fmt="none", ecolor="#000000", lw=1)
            for x, mean in zip(at, means, strict=True):
                axes.annotate(f"{mean:.1f}", (x, mean), (0, 3), textcoords="offset points", ha="center", fontsize=7)
        axes.set_xticks(range(len(rows)), rows, fontsize=8)
        axes.set_xlim(-0.6, len(rows) - 0.4)
        axes.set_ylim(0, None)
        _finish(figure, axes, "%")
        return figure, said

    return Drawn(name, title, draw_svg(draw, name, made_of=(title, tuple(rows), tuple(bars))), said)


@dataclass(frozen=True, slots=True)
class FoldLine:
    """Training accuracy of one method in one fold, 0..1, one per epoch."""

    title: str
    epochs: tuple[int, ...]
    accuracy: tuple[float, ...]


def draw_learning(name: str, title: str, panels: Sequence[tuple[str, Sequence[FoldLine]]]) -> Drawn:
    """Draw how methods learn, a panel per fold."""
    ends = [
        f"{panel}: {line.title} ends at {100 * line.accuracy[-1]:.1f} %" for panel, lines in panels for line in lines
    ]
    said = f"{title}: training accuracy by epoch; {'; '.join(ends)}"

    def draw() -> tuple[Figure, str]:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.6, 3.1), layout="constrained")
        figure.patch.set_facecolor("white")
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (panel, lines) in zip(grid, panels, strict=True):
            for line, colour, marker in zip(lines, cycle(CURVES), cycle(_MARKERS), strict=False):
                shares = [100 * value for value in line.accuracy]
                axes.plot(line.epochs, shares, color=colour, marker=marker, ms=3.5, lw=1.3, label=line.title)
            axes.set_title(panel, fontsize=9)
            axes.set_xlabel("epoch")
            axes.set_ylim(0, 103)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(axis="y", color="#dddddd", lw=0.6)
            axes.spines[["top", "right"]].set_visible(False)
        grid[0].set_ylabel("training accuracy, %")
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
        return figure, said

    made_of = (title, tuple((panel, tuple(lines)) for panel, lines in panels))
    return Drawn(name, title, draw_svg(draw, name, made_of=made_of), said)


def _figure(title: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 3.3), layout="constrained")
    figure.patch.set_facecolor("white")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    return figure, axes


def _finish(figure: Figure, axes: Axes, unit: str) -> None:
    axes.set_ylabel(unit)
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)


def _in_words(lines: Sequence[Series], axis: str) -> str:
    return "; ".join(
        f"{line.title}: " + ", ".join(f"{axis} {place:g}: {100 * score.mean:.2f} %" for place, score in line.points)
        for line in lines
    )
