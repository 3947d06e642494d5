"""How a command answers: lines and tables for people at any width, CSV for spreadsheets."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement

from benchmark.files import csv_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.table import Table

_WIDEST = 10_000
_USUAL_WIDTH = 80
_LONG_WORD = 20


def open_console(*, wrap: bool = False, file: TextIO | None = None) -> Console:
    """Where a command prints; names of files and people are printed as they are, brackets and all.

    Args:
        wrap: Break what is wider than the terminal.
        file: Instead of standard output.
    """
    console = _PipedConsole(markup=False, emoji=False, highlight=False, soft_wrap=not wrap, file=file)
    if console.width < 1:
        # COLUMNS=0, as some programs leave it, is no width
        console.width = _USUAL_WIDTH
    return console


def print_table(console: Console, table: Table) -> None:
    """Print a table so that no word or figure is cut, whatever the width of the terminal.

    Where lines are too short for it, cells are broken between words; where even their longest words do not stand side
    by side, each row is a paragraph with a line per cell.
    """
    lines = [_widest_part((column.header, *column.cells), str.splitlines) for column in table.columns]
    # names stand whole in the first column; elsewhere a very long word goes on in the next line
    words = [_widest_part((column.header, *column.cells), str.split) for column in table.columns]
    least = [words[0], *(min(longest, _LONG_WORD) for longest in words[1:])]
    around = Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum - sum(lines)
    if sum(least) + around <= console.width:
        for column, width in zip(table.columns, _fitting_widths(lines, least, console.width - around), strict=True):
            column.width, column.no_wrap, column.overflow = width, False, "fold"
        console.print(table)
        return
    headings = [str(column.header) for column in table.columns]
    for row in zip(*(column.cells for column in table.columns), strict=True):
        console.print(" ".join(str(row[0]).split()), soft_wrap=True)
        for heading, cell in zip(headings[1:], row[1:], strict=True):
            if str(cell):
                console.print(f"  {heading}: {', '.join(str(cell).splitlines())}", soft_wrap=True)


def _widest_part(cells: Iterable[object], split: Callable[[str], list[str]]) -> int:
    return max((cell_len(part) for cell in cells for part in split(str(cell))), default=0)


def _fitting_widths(wanted: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Widths of columns that fit, of which the widest give way first."""
    widths = list(wanted)
    while sum(widths) > width:
        _, widest = max((own, place) for place, own in enumerate(widths) if own > least[place])
        widths[widest] -= 1
    return widths


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table as CSV; what is None is an empty cell, and numbers have the digits that they need."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([csv_cell(cell) for cell in row] for row in rows)


class _PipedConsole(Console):
    """One that leaves to the command line what happens when whoever reads has gone."""

    def on_broken_pipe(self) -> None:
        """Let the error through that Rich ends the program at."""
        raise  # noqa: PLE0704 - called while the error is handled
