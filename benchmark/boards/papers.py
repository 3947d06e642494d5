"""The papers' own tables and figures again: what is printed beside what was recorded, as a pure function of files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.boards.paper_cells import NOT_RUN, Recorded, arrange
from benchmark.boards.paper_figures import Drawn, FoldLine, draw_learning
from benchmark.boards.paper_tables import PEOPLE, SIDES, PageTable, page_table, slug
from benchmark.boards.reported import PICTURES, load_reported
from benchmark.boards.tables import template
from benchmark.methods.budget import load_budgets
from benchmark.records.board_names import board_name, is_synthetic
from benchmark.records.corrections import corrected
from benchmark.records.network_sizes import load_networks
from benchmark.records.run import RunRecord, load_runs
from mer_lightning.protocols import get_protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmark.boards.printed_figures import PrintedCounts, PrintedFigure
    from benchmark.boards.reported import PrintedPaper


@dataclass(frozen=True, slots=True)
class PageMatrix:
    """A confusion matrix of a figure.

    Attributes:
        title: Method, protocol and on whom.
        classes: In order.
        matrix: Clips, mean over seeds, rows truth.
    """

    title: str
    classes: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class PageFigure:
    """A figure ready to be written.

    Attributes:
        printed: What the paper shows.
        drawn: Pictures of records, one for each side that was recorded.
        matrices: Likewise confusion matrices.
    """

    printed: PrintedFigure
    drawn: tuple[Drawn, ...]
    matrices: tuple[PageMatrix, ...]


@dataclass(frozen=True, slots=True)
class PaperPage:
    """One paper ready to be written.

    Attributes:
        paper: What it prints.
        tables: Its tables, with what was recorded here.
        counts: Its tables of clips, each with ours cell by cell.
        figures: Its other figures.
        budget: How its methods are shortened on invented people; empty where no budget is of this paper.
        protocols: What it is held against, a line each.
        sources: What was recorded of it with what, a line each, by side.
        counted: Cells that a run can fill, those of them that it did on invented people, and on real ones.
        pictures: Folder of pictures that commands made.
    """

    paper: PrintedPaper
    tables: tuple[PageTable, ...]
    counts: tuple[tuple[PrintedCounts, tuple[tuple[int | None, ...], ...]], ...]
    figures: tuple[PageFigure, ...]
    budget: str
    protocols: tuple[str, ...]
    sources: dict[str, tuple[str, ...]]
    counted: tuple[int, int, int]
    pictures: Path

    @property
    def drawn(self) -> list[Drawn]:
        """All pictures of records."""
        return [drawn for part in (*self.tables, *self.figures) for drawn in part.drawn]


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
    runs = load_runs(leaderboards / "records") if recorded is None else recorded
    found = arrange(runs, load_networks(leaderboards))
    budgets = load_budgets()
    pages: list[PaperPage] = []
    for paper in reported.papers:
        tables = tuple(page_table(paper.id, table, reported.methods, found) for table in paper.tables)
        pages.append(
            PaperPage(
                paper=paper,
                tables=tables,
                counts=tuple((counts, _ours(counts)) for counts in paper.counts),
                figures=tuple(_page_figure(paper.id, figure, found) for figure in paper.figures),
                budget=f"{budgets[paper.id].title}: {budgets[paper.id].summary}" if paper.id in budgets else "",
                protocols=tuple(_protocols(paper)),
                sources=_sources(paper, found),
                counted=_count_cells(tables),
                pictures=leaderboards / "reported" / PICTURES,
            )
        )
    return pages


def render_papers(leaderboards: Path, pages: Sequence[PaperPage] | None = None) -> dict[Path, str]:
    """Render the tables and figures of every paper.

    Args:
        leaderboards: Folder with ``records/`` and ``reported/``.
        pages: From ``load_papers``, where they are loaded already.

    Returns:
        Text of ``papers/<id>.md`` for each paper, of its pictures and of ``papers/README.md``, by path; empty without
        papers.

    Raises:
        DataError: A record or a reported file is not what it should be.
    """
    pages = load_papers(leaderboards) if pages is None else pages
    if not pages:
        return {}
    folder = leaderboards / "papers"
    given = {"NOT_RUN": NOT_RUN, "PEOPLE": PEOPLE, "PICTURES": PICTURES}
    files = {folder / f"{page.paper.id}.md": template("paper.md.j2").render(page=page, **given) for page in pages}
    files |= {folder / f"{drawn.name}.svg": drawn.svg for page in pages for drawn in page.drawn}
    files[folder / "README.md"] = template("papers.md.j2").render(pages=pages)
    return files


def _ours(counts: PrintedCounts) -> tuple[tuple[int | None, ...], ...]:
    return tuple(tuple(counts.ours(row, column) for column in counts.columns) for row in counts.rows)


def _page_figure(paper: str, figure: PrintedFigure, recorded: Recorded) -> PageFigure:
    drawn: list[Drawn] = []
    matrices: list[PageMatrix] = []
    for side, synthetic in SIDES.items():
        found = [
            (recorded.invented(method) if synthetic else method, [run for run in runs if run.complete])
            for method in figure.methods
            if (runs := recorded.of(figure.protocol, method, synthetic=synthetic).get(""))
        ]
        if figure.drawn == "confusion":
            matrices += [_page_matrix(method, runs, PEOPLE[side]) for method, runs in found if runs]
        elif figure.drawn == "learning" and (panels := _panels(found)):
            title = f"{paper.upper()}, {figure.number}: {PEOPLE[side]}"
            drawn.append(draw_learning(f"{paper}-{slug(figure.number)}-{side}", title, panels))
    return PageFigure(figure, tuple(drawn), tuple(matrices))


def _page_matrix(method: str, runs: Sequence[RunRecord], on: str) -> PageMatrix:
    mean = np.mean([run.matrices().sum(0) for run in runs], axis=0)
    title = f"{method}, {runs[0].protocol}, {on}"
    return PageMatrix(title, runs[0].classes, tuple(tuple(map(float, row)) for row in mean))


def _panels(found: Sequence[tuple[str, Sequence[RunRecord]]]) -> list[tuple[str, list[FoldLine]]]:
    """The folds that were kept, each with its curve of every method; of several seeds the first."""
    panels: dict[int, list[FoldLine]] = {}
    folds = 0
    for method, runs in found:
        first = min((run for run in runs if run.learning), key=lambda run: run.seed, default=None)
        if first is None or first.learning is None:
            continue
        folds = first.folds
        for curve in first.learning.folds:
            line = FoldLine(f"{method}, seed {first.seed}", curve.epochs, curve.accuracy)
            panels.setdefault(curve.fold, []).append(line)
    return [(f"fold {fold} of {folds}", lines) for fold, lines in sorted(panels.items())]


def _protocols(paper: PrintedPaper) -> list[str]:
    lines: list[str] = []
    for name, caveat in paper.caveats.items():
        protocol = get_protocol(name)
        selection = "" if protocol.selection == "last_epoch" else f", epoch selected by {protocol.selection}"
        lines.append(f"`{name}` ({protocol.title}{selection}): {caveat}")
    return lines


def _sources(paper: PrintedPaper, recorded: Recorded) -> dict[str, tuple[str, ...]]:
    """One line per recorded method and board that a cell of the paper shows, by side."""
    shown = {
        (board_name(place[0], synthetic=synthetic), method)
        for table in paper.tables
        for row in table.rows
        for column in table.columns
        if (place := table.place(row, column))
        for synthetic in SIDES.values()
        for method in {row.method, *([recorded.invented(row.method)] if synthetic else ())}
    }
    lines: dict[str, list[str]] = {side: [] for side in SIDES}
    for board, method in sorted(shown & recorded.runs.keys(), key=lambda key: key[::-1]):
        side = "invented" if is_synthetic(board) else "real"
        lines[side] += [_source(edition, runs) for edition, runs in sorted(recorded.runs[board, method].items())]
    return {side: tuple(found) for side, found in lines.items()}


def _source(edition: str, runs: Sequence[RunRecord]) -> str:
    last = max(runs, key=lambda run: run.seed)
    title = f"{last.title} ({edition})" if edition else last.title
    title += " (own code)" if last.own_code else ""
    seeds = ", ".join(str(seed) for seed in sorted(run.seed for run in runs))
    clips = f"{len(last.confusion)} subjects, {int(last.matrices().sum())} clips"
    return (
        f"**{title}** (`{last.method}`), `{last.board}`, seed {seeds}: {last.data.source}, release "
        f"{last.data.release}, {clips}; {last.device}. {' '.join(corrected(last.recipe['deviations']))}"
    ).rstrip()


def _count_cells(tables: Sequence[PageTable]) -> tuple[int, int, int]:
    """Cells that a run can fill, those of them that it did on invented people, and on real ones."""
    cells = [
        cell
        for table in tables
        for row in table.rows
        for cell, column in zip(row.cells, table.printed.columns, strict=True)
        if column.is_recorded
    ]
    sides = ([cell.invented for cell in cells], [cell.real for cell in cells])
    invented, real = (sum(text not in (NOT_RUN, "not kept") for text in side) for side in sides)
    return len(cells), invented, real
