"""``mer-bench verify-papers``: networks beside their papers' figures, and every reading with its verdict."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from benchmark.places import DOCS, SHIPPED, workspace
from mer_lightning.files import write_text
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from benchmark.commands.options import Commands
    from benchmark.evidence.verification import System
    from benchmark.records.network_sizes import NetworkSize

SYSTEMS = DOCS / "systems.md"


def add_papers_command(commands: Commands) -> None:
    """Register ``verify-papers``; it sets ``handler``."""
    papers = commands.add_parser("verify-papers", help="hold the published systems against their papers' figures")
    papers.add_argument("--json", action="store_true", help="for programs")
    papers.add_argument(
        "--write", action="store_true", help="also fill the tables of docs/systems.md and leaderboards/networks.json"
    )
    papers.set_defaults(handler=_verify_papers)


def _verify_papers(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from benchmark.evidence import readings
    from benchmark.evidence.verification import as_text, fill_verification, systems, verify_system

    if arguments.write and not workspace().is_project:
        raise DataError(
            f"--write: fills files of the project; expected its checkout as workspace, not {workspace().root}"
        )
    papers = systems()
    checks = [check for system in papers for check in verify_system(system)]
    judged = readings.judge(readings.load_readings(), checks)
    if arguments.json:
        found = {"networks": [asdict(check) for check in checks], "readings": [asdict(row) for row in judged]}
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print(as_text(papers, checks))
        print(readings.readings_text(judged), end="")
    if arguments.write:
        text = fill_verification(SYSTEMS.read_text(encoding="utf-8"), checks)
        write_text(SYSTEMS, readings.fill_readings(text, judged))
        _write_sizes(papers)
    failed = [check for check in checks if check.verdict == "FAIL"]
    for row in failed:
        print(f"{row.system}, {row.variant}: {row.quantity}: {row.reason}", file=sys.stderr)
    return 1 if failed else 0


def _write_sizes(papers: Sequence[System]) -> None:
    from benchmark.evidence.verification import size_of
    from benchmark.methods.recipe import load_recipe
    from benchmark.methods.recipe_files import recipe_files
    from benchmark.records.network_sizes import NETWORKS, networks_json

    sizes: list[NetworkSize] = []
    for name in [name for name, file in recipe_files().items() if not file.of]:
        try:
            size = size_of(load_recipe(name), papers)
        except DataError as error:
            print(f"{name}: not counted: {error}", file=sys.stderr)
        else:
            sizes += [size] if size else []
    write_text(SHIPPED / NETWORKS, networks_json(sizes))
