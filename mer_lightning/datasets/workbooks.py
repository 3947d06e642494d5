"""Spreadsheet files (.xlsx, .xls, .csv) as grids of typed cells, read within bounds."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mer_lightning.datasets.paths import inside, relative
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openpyxl.worksheet.worksheet import Worksheet

CellType = Literal["blank", "text", "a number", "true/false", "a date", "an error value", "a formula"]

SUFFIXES = (".xlsx", ".xls", ".csv")
_OLE = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_MOST_UNPACKED = 64 << 20
_MOST_ROWS = 20_000
_MOST_COLUMNS = 200
_MOST_COVERED = 1_000_000
_MOST_SHEETS = 50
_READER = Path(__file__).with_name("old_workbook.py")
_SECONDS = 60.0
_RANGE = re.compile(
    r"""<(?:\w+:)?(?:mergeCell|hyperlink)\b[^>]*?\bref=["']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})["']"""
)
_TYPES: dict[str, CellType] = {
    "b": "true/false",
    "d": "a date",
    "e": "an error value",
    "f": "a formula",
    "n": "a number",
    "s": "text",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        value: What it shows; of a formula the value that was stored when the workbook was last saved.
        type: What the value is; ``a formula`` where no value was stored.
        formula: True where it is calculated.
    """

    value: object
    type: CellType
    formula: bool = False


BLANK = Cell(None, "blank")


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet of a workbook.

    Attributes:
        name: File relative to the root, and the sheet: ``coding.xlsx [Sheet1]``; a text file has no sheet.
        title: Title of the sheet, empty for a text file.
        height: Rows up to the last one that holds something.
        width: Columns likewise.
        cells: By row and column, both counted from 1; blank ones are not in it.
        merged: Areas of merged cells: first column, first row, last column, last row.
    """

    name: str
    title: str
    height: int
    width: int
    cells: Mapping[tuple[int, int], Cell]
    merged: tuple[tuple[int, int, int, int], ...] = ()

    def cell(self, row: int, column: int) -> Cell:
        """The cell in a row and column, counted from 1."""
        return self.cells.get((row, column), BLANK)


@dataclass(frozen=True, slots=True)
class Workbook:
    """A spreadsheet file; each sheet is read when it is asked for.

    Attributes:
        path: The file.
        name: The file relative to the root.
        sheets: Readers of the sheets by title.
    """

    path: Path
    name: str
    sheets: Mapping[str, Callable[[], Grid]] = field(repr=False)

    def grid(self, title: str | None = None) -> Grid:
        """Read one sheet, the first one if no title is given.

        Raises:
            DataError: There is no such sheet, or it is larger than any annotation sheet.
        """
        if not self.sheets:
            raise DataError(f"{self.name}: the workbook has no sheet")
        if title is None:
            title = next(iter(self.sheets))
        if title not in self.sheets:
            raise DataError(f"{self.name}: expected a sheet '{title}', found {', '.join(self.sheets)}")
        return self.sheets[title]()


def column_letters(column: int) -> str:
    """Name of a column, counted from 1, as a spreadsheet program shows it: ``A``, ``AB``."""
    from openpyxl.utils import get_column_letter

    return get_column_letter(column)


def open_workbook(root: Path, path: Path) -> Workbook:
    """Open a spreadsheet file; what it is shows in its first bytes, not in its name.

    Args:
        root: Root of the database; nothing outside it is read.
        path: The file.

    Raises:
        DataError: It leads out of the root, cannot be read, is none of .xlsx, .xls and UTF-8 .csv, or is larger than
            any annotation file.
    """
    name = relative(root, path)
    inside(root, path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror})") from None
    if size > _MOST_UNPACKED:
        raise DataError(f"{name}: {size} bytes, more than the {_MOST_UNPACKED} of any annotation file")
    if magic == _OLE:
        sheets = _open_xls(path, name)
    elif magic == _ZIP:
        sheets = _open_xlsx(path, name)
    elif path.suffix.lower() == ".csv":
        sheets = {"": lambda: _read_csv(path, name)}
    else:
        raise DataError(f"{name}: expected an {path.suffix.lower()} workbook; the file is not one")
    if len(sheets) > _MOST_SHEETS:
        raise DataError(f"{name}: {len(sheets)} sheets, more than the {_MOST_SHEETS} of any annotation file")
    return Workbook(path, name, sheets)


def _check_size(name: str, rows: int, columns: int) -> None:
    if rows > _MOST_ROWS or columns > _MOST_COLUMNS:
        raise DataError(
            f"{name}: {rows} rows x {columns} columns, more than the {_MOST_ROWS} x {_MOST_COLUMNS} of any "
            "annotation sheet"
        )


def _open_xlsx(path: Path, name: str) -> dict[str, Callable[[], Grid]]:
    import openpyxl

    try:
        _check_archive(path, name)
        # once as it was typed and once as it was last calculated
        with path.open("rb") as file:  # by its name openpyxl would refuse an .xlsx that is called .xls
            typed = openpyxl.load_workbook(file, data_only=False, keep_links=False)
            shown = openpyxl.load_workbook(file, data_only=True, keep_links=False)
    except DataError:
        raise
    except Exception as error:  # openpyxl raises whatever its parsers raise
        raise DataError(f"{name}: expected an .xlsx workbook ({type(error).__name__}); is it damaged?") from None

    def reader(title: str) -> Callable[[], Grid]:
        return lambda: _read_xlsx(typed[title], shown[title], f"{name} [{title}]")

    return {sheet.title: reader(sheet.title) for sheet in typed.worksheets}


def _check_archive(path: Path, name: str) -> None:
    """Refuse what unpacks to too much, and a range that is short to write and an object per cell to openpyxl."""
    from openpyxl.utils import column_index_from_string as column

    covered = 0
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _MOST_UNPACKED:
            raise DataError(
                f"{name}: unpacks to {unpacked} bytes, more than the {_MOST_UNPACKED} of any annotation file"
            )
        for member in archive.namelist():
            if not member.startswith("xl/worksheets/"):
                continue
            for left, top, right, bottom in _RANGE.findall(archive.read(member).decode("latin-1")):
                covered += (column(right) - column(left) + 1) * (int(bottom) - int(top) + 1)
    if covered > _MOST_COVERED:
        raise DataError(f"{name}: ranges of {covered} cells, more than the {_MOST_COVERED} of any annotation sheet")


def _read_xlsx(typed: Worksheet, shown: Worksheet, name: str) -> Grid:
    _check_size(name, typed.max_row, typed.max_column)
    merged = tuple(
        (int(area.min_col), int(area.min_row), int(area.max_col), int(area.max_row))
        for area in typed.merged_cells.ranges
    )
    # the cells that exist, where iter_rows would make one for every place
    stored: Mapping[tuple[int, int], Any] = shown._cells  # pyright: ignore[reportPrivateUsage]
    cells: dict[tuple[int, int], Cell] = {}
    for place, cell in typed._cells.items():  # pyright: ignore[reportPrivateUsage]
        calculated = cell.data_type == "f"
        source = stored.get(place) if calculated else cell
        value: object = None if source is None else source.value
        if value is None or (isinstance(value, str) and not value.strip()):
            if calculated:
                cells[place] = Cell(None, "a formula", formula=True)
            continue
        kind = "s" if source is None else str(source.data_type)
        cells[place] = Cell(value, _TYPES.get(kind, "text"), calculated)
    return Grid(name, typed.title, typed.max_row, typed.max_column, cells, merged)


def _open_xls(path: Path, name: str) -> dict[str, Callable[[], Grid]]:
    # -P: the script's own folder must not shadow other packages
    command = [sys.executable, "-P", str(_READER), str(path.resolve()), str(_MOST_ROWS), str(_MOST_COLUMNS)]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_SECONDS, check=False, env=os.environ | {"RUST_BACKTRACE": "0"}
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"{name}: reading it did not end within {_SECONDS:g} s and was stopped") from None
    # without a word it was ended for what it asked for
    ended = {"error": f"code {done.returncode}"}
    answer: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else ended
    if answer.get("error") == "password":
        raise DataError(f"{name}: is protected by a password; save it without one")
    if "error" in answer:
        raise DataError(f"{name}: expected an .xls workbook ({answer['error']}); is it damaged?")
    return {sheet["title"]: partial(_read_xls, sheet, f"{name} [{sheet['title']}]") for sheet in answer["sheets"]}


def _read_xls(sheet: Mapping[str, Any], name: str) -> Grid:
    if "error" in sheet:
        raise DataError(f"{name}: expected a sheet of cells ({sheet['error']}); is it damaged?")
    _check_size(name, *sheet.get("size", (0, 0)))
    cells = {(row, column): Cell(value, kind) for row, column, kind, value in sheet["cells"]}
    merged = tuple((left, top, right, bottom) for left, top, right, bottom in sheet["merged"])
    height = max([*(row for row, _ in cells), *(min(bottom, _MOST_ROWS) for *_, bottom in merged)], default=0)
    width = max((column for _, column in cells), default=0)
    return Grid(name, sheet["title"], height, width, cells, merged)


def _read_csv(path: Path, name: str) -> Grid:
    try:
        tables = [_split_csv(path, name, delimiter) for delimiter in ",;\t"]
    except UnicodeDecodeError:
        raise DataError(f"{name}: expected UTF-8 text; save it as CSV UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{name}: expected a table of comma-separated values ({error})") from None
    # the delimiter by which most rows are of one length: text above a header has commas of its own
    rows = max(tables, key=_alike)
    width = max(map(len, rows), default=0)
    _check_size(name, len(rows), width)
    cells = {
        (row, column): Cell(value, "text")
        for row, values in enumerate(rows, 1)
        for column, value in enumerate(values, 1)
        if value.strip()
    }
    return Grid(name, "", len(rows), width, cells)


def _split_csv(path: Path, name: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.reader(file, delimiter=delimiter):
            rows.append(row)
            _check_size(name, len(rows), 0)
    return rows


def _alike(rows: list[list[str]]) -> int:
    lengths = Counter(len(row) for row in rows if len(row) > 1)
    return max(lengths.values(), default=0)
