"""The picture of leak studies; the same studies give the same bytes."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

from benchmark.evidence.habits import HABITS, HONEST, NUMBERS, gaps, noise_of
from benchmark.records.board_names import board_title
from benchmark.svg import draw_svg
from mer_lightning.metrics import uf1

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmark.evidence.habits import Gap, Habit, LeakRecord

_TEST, _UNKNOWN = "#c0392b", "#7f8c8d"
_CURVES = ("#1f5fa8", "#0b6e4f", "#8e44ad", "#b9770e", "#0f8a9d", "#c2185b", "#6d4c41", "#5b7a00", "#2c3e50")
_MARKERS = "os^Dv<>P"
_SHAPES = dict(zip((habit.name for habit in HABITS), "osD^PXv", strict=True))


def draw_leaks(records: Sequence[LeakRecord]) -> str:
    """Draw what habits are worth as SVG: honest beside leaky UF1, and what choosing among more candidates gives.

    Args:
        records: Studies under one protocol; of a method with several seeds, each is drawn.
    """
    return draw_svg(lambda: _draw_leaks(records))


def _draw_leaks(records: Sequence[LeakRecord]) -> tuple[Figure, str]:
    from matplotlib.figure import Figure

    rows = _rows_of_gaps(records)
    height = 1.0 + 0.26 * len(rows)
    figure = Figure(figsize=(7.6, height + 3.0), layout="constrained")
    grid = figure.add_gridspec(2, height_ratios=[height, 3.0])
    parts = [figure.add_subfigure(grid[row]) for row in range(2)]
    above, below = (part.add_subplot() for part in parts)
    for part in (figure, *parts):
        part.patch.set_facecolor("white")
    _draw_habits(above, rows)
    _draw_choices(below, records)
    title = board_title(records[0].honest.shown_on)
    heading = f"{title}: what looking at the held-out subject is worth"
    parts[0].suptitle(heading, x=0.01, ha="left", fontsize=10, fontweight="bold")
    for axes in (above, below):
        axes.grid(color="#dddddd", lw=0.6, axis="x" if axes is above else "both")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
        axes.legend(fontsize=7, frameon=False, loc="best")
    said = [
        f"{name}, {gap.habit.title}: {gap.honest['uf1']:.3f} becomes {gap.leaky['uf1']:.3f}"
        for name, own in rows.items()
        for gap in own
    ]
    return figure, f"{title}: UF1, " + "; ".join(said)


def _rows_of_gaps(records: Sequence[LeakRecord]) -> dict[str, list[Gap]]:
    """What each study has tried, best honest UF1 first; a counterpart of its own has a row of its own."""
    rows: dict[str, list[Gap]] = {}
    for record in records:
        for gap in gaps(record):
            # a habit that changes nothing would be a mark upon a dot
            if gap.leaky != gap.honest:
                own = "" if gap.habit.beside == HONEST else f": {_short(gap.habit)}"
                rows.setdefault(f"{_study(record, records)}{own}", []).append(gap)
    return dict(sorted(rows.items(), key=lambda row: -row[1][0].honest["uf1"]))


def _draw_habits(axes: Axes, rows: Mapping[str, Sequence[Gap]]) -> None:
    tried = {gap.habit.name for own in rows.values() for gap in own}
    look: dict[str, Any] = {"ls": "", "mfc": "white", "mec": _TEST, "mew": 1.3, "ms": 5.5, "zorder": 3}
    axes.plot([], [], "o", color="black", label="honest")
    for habit in HABITS:
        if habit.name in tried:
            axes.plot([], [], _SHAPES[habit.name], label=_short(habit), **look)
    for y, own in enumerate(rows.values()):
        honest, leaky = own[0].honest["uf1"], [gap.leaky["uf1"] for gap in own]
        axes.plot([min(honest, *leaky), max(honest, *leaky)], [y, y], color="#999999", lw=1.2, zorder=1)
        axes.plot(honest, y, "o", color="black", ms=6, zorder=2)
        for gap, value in zip(own, leaky, strict=True):
            axes.plot(value, y, _SHAPES[gap.habit.name], **look)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set_xlabel("UF1; what is red is never ranked")


def _draw_choices(axes: Axes, records: Sequence[LeakRecord]) -> None:
    axes.plot(NUMBERS, noise_of(records[0]), "--", color=_UNKNOWN, marker="x", ms=4, label="random guesses")
    looks = zip(cycle(_CURVES), cycle(_MARKERS), strict=False)
    for record, (colour, marker) in zip([r for r in records if r.best_of], looks, strict=False):
        curve = [(best.number, float(uf1(best.confusion))) for best in record.best_of]
        axes.plot(*zip(*curve, strict=True), marker=marker, ms=4, lw=1.2, color=colour, label=_study(record, records))
    axes.set_xscale("log")
    axes.set_xticks(NUMBERS, [str(number) for number in NUMBERS])
    axes.minorticks_off()
    axes.set_xlabel("n candidates (a network's last epochs), the best of which is kept for each held-out subject")
    axes.set_ylabel("UF1")


def _short(habit: Habit) -> str:
    return habit.name.replace("_", " ")


def _study(record: LeakRecord, among: Sequence[LeakRecord]) -> str:
    several = sum(other.honest.shown_as == record.honest.shown_as for other in among) > 1
    return f"{record.honest.shown_title} s{record.honest.seed}" if several else record.honest.shown_title
