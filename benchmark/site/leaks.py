"""The page of the leak study: there as soon as ``leaderboards/leakage.md`` is, and only then."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmark.site.figures import themed

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "leakage.md"
_IMAGE = re.compile(r'<p><img src="(?P<file>[\w.-]+\.svg)" alt="(?P<alt>[^"]*)" ?/?></p>')
_LINK = re.compile(r'<a href="(?!https?:|#)(?P<href>[^"]*)">(?P<text>.*?)</a>', re.DOTALL)


def leak_page(leaderboards: Path) -> str:
    """The page as HTML, its pictures inside; empty where there was no leak study.

    Args:
        leaderboards: Folder with ``leakage.md`` and the SVG files that it shows.
    """
    path = leaderboards / PAGE
    if not path.exists():
        return ""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(_without_comments(path))
    body = re.sub(r"<h1>.*?</h1>", "", body, count=1, flags=re.DOTALL)
    body = body.replace("<table>", '<div class="scroll" role="region" tabindex="0" aria-label="Table"><table>')
    body = body.replace("</table>", "</table></div>")
    # what a link points to is outside this folder
    return _LINK.sub(r"\g<text>", _IMAGE.sub(lambda found: _picture(leaderboards, found), body))


def _without_comments(path: Path) -> str:
    return re.sub(r"<!--.*?-->\n?", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def _picture(leaderboards: Path, found: re.Match[str]) -> str:
    path = leaderboards / found["file"]
    if not path.exists():
        return f"<p>{found['alt']}</p>"
    return f"<figure>{themed(path.read_text(encoding='utf-8'), path.stem, found['alt'])}</figure>"
