"""``mer-bench score``: accuracy, UF1, UAR and others of anybody's predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table as Columns

from benchmark.commands.options import chosen_metrics, metrics_option, open_console, print_table
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands


def add_score_command(commands: Commands) -> None:
    """Register ``score``; it sets ``handler``."""
    score = commands.add_parser("score", parents=[metrics_option()], help="score a file of predictions")
    score.add_argument(
        "file",
        type=Path,
        help="CSV (database,subject,clip,label,prediction), MEGC2019 log, or the log that STSTNet's main.py prints",
    )
    score.add_argument(
        "--classes",
        type=lambda text: tuple(name.strip() for name in text.split(",")),
        default=(),
        metavar="A,B,C",
        help="names of all classes, so that one without a sample counts too; in the order of the file's numbers",
    )
    score.add_argument("--protocol", metavar="NAME", help="whose classes they are, and whose list the file should be")
    score.add_argument("--json", action="store_true", help="for programs")
    score.set_defaults(handler=_score)


def _score(arguments: argparse.Namespace) -> int:
    from benchmark.evidence.scoring import read_predictions, score
    from benchmark.methods.protocol_files import find_protocol

    metrics = chosen_metrics(arguments)
    protocol = None if arguments.protocol is None else find_protocol(arguments.protocol)
    if protocol is not None and protocol.id != protocol.name:
        raise DataError(
            f"--protocol {arguments.protocol}: how an epoch is chosen has no part here; say {protocol.name}"
        )
    scoring = read_predictions(arguments.file, arguments.classes, protocol)
    result = score(scoring)
    if arguments.json:
        print(json.dumps(result))
        return 0
    titles = (metric.heading for metric in metrics)
    table = Columns("part", "clips", "subjects", *titles, "Acc, mean of subjects")
    for name, block in {"all": result, **result["databases"]}.items():
        scores = (block[key] for key in (*(metric.name for metric in metrics), "accuracy_subject_mean"))
        table.add_row(name, str(block["n"]), str(block["subjects"]), *(f"{value:.4f}" for value in scores))
    console = open_console(wrap=True)
    print_table(console, table)
    for name, block in {"all": result, **result["databases"]}.items():
        if block["absent"]:
            console.print(
                f"{name}: no true sample of class {', '.join(block['absent'])}; it counts as 0 in means over classes"
            )
    for remark in result["remarks"]:
        console.print(remark)
    return 0
