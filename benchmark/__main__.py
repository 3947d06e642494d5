"""The command line: ``mer-bench``, also ``python -m benchmark``."""

from __future__ import annotations

import argparse
import io
import os
import sys
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.commands.cache import add_cache_commands
from benchmark.commands.contribute import add_contribute_command
from benchmark.commands.dashboard import add_dashboard_command
from benchmark.commands.data import add_data_commands
from benchmark.commands.evidence import add_evidence_commands
from benchmark.commands.explain import add_explain_command
from benchmark.commands.leaderboards import add_leaderboards_command
from benchmark.commands.leaks import add_leak_command
from benchmark.commands.methods import add_methods_command
from benchmark.commands.new import add_new_commands
from benchmark.commands.papers import add_papers_command
from benchmark.commands.parser import Parser
from benchmark.commands.plan import add_plan_command
from benchmark.commands.run import add_run_commands
from benchmark.commands.score import add_score_command
from benchmark.commands.tune import add_tune_commands
from benchmark.places import find_workspace, working_in
from mer_lightning import __version__
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmark.places import Workspace

# in the order in which `mer-bench --help` lists them
_COMMANDS = (
    add_run_commands,
    add_plan_command,
    add_tune_commands,
    add_methods_command,
    add_new_commands,
    add_explain_command,
    add_score_command,
    add_contribute_command,
    add_data_commands,
    add_cache_commands,
    add_evidence_commands,
    add_leak_command,
    add_papers_command,
    add_leaderboards_command,
    add_dashboard_command,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when all went well, 1 when something asked for did not (a fold failed, tables drifted), 2 when the input
        was not what it should be.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a file name need not be text that the terminal can show
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        chosen, words = _workspace_of(argv)
        with working_in(chosen):
            arguments = make_parser().read(words)
            # what a command sets for itself ends with it
            status: int = copy_context().run(arguments.handler, arguments)
        sys.stdout.flush()
        return status
    except DataError as error:
        print(f"mer-bench: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # whoever read the output has gone, as `head` does
        _drop_output()
        return 141
    except OSError as error:
        # a place that takes no files, a disk that is full; only the output has no name
        print(f"mer-bench: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
        if error.filename is None:
            _drop_output()
        return 2
    except KeyboardInterrupt:
        print("mer-bench: stopped; finished folds are kept, the same command goes on", file=sys.stderr)
        return 130


def _workspace_of(argv: Sequence[str] | None) -> tuple[Workspace, list[str]]:
    """The workspace that a command line names, and its other words: the flags of commands have defaults in it."""
    place = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    place.add_argument("--workspace", type=Path)
    given, words = place.parse_known_args(argv)
    return find_workspace(given.workspace), words


def _drop_output() -> None:
    """What is left of the output, which Python writes at the end, goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def make_parser() -> Parser:
    """Every command with its flags, whose defaults lie in the workspace."""
    parser = Parser(prog="mer-bench", description="Leave-one-subject-out benchmark of micro-expression recognition.")
    parser.add_argument("--version", action="version", version=f"mer-bench {__version__}")
    commands: Any = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in _COMMANDS:
        add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
