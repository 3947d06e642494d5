"""The picture of leak studies; the same studies give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Literal

from benchmark.evidence.habits import HABITS, NUMBERS, gaps, noise_of, pooled_scores
from benchmark.records.board_names import board_title
from benchmark.svg import draw_svg
from mer_lightning.metrics import uf1

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from benchmark.evidence.habits import Gap, LeakRecord

_TEST, _UNKNOWN = "#c0392b", "#7f8c8d"
CURVES = ("#1f5fa8", "#0b6e4e", "#8e44ad", "#b9770e", "#0f8a9d", "#c2185b", "#6d4c41", "#5b7a00", "#2c3e50")
"""Colours of the methods whose candidates are counted, in order."""
_MARKERS = "os^Dv<>P"
_ACROSS = 4
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def draw_leaks(records: Sequence[LeakRecord]) -> str:
    """Draw what habits are worth as SVG: honest beside leaky UF1, and what choosing among more candidates gives.

    Each habit has a panel of its own, so that no two marks of a method lie upon each other.

    Args:
        records: Studies under one protocol; of a method with several seeds, each is drawn.
    """
    shown = _Shown(
        board_title(records[0].honest.shown_on),
        _gaps_by_habit(records),
        noise_of(records[0]),
        [
            (_study(record, records), [(best.number, float(uf1(best.confusion))) for best in record.best_of])
            for record in records
            if record.best_of
        ],
    )
    return draw_svg(lambda: _draw_leaks(shown), made_of=shown)


@dataclass(frozen=True, slots=True)
class _Shown:
    """All that the picture shows.

    Attributes:
        title: Of the leaderboard.
        tried: As of ``_gaps_by_habit``.
        noise: UF1 of random guesses by number of candidates.
        choices: UF1 by number of candidates, of each study.
    """

    title: str
    tried: list[dict[str, Gap]]
    noise: Sequence[float]
    choices: list[tuple[str, list[tuple[int, float]]]]


def _draw_leaks(shown: _Shown) -> tuple[Figure, str]:
    from matplotlib.figure import Figure

    tried = shown.tried
    bands = [tried[first : first + _ACROSS] for first in range(0, len(tried), _ACROSS)]
    rows = [_methods_of(band) for band in bands]
    heights = [0.8 + 0.22 * len(methods) for methods in rows]
    figure = Figure(figsize=(7.6, sum(heights) + 3.4), layout="constrained")
    grid = figure.add_gridspec(len(bands) + 1, height_ratios=[*heights, 3.4])
    parts = [figure.add_subfigure(grid[row]) for row in range(len(bands) + 1)]
    for part in (figure, *parts):
        part.patch.set_facecolor("white")
    for part, band, methods in zip(parts, bands, rows, strict=False):
        _draw_habits(part, band, methods, _range_of(tried))
    parts[-2].supxlabel("UF1: the dot is honest, the ring leaky; what has a ring is never ranked", fontsize=9)
    below = parts[-1].add_subplot()
    _draw_choices(below, shown)
    _tidy(below, "both")
    below.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    heading = f"{shown.title}: what looking at the held-out subject is worth"
    parts[0].suptitle(heading, x=0.01, ha="left", fontsize=10, fontweight="bold")
    said = [
        f"{name}, {gap.habit.title}: {gap.honest['uf1']:.3f} becomes {gap.leaky['uf1']:.3f}"
        for own in tried
        for name, gap in own.items()
    ]
    return figure, f"{shown.title}: UF1, " + "; ".join(said)


def _gaps_by_habit(records: Sequence[LeakRecord]) -> list[dict[str, Gap]]:
    """What was tried of each habit, by method, highest honest UF1 first; habits in the order of ``HABITS``."""
    best_first = sorted(records, key=lambda record: -pooled_scores(record.honest.confusion)["uf1"])
    studied = [(_study(record, records), gaps(record)) for record in best_first]
    found = [{name: gap for name, own in studied for gap in own if gap.habit == habit} for habit in HABITS]
    return [own for own in found if own]


def _methods_of(band: Sequence[Mapping[str, Gap]]) -> list[str]:
    """Methods of some panels beside each other, those of the fullest panel first."""
    fullest_first = sorted(band, key=lambda own: -len(own))
    return list(dict.fromkeys(name for own in fullest_first for name in own))


def _range_of(tried: Sequence[Mapping[str, Gap]]) -> tuple[float, float]:
    values = [scores["uf1"] for own in tried for gap in own.values() for scores in (gap.honest, gap.leaky)]
    return min(values) - 0.05, max(values) + 0.05


def _draw_habits(
    part: SubFigure, band: Sequence[Mapping[str, Gap]], methods: Sequence[str], limits: tuple[float, float]
) -> None:
    panels = part.subplots(1, _ACROSS, sharey=True, squeeze=False)[0]
    for axes, own in zip(panels, band, strict=False):
        axes.set_title(next(iter(own.values())).habit.name.replace("_", " "), fontsize=9)
        for name, gap in own.items():
            y, honest, leaky = methods.index(name), gap.honest["uf1"], gap.leaky["uf1"]
            axes.plot([honest, leaky], [y, y], color=_TEST, lw=1.0, zorder=1)
            axes.plot(honest, y, "o", color="black", ms=4, zorder=3)
            axes.plot(leaky, y, "o", mfc="none", mec=_TEST, mew=1.4, ms=7.5, zorder=2)
        axes.set_yticks(range(len(methods)), methods)
        axes.set_xticks(_TICKS)
        axes.set_xlim(*limits)
        _tidy(axes, "x")
    panels[0].set_ylim(len(methods) - 0.5, -0.5)
    for axes in panels[len(band) :]:
        axes.set_visible(False)


def _tidy(axes: Axes, grid: Literal["x", "both"]) -> None:
    axes.grid(color="#dddddd", lw=0.6, axis=grid)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)


def _draw_choices(axes: Axes, shown: _Shown) -> None:
    axes.plot(NUMBERS, shown.noise, "--", color=_UNKNOWN, marker="x", ms=4, label="random guesses")
    looks = zip(cycle(CURVES), cycle(_MARKERS), strict=False)
    for (study, curve), (colour, marker) in zip(shown.choices, looks, strict=False):
        axes.plot(*zip(*curve, strict=True), marker=marker, ms=4, lw=1.2, color=colour, label=study)
    axes.set_xscale("log")
    axes.set_xticks(NUMBERS, [str(number) for number in NUMBERS])
    axes.minorticks_off()
    axes.set_xlabel("n candidates (a network's last epochs); for each held-out subject the best is kept")
    axes.set_ylabel("UF1")


def _study(record: LeakRecord, among: Sequence[LeakRecord]) -> str:
    several = sum(other.honest.shown_as == record.honest.shown_as for other in among) > 1
    return f"{record.honest.shown_title} s{record.honest.seed}" if several else record.honest.shown_title
