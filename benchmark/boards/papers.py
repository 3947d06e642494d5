"""The papers' own tables again: what is printed beside what was recorded here, as a pure function of files."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmark.boards.reported import NONE_OF_OURS, load_reported
from benchmark.boards.tables import template
from benchmark.evidence.statistics import Score
from benchmark.records.board_names import board_name, is_synthetic
from benchmark.records.corrections import corrected
from benchmark.records.run import RunRecord, load_runs
from mer_lightning.protocols import get_protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmark.boards.reported import Evaluation, Method, PrintedColumn, PrintedPaper, PrintedRow, PrintedTable

EVALUATIONS: dict[Evaluation, str] = {
    "pooled": "over all clips",
    "subject_mean": "mean over subjects",
    "unknown": "not stated",
}
NOT_RUN = "not run"
_Runs = dict[tuple[str, str], dict[str, list[RunRecord]]]


@dataclass(frozen=True, slots=True)
class PrintedCell:
    """One figure: as printed (with the numbers of its notes), as recorded on real data, and on invented data."""

    printed: str
    notes: tuple[int, ...]
    reproduced: str
    synthetic: str


@dataclass(frozen=True, slots=True)
class PageRow:
    """One row: the paper's name of it with its notes, our method and, where it differs from the heading's, protocol."""

    name: str
    notes: tuple[int, ...]
    method: Method
    protocol: str | None
    cells: tuple[PrintedCell, ...]
    evaluation: str


@dataclass(frozen=True, slots=True)
class PageTable:
    """One table ready to be written.

    Attributes:
        printed: The table it repeats.
        rows: In printed order.
        synthetic: Per column, whether any row was run on invented data.
        notes: Footnotes, numbered from 1.
        elsewhere: Which rows and columns the headings do not hold for, a line each.
    """

    printed: PrintedTable
    rows: tuple[PageRow, ...]
    synthetic: tuple[bool, ...]
    notes: tuple[str, ...]
    elsewhere: tuple[str, ...]


@dataclass(slots=True)
class _Notes:
    """Footnotes of a table; equal ones share a number."""

    texts: list[str] = field(default_factory=list[str])

    def number(self, *texts: str) -> tuple[int, ...]:
        for text in texts:
            if text and text not in self.texts:
                self.texts.append(text)
        return tuple(self.texts.index(text) + 1 for text in texts if text)


@dataclass(frozen=True, slots=True)
class PaperPage:
    """One paper ready to be written.

    Attributes:
        paper: What it prints.
        tables: Its tables, with what was recorded here.
        protocols: What it is held against, a line each.
        sources: What was reproduced with what, a line each.
        counted: Cells with a score, those of them recorded on real data, and those on invented data.
    """

    paper: PrintedPaper
    tables: tuple[PageTable, ...]
    protocols: tuple[str, ...]
    sources: tuple[str, ...]
    counted: tuple[int, int, int]


def load_papers(leaderboards: Path, recorded: Sequence[RunRecord] | None = None) -> list[PaperPage]:
    """Put what was recorded beside what each paper prints; of a method, a user's records instead of shipped ones.

    Args:
        leaderboards: Folder with ``records/`` and ``reported/``; without papers in it the result is empty.
        recorded: Instead of those in ``records/``.

    Raises:
        DataError: A record or a reported file is not what it should be.
    """
    reported = load_reported(leaderboards / "reported")
    if not reported.papers:
        return []
    runs: _Runs = defaultdict(lambda: defaultdict(list))
    records = load_runs(leaderboards / "records") if recorded is None else recorded
    mine = {(record.board, record.entry) for record in records if record.is_mine}
    for record in records:
        if record.is_mine or (record.board, record.entry) not in mine:
            runs[record.board, record.method][record.edition].append(record)
    pages: list[PaperPage] = []
    for paper in reported.papers:
        tables = tuple(_page_table(table, reported.methods, runs) for table in paper.tables)
        pages.append(
            PaperPage(paper, tables, tuple(_protocols(paper)), tuple(_sources(paper, runs)), _count_scores(tables))
        )
    return pages


def render_papers(leaderboards: Path, pages: Sequence[PaperPage] | None = None) -> dict[Path, str]:
    """Render the tables of every paper.

    Args:
        leaderboards: Folder with ``records/`` and ``reported/``.
        pages: From ``load_papers``, where they are loaded already.

    Returns:
        Text of ``papers/<id>.md`` for each paper, and of ``papers/README.md``, by path; empty without papers.

    Raises:
        DataError: A record or a reported file is not what it should be.
    """
    pages = load_papers(leaderboards) if pages is None else pages
    if not pages:
        return {}
    folder = leaderboards / "papers"
    files = {
        folder / f"{page.paper.id}.md": template("paper.md.j2").render(
            paper=page.paper, tables=page.tables, protocols=page.protocols, sources=page.sources, NOT_RUN=NOT_RUN
        )
        for page in pages
    }
    files[folder / "README.md"] = template("papers.md.j2").render(counted=[(p.paper, p.counted) for p in pages])
    return files


def _page_table(table: PrintedTable, methods: dict[str, Method], runs: _Runs) -> PageTable:
    notes = _Notes()
    rows: list[PageRow] = []
    for row in table.rows:
        method = methods[row.method]
        marks = notes.number(row.note, f"Not run: {method.cannot_run}." if method.cannot_run else "")
        cells = tuple(_cell(table, row, column, runs, notes) for column in table.columns)
        rows.append(PageRow(row.name, marks, method, row.protocol, cells, EVALUATIONS[table.evaluation_of(row)]))
    synthetic = tuple(any(row.cells[i].synthetic != NOT_RUN for row in rows) for i in range(len(table.columns)))
    return PageTable(table, tuple(rows), synthetic, tuple(notes.texts), _heading_notes(table))


def _cell(table: PrintedTable, row: PrintedRow, column: PrintedColumn, runs: _Runs, notes: _Notes) -> PrintedCell:
    printed = row.cells[column.id] or "drawn"
    marks = notes.number(row.notes.get(column.id, ""))
    place = table.place(row, column)
    if place is None:
        return PrintedCell(printed, marks, "–", NOT_RUN)
    protocol, database = place
    found = [
        _recorded(runs.get((board, row.method), {}), column, database, table.evaluation_of(row))
        for board in _boards(protocol)
    ]
    return PrintedCell(printed, marks, *found)


def _boards(protocol: str) -> tuple[str, str]:
    """That of recorded people and that of invented ones."""
    return board_name(protocol, synthetic=False), board_name(protocol, synthetic=True)


def _recorded(
    editions: dict[str, list[RunRecord]], column: PrintedColumn, database: str | None, evaluation: Evaluation
) -> str:
    texts: list[str] = []
    for edition, records in sorted(editions.items()):
        unfinished = [f"incomplete {run.finished}/{run.folds}" for run in records if not run.complete]
        text = ", ".join(unfinished) or _written(_recorded_score(records, column, database, evaluation), column)
        texts.append(f"{text} ({edition})" if edition else text)
    return "; ".join(texts) or NOT_RUN


def _recorded_score(
    records: list[RunRecord], column: PrintedColumn, database: str | None, evaluation: Evaluation
) -> Score:
    metric = column.score
    matrices = [run.matrices(database) for run in records]
    if column.metric == "accuracy" and evaluation == "subject_mean":
        return Score.over([float(metric.pooled(matrix).mean()) for matrix in matrices])
    return Score.over([float(metric.pooled(matrix.sum(0))) for matrix in matrices])


def _written(score: Score, column: PrintedColumn) -> str:
    if column.unit != "percent":
        return str(score)
    return f"{100 * score.mean:.2f}" + ("" if score.spread is None else f" ± {100 * score.spread:.2f}")


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


def _protocols(paper: PrintedPaper) -> list[str]:
    lines: list[str] = []
    for name, caveat in paper.caveats.items():
        protocol = get_protocol(name)
        selection = "" if protocol.selection == "last_epoch" else f", epoch selected by {protocol.selection}"
        lines.append(f"`{name}` ({protocol.title}{selection}): {caveat}")
    return lines


def _sources(paper: PrintedPaper, runs: _Runs) -> list[str]:
    """One line per recorded method and board that a cell of the paper shows."""
    shown = {
        (board, row.method)
        for table in paper.tables
        for row in table.rows
        for column in table.columns
        if (place := table.place(row, column))
        for board in _boards(place[0])
    }
    lines: list[str] = []
    for board, method in sorted(shown & runs.keys(), key=lambda key: (is_synthetic(key[0]), *key[::-1])):
        for edition, records in sorted(runs[board, method].items()):
            last = max(records, key=lambda run: run.seed)
            title = f"{last.title} ({edition})" if edition else last.title
            title += " (own code)" if last.own_code else ""
            seeds = ", ".join(str(seed) for seed in sorted(run.seed for run in records))
            clips = f"{len(last.confusion)} subjects, {int(last.matrices().sum())} clips"
            lines.append(
                f"**{title}**, `{board}`, seed {seeds}: {last.data.source}, release {last.data.release}, {clips}; "
                f"{last.device}. {' '.join(corrected(last.recipe['deviations']))}".rstrip()
            )
    return lines


def _count_scores(tables: Sequence[PageTable]) -> tuple[int, int, int]:
    """Scores that a paper's tables hold, those of them recorded on real data, and those on invented data."""
    cells = [
        cell
        for table in tables
        for row in table.rows
        for cell, column in zip(row.cells, table.printed.columns, strict=True)
        if column.is_score
    ]
    real = sum(cell.reproduced != NOT_RUN for cell in cells)
    return len(cells), real, sum(cell.synthetic != NOT_RUN for cell in cells)
