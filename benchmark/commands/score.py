"""``mer-bench score``: accuracy, UF1, UAR and others of anybody's predictions."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table as Columns

from benchmark.commands.options import answer_options, chosen_metrics, metrics_option
from benchmark.commands.output import open_console, print_csv, print_table
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmark.commands.options import Commands
    from benchmark.evidence.scoring import Scoring
    from mer_lightning.metrics import Metric
    from mer_lightning.protocols import Protocol

_SUBJECT_MEAN = "accuracy_subject_mean"
_WIDEST_MATRIX = 30
"""Classes whose confusion matrix still fits a terminal; ``--json`` has it of any."""


def add_score_command(commands: Commands) -> None:
    """Register ``score``; it sets ``handler``."""
    score = commands.add_parser(
        "score", parents=[metrics_option(), answer_options(), predictions_options()], help="score a file of predictions"
    )
    score.add_argument("--protocol", metavar="NAME", help="whose classes they are, and whose list the file should be")
    score.set_defaults(handler=_score)


def predictions_options() -> argparse.ArgumentParser:
    """The file of every command that reads predictions, and what it cannot say by itself."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "file",
        type=Path,
        help="CSV (database,subject,clip,label,prediction, or without a header in the order of the official list), "
        "MEGC2019 log, or the log that STSTNet's main.py prints",
    )
    parser.add_argument(
        "--columns",
        metavar="OURS=THEIRS,...",
        help="other titles in the header of a table, e.g. label=truth,prediction=pred",
    )
    parser.add_argument(
        "--classes",
        type=lambda text: tuple(name.strip() for name in text.split(",")),
        default=(),
        metavar="A,B,C",
        help="names of all classes, so that one without a sample counts too; in the order of the file's numbers",
    )
    return parser


def read_scoring(arguments: argparse.Namespace, protocol: Protocol | None) -> Scoring:
    """Read the file of ``predictions_options``.

    Raises:
        DataError: As ``read_predictions``; or a flag is not what it should be.
    """
    from benchmark.evidence.scoring import read_predictions

    return read_predictions(arguments.file, arguments.classes, protocol, _titles(arguments.columns))


def unselected_protocol(name: str) -> Protocol:
    """A protocol whose list predictions are held against.

    Raises:
        DataError: There is none, or a rule of selection stands behind its name.
    """
    from benchmark.methods.protocol_files import find_protocol

    protocol = find_protocol(name)
    if protocol.id != protocol.name:
        raise DataError(f"--protocol {name}: how an epoch is chosen has no part here; say {protocol.name}")
    return protocol


def _titles(text: str | None) -> dict[str, str]:
    titles: dict[str, str] = {}
    for pair in text.split(",") if text is not None else ():
        ours, _, theirs = (part.strip() for part in pair.partition("="))
        if not ours or not theirs or ours in titles:
            raise DataError(f"--columns {text}: expected pairs such as label=truth, each once, with commas between")
        titles[ours] = theirs
    return titles


def _score(arguments: argparse.Namespace) -> int:
    from benchmark.evidence.scoring import score

    metrics = chosen_metrics(arguments)
    protocol = None if arguments.protocol is None else unselected_protocol(arguments.protocol)
    result = score(read_scoring(arguments, protocol))
    if arguments.json:
        print(json.dumps(result))
    elif arguments.csv:
        _write_csv(result, metrics)
    else:
        print_scores(result, metrics)
    return 0


def _write_csv(result: Mapping[str, Any], metrics: Sequence[Metric]) -> None:
    titles = [f"{metric.name}{end}" for metric in metrics for end in ("", "_low", "_high")]
    rows: list[list[object]] = []
    for name, block in {"all": result, **result["databases"]}.items():
        cells: list[object] = [name, block["n"], block["subjects"]]
        for metric in metrics:
            low, high = block["intervals"][metric.name] if block["intervals"] else (None, None)
            cells += [None if value is None else f"{value:.4f}" for value in (block[metric.name], low, high)]
        mean = block[_SUBJECT_MEAN]
        rows.append([*cells, None if mean is None else f"{mean:.4f}", " ".join(block["absent"])])
    print_csv(["part", "clips", "subjects", *titles, _SUBJECT_MEAN, "absent"], rows)


def print_scores(result: Mapping[str, Any], metrics: Sequence[Metric]) -> None:
    """Print what ``score`` has found: scores with intervals, confusion matrix, and every remark."""
    console = open_console()
    table = Columns("part", "clips", "subjects", *(metric.heading for metric in metrics), "Acc, mean of subjects")
    parts = {"all": result, **result["databases"]}
    for name, block in parts.items():
        means = "–" if block[_SUBJECT_MEAN] is None else f"{block[_SUBJECT_MEAN]:.4f}"
        cells = [f"{block[metric.name]:.4f}" for metric in metrics]
        if block["intervals"]:
            spans = [block["intervals"][metric.name] for metric in metrics]
            cells = [f"{cell}\n{low:.4f} – {high:.4f}" for cell, (low, high) in zip(cells, spans, strict=True)]
        table.add_row(name, str(block["n"]), str(block["subjects"] or "–"), *cells, means)
    print_table(console, table)
    if result["intervals"]:
        console.print("below a score: its 95 % interval over subjects")
    if len(result["classes"]) <= _WIDEST_MATRIX:
        print_table(console, _confusion_table(result))
    for name, block in parts.items():
        if block["absent"]:
            console.print(
                f"{name}: no true sample of class {', '.join(block['absent'])}; it counts as 0 in means over classes"
            )
    for remark in result["remarks"]:
        console.print(remark)


def _confusion_table(result: Mapping[str, Any]) -> Columns:
    table = Columns("truth, predicted →", *result["classes"], title="confusion matrix, clips", title_justify="left")
    for name, counts in zip(result["classes"], result["confusion"], strict=True):
        table.add_row(name, *map(str, counts))
    return table
