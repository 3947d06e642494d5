"""The process that reads one .xls file: ``old_workbook.py FILE MOST_ROWS MOST_COLUMNS``.

Its parser is no Python: of a damaged file it may ask for more memory than there is, which ends a program without a
word. Here it has ``MOST_MEMORY``, where the system can say so, and takes nothing with it.

It imports nothing of the package, so that it starts fast. Its output is one JSON object: ``sheets``, or ``error``.
"""

from __future__ import annotations

import json
import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import python_calamine

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_MEMORY = 2 << 30
"""Bytes; the largest sheet of the format takes a fifth of it."""


def read_sheets(file: Path, most_rows: int, most_columns: int) -> list[dict[str, Any]]:
    """Every sheet: its title with ``cells`` as row, column, kind and value, its ``size`` where too large, or ``error``.

    Args:
        file: The workbook.
        most_rows: Sheets with more are not read.
        most_columns: Likewise.
    """
    # by its content: a path would be judged by its suffix
    book = python_calamine.CalamineWorkbook.from_filelike(BytesIO(file.read_bytes()))
    found: list[dict[str, Any]] = []
    for title in book.sheet_names:
        try:
            found.append({"title": title, **_cells_of(book, title, most_rows, most_columns)})
        except BaseException as error:  # a parser of untrusted bytes, which may panic
            found.append({"title": title, "error": _failure(error)})
    return found


def _cells_of(book: python_calamine.CalamineWorkbook, title: str, most_rows: int, most_columns: int) -> dict[str, Any]:
    sheet = book.get_sheet_by_name(title)
    # the format itself ends at 65 536 rows of 256 columns
    last_row, last_column = sheet.end or (0, 0)
    size = last_row + 1, last_column + 1
    if size[0] > most_rows or size[1] > most_columns:
        return {"size": size}
    cells = [
        (row, column, *_typed(value))
        for row, values in enumerate(sheet.to_python(skip_empty_area=False), 1)
        for column, value in enumerate(values, 1)
        if not (isinstance(value, str) and not value.strip())
    ]
    merged = [
        (left + 1, top + 1, right + 1, bottom + 1) for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()
    ]
    return {"cells": cells, "merged": merged}


def _typed(value: object) -> tuple[str, object]:
    if isinstance(value, bool):
        return "true/false", value
    if isinstance(value, int | float):
        return "a number", value
    return ("text", value) if isinstance(value, str) else ("a date", str(value))


def _failure(error: BaseException) -> str:
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error
    return type(error).__name__


def _bound_memory() -> None:
    try:
        import resource
    except ImportError:
        # a system without such bounds
        return
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def _answer(read: Callable[[], list[dict[str, Any]]]) -> dict[str, Any]:
    try:
        return {"sheets": read()}
    except python_calamine.PasswordError:
        return {"error": "password"}
    except BaseException as error:  # likewise
        return {"error": _failure(error)}


if __name__ == "__main__":
    _bound_memory()
    name, rows, columns = sys.argv[1:]
    sys.stdout.write(json.dumps(_answer(lambda: read_sheets(Path(name), int(rows), int(columns)))))
