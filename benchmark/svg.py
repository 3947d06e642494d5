"""Pictures as text: the same figure gives the same bytes, and what was drawn once need not be drawn again."""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from mer_lightning.files import write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from matplotlib.figure import Figure

_PROJECT = Path(__file__).parents[1]
_PACKAGES = ("benchmark", "mer_lightning")
_LIBRARIES = ("matplotlib", "numpy")
_KEPT_FORM = TypeAdapter(dict[str, tuple[str, str]])


def draw_svg(
    draw: Callable[[], tuple[Figure, str]], key: str = "mer-bench", *, made_of: object = None, formulas: bool = False
) -> str:
    """Draw a figure as SVG, whatever the user's own settings of matplotlib are.

    Args:
        draw: Makes the figure, and says what it shows.
        key: What the ids in it are derived from.
        made_of: Every number and text of the picture, as something whose ``repr`` says all of it; within ``keeping``
            it is then drawn only where no picture of the same is kept. None for what is always drawn.
        formulas: Read what stands between two ``$`` as mathematics, as the numbers of a logarithmic scale are written;
            a title would be, too.
    """
    kept = _kept.get()
    if kept is None or made_of is None:
        return _draw(draw, key, formulas=formulas)
    return kept.picture(repr((key, formulas, made_of)), lambda: _draw(draw, key, formulas=formulas))


def _draw(draw: Callable[[], tuple[Figure, str]], key: str, *, formulas: bool) -> str:
    from matplotlib import style  # slow to import

    # the same ids every time, and text that stays text
    given = {"svg.hashsalt": key, "svg.fonttype": "none", "font.size": 9, "text.parse_math": formulas}
    with style.context(["default", given]):
        figure, said = draw()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Title": said})
    return text.getvalue()


@contextmanager
def keeping(path: Path) -> Generator[None]:
    """What is drawn meanwhile is kept in a file, with what was kept there before and is shown again.

    A picture is known by the digest of all that it is made of and of the program that draws it, and lies beside a
    digest of itself: what changed in either, or in the file, is drawn anew.

    Args:
        path: The file; it need not exist, and is replaced when all went well.
    """
    kept = _Kept(_read_kept(path))
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)
    if kept.shown != kept.before:
        write_text(path, json.dumps(kept.shown, indent=0, sort_keys=True) + "\n")


class _Kept:
    """Pictures by the digest of what they are made of, each with a digest of both."""

    def __init__(self, before: dict[str, tuple[str, str]]) -> None:
        self.before = before
        self.shown: dict[str, tuple[str, str]] = {}

    def picture(self, made_of: str, draw: Callable[[], str]) -> str:
        key = _digest_of(_program(), made_of)
        svg, digest = self.shown.get(key) or self.before.get(key) or ("", "")
        if digest != _digest_of(key, svg):
            svg = draw()
        self.shown[key] = (svg, _digest_of(key, svg))
        return svg


_kept: ContextVar[_Kept | None] = ContextVar("kept", default=None)


def _read_kept(path: Path) -> dict[str, tuple[str, str]]:
    try:
        return _KEPT_FORM.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        # nothing is lost but time
        return {}


@cache
def _program() -> str:
    """Digest of whatever decides how something is drawn: our code and the libraries that draw."""
    files = sorted(path for package in _PACKAGES for path in (_PROJECT / package).rglob("*.py"))
    return _digest_of(*map(version, _LIBRARIES), *(path.read_text(encoding="utf-8") for path in files))


def _digest_of(*texts: str) -> str:
    found = hashlib.sha256()
    for text in texts:
        # lengths tell where one ends and the next begins
        found.update(f"{len(text)} {text}".encode())
    return found.hexdigest()
