"""Pictures of the site: SVG inside the page, in the colours of the page, so that they follow light, dark and print."""

from __future__ import annotations

import base64
import re
from html import escape
from typing import TYPE_CHECKING

from benchmark.boards.figures import describe, draw_board
from benchmark.boards.leakage import PICTURE
from benchmark.boards.leakage_figure import CURVES

if TYPE_CHECKING:
    from pathlib import Path

    from benchmark.boards.board import Board
    from benchmark.boards.leakage import LeakBoard
    from benchmark.boards.paper_figures import Drawn

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


def board_picture(board: Board) -> str:
    """UF1 of every measured and published method, as ``draw_board``, for a page."""
    return themed(draw_board(board), f"overview-{board.id}", describe(board))


def leak_picture(board: LeakBoard) -> str:
    """The picture of a board's leak studies, for a page."""
    return themed(board.svg, f"leaks-{board.id}", PICTURE)


def paper_picture(drawn: Drawn) -> str:
    """A picture of a paper's table or figure, for a page."""
    return themed(drawn.svg, drawn.name, drawn.said)


def inline_picture(folder: Path, name: str) -> str:
    """A PNG as an address that holds all of it, so that the page needs no other file."""
    return f"data:image/png;base64,{base64.b64encode((folder / name).read_bytes()).decode()}"


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
    return _COLOURS.get(found[0], found[0])
