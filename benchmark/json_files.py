"""The JSON files that the suite writes and reads again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from mer_lightning.files import write_text
from mer_lightning.mistakes import first_mistake
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


def load_json(path: Path, kind: type[T]) -> T:
    """Read a file as what it should be.

    Args:
        path: The JSON file.
        kind: Class of the result, or a tuple of such classes.

    Raises:
        DataError: It is something else; the message names the file and the key.
    """
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"{path}: {first_mistake(error)}") from error


def write_json(path: Path, payload: object, indent: int | None = 1) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        DataError: The disk is full, or does not take it for another reason.
    """
    text = _compact_rows(json.dumps(payload, indent=indent, ensure_ascii=False)) + "\n"
    try:
        write_text(path, text)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}; what was recorded before is whole") from error


def _compact_rows(text: str) -> str:
    """Put innermost lists of numbers, and each side of an audit, on one line: they read and diff by rows."""
    rows = r"\[\s+((?:-?\d+(?:\.\d+)?(?:e-?\d+)?,?\s+)+)\]"
    text = re.sub(rows, lambda m: "[" + " ".join(m.group(1).split()) + "]", text)
    sides = r'\{\s+((?:"(?:samples|keys|contents|subject|clip|content)": (?:\d+|"[0-9a-f]{32}"),?\s+)+)\}'
    return re.sub(sides, lambda m: "{" + " ".join(m.group(1).split()) + "}", text)
