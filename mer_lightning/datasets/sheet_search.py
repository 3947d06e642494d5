"""Which of the spreadsheet files in a folder is a database's annotation: its columns and clips say so."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mer_lightning.datasets.paths import files_like, relative
from mer_lightning.datasets.sheets import find_header, read_grid
from mer_lightning.datasets.workbooks import SUFFIXES, Workbook, open_workbook
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from mer_lightning.datasets.sheets import Column, Table
    from mer_lightning.datasets.workbooks import Grid

# Excel's lock files begin with ~$; landmarks and apexes are tables of the user's own
_SPREADSHEET = re.compile(rf"(?!~\$|landmarks-|apexes\.).*({'|'.join(map(re.escape, SUFFIXES))})", re.IGNORECASE)
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Form:
    """What an annotation sheet looks like.

    Attributes:
        wanted: File as it is released, for messages.
        names: Names that such a file has, with what browsers and people add to them; a file of such a name has to be
            readable.
        columns: What is read of it.
        clip: What its file names look like.
        sheet: Title of the sheet that is meant where several of a workbook would do, None for all of them.
    """

    wanted: str
    names: re.Pattern[str]
    columns: tuple[Column, ...]
    clip: re.Pattern[str]
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that has the form.

    Attributes:
        path: Its file.
        grid: Its cells.
        form: The form.
    """

    path: Path
    grid: Grid
    form: Form

    def read(self) -> Table:
        """Read its rows.

        Raises:
            DataError: As `read_grid`.
        """
        return read_grid(self.grid, self.form.columns)


@dataclass(frozen=True, slots=True)
class Spreadsheets:
    """The spreadsheet files under a root.

    Attributes:
        root: Root of the database.
        books: Those that can be opened.
        broken: Why the others cannot, by file.
    """

    root: Path
    books: tuple[Workbook, ...]
    broken: dict[Path, str] = field(default_factory=dict["Path", str])

    def of_form(self, form: Form, *, besides: Iterable[Path] = ()) -> tuple[list[Sheet], dict[str, str]]:
        """Find the sheets of a form.

        Args:
            form: What is looked for.
            besides: Files that are known to be something else.

        Returns:
            The sheets in the order of their files, and by file why each other one is none.

        Raises:
            DataError: A file that has the name cannot be read as the form says.
        """
        for path, reason in self.broken.items():
            if form.names.fullmatch(path.name):
                raise DataError(reason)
        found: list[Sheet] = []
        others = {
            (name := relative(self.root, path)): why.removeprefix(f"{name}: ") for path, why in self.broken.items()
        }
        known = set(besides)
        for book in self.books:
            if book.path in known:
                continue
            sheets, reason = _sheets(book, form)
            found += sheets
            if not sheets:
                others[book.name] = reason
        return found, others


def find_spreadsheets(root: Path, depth: int = 3, prune: re.Pattern[str] | None = None) -> Spreadsheets:
    """Open every spreadsheet file under a root, at most ``depth`` levels down.

    Raises:
        DataError: As `walk`.
    """
    books: list[Workbook] = []
    broken: dict[Path, str] = {}
    for path in files_like(root, _SPREADSHEET, depth, prune):
        try:
            books.append(open_workbook(root, path))
        except DataError as error:
            broken[path] = str(error)
    return Spreadsheets(root, tuple(books), broken)


def none_found(root: Path, form: Form, others: dict[str, str]) -> DataError:
    """The error of a root without such a sheet: what is expected, and why what lies there is not it."""
    there = ", ".join(f"{name} ({reason})" for name, reason in list(others.items())[:_MOST_NAMED])
    more = f" and {len(others) - _MOST_NAMED} more files" if len(others) > _MOST_NAMED else ""
    found = f"; found {there}{more}" if others else ""
    return DataError(f"{root}: no annotation sheet found; expected {form.wanted}{found}")


def only(sheets: Sequence[Sheet], release: str) -> Sheet:
    """The one sheet of a release.

    Raises:
        DataError: There are two, and only the user can know which is right.
    """
    if len(sheets) > 1:
        one, other = (sheet.grid.name for sheet in sheets[:2])
        raise DataError(f"{one} and {other} are both sheets of {release}; keep one of them in the folder")
    return sheets[0]


def _sheets(book: Workbook, form: Form) -> tuple[list[Sheet], str]:
    """Sheets of a workbook that have the form, else why it has none."""
    named = bool(form.names.fullmatch(book.path.name))
    found: list[Sheet] = []
    reasons: list[str] = []
    for title in book.sheets:
        try:
            grid = book.grid(title)
        except DataError as error:
            reasons.append(str(error))
            continue
        reason = "" if named and _has_header(grid, form) else _differs(grid, form)
        if reason:
            reasons.append(reason)
        else:
            found.append(Sheet(book.path, grid, form))
    if not found and named:
        # a file of this name is meant to be it: say what is wrong with it
        read_grid(book.grid(), form.columns)
    meant = [sheet for sheet in found if form.sheet is not None and sheet.grid.title == form.sheet]
    return meant or found, reasons[0] if reasons else "has no sheet"


def _has_header(grid: Grid, form: Form) -> bool:
    try:
        return not find_header(grid, form.columns).missing
    except DataError:
        # it has one that is not in order, which reading says
        return True


def _differs(grid: Grid, form: Form) -> str:
    """Why a sheet has not the form; empty if it has."""
    try:
        header = find_header(grid, form.columns)
    except DataError as error:
        return str(error)
    if header.missing:
        return f"lacks the column{'s' if len(header.missing) > 1 else ''} {', '.join(header.missing)}"
    clips = (grid.cell(row, header.columns["clip"]).value for row in range(header.row + 1, grid.height + 1))
    if not any(isinstance(clip, str) and form.clip.fullmatch(clip.strip()) for clip in clips):
        return "names no clip of this database"
    return ""
