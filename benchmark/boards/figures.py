"""Pictures of leaderboards, drawn from the same records as the tables; the same records give the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.boards.board import ALL, database_title
from benchmark.boards.scale import board_scale
from benchmark.svg import draw_svg
from mer_lightning.metrics import UF1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmark.boards.board import Board, BoardRow, ReportedRow
    from benchmark.boards.scale import Scale
    from benchmark.evidence.statistics import Interval, Ranks

_HONEST, _TEST, _UNKNOWN = "#0b6e4f", "#c0392b", "#7f8c8d"
_COLOURS = {"honest": _HONEST, "test": _TEST, "unknown": _UNKNOWN}
_MEANINGS = {
    "honest": "published, epoch not chosen on the held-out subject",
    "unknown": "published, choice of epoch not stated",
    "test": "published, epoch chosen on the held-out subject",
}


def draw_board(board: Board) -> str:
    """Draw the UF1 of every measured and published method as SVG.

    Measured scores are filled dots with their 95 % interval over subjects, published ones are rings, of which no
    interval can be known; a line marks the linear SVM, which a network has to beat.
    """
    lines, scale = _picture_lines(board), board_scale(_competing(board), board.reported, ALL)
    baseline = next((row for row in board.rows if row.method == "linear-svm" and row.scores), None)
    mark = None if baseline is None else baseline.scores[ALL][UF1.name].mean
    parts = (board.title, lines, scale, mark)
    said = describe(board)
    return draw_svg(lambda: (_draw(*parts), said), made_of=(parts, said))


@dataclass(frozen=True, slots=True)
class _Line:
    """One method of the picture: what was measured, what was published, or both."""

    title: str
    measured: float | None
    interval: Interval | None
    published: float | None
    selection: str = "unknown"

    @property
    def height(self) -> float:
        return self.published or 0.0 if self.measured is None else self.measured


def _picture_lines(board: Board) -> list[_Line]:
    shown = _competing(board)
    lines = [
        _Line(
            row.title,
            row.scores[ALL][UF1.name].mean,
            row.intervals.get(ALL, {}).get(UF1.name),
            *_published(row.published),
        )
        for row in shown
    ]
    methods = {row.method for row in shown}
    lines += [_Line(row.name, None, None, *_published(row)) for row in board.reported if row.method not in methods]
    return sorted((line for line in lines if line.height), key=lambda line: line.height)


def _competing(board: Board) -> list[BoardRow]:
    return [row for row in board.rows if row.scores and not row.unranked]


def _published(row: ReportedRow | None) -> tuple[float | None, str]:
    if row is None or ALL not in row.scores:
        return None, "unknown"
    return row.scores[ALL].get(UF1.name), row.selection


def _draw(title: str, lines: Sequence[_Line], scale: Scale, mark: float | None) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.6, 1.5 + 0.27 * len(lines)), layout="constrained")
    axes = figure.add_subplot()
    figure.patch.set_facecolor("white")
    for y, line in enumerate(lines):
        _draw_line(axes, y, line, scale)
    if mark is not None:
        axes.axvline(mark, color="black", lw=0.8, ls=":", zorder=1)
    axes.plot([], [], "-o", color="black", ms=5, lw=1.2, label="measured here, honest, with 95 % interval")
    for selection, meaning in _MEANINGS.items():
        if any(line.selection == selection and line.published is not None for line in lines):
            axes.plot([], [], "o", mfc="white", mec=_COLOURS[selection], mew=1.6, label=meaning)
    axes.set_xlim(scale.low - 0.01, scale.high + 0.01)
    axes.set_xticks(scale.ticks, [f"{tick:.1f}" for tick in scale.ticks])
    axes.set_yticks(range(len(lines)), [line.title for line in lines])
    axes.set_xlabel("UF1 of the pooled leave-one-subject-out predictions")
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def _draw_line(axes: Axes, y: int, line: _Line, scale: Scale) -> None:
    if line.published is not None:
        axes.plot(line.published, y, "o", mfc="white", mec=_COLOURS[line.selection], mew=1.6, ms=8, zorder=2)
    if line.measured is None:
        return
    if not scale.holds(line.measured):
        axes.plot(scale.low, y, "<", color="black", ms=6, zorder=3)
        ends = f" ({line.interval.low:.2f} – {line.interval.high:.2f})" if line.interval else ""
        axes.annotate(f"{line.measured:.2f}{ends}", (scale.low, y), (6, 0), textcoords="offset points", va="center")
        return
    if line.interval is not None:
        ends = (line.interval.low, line.interval.high)
        axes.plot(ends, (y, y), "-|", color="black", lw=1.2, ms=6, mew=1.2, zorder=3, gid=f"interval-{y}")
    axes.plot(line.measured, y, "o", color="black", ms=5, zorder=3)


def draw_ranks(ranks: Ranks, titles: Sequence[str]) -> str:
    """Draw a critical-difference diagram as SVG: a bar joins those that are alike.

    Args:
        ranks: From ``average_ranks``.
        titles: Method of each rank.
    """
    return draw_svg(lambda: _draw_ranks(ranks, titles))


def _draw_ranks(ranks: Ranks, titles: Sequence[str]) -> tuple[Figure, str]:
    from matplotlib.figure import Figure

    order = sorted(range(len(titles)), key=lambda i: (ranks.average[i], titles[i]))
    groups = _runs_alike([ranks.average[i] for i in order], ranks.critical_difference)
    half = (len(order) + 1) // 2
    depth = 0.35 + 0.22 * len(groups)
    figure = Figure(figsize=(7.6, 1.3 + 0.2 * len(groups) + 0.26 * half), layout="constrained")
    figure.patch.set_facecolor("white")
    axes = figure.add_subplot()
    axes.set_xlim(-0.6, len(titles) + 1.6)
    axes.set_ylim(depth + 0.4 * half + 0.2, -0.9)
    axes.axis("off")
    axes.plot([1, len(titles)], [0, 0], color="black", lw=1)
    for rank in range(1, len(titles) + 1):
        axes.plot([rank, rank], [-0.1, 0], color="black", lw=1)
        axes.text(rank, -0.15, str(rank), ha="center", va="bottom")
    axes.plot([1, 1 + ranks.critical_difference], [-0.7, -0.7], color=_HONEST, lw=2)
    axes.text(1, -0.74, f"critical difference {ranks.critical_difference:.2f}", va="bottom", color=_HONEST, fontsize=8)
    for place, i in enumerate(order):
        left = place < half
        y = depth + 0.4 * (place if left else len(order) - 1 - place)
        edge = 0.8 if left else len(titles) + 0.2
        axes.plot([ranks.average[i], ranks.average[i], edge], [0, y, y], color="black", lw=0.8)
        label = f" {titles[i]} {ranks.average[i]:.2f} "
        axes.text(edge, y, label, ha="right" if left else "left", va="center", fontsize=8.5)
    for row, (first, last) in enumerate(groups):
        y = 0.2 + 0.22 * row
        axes.plot([first - 0.04, last + 0.04], [y, y], color="black", lw=3, solid_capstyle="butt")
    said = ", ".join(f"{titles[i]} {ranks.average[i]:.2f}" for i in order)
    return figure, f"Average ranks over {ranks.protocols} protocols: {said}"


def _runs_alike(averages: Sequence[float], difference: float) -> list[tuple[float, float]]:
    """Longest runs of sorted ranks that lie within the critical difference."""
    found: list[tuple[float, float]] = []
    for first in averages:
        last = max(rank for rank in averages if rank - first <= difference)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def describe(board: Board) -> str:
    """The picture in words, for readers who do not see it."""
    measured = ", ".join(_said(row) for row in _competing(board))
    parts = f" over {', '.join(database_title(part) for part in board.parts[1:])}" if len(board.parts) > 1 else ""
    return f"{board.title}{parts}: UF1 measured here, with 95 % interval: {measured}"


def _said(row: BoardRow) -> str:
    interval = row.intervals.get(ALL, {}).get(UF1.name)
    ends = f" ({interval.low:.3f} to {interval.high:.3f})" if interval else ""
    return f"{row.title} {row.scores[ALL][UF1.name].mean:.3f}{ends}"
