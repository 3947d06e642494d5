"""``mer-bench score``: accuracy, UF1 and UAR of anybody's predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table as Columns

from benchmark.commands.options import open_console

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands


def add_score_command(commands: Commands) -> None:
    """Register ``score``; it sets ``handler``."""
    score = commands.add_parser("score", help="score a file of predictions")
    score.add_argument("file", type=Path, help="CSV (database,subject,clip,label,prediction) or MEGC2019 log")
    score.add_argument("--json", action="store_true", help="for programs")
    score.set_defaults(handler=_score)


def _score(arguments: argparse.Namespace) -> int:
    from benchmark.evidence.scoring import read_predictions, score

    rows, classes = read_predictions(arguments.file)
    result = score(rows, classes)
    if arguments.json:
        print(json.dumps(result))
        return 0
    table = Columns("part", "clips", "subjects", "accuracy", "UF1", "UAR", "accuracy, mean of subjects")
    for name, block in {"all": result, **result["databases"]}.items():
        scores = (block[key] for key in ("accuracy", "uf1", "uar", "accuracy_subject_mean"))
        table.add_row(name, str(block["n"]), str(block["subjects"]), *(f"{value:.4f}" for value in scores))
    console = open_console(wrap=True)
    console.print(table)
    for name, block in {"all": result, **result["databases"]}.items():
        if block["absent"]:
            console.print(
                f"{name}: no true sample of class {', '.join(block['absent'])}; it counts as 0 in UF1 and UAR"
            )
    return 0
