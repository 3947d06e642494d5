"""Pictures of the site: SVG inside the page, in the colours of the page, so that they follow light, dark and print."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from benchmark.boards.figures import describe, draw_board
from benchmark.boards.leakage import PICTURE
from benchmark.boards.leakage_figure import CURVES
from benchmark.svg import draw_svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmark.boards.board import Board
    from benchmark.boards.leakage import LeakBoard
    from benchmark.records.curves import MeanCurve

_COLOURS = {
    "#000000": "var(--ink)",
    "#ffffff": "var(--page)",
    "white": "var(--page)",
    "#dddddd": "var(--line)",
    "#0b6e4f": "var(--honest)",
    "#c0392b": "var(--test)",
    "#7f8c8d": "var(--unknown)",
    **{colour: f"var(--series-{place})" for place, colour in enumerate(CURVES, 1)},
}
_SERIES = ("#a10001", "#a10002", "#a10003", "#a10004", "#a10005", "#a10006")
"""Stand-ins that become the colours ``--series-1`` ... of the style sheet."""
_DASHES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 1)))
_PANELS = (("loss", "Training loss"), ("accuracy", "Training accuracy"))
_WIDTH, _PANEL = 7.6, 1.7  # inches
_FARTHEST = 1e30
SERIES = len(_SERIES)


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a picture of learning curves."""

    title: str
    curve: MeanCurve


def board_picture(board: Board) -> str:
    """UF1 of every measured and published method, as ``draw_board``, for a page."""
    return themed(draw_board(board), f"overview-{board.id}", describe(board))


def leak_picture(board: LeakBoard) -> str:
    """The picture of a board's leak studies, for a page."""
    return themed(board.svg, f"leaks-{board.id}", PICTURE)


def curve_picture(lines: Sequence[Curve], key: str) -> str:
    """Training loss and accuracy over epochs, one line each, mean over folds.

    Args:
        lines: At most ``SERIES``.
        key: Makes the ids of the picture the only ones of its page.
    """
    said = _describe_curves(lines)
    return themed(draw_svg(lambda: (_draw_curves(lines), said), key), key, said)


def themed(svg: str, key: str, said: str) -> str:
    """Make a drawn SVG part of a page.

    Args:
        svg: From matplotlib, with text as text.
        key: Put before every id.
        said: The picture in words.

    Returns:
        The ``<svg>`` element alone, scaling with its place, with CSS variables as colours.
    """
    body = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r"<title>.*?</title>", "", body, flags=re.DOTALL)
    head, _, rest = body.partition(">")
    box = re.search(r'viewBox="[^"]+"', head)
    width = re.search(r'width="([\d.]+)pt"', head)
    # an id is a word, whatever a method is called
    word = re.sub(r"[^\w-]", "-", key)
    rest = re.sub(r'(id="|url\(#|href="#)', lambda found: f"{found[1]}{word}-", rest)
    rest = re.sub(r"xlink:href", "href", rest)
    rest = re.sub(r"#[0-9a-f]{6}|(?<=: )white", _coloured, rest)
    # the family is that of the page; what matplotlib says to readers of the file is left out
    rest = re.sub(r"font-family: [^;\"]+;? ?", "", rest)
    rest = re.sub(r"\s*<!--.*?-->|(?<=>)\s+(?=<)", "", rest, flags=re.DOTALL)
    wide = f' style="max-width: {float(width[1]) * 4 / 3:.0f}px"' if width else ""
    return f'<svg class="chart" role="img" aria-label="{escape(said)}" {box[0] if box else ""}{wide}>{rest}'


def _coloured(found: re.Match[str]) -> str:
    if found[0] in _SERIES:
        return f"var(--series-{_SERIES.index(found[0]) + 1})"
    return _COLOURS.get(found[0], found[0])


def _draw_curves(lines: Sequence[Curve]) -> Figure:
    from matplotlib.figure import Figure

    columns = max(1, min(3, int(_WIDTH / (0.6 + 0.075 * max(len(line.title) for line in lines)))))
    key = 0.12 + 0.17 * math.ceil(len(lines) / columns)
    height = _PANEL + 0.8 + key
    figure = Figure(figsize=(_WIDTH, height))
    figure.patch.set_alpha(0)
    for place, (kind, title) in enumerate(_PANELS):
        axes = figure.add_axes((0.055 + 0.5 * place, (key + 0.45) / height, 0.435, _PANEL / height))
        _draw_panel(axes, lines, kind)
        axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
        axes.set_xlabel("epoch")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=columns, fontsize=8, frameon=False)
    return figure


def _draw_panel(axes: Axes, lines: Sequence[Curve], kind: str) -> None:
    for colour, dash, line in zip(_SERIES, _DASHES, lines, strict=False):
        values = line.curve.values
        if f"train_{kind}" in values:
            axes.plot(
                line.curve.epochs, _drawable(values[f"train_{kind}"]), color=colour, ls=dash, lw=1.5, label=line.title
            )
        if f"val_{kind}" in values:
            axes.plot(line.curve.epochs, _drawable(values[f"val_{kind}"]), color=colour, ls=":", lw=1.1)
    axes.patch.set_alpha(0)
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    if kind == "accuracy":
        axes.set_ylim(0, 1.02)


def _drawable(values: Sequence[float]) -> list[float]:
    """Values with gaps where they are so far out that no axis can be drawn, as of a loss on its way to infinity."""
    return [value if abs(value) < _FARTHEST else math.nan for value in values]


def _describe_curves(lines: Sequence[Curve]) -> str:
    said: list[str] = []
    for line in lines:
        last = {name: values[-1] for name, values in line.curve.values.items()}
        figures = ", ".join(
            f"{name.replace('_', ' ')} {value:{'.3f' if abs(value) < _FARTHEST else '.3g'}}"
            for name, value in sorted(last.items())
        )
        said.append(f"{line.title} ends after {line.curve.epochs[-1]} epochs with {figures}")
    return f"Learning curves: {'; '.join(said)}."
