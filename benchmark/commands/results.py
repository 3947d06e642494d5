"""What a run answers with: scores of each method beside the published ones, and where tables of them lie."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.table import Table as Columns

from benchmark.commands.output import print_csv, print_table
from benchmark.places import SHIPPED, workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from benchmark.boards.board import Board, BoardRow
    from benchmark.records.run import RunRecord
    from mer_lightning.metrics import Metric

_CSV = ("board", "method", "seeds", "state", "score", "mean", "sd", "low", "high", "published")
_CHOSEN = {"honest": "", "test": " (epoch chosen on test)", "unknown": " (epoch rule not stated)"}


def results_of(records: Sequence[RunRecord]) -> list[Board]:
    """The leaderboards that some runs would make by themselves, in the order in which they are rendered."""
    from benchmark.boards.board import load_boards

    return load_boards(SHIPPED, records)


def print_results(
    boards: Sequence[Board], metrics: Sequence[Metric], console: Console, confusion: Sequence[RunRecord] = ()
) -> None:
    """Print a table for each leaderboard: scores, 95 % intervals over subjects, and what the paper printed.

    Args:
        boards: From ``results_of``.
        metrics: Scores to show; the one that ranks is shown, too.
        console: Where to.
        confusion: Records whose confusion matrices are printed too.
    """
    from benchmark.boards.board import ALL
    from mer_lightning.metrics import UF1

    for board in boards:
        columns = _with_ranking(board, metrics)
        console.print(f"\n{board.title}; below a score its 95 % interval over subjects")
        published = ["published UF1"] if any(_published_score(row, UF1.name) is not None for row in board.rows) else []
        table = Columns("method", "seeds", *(metric.heading for metric in columns), *published)
        for row in board.rows:
            cells = [_score_cell(row, metric) for metric in columns]
            told = [_published_cell(row)] if published else []
            table.add_row(row.entry, " ".join(map(str, row.seeds)), *cells, *told)
        print_table(console, table)
        for row in board.rows:
            if row.unranked:
                console.print(f"{row.entry} has no place in a table: {row.unranked}")
        if len(board.parts) > 1:
            table = Columns("UF1 of", *(part for part in board.parts if part != ALL))
            for row in board.rows:
                if row.scores:
                    table.add_row(row.entry, *(f"{row.scores[p][UF1.name].mean:.4f}" for p in board.parts if p != ALL))
            print_table(console, table)
    for record in confusion:
        _print_confusion(record, console)


def results_json(boards: Sequence[Board], records: Sequence[RunRecord]) -> str:
    """The same for programs, with the confusion matrix of each seed."""
    body = [
        {
            "board": board.id,
            "title": board.title,
            "methods": [_row_json(row, [r for r in records if _is_of(r, board, row)]) for row in board.rows],
        }
        for board in boards
    ]
    return json.dumps(body, indent=1)


def print_results_csv(boards: Sequence[Board], metrics: Sequence[Metric]) -> None:
    """The same for spreadsheets, a line for each score."""
    print_csv(_CSV, _csv_rows(boards, metrics))


def write_tables(records: Path, boards: Sequence[str], metrics: Sequence[Metric]) -> list[Path]:
    """Write the tables of some leaderboards of a user's workspace anew, with all that stands on them.

    Args:
        records: Where the runs were recorded.
        boards: Their leaderboards.
        metrics: Scores of the tables.

    Returns:
        Markdown, CSV and LaTeX; nothing where the records are not those of the workspace, and in the project, whose
        tables are committed and rendered by ``mer-bench leaderboards`` alone.
    """
    from benchmark.boards.board import load_boards
    from benchmark.boards.rendered import add_rendered
    from benchmark.boards.tables import elsewhere, render
    from benchmark.records.shown import load_shown

    home = workspace()
    if home.is_project or records.absolute() != home.records:
        return []
    shown = [
        run
        for run in load_shown(records, SHIPPED / "records", (SHIPPED / "contributed", home.contributed))
        if run.board in boards
    ]
    own = {run.shown_on for run in shown if run.is_mine}
    found = load_boards(SHIPPED, [run for run in shown if run.shown_on in own])
    texts = render(home.boards, found, metrics).items()
    files = {path: elsewhere(text) for path, text in texts if path.name != "README.md"}
    add_rendered(home.boards, files)
    return list(files)


def _with_ranking(board: Board, metrics: Sequence[Metric]) -> Sequence[Metric]:
    """Some scores, and the one that ranks, as in the tables."""
    from benchmark.boards.tables import metric_columns

    return metric_columns(metrics, board.metric)["metrics"]


def _score_cell(row: BoardRow, metric: Metric) -> str:
    from benchmark.boards.board import ALL

    if not row.scores:
        return row.state
    interval = row.intervals.get(ALL, {}).get(metric.name)
    return f"{row.scores[ALL][metric.name]}" + (f"\n{interval.low:.4f}–{interval.high:.4f}" if interval else "")


def _published_score(row: BoardRow, metric: str) -> float | None:
    from benchmark.boards.board import ALL

    return row.published.scores.get(ALL, {}).get(metric) if row.published else None


def _published_cell(row: BoardRow) -> str:
    from mer_lightning.metrics import UF1

    printed = _published_score(row, UF1.name)
    if row.published is None or printed is None:
        return ""
    return f"{printed:.4f}{_CHOSEN[row.published.selection]}"


def _print_confusion(record: RunRecord, console: Console) -> None:
    console.print(f"\n{record.entry}, {record.board}, seed {record.seed}: rows truth, columns prediction")
    table = Columns("", *record.classes)
    for name, counts in zip(record.classes, record.matrices().sum(0).tolist(), strict=True):
        table.add_row(name, *map(str, counts))
    print_table(console, table)


def _is_of(record: RunRecord, board: Board, row: BoardRow) -> bool:
    return (record.shown_on, record.shown_as) == (board.id, row.entry)


def _row_json(row: BoardRow, records: Sequence[RunRecord]) -> dict[str, Any]:
    return {
        "method": row.entry,
        "title": row.title,
        "seeds": list(row.seeds),
        "state": row.state or "complete",
        "unranked": row.unranked,
        "scores": {
            part: {name: {"mean": score.mean, "sd": score.spread} for name, score in scores.items()}
            for part, scores in row.scores.items()
        },
        "intervals": {
            part: {name: [interval.low, interval.high] for name, interval in intervals.items()}
            for part, intervals in row.intervals.items()
        },
        "published": row.published.model_dump(mode="json", exclude={"method"}) if row.published else None,
        "confusion": {str(r.seed): r.matrices().sum(0).tolist() for r in sorted(records, key=lambda r: r.seed)},
    }


def _csv_rows(boards: Sequence[Board], metrics: Sequence[Metric]) -> Iterator[Sequence[object]]:
    from benchmark.boards.board import ALL

    for board in boards:
        for row in board.rows:
            for metric in _with_ranking(board, metrics):
                score = row.scores[ALL][metric.name] if row.scores else None
                interval = row.intervals.get(ALL, {}).get(metric.name)
                yield (
                    board.id,
                    row.entry,
                    " ".join(map(str, row.seeds)),
                    row.state or "complete",
                    metric.name,
                    *((score.mean, score.spread) if score else (None, None)),
                    *((interval.low, interval.high) if interval else (None, None)),
                    _published_score(row, metric.name),
                )
