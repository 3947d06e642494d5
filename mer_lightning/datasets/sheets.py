"""Annotation sheets (.xlsx) as typed rows: nothing is guessed, everything odd is named with sheet and row."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mer_lightning.datasets.paths import inside, relative
from mer_lightning.datasets.problems import Problem
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpyxl.cell.cell import Cell, MergedCell
    from openpyxl.worksheet.worksheet import Worksheet

CellKind = Literal["subject", "text", "label", "frame"]
Value = int | str | None

_OLE = b"\xd0\xcf\x11\xe0"
_MOST_UNPACKED = 64 << 20
_MOST_ROWS = 20_000
_MOST_COLUMNS = 200
_MOST_COVERED = 1_000_000
_RANGE = re.compile(
    r"""<(?:\w+:)?(?:mergeCell|hyperlink)\b[^>]*?\bref=["']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})["']"""
)
_HEADER_ROWS = 40
_LARGEST = 10**9
_TYPES = {
    "b": "true/false",
    "d": "a date",
    "e": "an error value",
    "f": "a formula",
    "n": "a number",
    "s": "text",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column that a loader reads.

    Attributes:
        name: Key in `Row.values`.
        titles: Titles it may have; compared without case, blanks and punctuation.
        kind: ``subject`` (whole number or text; numbers become text), ``text`` (as released; numbers become
            text), ``label`` (text in lower case), ``frame`` (whole number, or ``/`` for not annotated).
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
    """

    file: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    columns: frozenset[str]


def read_table(root: Path, path: Path, columns: Sequence[Column], sheet: str | None = None) -> Table:
    """Read one sheet of a workbook.

    The header is the first of the first 40 rows that holds every required title. Formulas and merged cells
    are looked for, so the workbook is loaded with them: a cached formula result may be stale, and a merged
    cell hides which rows a value belongs to. Both are problems only in the columns that are read.

    Args:
        root: Root of the database.
        path: The workbook.
        columns: What to read.
        sheet: Title of the sheet; None for the first one.

    Raises:
        DataError: Not a readable .xlsx workbook, no such sheet, or no header row.
    """
    name = relative(root, path)
    inside(root, path)
    _check_container(path, name)
    import openpyxl

    try:
        _check_ranges(path, name)
        book = openpyxl.load_workbook(path, data_only=False, keep_links=False)
    except DataError:
        raise
    except Exception as error:  # openpyxl raises whatever its parsers raise
        raise DataError(f"{name}: expected an .xlsx workbook ({type(error).__name__}); is it damaged?") from None
    worksheets: dict[str, Worksheet] = {worksheet.title: worksheet for worksheet in book.worksheets}
    if sheet is None:
        if not worksheets:
            raise DataError(f"{name}: the workbook has no sheet")
        sheet = next(iter(worksheets))
    if sheet not in worksheets:
        raise DataError(f"{name}: expected a sheet '{sheet}', found {', '.join(worksheets)}")
    return _read_sheet(worksheets[sheet], f"{name} [{sheet}]", columns)


def _check_container(path: Path, name: str) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if path.suffix.lower() == ".xls" or magic == _OLE:
            raise DataError(f"{name}: legacy .xls workbook; open it in a spreadsheet program and save it as .xlsx")
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile:
        raise DataError(f"{name}: expected an .xlsx workbook; the file is not one") from None
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror})") from None
    if unpacked > _MOST_UNPACKED:
        raise DataError(f"{name}: unpacks to {unpacked} bytes, more than the {_MOST_UNPACKED} of any annotation file")


def _check_ranges(path: Path, name: str) -> None:
    """Refuse a range that is short to write and an object per cell to openpyxl."""
    from openpyxl.utils import column_index_from_string as column

    covered = 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            if not member.startswith("xl/worksheets/"):
                continue
            for left, top, right, bottom in _RANGE.findall(archive.read(member).decode("latin-1")):
                covered += (column(right) - column(left) + 1) * (int(bottom) - int(top) + 1)
    if covered > _MOST_COVERED:
        raise DataError(f"{name}: ranges of {covered} cells, more than the {_MOST_COVERED} of any annotation sheet")


def _read_sheet(worksheet: Worksheet, file: str, columns: Sequence[Column]) -> Table:
    if worksheet.max_row > _MOST_ROWS or worksheet.max_column > _MOST_COLUMNS:
        raise DataError(
            f"{file}: {worksheet.max_row} rows x {worksheet.max_column} columns, more than the "
            f"{_MOST_ROWS} x {_MOST_COLUMNS} of any annotation sheet"
        )
    header, where = _find_header(worksheet, file, columns)
    merged = _merged_rows(worksheet, set(where.values()))
    rows: list[Row] = []
    problems: list[Problem] = []
    for number in range(header + 1, worksheet.max_row + 1):
        cells = {name: worksheet.cell(number, column) for name, column in where.items()}
        if number in merged:
            problems.append(Problem(file, number, f"merged cells {merged[number]}; expected one value per cell"))
            continue
        if all(_is_blank(cell) for cell in cells.values()):
            continue
        values: dict[str, Value] = {column.name: None for column in columns}
        found = len(problems)
        for column in columns:
            if column.name in cells:
                try:
                    values[column.name] = _value(cells[column.name], column)
                except DataError as error:
                    problems.append(Problem(file, number, str(error)))
        if len(problems) == found:
            rows.append(Row(number, values))
    return Table(file, tuple(rows), tuple(problems), frozenset(where))


def _find_header(worksheet: Worksheet, file: str, columns: Sequence[Column]) -> tuple[int, dict[str, int]]:
    best: list[str] = [column.titles[0] for column in columns if column.required]
    for number in range(1, min(worksheet.max_row, _HEADER_ROWS) + 1):
        titles: dict[str, int] = {}
        for index in range(1, worksheet.max_column + 1):
            value = worksheet.cell(number, index).value
            if isinstance(value, str):
                titles.setdefault(_plain(value), index)
        where = {
            column.name: titles[title]
            for column in columns
            if (title := next((_plain(one) for one in column.titles if _plain(one) in titles), None)) is not None
        }
        missing = [column.titles[0] for column in columns if column.required and column.name not in where]
        if not missing:
            return number, where
        if len(missing) < len(best):
            best = missing
    raise DataError(f"{file}: no header row in the first {_HEADER_ROWS} rows has the columns {', '.join(best)}")


def _merged_rows(worksheet: Worksheet, columns: set[int]) -> dict[int, str]:
    rows: dict[int, str] = {}
    for area in worksheet.merged_cells.ranges:
        if any(area.min_col <= column <= area.max_col for column in columns):
            for row in range(area.min_row, min(area.max_row, _MOST_ROWS) + 1):
                rows[row] = str(area.coord)
    return rows


def _plain(title: str) -> str:
    return re.sub(r"[^a-z0-9]", "", title.casefold())


def _is_blank(cell: Cell | MergedCell) -> bool:
    return cell.value is None or (isinstance(cell.value, str) and not cell.value.strip())


def _value(cell: Cell | MergedCell, column: Column) -> Value:
    title = column.titles[0]
    if _is_blank(cell):
        if column.blank:
            return None
        raise DataError(f"{title} is empty")
    value: Any = cell.value
    kind = str(cell.data_type)
    if kind == "s" and isinstance(value, str):
        return _from_text(value.strip(), column)
    # no comparison holds for nan; a number in text has no more digits either
    whole = isinstance(value, (int, float)) and abs(value) < _LARGEST and value == int(value)
    if kind == "n" and whole:
        if column.kind == "label":
            raise DataError(f"{title} is the number {value}; expected text")
        return int(value) if column.kind == "frame" else str(int(value))
    expected = "a whole number" if column.kind == "frame" else "text"
    found = f"the number {value}" if kind == "n" else _TYPES.get(kind, f"a cell of type {kind}")
    raise DataError(f"{title} is {found}; expected {expected}")


def _from_text(text: str, column: Column) -> Value:
    if column.kind == "label":
        return text.lower()
    if column.kind != "frame" or text == "/":
        return text
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    raise DataError(f"{column.titles[0]} is the text '{text[:40]}'; expected a whole number")
