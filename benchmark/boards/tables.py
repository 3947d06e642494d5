"""Leaderboards as pure functions of committed records: markdown, CSV and LaTeX per protocol, without torch."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from benchmark.boards.board import ALL, database_title
from benchmark.evidence.claims.verdicts import claims_csv, judge_claims
from benchmark.files import csv_cell
from mer_lightning.metrics import METRICS, UF1, shown_metrics
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmark.boards.board import Board
    from benchmark.evidence.claims.verdicts import ClaimRow
    from mer_lightning.metrics import Metric

CLAIMS = "claims.csv"
TEMPLATES = Path(__file__).parent / "templates"
_MARKED = re.compile(r"(<!-- table: (?P<board>\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def render(leaderboards: Path, boards: Sequence[Board], metrics: Sequence[Metric] = ()) -> dict[Path, str]:
    """Render every table.

    Args:
        leaderboards: Folder that the files belong into.
        boards: From ``load_boards``.
        metrics: Scores of the Markdown and LaTeX tables; empty for those of every table. The CSV has all.

    Returns:
        Text of each file, by path.
    """
    files: dict[Path, str] = {}
    for board in boards:
        given = metric_columns(metrics, board.metric)
        files[leaderboards / f"{board.id}.md"] = template("board.md.j2").render(board=board, **given)
        files[leaderboards / f"{board.id}.tex"] = template("board.tex.j2").render(board=board, **given)
        files[leaderboards / f"{board.id}.csv"] = _csv(board)
    files[leaderboards / "README.md"] = template("index.md.j2").render(boards=boards)
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


def fill_tables(text: str, boards: Iterable[Board]) -> str:
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
        return f"{match[1]}{template('short.md.j2').render(board=board, **metric_columns())}{match[3]}"

    return _MARKED.sub(fill, text)


def _csv(board: Board) -> str:
    metrics = [(part, metric.name) for part in board.parts for metric in METRICS]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["kind", "method", "title", "seeds", "state"]
        + [f"{part}_{name}{suffix}" for part, name in metrics for suffix in ("", "_sd", "_low", "_high")]
        + ["accuracy_subject_mean", "selection", "source"]
    )
    for row in board.rows:
        about = row.contributed
        seeds = "" if about else " ".join(map(str, row.seeds))
        cells: list[object] = ["contributed" if about else "measured", row.entry, row.title, seeds, row.state]
        for part, name in metrics:
            score = row.scores[part][name] if row.scores else None
            interval = row.intervals.get(part, {}).get(name)
            cells += [_number(score and score.mean), _number(score and score.spread)]
            cells += [_number(interval and interval.low), _number(interval and interval.high)]
        cells += [
            _number(row.subject_accuracy and row.subject_accuracy.mean),
            about.selection if about else "not ranked" if row.unranked else "honest",
            about.source if about else "this suite",
        ]
        writer.writerow(map(csv_cell, cells))
    for row in board.reported:
        cells = ["reported", row.method or "", row.name, "", ""]
        for part, name in metrics:
            cells += [_number(row.scores.get(part, {}).get(name)), "", "", ""]
        writer.writerow(map(csv_cell, [*cells, "", row.selection, row.source]))
    return text.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _number_or_dash(value: float | None) -> str:
    return _number(value) or "–"


def _tex(text: str) -> str:
    """Escape the characters that LaTeX gives a meaning."""
    text = " ".join(text.splitlines())
    escaped = re.sub(r"([&%$#_{}])", r"\\\1", text.replace("\\", r"\textbackslash "))
    return escaped.replace("±", r"$\pm$").replace("~", r"\textasciitilde ").replace("^", r"\textasciicircum ")


def _md(text: object) -> str:
    """Text in a cell or a line of Markdown: on one line, and neither a border nor a tag."""
    return " ".join(str(text).splitlines()).replace("|", r"\|").replace("<", "&lt;")


def template(name: str) -> jinja2.Template:
    """A file of ``benchmark/boards/templates``; a name that it uses and is not given is an error."""
    return _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    environment = strict_environment(TEMPLATES, autoescape=False)
    environment.filters["tex"] = _tex
    environment.filters["md"] = _md
    environment.filters["number"] = _number_or_dash
    environment.globals.update(_GLOBALS)
    return environment


def strict_environment(folder: Path, *, autoescape: bool) -> jinja2.Environment:
    """Where the templates of a folder are rendered; a line of nothing but a block leaves no trace."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def metric_columns(metrics: Sequence[Metric] = (), ranking: Metric = UF1) -> dict[str, Any]:
    """The columns of a table, as templates name them.

    Args:
        metrics: Chosen ones; those of every table when empty.
        ranking: The one that ranks, which is shown where it is another than UF1.

    Returns:
        ``metrics`` of the whole; ``by_part``, those of every database: the official ones and what is in no table
        unless it is asked for; ``main``, whose column says how far an incomplete run is.
    """
    chosen = tuple(metrics) or shown_metrics()
    if ranking not in (UF1, *chosen):
        chosen = (*chosen, ranking)
    by_part = [metric for metric in chosen if metric.official or not metric.shown]
    return {"metrics": chosen, "by_part": by_part, "main": UF1 if UF1 in chosen else chosen[0]}


_MEAN = "mean ± standard deviation over seeds"
_GLOBALS: dict[str, Any] = {
    "ALL": ALL,
    "UF1": UF1,
    "WAYS": {
        "subject": f"Leave-one-subject-out; scores of the pooled predictions, {_MEAN}; the held-out subject\n"
        "selects nothing.",
        "database": f"Leave-one-database-out; scores of the pooled predictions, {_MEAN}; the held-out\n"
        "database selects nothing.",
        "split": f"One fixed split by subjects; scores of those whom it tests, {_MEAN}; they select\nnothing.",
    },
    "TEX_WAYS": {
        "subject": "Leave-one-subject-out, pooled predictions",
        "database": "Leave-one-database-out, pooled predictions",
        "split": "One fixed split by subjects",
    },
    "database_title": database_title,
    "SELECTIONS": {"honest": "not on test", "test": "**on the test subject**", "unknown": "not stated"},
}
