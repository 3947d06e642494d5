"""Leaderboards, before they are printed: the committed records of each protocol as ranked rows, without torch."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import AfterValidator

from benchmark.boards.reported import METHODS
from benchmark.evidence.statistics import Score, bootstrap, stack_runs
from benchmark.files import load_yaml
from benchmark.methods.recipe import Paper, recipe_names
from benchmark.records.board_names import board_title, entry_name, is_synthetic, mine, protocol_of, shipped_board
from benchmark.records.corrections import CORRECTIONS, corrected
from benchmark.records.run import RunRecord, load_runs
from mer_lightning.datasets.registry import databases
from mer_lightning.metrics import METRICS, UF1, accuracy, get_metric
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmark.evidence.statistics import Interval
    from benchmark.records.contributed import About
    from mer_lightning.metrics import Metric
    from mer_lightning.protocols import HeldOut

ALL = "all"


def database_title(name: str) -> str:
    """A database, or ``all``, as columns of tables call it; a name that is not registered stays as it is."""
    database = databases().get(name)
    return name if database is None else database.short or database.title


def _check_reported(scores: dict[str, float | None]) -> dict[str, float | None]:
    known = {metric.name: metric for metric in METRICS}
    for name, value in scores.items():
        if name not in known:
            raise ValueError(f"{name}: expected one of {', '.join(known)}")
        if value is not None and not known[name].least <= value <= 1:
            raise ValueError(f"{name}: expected a number of {known[name].least:g} to 1, found {value:g}")
    return scores


ReportedScores = Annotated[dict[str, float | None], AfterValidator(_check_reported)]
"""Numbers of one paper for one part of a protocol, by metric."""


class ReportedRow(Settings):
    """What somebody published for one method.

    Attributes:
        name: Method as the source writes it.
        method: Our recipe of it, if there is one; its measured row then shows these numbers too.
        selection: How the epoch was chosen: never looking at the held-out subject (``honest``), by its score
            (``test``), or not stated (``unknown``).
        scores: Per part (``all`` or a database).
        source: Where it was published.
        note: What a reader must know, e.g. that a figure cannot be what it is called.
    """

    name: str
    method: str | None = None
    selection: Literal["honest", "test", "unknown"]
    scores: dict[str, ReportedScores]
    source: str
    note: str = ""


class Reported(Settings):
    """All published numbers under one protocol."""

    board: str
    rows: tuple[ReportedRow, ...]


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One measured method.

    Attributes:
        method: Recipe name.
        entry: Recipe name with the edition of its input.
        title: Name in tables.
        seeds: Seeds of the runs.
        scores: Part -> metric -> score; empty while any run is incomplete.
        intervals: Part -> metric -> 95 % interval over subjects of the mean over seeds; no part of a single subject.
        subject_accuracy: Accuracy as mean over subjects, as some papers print it.
        state: Empty, or ``incomplete 41/68``.
        published: Numbers of the method's paper, if reported.
        notes: Deviations from the paper, code outside the suite, what tuning spent.
        unranked: Why it has no place; empty for what competes.
        paper: Where the method was published.
        device: Device of the runs.
        contributed: Who made the predictions, where others did.
    """

    method: str
    entry: str
    title: str
    seeds: tuple[int, ...]
    scores: dict[str, dict[str, Score]]
    intervals: dict[str, dict[str, Interval]]
    subject_accuracy: Score | None
    state: str
    published: ReportedRow | None
    notes: tuple[str, ...]
    unranked: str
    paper: Paper | None
    device: str
    contributed: About | None = None

    @property
    def which(self) -> str:
        """Which of several rows of its method it is, e.g. ``mine, aligned``; empty where there is but one."""
        _, _, edition = self.entry.partition("@")
        whose = "mine" if self.entry == mine(entry_name(self.method, edition)) else ""
        return ", ".join(filter(None, (whose, edition)))


@dataclass(frozen=True)
class Board:
    """One leaderboard.

    Attributes:
        id: Protocol id, with ``synthetic-`` before it when the data is.
        title: Heading; says synthetic where it is.
        parts: ``all`` and, for a composite, its databases.
        rows: Measured methods, best first by ``metric``, then those that are not ranked, incomplete ones last.
        reported: Published numbers, in the order of the file; not ranked.
        data: One line per distinct source of data.
        metric: The score that ranks.
        held_out: Who is left out of a fold: a ``subject``, a ``database``, or those whom a ``split`` tests.
    """

    id: str
    title: str
    parts: tuple[str, ...]
    rows: tuple[BoardRow, ...]
    reported: tuple[ReportedRow, ...]
    data: tuple[str, ...]
    metric: Metric = UF1
    held_out: HeldOut = "subject"

    def place(self, row: BoardRow, part: str, metric: str) -> int | None:
        """0 for the best, 1 for the second best of a column, else None; the majority guess competes too."""
        if not row.scores or row.unranked:
            return None
        return self._best_two[part, metric].get(round(row.scores[part][metric].mean, 4))

    @cached_property
    def _best_two(self) -> dict[tuple[str, str], dict[float, int]]:
        """Place of the two best values of every column."""
        competing = [row for row in self.rows if row.scores and not row.unranked]
        columns = {(part, metric.name) for part in self.parts for metric in METRICS}
        found = {(p, m): sorted({round(row.scores[p][m].mean, 4) for row in competing})[-2:] for p, m in columns}
        return {column: {value: place for place, value in enumerate(reversed(best))} for column, best in found.items()}


def load_boards(leaderboards: Path, recorded: Sequence[RunRecord] | None = None) -> list[Board]:
    """Group records into leaderboards, real data first.

    Args:
        leaderboards: Folder with ``records/`` and ``reported/``.
        recorded: Instead of those in ``records/``.

    Raises:
        DataError: A record or a reported file is not what it should be.
    """
    runs: dict[str, list[RunRecord]] = defaultdict(list)
    for record in load_runs(leaderboards / "records") if recorded is None else recorded:
        runs[record.shown_on].append(record)
    # a method that was recorded may have no recipe any more
    methods = {*recipe_names(), *(record.method for records in runs.values() for record in records)}
    paths = sorted(
        path for path in (leaderboards / "reported").glob("*.yaml") if path.name not in (METHODS, CORRECTIONS)
    )
    if recorded is not None:
        # what was published under other protocols is shown by nobody
        paths = [path for path in paths if path.stem in set(map(shipped_board, runs))]
    reported = {path.stem: _load_reported(path, methods) for path in paths}
    order = sorted(runs, key=lambda board: (is_synthetic(board), len(runs[board][0].databases) == 1, board))
    return [_board(name, runs[name], reported.get(shipped_board(name))) for name in order]


def _load_reported(path: Path, methods: Container[str]) -> Reported:
    found = load_yaml(path, Reported)
    if found.board != path.stem:
        raise DataError(f"{path}: board: expected {path.stem}, as the file is called; found '{found.board}'")
    try:
        parts = (ALL, *protocol_of(found.board).databases)
    except DataError as error:
        raise DataError(f"{path}: board: {error}") from error
    for place, row in enumerate(found.rows):
        if strange := row.scores.keys() - {*parts}:
            raise DataError(
                f"{path}: rows.{place} ({row.name}): scores.{min(strange)}: expected one of {', '.join(parts)}"
            )
        if row.method is not None and row.method not in methods:
            raise DataError(f"{path}: rows.{place} ({row.name}): method: no recipe is called '{row.method}'")
    return found


def _board(name: str, records: list[RunRecord], reported: Reported | None) -> Board:
    published = reported.rows if reported else ()
    entries: dict[str, list[RunRecord]] = defaultdict(list)
    for record in records:
        entries[record.shown_as].append(record)
    databases, protocol = records[0].databases, records[0].evaluation
    metric = get_metric(protocol.metric)
    parts = (ALL, *databases) if len(databases) > 1 else (ALL,)
    rows = [
        _board_row(runs, parts, next((r for r in published if r.method == runs[0].method), None))
        for runs in entries.values()
    ]
    rows.sort(
        key=lambda row: (
            not row.scores,
            bool(row.unranked),
            -row.scores[ALL][metric.name].mean if row.scores else 0,
            row.entry,
        )
    )
    sources = sorted(
        {
            f"{r.data.source}, release {r.data.release}, {len(r.confusion)} subjects, "
            f"{int(r.matrices().sum())} clips, list {r.data.table_hash[:10]}"
            + "".join(f", {name} {value}" for name, value in r.data.choices.items())
            for r in records
            if r.complete and not r.contributed
        }
    )
    return Board(
        name,
        board_title(name),
        parts,
        tuple(rows),
        published,
        tuple(sources),
        metric=metric,
        held_out=protocol.held_out,
    )


def _board_row(runs: list[RunRecord], parts: Sequence[str], published: ReportedRow | None) -> BoardRow:
    runs = sorted(runs, key=lambda run: run.seed)
    last = runs[-1]
    paper = last.recipe.get("paper")
    unfinished = [f"incomplete {run.finished}/{run.folds}" for run in runs if not run.complete]
    stacks = {} if unfinished else _stacks(runs, parts)
    return BoardRow(
        method=last.method,
        entry=last.shown_as,
        title=_title(last),
        seeds=tuple(run.seed for run in runs),
        scores={part: _scores(stacked) for part, stacked in stacks.items()},
        intervals={part: bootstrap(stacked) for part, stacked in stacks.items() if stacked.shape[1] > 1},
        subject_accuracy=Score.over(accuracy(stacks[ALL]).mean(-1)) if stacks else None,
        state=", ".join(unfinished),
        published=published,
        notes=(*corrected(last.recipe["deviations"]), *_of_own_code(last), *_of_tuning(runs)),
        unranked=last.unranked,
        paper=Paper.model_validate(paper) if paper else None,
        device=last.device,
        contributed=last.contributed,
    )


def _title(run: RunRecord) -> str:
    edition = f" ({run.edition})" if run.edition else ""
    return f"{run.shown_title}{edition}{' (not ranked)' if run.unranked and not run.contributed else ''}"


def _of_own_code(run: RunRecord) -> list[str]:
    """Code that the suite does not vouch for: whose it is, and by what it is known again."""
    code = {(one.name, one.found_in, one.hash[:10]): None for one in run.own_code}
    named = "; ".join(f"{name} ({found_in}, sources {known})" for name, found_in, known in code)
    return [f"Code outside the suite: {named}."] if named else []


def _of_tuning(runs: Sequence[RunRecord]) -> list[str]:
    """What tuning spent and promised."""
    notes: list[str] = []
    tuned = [run.tuning for run in runs if run.tuning is not None]
    if tuned:
        spent = [sum(getattr(one, name) for one in tuned) for name in ("trials", "pruned", "epochs", "studies")]
        trials, pruned, epochs, studies = map(int, spent)
        said = f"Tuned ({tuned[-1].mode}, {tuned[-1].sampler}): {trials} trials in {studies} studies"
        said += f", {pruned} of them pruned by {tuned[-1].pruner}" if tuned[-1].pruner != "none" else ""
        said += f", {epochs} epochs" if epochs else ""
        said += f", {sum(one.seconds for one in tuned):.0f} s"
        gaps = [one.optimism for one in tuned if one.optimism is not None]
        said += f"; inner UF1 minus outer UF1 = {float(np.mean(gaps)):+.4f}" if len(gaps) == len(tuned) else ""
        notes.append(f"{said}.")
    return notes


def _stacks(runs: Sequence[RunRecord], parts: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Matrices per subject of each part, ``(K, S, C, C)``."""
    stacked, people = stack_runs(runs), sorted(runs[0].confusion)
    return {
        part: stacked[:, [row for row, person in enumerate(people) if part in {ALL, person.split("/")[0]}]]
        for part in parts
    }


def _scores(stacked: NDArray[np.int64]) -> dict[str, Score]:
    pooled = stacked.sum(1)
    return {metric.name: Score.over(metric.pooled(pooled)) for metric in METRICS}
