"""Annotation sheets as typed rows: nothing is guessed, everything odd is named with sheet and row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mer_lightning.datasets.problems import Problem
from mer_lightning.datasets.workbooks import Cell, Grid, column_letters, open_workbook
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CellKind = Literal["subject", "text", "label", "frame", "path"]
Value = int | str | None

HEADER_ROWS = 40
_LARGEST = 10**9


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a loader reads.

    Attributes:
        name: Key in `Row.values`.
        titles: Titles it may have; compared without case, blanks and punctuation.
        kind: ``subject`` (whole number or text; numbers become text), ``text`` (as released; numbers become
            text), ``label`` (text in lower case), ``frame`` (whole number, or ``/`` for not annotated), ``path``
            (text as it is).
        required: False for a column that may be missing.
        blank: True where a cell may be empty.
    """

    name: str
    titles: tuple[str, ...]
    kind: CellKind
    required: bool = True
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a sheet.

    Attributes:
        number: Row as the spreadsheet program shows it, counted from 1.
        values: Per column name: int for frames, str otherwise, None for an empty cell or a missing column.
    """

    number: int
    values: dict[str, Value]

    def text(self, name: str) -> str:
        """A cell as text, empty if there is none."""
        value = self.values.get(name)
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet's readable rows, and a problem for each other one.

    Attributes:
        file: The workbook, relative to the root, and the sheet: ``coding.xlsx [Sheet1]``.
        rows: Rows whose every cell has the expected type.
        problems: One per cell that has not.
        columns: Names of the columns that the sheet has.
        titles: Every title of the header row, plain, whether it is read or not.
    """

    file: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    columns: frozenset[str]
    titles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Header:
    """Where a sheet's titles stand.

    Attributes:
        row: The header row, counted from 1; 0 where there is none.
        columns: Column number, counted from 1, by name.
        missing: Required titles that the best row lacks.
        titles: Every title of the row, plain.
    """

    row: int
    columns: dict[str, int]
    missing: tuple[str, ...]
    titles: frozenset[str]


def read_table(root: Path, path: Path, columns: Sequence[Column], sheet: str | None = None) -> Table:
    """Read one sheet of a spreadsheet file, see `read_grid`.

    Args:
        root: Root of the database.
        path: The file: .xlsx, .xls or .csv.
        columns: What to read.
        sheet: Title of the sheet; None for the first one.

    Raises:
        DataError: Not a readable file, no such sheet, or not a sheet of these columns.
    """
    return read_grid(open_workbook(root, path).grid(sheet), columns)


def read_grid(grid: Grid, columns: Sequence[Column]) -> Table:
    """Read the rows below the header, which is the first of the first 40 rows that holds every required title.

    A formula gives the value that was stored with it. A merged cell hides which rows its value belongs to, so it is a
    problem in the columns that are read, and only there.

    Raises:
        DataError: No header row, a title in it twice, or a formula without a stored value.
    """
    header = find_header(grid, columns)
    if header.missing:
        raise DataError(
            f"{grid.name}: no header row in the first {HEADER_ROWS} rows has the columns {', '.join(header.missing)}"
        )
    merged = _merged_rows(grid, set(header.columns.values()))
    rows: list[Row] = []
    problems: list[Problem] = []
    for number in range(header.row + 1, grid.height + 1):
        cells = {name: grid.cell(number, column) for name, column in header.columns.items()}
        if number in merged:
            problems.append(Problem(grid.name, number, f"merged cells {merged[number]}; expected one value per cell"))
            continue
        if _is_empty(grid, header, number):
            continue
        values: dict[str, Value] = {column.name: None for column in columns}
        found = len(problems)
        for column in columns:
            if column.name in cells:
                try:
                    values[column.name] = _value(cells[column.name], column)
                except DataError as error:
                    problems.append(Problem(grid.name, number, str(error)))
        if len(problems) == found:
            rows.append(Row(number, values))
    _refuse_unstored(grid, header, columns)
    return Table(grid.name, tuple(rows), tuple(problems), frozenset(header.columns), header.titles)


def find_header(grid: Grid, columns: Sequence[Column]) -> Header:
    """Find the header row, or say what the best row lacks.

    Raises:
        DataError: A title that is read stands in two columns of it.
    """
    best = Header(0, {}, tuple(column.titles[0] for column in columns if column.required), frozenset())
    for number in range(1, min(grid.height, HEADER_ROWS) + 1):
        titles: dict[str, list[int]] = {}
        for index in range(1, grid.width + 1):
            value = grid.cell(number, index).value
            if isinstance(value, str):
                titles.setdefault(plain(value), []).append(index)
        places = {
            column.name: [place for title in column.titles for place in titles.get(plain(title), ())]
            for column in columns
        }
        missing = tuple(column.titles[0] for column in columns if column.required and not places[column.name])
        if missing and len(missing) >= len(best.missing):
            continue
        where = {name: found[0] for name, found in places.items() if found}
        best = Header(number, where, missing, frozenset(titles))
        if not missing:
            _refuse_twice(grid, number, places)
            break
    return best


def plain(title: str) -> str:
    """A title without case, blanks and punctuation."""
    return re.sub(r"[^a-z0-9]", "", title.casefold())


def _refuse_twice(grid: Grid, row: int, places: dict[str, list[int]]) -> None:
    for found in places.values():
        if len(found) > 1:
            one, other = (f"'{grid.cell(row, place).value}' in column {column_letters(place)}" for place in found[:2])
            raise DataError(f"{grid.name} row {row}: {one} and {other} are titles of one column; expected one of them")


def _refuse_unstored(grid: Grid, header: Header, columns: Sequence[Column]) -> None:
    """Refuse formulas whose value was not saved, all of them in one line, since one save mends them all."""
    title = {header.columns[column.name]: column.titles[0] for column in columns if column.name in header.columns}
    places = sorted(
        (row, column)
        for (row, column), cell in grid.cells.items()
        if cell.type == "a formula" and row > header.row and column in title and not _is_empty(grid, header, row)
    )
    if places:
        row, column = places[0]
        more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
        raise DataError(
            f"{grid.name} row {row} column {column_letters(column)}: {title[column]} is a formula without a stored "
            f"value{more}; open the file in a spreadsheet program and save it anew"
        )


def _is_empty(grid: Grid, header: Header, row: int) -> bool:
    """Whether nobody typed anything into the columns that are read; formulas are dragged beyond the last row."""
    cells = (grid.cell(row, column) for column in header.columns.values())
    return all(cell.type == "blank" or cell.formula for cell in cells)


def _merged_rows(grid: Grid, columns: set[int]) -> dict[int, str]:
    rows: dict[int, str] = {}
    for left, top, right, bottom in grid.merged:
        if any(left <= column <= right for column in columns):
            area = f"{column_letters(left)}{top}:{column_letters(right)}{bottom}"
            for row in range(top, min(bottom, grid.height) + 1):
                rows[row] = area
    return rows


def _value(cell: Cell, column: Column) -> Value:
    title = column.titles[0]
    if cell.type == "blank":
        if column.blank:
            return None
        raise DataError(f"{title} is empty")
    if cell.type == "a formula":
        # refused with all others like it, after the last row
        return None
    value = cell.value
    if cell.type == "text" and isinstance(value, str):
        return _from_text(value.strip(), column)
    # no comparison holds for nan; a number in text has no more digits either
    found: str = cell.type
    if isinstance(value, int | float) and cell.type == "a number":
        if column.kind != "label" and abs(value) < _LARGEST and value == int(value):
            return int(value) if column.kind == "frame" else str(int(value))
        found = f"the number {value}"
    expected = "a whole number" if column.kind == "frame" else "text"
    raise DataError(f"{title} is {found}; expected {expected}")


def _from_text(text: str, column: Column) -> Value:
    if column.kind == "path":
        return text
    if column.kind == "label":
        return text.lower()
    # tables that were written by programs hold whole numbers as 6.0
    whole = re.fullmatch(r"(\d{1,9})(?:\.0+)?", text)
    if column.kind != "frame":
        return whole[1] if whole else text
    if text == "/":
        return text
    if whole:
        return int(whole[1])
    raise DataError(f"{column.titles[0]} is the text '{text[:40]}'; expected a whole number")
