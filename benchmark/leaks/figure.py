"""The picture of leak studies; the same studies give the same bytes."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from benchmark.board_names import board_title
from benchmark.leaks.habits import NUMBERS, gaps, noise_of
from benchmark.svg import draw_svg
from mer_lightning.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from benchmark.leaks.habits import LeakRecord

_TEST, _UNKNOWN = "#c0392b", "#7f8c8d"
_CURVES = ("#1f5fa8", "#0b6e4f", "#8e44ad", "#b9770e")


def draw_leaks(records: Sequence[LeakRecord]) -> str:
    """Draw what habits are worth as SVG: honest beside leaky UF1, and what choosing among more candidates gives.

    Args:
        records: Studies under one protocol; of a method with several seeds, each is drawn.
    """
    return draw_svg(lambda: _draw_leaks(records))


def _draw_leaks(records: Sequence[LeakRecord]) -> tuple[Figure, str]:
    from matplotlib.figure import Figure

    # a habit that changes nothing would be a dot upon a dot
    rows = [(record, gap) for record in records for gap in gaps(record) if gap.leaky != gap.honest][::-1]
    height = 1.2 + 0.21 * len(rows)
    figure = Figure(figsize=(7.6, height + 2.7), layout="constrained")
    grid = figure.add_gridspec(2, height_ratios=[height, 2.7])
    parts = [figure.add_subfigure(grid[row]) for row in range(2)]
    above, below = (part.add_subplot() for part in parts)
    for part in (figure, *parts):
        part.patch.set_facecolor("white")
    said: list[str] = []
    for y, (record, gap) in enumerate(rows):
        honest, leaky = gap.honest["uf1"], gap.leaky["uf1"]
        above.plot([honest, leaky], [y, y], color="#999999", lw=1.2, zorder=1)
        above.plot(honest, y, "o", color="black", ms=6, zorder=2)
        above.plot(leaky, y, "o", mfc="white", mec=_TEST, mew=1.6, ms=6, zorder=3)
        said.append(f"{_study(record, records)}, {gap.habit.title}: {honest:.3f} becomes {leaky:.3f}")
    names = [f"{_study(record, records)}: {gap.habit.name.replace('_', ' ')}" for record, gap in rows]
    above.set_yticks(range(len(rows)), names)
    above.plot([], [], "o", color="black", label="honest")
    above.plot([], [], "o", mfc="white", mec=_TEST, mew=1.6, label="with the habit; never ranked")
    below.plot(NUMBERS, noise_of(records[0]), "--", color=_UNKNOWN, marker="x", ms=4, label="random guesses")
    for record, colour in zip([r for r in records if r.best_of], cycle(_CURVES), strict=False):
        curve = [(best.number, float(METRICS["uf1"](best.confusion))) for best in record.best_of]
        name = f"{_study(record, records)}, last n epochs"
        below.plot(*zip(*curve, strict=True), "o-", ms=3.5, lw=1.2, color=colour, label=name)
    below.set_xscale("log")
    below.set_xticks(NUMBERS, [str(number) for number in NUMBERS])
    below.minorticks_off()
    below.set_xlabel("candidates n, the best of which is kept for each held-out subject")
    below.set_ylabel("UF1")
    title = board_title(records[0].honest.board)
    heading = f"{title}: what looking at the held-out subject is worth"
    parts[0].suptitle(heading, x=0.01, ha="left", fontsize=10, fontweight="bold")
    above.set_xlabel("UF1")
    for axes in (above, below):
        axes.grid(color="#dddddd", lw=0.6, axis="x" if axes is above else "both")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
        axes.legend(fontsize=7.5, frameon=False, loc="best")
    return figure, f"{title}: UF1, " + "; ".join(said[::-1])


def _study(record: LeakRecord, among: Sequence[LeakRecord]) -> str:
    several = sum(other.honest.entry == record.honest.entry for other in among) > 1
    return f"{record.honest.title} s{record.honest.seed}" if several else record.honest.title
