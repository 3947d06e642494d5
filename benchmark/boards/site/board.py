"""What the page of one leaderboard shows beyond its table: verdicts, confusion matrices, subjects, learning curves."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from benchmark.boards.board import ALL, database_title
from benchmark.boards.scale import board_scale
from benchmark.boards.site.curves import SERIES, Curve, curve_picture
from benchmark.boards.site.figures import board_picture
from benchmark.boards.site.strips import Strip
from benchmark.evidence.claims.printed import PrintedScore
from benchmark.evidence.claims.verdicts import Claim, check_claim
from benchmark.records.board_names import is_synthetic, protocol_of, protocol_title
from mer_lightning.metrics import UF1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmark.boards.board import Board, BoardRow, ReportedRow
    from benchmark.evidence.claims.verdicts import Verdict
    from benchmark.records.curves import MeanCurve
    from benchmark.records.run import RunRecord

SHADES = 9
_DIGITS = 4
_PART_WIDTH = 140  # three of them stand side by side
_WORST = ("impossible", "macro-precision", "undecided", "possible")


@dataclass(frozen=True, slots=True)
class Feasible:
    """Whether a published pair of UF1 and UAR has a confusion matrix, for one part of a board."""

    part: str
    answer: str
    detail: str


@dataclass(frozen=True, slots=True)
class Tested:
    """One subject of one method: clips that were right (mean over seeds) of all it has."""

    right: float
    clips: int

    @property
    def share(self) -> float:
        """0..1."""
        return self.right / self.clips

    @property
    def shade(self) -> int:
        """0 for none right, ``SHADES`` for all."""
        return int(np.floor(self.share * SHADES + 0.5))


@dataclass(frozen=True, slots=True)
class MeasuredMethod:
    """One measured method.

    Attributes:
        row: Its row in the board.
        runs: Its runs, by seed.
        matrix: Pooled confusion matrix, mean over seeds, rows truth.
        tested: Per subject, in the order of ``BoardPage.people``.
    """

    row: BoardRow
    runs: tuple[RunRecord, ...]
    matrix: tuple[tuple[float, ...], ...]
    tested: tuple[Tested, ...]

    @property
    def curve(self) -> MeanCurve | None:
        """Learning curve of the first seed that has one."""
        return next((run.curve for run in self.runs if run.curve), None)

    @property
    def seconds(self) -> float:
        """Wall time of a run's folds, mean over seeds."""
        return float(np.mean([run.seconds for run in self.runs]))


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: what was measured, what was published, or both.

    Attributes:
        id: Anchor.
        title: Method.
        entry: What was measured.
        published: What was published.
        feasible: Verdicts on what was published, the whole first.
    """

    id: str
    title: str
    entry: MeasuredMethod | None
    published: ReportedRow | None
    feasible: tuple[Feasible, ...]

    @property
    def verdict(self) -> str:
        """The worst of the verdicts."""
        return next((worst for worst in _WORST for found in self.feasible if found.answer == worst), "")


@dataclass(frozen=True, slots=True)
class BoardPage:
    """One leaderboard ready to be written.

    Attributes:
        board: What it shows.
        entries: Measured methods with all runs complete, in ranked order.
        waiting: Measured methods with an incomplete run.
        lines: Rows of the table: measured in ranked order, then published ones.
        classes: Names of the classes.
        counts: Clips of each class.
        people: Tested subjects: database after database, most clips first.
        groups: Title of each database and how many of ``people`` it has.
        strips: Scale of each part's column of UF1.
        overview: Picture of all scores.
        curves: Picture of the learning curves of the best methods that have one; empty without any.
        curveless: Methods that are trained in epochs and whose records hold no curve.
    """

    board: Board
    entries: tuple[MeasuredMethod, ...]
    waiting: tuple[BoardRow, ...]
    lines: tuple[Line, ...]
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    people: tuple[str, ...]
    groups: tuple[tuple[str, int], ...]
    strips: dict[str, Strip]
    overview: str
    curves: str
    curveless: tuple[str, ...]

    @property
    def href(self) -> str:
        """Its page."""
        return f"board-{self.board.id}.html"

    @property
    def title(self) -> str:
        """What it is of, for lists that say elsewhere whether that is synthetic."""
        return protocol_title(self.board.id)

    @property
    def synthetic(self) -> bool:
        """True when no real person was recorded."""
        return is_synthetic(self.board.id)


def board_page(board: Board, runs: Sequence[RunRecord]) -> BoardPage:
    """Gather what a board's page shows.

    Args:
        board: From ``load_boards``.
        runs: Every record of it.
    """
    by_entry: dict[str, list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.seed):
        by_entry[run.shown_as].append(run)
    scored = [row for row in board.rows if row.scores]
    people = _people(by_entry[scored[0].entry][0]) if scored else ()
    entries = tuple(_measured(row, by_entry[row.entry], people) for row in scored)
    waiting = tuple(row for row in board.rows if not row.scores)
    curved = [Curve(entry.row.title, entry.curve) for entry in entries if entry.curve]
    first = runs[0]
    groups = [(database_title(name), sum(p.startswith(f"{name}/") for p in people)) for name in first.databases]
    return BoardPage(
        board=board,
        entries=entries,
        waiting=waiting,
        lines=_table_lines(board, entries),
        classes=first.classes,
        counts=tuple(int(sum(row)) for row in entries[0].matrix) if entries else (),
        people=people,
        groups=tuple(groups),
        strips={part: _part_strip(board, part) for part in board.parts},
        overview=board_picture(board) if entries or board.reported else "",
        curves=curve_picture(curved[:SERIES]) if curved else "",
        curveless=tuple(e.row.title for e in entries if not e.curve and e.runs[-1].recipe.get("training")),
    )


def _part_strip(board: Board, part: str) -> Strip:
    scale = board_scale(board.rows, board.reported, part)
    return Strip(scale) if part == ALL else Strip(scale, _PART_WIDTH)


def _people(run: RunRecord) -> tuple[str, ...]:
    clips = {person: int(np.sum(matrix)) for person, matrix in run.confusion.items()}
    order = {name: place for place, name in enumerate(run.databases)}
    return tuple(sorted(clips, key=lambda person: (order.get(person.split("/")[0], 0), -clips[person], person)))


def _measured(row: BoardRow, runs: Sequence[RunRecord], people: Sequence[str]) -> MeasuredMethod:
    # (K, S, C, C) with subjects in the page's order
    stacked = np.array([[run.confusion[person] for person in people] for run in runs], dtype=np.float64)
    right = np.trace(stacked, axis1=-2, axis2=-1).mean(0).tolist()
    clips = stacked[0].sum((-1, -2)).astype(int).tolist()
    matrix = stacked.sum(1).mean(0).tolist()
    tested = tuple(Tested(r, n) for r, n in zip(right, clips, strict=True))
    return MeasuredMethod(row, tuple(runs), tuple(map(tuple, matrix)), tested)


def _table_lines(board: Board, entries: Sequence[MeasuredMethod]) -> tuple[Line, ...]:
    lines = [
        Line(entry.row.entry, entry.row.title, entry, entry.row.published, _feasible(board, entry.row.published))
        for entry in entries
    ]
    shown = {entry.row.method for entry in entries}
    published = [row for row in board.reported if row.method not in shown]
    published.sort(key=lambda row: -(row.scores[ALL].get(UF1.name) or 0) if ALL in row.scores else 0)
    lines += [Line(f"published-{i}", row.name, None, row, _feasible(board, row)) for i, row in enumerate(published, 1)]
    return tuple(lines)


def _feasible(board: Board, row: ReportedRow | None) -> tuple[Feasible, ...]:
    if row is None:
        return ()
    counts = protocol_of(board.id).counts
    found: list[Feasible] = []
    for part in board.parts:
        scores = row.scores.get(part, {})
        uf1, uar = scores.get("uf1"), scores.get("uar")
        if uf1 is None and uar is None:
            continue
        sizes = tuple(map(sum, zip(*counts.values(), strict=True))) if part == ALL else tuple(counts[part])
        verdict = _check_printed(sizes, _printed(uf1), _printed(uar))
        detail = "; ".join(verdict.reasons)
        if verdict.answer == "possible":
            detail = f"{'' if verdict.complete else 'at least '}{verdict.matrices:,} confusion matrices fit"
        found.append(Feasible("whole" if part == ALL else database_title(part), verdict.answer, detail))
    return tuple(found)


@cache
def _check_printed(counts: tuple[int, ...], uf1: str, uar: str) -> Verdict:
    """The same figures stand on a board and on a variant of it; they are searched once."""
    figures = {name: PrintedScore.parse(text) for name, text in (("uf1", uf1), ("uar", uar)) if text}
    return check_claim(Claim(counts, **figures))


def _printed(value: float | None) -> str:
    """As the sources of the boards print scores."""
    return "" if value is None else f"{value:.{_DIGITS}f}"
