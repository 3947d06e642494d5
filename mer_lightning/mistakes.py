"""What pydantic finds wrong with a file or a flag, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_LONGEST_SHOWN = 200


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
    return message + (f", found {shown}" if 0 < len(shown) <= _LONGEST_SHOWN else "")
