"""``mer-bench contribute``: predictions of others enter a leaderboard, after they were held against its list."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.commands.options import chosen_metrics, metrics_option
from benchmark.commands.output import open_console
from benchmark.commands.score import predictions_options, print_scores, read_scoring, unselected_protocol
from benchmark.places import SHIPPED, workspace
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands
    from benchmark.records.contributed import ContributedRecord


def add_contribute_command(commands: Commands) -> None:
    """Register ``contribute``; it sets ``handler``."""
    contribute = commands.add_parser(
        "contribute",
        parents=[metrics_option(), predictions_options()],
        help="enter predictions into a leaderboard, in a row of their own",
    )
    contribute.add_argument(
        "--about",
        type=Path,
        required=True,
        metavar="FILE",
        help="YAML: name, title, authors, selection (honest, test, unknown), input; paper, url, code, notes, contact",
    )
    contribute.add_argument("--protocol", required=True, metavar="NAME", help="whose leaderboard they enter")
    contribute.add_argument("--replace", action="store_true", help="take the place of what is contributed by this name")
    contribute.add_argument("--json", action="store_true", help="for programs")
    contribute.set_defaults(handler=_contribute)


def _contribute(arguments: argparse.Namespace) -> int:
    from benchmark.evidence.contribution import make_contribution
    from benchmark.evidence.scoring import score
    from benchmark.files import load_yaml
    from benchmark.records.contributed import About, contributed_path, save_contributed
    from benchmark.records.shown import load_shown

    metrics, home = chosen_metrics(arguments), workspace()
    about = load_yaml(arguments.about, About)
    protocol = unselected_protocol(arguments.protocol)
    scoring = read_scoring(arguments, protocol)
    record = make_contribution(arguments.file, scoring, about, protocol, load_shown(home.records, SHIPPED / "records"))
    shipped = contributed_path(SHIPPED / "contributed", record)
    if shipped.exists() and not home.is_project:
        raise DataError(f"{arguments.about}: name: '{about.name}' stands on {record.board} already; expected another")
    path = save_contributed(home.contributed, record, replace=arguments.replace)
    if arguments.json:
        print(json.dumps(score(scoring) | {"row": f"contributed-{about.name}", "record": str(path)}))
        return 0
    print_scores(score(scoring), metrics)
    _say_entered(path, record)
    return 0


def _say_entered(path: Path, record: ContributedRecord) -> None:
    console = open_console(wrap=True)
    for line in record.said:
        console.print(line)
    console.print(f"record: {path}")
    console.print(f"mer-bench leaderboards renders it on {record.board}, without a place")
