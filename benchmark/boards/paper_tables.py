"""A paper's table ready to be written: printed, on invented people and on real ones, side by side and never mixed."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmark.boards.paper_cells import Recorded, cell_text, compared, counted, score_of
from benchmark.boards.paper_figures import Drawn, Series, draw_bars, draw_sweep
from benchmark.boards.reported import NONE_OF_OURS
from benchmark.evidence.statistics import Score
from mer_lightning.protocols import get_protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmark.boards.reported import Evaluation, Method, PrintedColumn, PrintedRow, PrintedTable

EVALUATIONS: dict[Evaluation, str] = {
    "pooled": "over all clips",
    "subject_mean": "mean over subjects",
    "unknown": "not stated",
}
SIDES = {"invented": True, "real": False}
"""The two sides of a page by whether nobody was recorded."""
PEOPLE = {"invented": "invented people, short budget", "real": "real people"}


@dataclass(frozen=True, slots=True)
class PrintedCell:
    """One figure: as printed (with the numbers of its notes), on invented and on real people."""

    printed: str
    notes: tuple[int, ...]
    invented: str
    real: str


@dataclass(frozen=True, slots=True)
class PageRow:
    """One row.

    Attributes:
        name: The paper's, with its notes.
        method: Ours.
        stands_in: What was run on invented people in its place; empty where it was itself.
        protocol: Where it differs from the heading's.
        cells: In the order of the columns.
        evaluation: How accuracy is averaged.
    """

    name: str
    notes: tuple[int, ...]
    method: Method
    stands_in: str
    protocol: str | None
    cells: tuple[PrintedCell, ...]
    evaluation: str


@dataclass(frozen=True, slots=True)
class PageTable:
    """One table ready to be written.

    Attributes:
        printed: The table it repeats.
        rows: In printed order.
        notes: Footnotes, numbered from 1.
        elsewhere: Which rows and columns the headings do not hold for, a line each.
        compared: Differences of two rows: both with the column, as printed, on invented and on real people.
        drawn: Pictures of it, one for each side that was recorded.
    """

    printed: PrintedTable
    rows: tuple[PageRow, ...]
    notes: tuple[str, ...]
    elsewhere: tuple[str, ...]
    compared: tuple[tuple[str, str, str, str], ...]
    drawn: tuple[Drawn, ...]


@dataclass(slots=True)
class _Notes:
    """Footnotes of a table; equal ones share a number."""

    texts: list[str] = field(default_factory=list[str])

    def number(self, *texts: str) -> tuple[int, ...]:
        for text in texts:
            if text and text not in self.texts:
                self.texts.append(text)
        return tuple(self.texts.index(text) + 1 for text in texts if text)


def page_table(paper: str, table: PrintedTable, methods: dict[str, Method], recorded: Recorded) -> PageTable:
    """Put what was recorded beside what a table prints."""
    notes = _Notes()
    rows: list[PageRow] = []
    for row in table.rows:
        method = methods[row.method]
        marks = notes.number(row.note, f"Not run: {method.cannot_run}." if method.cannot_run else "")
        cells = tuple(_cell(table, row, column, recorded, notes) for column in table.columns)
        stands_in = recorded.invented(row.method)
        evaluation = EVALUATIONS[table.evaluation_of(row)]
        rows.append(
            PageRow(
                row.name, marks, method, "" if stands_in == row.method else stands_in, row.protocol, cells, evaluation
            )
        )
    return PageTable(
        table,
        tuple(rows),
        tuple(notes.texts),
        _heading_notes(table),
        tuple(_compared(table, recorded)),
        tuple(_drawn(paper, table, recorded)),
    )


def slug(text: str) -> str:
    """A name for a file: lower-case words with hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _cell(
    table: PrintedTable, row: PrintedRow, column: PrintedColumn, recorded: Recorded, notes: _Notes
) -> PrintedCell:
    printed = row.cells[column.id] or "drawn"
    texts = [row.notes.get(column.id, "")]
    place = table.place(row, column)
    if place is None:
        return PrintedCell(printed, notes.number(*texts), "–", counted(row.method, column, recorded.networks))
    (protocol, database), evaluation = place, table.evaluation_of(row)
    if whole := recorded.whole(protocol, row.method):
        texts.append(
            f"Run whole on the invented people of `{protocol}`: {cell_text(whole, column, database, evaluation)}."
        )
    found = [
        cell_text(recorded.of(protocol, row.method, synthetic=synthetic), column, database, evaluation)
        for synthetic in SIDES.values()
    ]
    return PrintedCell(printed, notes.number(*texts), *found)


def _heading_notes(table: PrintedTable) -> tuple[str, ...]:
    """What the columns' headings do not say: rows held against another protocol, columns held against none."""
    rows: dict[str, list[str]] = defaultdict(list)
    for row in table.rows:
        if row.protocol:
            rows[row.protocol].append(row.name)
    columns: dict[str, list[str]] = defaultdict(list)
    for column in table.columns:
        if column.reason:
            columns[column.reason].append(column.title)
    lines = [f"{NONE_OF_OURS.capitalize()} for {', '.join(titles)}: {reason}" for reason, titles in columns.items()]
    for name, names in rows.items():
        part = ", on the clips of the column's database" if len(get_protocol(name).counts) > 1 else ""
        lines.append(f"Held against `{name}`{part}: {', '.join(names)}.")
    return tuple(lines)


def _compared(table: PrintedTable, recorded: Recorded) -> Sequence[tuple[str, str, str, str]]:
    rows = {row.name: row for row in table.rows}
    lines: list[tuple[str, str, str, str]] = []
    for pair in table.compared:
        both = rows[pair.more], rows[pair.less]
        for column in table.columns:
            # of what was counted, and of how long or how badly something learnt, more is not better
            if not column.is_score and column.metric != "training_accuracy":
                continue
            values = [column.value(row.cells[column.id]) for row in both]
            printed, difference = "drawn", None
            if values[0] is not None and values[1] is not None:
                difference = values[0] - values[1]
                printed = f"{100 * difference:+.2f}" if column.unit == "percent" else f"{difference:+.4f}"
            sides = [
                compared(table, both, column, recorded, synthetic=synthetic, printed=difference)
                for synthetic in SIDES.values()
            ]
            lines.append((f"{pair.more} over {pair.less}, {column.title}", printed, sides[0], sides[1]))
    return lines


def _drawn(paper: str, table: PrintedTable, recorded: Recorded) -> Sequence[Drawn]:
    if table.sweep is None and not table.bars:
        return []
    pictures: list[Drawn] = []
    if table.bars and (
        printed := [line for column in table.columns if (line := _printed_series(table, column)).points]
    ):
        title = f"{paper.upper()}, {table.number}: printed"
        pictures.append(
            draw_bars(f"{paper}-{slug(table.number)}-printed", title, [_row_label(row) for row in table.rows], printed)
        )
    for side, synthetic in SIDES.items():
        lines = [
            line
            for column in table.columns
            if column.is_score and (line := _recorded_series(table, column, recorded, synthetic=synthetic)).points
        ]
        name, title = f"{paper}-{slug(table.number)}-{side}", f"{paper.upper()}, {table.number}: {PEOPLE[side]}"
        if lines and table.sweep:
            pictures.append(draw_sweep(name, title, table.sweep.axis, table.sweep.best, lines))
        elif lines:
            pictures.append(draw_bars(name, title, [_row_label(row) for row in table.rows], lines))
    return pictures


def _recorded_series(table: PrintedTable, column: PrintedColumn, recorded: Recorded, *, synthetic: bool) -> Series:
    points: list[tuple[float, Score]] = []
    for number, row in enumerate(table.rows):
        place = table.place(row, column)
        runs = recorded.of(place[0], row.method, synthetic=synthetic).get("", ()) if place else ()
        if not place or not runs or not all(run.complete for run in runs):
            continue
        score = score_of(runs, column, place[1], table.evaluation_of(row))
        if score is not None:
            points.append((table.sweep.value(row.name) if table.sweep else number, score))
    return Series(column.title, tuple(points))


def _printed_series(table: PrintedTable, column: PrintedColumn) -> Series:
    values = [(number, column.value(row.cells[column.id])) for number, row in enumerate(table.rows)]
    shown = [(float(number), Score(value, None)) for number, value in values if value is not None and column.is_score]
    return Series(column.title, tuple(shown))


def _row_label(row: PrintedRow) -> str:
    """The name of a row below its bars, without the language of the paper."""
    words = row.name.replace(" + ", "\n+ ")
    return words if words.isascii() else row.method
