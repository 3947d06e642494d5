"""``mer-bench verify-papers``: the networks of published systems beside the figures that their papers print."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from benchmark.places import DOCS, SHIPPED, workspace
from mer_lightning.files import write_text
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands
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

    from benchmark.evidence.verification import as_text, fill_verification, size_of, systems, verify_system
    from benchmark.methods.recipe import load_recipe
    from benchmark.methods.recipe_files import recipe_files
    from benchmark.records.network_sizes import NETWORKS, networks_json

    if arguments.write and not workspace().is_project:
        raise DataError(
            f"--write: fills files of the project; expected its checkout as workspace, not {workspace().root}"
        )
    papers = systems()
    checks = [check for system in papers for check in verify_system(system)]
    if arguments.json:
        print(json.dumps([asdict(check) for check in checks], indent=1, ensure_ascii=False))
    else:
        print(as_text(papers, checks), end="")
    if arguments.write:
        text = SYSTEMS.read_text(encoding="utf-8")
        write_text(SYSTEMS, fill_verification(text, checks))
        sizes: list[NetworkSize] = []
        for name in [name for name, file in recipe_files().items() if not file.of]:
            try:
                size = size_of(load_recipe(name), papers)
            except DataError as error:
                print(f"{name}: not counted: {error}", file=sys.stderr)
            else:
                sizes += [size] if size else []
        write_text(SHIPPED / NETWORKS, networks_json(sizes))
    failed = [check for check in checks if check.verdict == "FAIL"]
    for row in failed:
        print(f"{row.system}, {row.variant}: {row.quantity}: {row.reason}", file=sys.stderr)
    return 1 if failed else 0
