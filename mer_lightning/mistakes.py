"""What is wrong with a file, a flag or a name, in one line."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError

_LONGEST_SHOWN = 200
_MOST_LISTED = 30


def unknown(noun: str, name: str, known: Iterable[str], listed: str = "") -> str:
    """That nothing of some kind has a name, and which ones come near, else which ones there are.

    Args:
        noun: The kind, e.g. ``protocol``.
        name: What was asked for.
        known: Names that there are.
        listed: Where all of them are to be seen, e.g. a command; they are listed here where that is not said.
    """
    names = list(known)
    near = meant(name, names)
    said = f"{noun} '{name}' is unknown; {near}"
    if listed and (near or len(names) > _MOST_LISTED):
        return f"{said}{listed} lists all"
    return f"{said}expected one of {', '.join(names) or 'none'}"


def meant(name: str, known: Iterable[str]) -> str:
    """``"did you mean ...? "`` with the names that come near one, else nothing."""
    # what all flags begin with says nothing
    lower = {one.lower().lstrip("-"): one for one in known}
    near = [lower[one] for one in get_close_matches(name.lower().lstrip("-"), lower, n=3, cutoff=0.65)]
    return f"did you mean {' or '.join(near)}? " if near else ""


def first_mistake(error: ValidationError, *under: str) -> str:
    """The first thing that is wrong, as ``<dotted key>: <what>, found <value>``, the value where it is short.

    Args:
        error: What pydantic says.
        under: Keys that what was validated stands under.
    """
    # an unknown key is often why another is missing
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    # a check of ours names the key itself where it looks at several
    ours = first["type"] == "value_error"
    key = ".".join(map(str, (*under, *first["loc"]))) or ("" if ours else "file")
    return ": ".join(filter(None, (key, _what(first["type"], first["msg"], first["input"]))))


def _what(kind: str, message: str, found: object) -> str:
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "missing"
    message = message.removeprefix("Value error, ")
    shown = "" if kind == "json_invalid" or isinstance(found, dict) else repr(found)
    # a check of ours may have said it already, of the part that is wrong
    said = ", found " in message or not 0 < len(shown) <= _LONGEST_SHOWN
    return message if said else f"{message}, found {shown}"
