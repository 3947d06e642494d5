"""Leaderboards as pure functions of committed records: markdown, CSV and LaTeX per protocol, without torch."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import jinja2
import numpy as np
from pydantic import Field

from benchmark.claims import claims_csv, judge_claims
from benchmark.recipe import Paper
from benchmark.records import RunRecord, load_runs
from benchmark.reported import METHODS
from benchmark.statistics import bootstrap, stack_runs
from benchmark.yaml_files import load_yaml
from mer_lightning.metrics import METRICS
from mer_lightning.protocols import get_protocol
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmark.claims import ClaimRow
    from benchmark.statistics import Interval

ALL = "all"
CLAIMS = "claims.csv"
DATABASE_TITLES = {"smic": "SMIC", "casme2": "CASME II", "samm": "SAMM"}
TEMPLATES = Path(__file__).parent / "templates"
_MARKED = re.compile(r"(<!-- table: (?P<board>\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


class ReportedScores(Settings):
    """Numbers of one paper for one part of a protocol."""

    accuracy: float | None = Field(default=None, ge=0, le=1)
    uf1: float | None = Field(default=None, ge=0, le=1)
    uar: float | None = Field(default=None, ge=0, le=1)


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
class Score:
    """A metric over seeds: mean and sample standard deviation (None for one seed)."""

    mean: float
    spread: float | None

    @classmethod
    def over(cls, values: Sequence[float]) -> Score:
        """Mean and spread of one value per seed."""
        return cls(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)

    def __str__(self) -> str:
        return f"{self.mean:.4f}" + ("" if self.spread is None else f" ± {self.spread:.4f}")


@dataclass(frozen=True, slots=True)
class Row:
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
        notes: Deviations from the paper.
        unranked: Why it has no place; empty for what competes.
        paper: Where the method was published.
        device: Device of the runs.
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


@dataclass(frozen=True, slots=True)
class Board:
    """One leaderboard.

    Attributes:
        id: Protocol id, with ``synthetic-`` before it when the data is.
        title: Heading; says synthetic where it is.
        parts: ``all`` and, for a composite, its databases.
        rows: Measured methods, best UF1 first, then those that are not ranked, incomplete ones last.
        reported: Published numbers, in the order of the file; not ranked.
        data: One line per distinct source of data.
    """

    id: str
    title: str
    parts: tuple[str, ...]
    rows: tuple[Row, ...]
    reported: tuple[ReportedRow, ...]
    data: tuple[str, ...]

    def place(self, row: Row, part: str, metric: str) -> int | None:
        """0 for the best, 1 for the second best of a column, else None; the majority guess competes too."""
        competing = [r for r in self.rows if r.scores and not r.unranked]
        values = sorted({round(r.scores[part][metric].mean, 4) for r in competing}, reverse=True)
        if row not in competing:
            return None
        place = values.index(round(row.scores[part][metric].mean, 4))
        return place if place < 2 else None


def render(leaderboards: Path, boards: Sequence[Board]) -> dict[Path, str]:
    """Render every table.

    Args:
        leaderboards: Folder that the files belong into.
        boards: From ``load_boards``.

    Returns:
        Text of each file, by path.
    """
    files: dict[Path, str] = {}
    for board in boards:
        files[leaderboards / f"{board.id}.md"] = template("board.md.j2").render(board=board, **_HELPERS)
        files[leaderboards / f"{board.id}.tex"] = template("board.tex.j2").render(board=board, **_HELPERS)
        files[leaderboards / f"{board.id}.csv"] = _csv(board)
    files[leaderboards / "README.md"] = template("index.md.j2").render(boards=boards, **_HELPERS)
    return files


def load_claims(leaderboards: Path) -> list[ClaimRow]:
    """Check every published claim of ``claims.csv``; none where there is no such file.

    Raises:
        DataError: A claim is not what it should be.
    """
    path = leaderboards / CLAIMS
    return judge_claims(path) if path.exists() else []


def render_claims(leaderboards: Path, rows: Sequence[ClaimRow] | None = None) -> dict[Path, str]:
    """Render the table of claims and its page; nothing where there is none.

    Args:
        leaderboards: Folder with ``claims.csv``.
        rows: From ``load_claims``, where they are checked already.

    Raises:
        DataError: A claim is not what it should be.
    """
    path = leaderboards / CLAIMS
    if not path.exists():
        return {}
    rows = load_claims(leaderboards) if rows is None else rows
    sources: dict[str, list[ClaimRow]] = defaultdict(list)
    for row in rows:
        sources[row.given["source"]].append(row)
    answers = Counter(row.verdict for row in rows)
    page = template("claims.md.j2").render(sources=sources, answers=answers, total=len(rows))
    return {path: claims_csv(rows), leaderboards / "claims.md": page}


def fill_marked(text: str, boards: Iterable[Board]) -> str:
    """Put the current table of a board between its markers in a document.

    Args:
        text: Document with ``<!-- table: BOARD -->`` and ``<!-- end of table -->`` lines.
        boards: From ``load_boards``.

    Raises:
        DataError: A marker names a board without records.
    """
    by_id = {board.id: board for board in boards}

    def fill(match: re.Match[str]) -> str:
        board = by_id.get(match["board"])
        if board is None:
            raise DataError(f"marker 'table: {match['board']}': no record of this protocol")
        return f"{match[1]}{template('short.md.j2').render(board=board, **_HELPERS)}{match[3]}"

    return _MARKED.sub(fill, text)


def load_boards(leaderboards: Path) -> list[Board]:
    """Group the committed records into leaderboards, real data first.

    Args:
        leaderboards: Folder with ``records/`` and ``reported/``.

    Raises:
        DataError: A record or a reported file is not what it should be.
    """
    reported = {
        r.board: r
        for r in (
            load_yaml(p, Reported) for p in sorted((leaderboards / "reported").glob("*.yaml")) if p.name != METHODS
        )
    }
    runs: dict[str, list[RunRecord]] = defaultdict(list)
    for record in load_runs(leaderboards / "records"):
        runs[record.board].append(record)
    order = sorted(runs, key=lambda board: (board.startswith("synthetic-"), len(runs[board][0].databases) == 1, board))
    return [_board(name, runs[name], reported.get(name)) for name in order]


def _board(name: str, records: list[RunRecord], reported: Reported | None) -> Board:
    published = reported.rows if reported else ()
    entries: dict[str, list[RunRecord]] = defaultdict(list)
    for record in records:
        entries[record.entry].append(record)
    databases = records[0].databases
    parts = (ALL, *databases) if len(databases) > 1 else (ALL,)
    rows = [
        _row(runs, parts, next((r for r in published if r.method == runs[0].method), None)) for runs in entries.values()
    ]
    rows.sort(
        key=lambda row: (
            not row.scores,
            bool(row.unranked),
            -row.scores[ALL]["uf1"].mean if row.scores else 0,
            row.entry,
        )
    )
    protocol = get_protocol(name.removeprefix("synthetic-"))
    title = f"Synthetic data: {protocol.title}" if name.startswith("synthetic-") else protocol.title
    if protocol.selection != "last_epoch":
        title += f", epoch selected by {protocol.selection}"
    sources = sorted(
        {
            f"{r.data.source}, release {r.data.release}, {len(r.confusion)} subjects, "
            f"{int(r.matrices().sum())} clips, list {r.data.table_hash[:10]}"
            + "".join(f", {name} {value}" for name, value in r.data.choices.items())
            for r in records
            if r.complete
        }
    )
    return Board(name, title, parts, tuple(rows), published, tuple(sources))


def _row(runs: list[RunRecord], parts: Sequence[str], published: ReportedRow | None) -> Row:
    runs = sorted(runs, key=lambda run: run.seed)
    last = runs[-1]
    paper = last.recipe.get("paper")
    unfinished = [f"incomplete {run.finished}/{run.folds}" for run in runs if not run.complete]
    return Row(
        method=last.method,
        entry=last.entry,
        title=last.title + (f" ({last.edition})" if last.edition else "") + (" (not ranked)" if last.unranked else ""),
        seeds=tuple(run.seed for run in runs),
        scores={} if unfinished else {part: _scores(runs, part) for part in parts},
        intervals={} if unfinished else _intervals(runs, parts),
        subject_accuracy=None if unfinished else Score.over([_mean_of_subjects(run) for run in runs]),
        state=", ".join(unfinished),
        published=published,
        notes=(*last.recipe["deviations"], *_of_tuning(runs)),
        unranked=last.unranked,
        paper=Paper.model_validate(paper) if paper else None,
        device=last.device,
    )


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


def _scores(runs: Sequence[RunRecord], part: str) -> dict[str, Score]:
    pooled = [run.matrices(None if part == ALL else part).sum(0) for run in runs]
    return {name: Score.over([float(metric(matrix)) for matrix in pooled]) for name, metric in METRICS.items()}


def _intervals(runs: Sequence[RunRecord], parts: Sequence[str]) -> dict[str, dict[str, Interval]]:
    stacks = {part: stack_runs(runs, None if part == ALL else part) for part in parts}
    return {part: bootstrap(stacked) for part, stacked in stacks.items() if stacked.shape[1] > 1}


def _mean_of_subjects(run: RunRecord) -> float:
    return float(METRICS["accuracy"](run.matrices()).mean())


def _csv(board: Board) -> str:
    metrics = [(part, name) for part in board.parts for name in METRICS]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["kind", "method", "title", "seeds", "state"]
        + [f"{part}_{name}{suffix}" for part, name in metrics for suffix in ("", "_sd", "_low", "_high")]
        + ["accuracy_subject_mean", "selection", "source"]
    )
    for row in board.rows:
        cells: list[object] = ["measured", row.entry, row.title, " ".join(map(str, row.seeds)), row.state]
        for part, name in metrics:
            score = row.scores[part][name] if row.scores else None
            interval = row.intervals.get(part, {}).get(name)
            cells += [_number(score and score.mean), _number(score and score.spread)]
            cells += [_number(interval and interval.low), _number(interval and interval.high)]
        writer.writerow(
            [
                *cells,
                _number(row.subject_accuracy and row.subject_accuracy.mean),
                "not ranked" if row.unranked else "honest",
                "this suite",
            ]
        )
    for row in board.reported:
        cells = ["reported", row.method or "", row.name, "", ""]
        for part, name in metrics:
            cells += [_number(getattr(row.scores.get(part), name, None)), "", "", ""]
        writer.writerow([*cells, "", row.selection, row.source])
    return text.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _number_or_dash(value: float | None) -> str:
    return _number(value) or "–"


def _tex(text: str) -> str:
    """Escape the characters that LaTeX gives a meaning."""
    escaped = re.sub(r"([&%$#_{}])", r"\\\1", text.replace("\\", r"\textbackslash "))
    return escaped.replace("±", r"$\pm$").replace("~", r"\textasciitilde ").replace("^", r"\textasciicircum ")


def template(name: str) -> jinja2.Template:
    """A file of ``benchmark/templates``; a name that it uses and is not given is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["tex"] = _tex
    environment.filters["number"] = _number_or_dash
    return environment.get_template(name)


_HELPERS = {
    "ALL": ALL,
    "METRICS": {"accuracy": "Acc", "uf1": "UF1", "uar": "UAR"},
    "DATABASES": DATABASE_TITLES,
    "SELECTIONS": {"honest": "not on test", "test": "**on the test subject**", "unknown": "not stated"},
}
