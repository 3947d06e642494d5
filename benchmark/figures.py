"""Pictures of leaderboards, drawn from the same records as the tables; the same records give the same bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.tables import ALL, DATABASE_TITLES

if TYPE_CHECKING:
    from benchmark.tables import Board, ReportedRow, Score

_HONEST, _TEST, _UNKNOWN = "#0b6e4f", "#c0392b", "#7f8c8d"
_COLOURS = {"honest": _HONEST, "test": _TEST, "unknown": _UNKNOWN}
_MEANINGS = {
    "honest": "published, epoch not chosen on the held-out subject",
    "unknown": "published, choice of epoch not stated",
    "test": "published, epoch chosen on the held-out subject",
}


def draw_board(board: Board) -> str:
    """Draw the UF1 of every measured and published method as SVG.

    Measured scores are filled dots with the range of mean ± standard deviation over seeds, published ones are rings;
    a line marks the linear SVM, which a network has to beat.
    """
    import matplotlib as mpl

    # the same ids every time, and text that stays text
    with mpl.rc_context({"svg.hashsalt": "mer-bench", "svg.fonttype": "none", "font.size": 9}):
        return _draw(board)


@dataclass(frozen=True, slots=True)
class _Line:
    """One method of the picture: what was measured, what was published, or both."""

    title: str
    measured: Score | None
    published: float | None
    selection: str = "unknown"

    @property
    def height(self) -> float:
        return self.measured.mean if self.measured else self.published or 0.0


def _lines(board: Board) -> list[_Line]:
    lines = [_Line(row.title, row.scores[ALL]["uf1"], *_published(row.published)) for row in board.rows if row.scores]
    shown = {row.method for row in board.rows if row.scores}
    lines += [_Line(row.name, None, *_published(row)) for row in board.reported if row.method not in shown]
    return sorted((line for line in lines if line.height), key=lambda line: line.height)


def _published(row: ReportedRow | None) -> tuple[float | None, str]:
    if row is None or ALL not in row.scores:
        return None, "unknown"
    return row.scores[ALL].uf1, row.selection


def _draw(board: Board) -> str:
    from matplotlib.figure import Figure

    lines = _lines(board)
    figure = Figure(figsize=(7.6, 1.4 + 0.27 * len(lines)), layout="constrained")
    axes = figure.add_subplot()
    figure.patch.set_facecolor("white")
    for y, line in enumerate(lines):
        if line.published is not None:
            axes.plot(line.published, y, "o", mfc="white", mec=_COLOURS[line.selection], mew=1.6, ms=7, zorder=2)
        if line.measured is not None:
            spread = line.measured.spread or 0
            axes.errorbar(line.measured.mean, y, xerr=spread, fmt="o", color="black", ms=7, capsize=3, zorder=3)
    baseline = next((row for row in board.rows if row.method == "linear-svm" and row.scores), None)
    if baseline is not None:
        axes.axvline(baseline.scores[ALL]["uf1"].mean, color="black", lw=0.8, ls=":", zorder=1)
    axes.plot([], [], "o", color="black", label="measured here, honest")
    for selection, meaning in _MEANINGS.items():
        if any(line.selection == selection and line.published is not None for line in lines):
            axes.plot([], [], "o", mfc="white", mec=_COLOURS[selection], mew=1.6, label=meaning)
    axes.set_yticks(range(len(lines)), [line.title for line in lines])
    axes.set_xlabel("UF1 of the pooled leave-one-subject-out predictions")
    axes.set_title(board.title, loc="left", fontsize=10, fontweight="bold")
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    figure.legend(loc="outside lower center", ncols=2, fontsize=7.5, frameon=False)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Title": describe(board)})
    return text.getvalue()


def describe(board: Board) -> str:
    """The picture in words, for readers who do not see it."""
    measured = ", ".join(f"{row.title} {row.scores[ALL]['uf1'].mean:.3f}" for row in board.rows if row.scores)
    parts = f" over {', '.join(DATABASE_TITLES[part] for part in board.parts[1:])}" if len(board.parts) > 1 else ""
    return f"{board.title}{parts}: UF1 measured here: {measured}"
