"""What several commands have in common: their flags, and what is said while samples are read and when folds failed."""

from __future__ import annotations

import argparse
import re
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress

from benchmark.methods.recipe_files import EDITION
from benchmark.places import workspace
from mer_lightning.settings import SEEDS
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from rich.console import Console

    from benchmark.methods.suite import Suite
    from benchmark.records.run import RunRecord
    from benchmark.training.plan import Inputs
    from mer_lightning.metrics import Metric

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]

_MOST_DIGITS = 18
_MOST_WORKERS = 4096
METHOD = "name of a method, or a file <name>.yaml of one's own"
"""What commands say of a flag that takes a method."""


def count(text: str) -> int:
    """A number of at least one, from the command line.

    Raises:
        ArgumentTypeError: It is something else.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text[:20]!r}")
    return int(text)


def workers(text: str) -> int:
    """A number of workers from the command line.

    Raises:
        ArgumentTypeError: It is something else, or more than anybody has.
    """
    number = count(text)
    if number > _MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"expected a whole number of at most {_MOST_WORKERS}, found {text[:20]!r}")
    return number


def seed(text: str) -> int:
    """A seed from the command line.

    Raises:
        ArgumentTypeError: It is something else.
    """
    if not (text.isdecimal() and len(text) <= len(str(SEEDS)) and int(text) < SEEDS):
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {SEEDS - 1}, found {text[:20]!r}")
    return int(text)


def local_records() -> argparse.ArgumentParser:
    """The flag of every command that reads or writes local records."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--runs", type=Path, default=workspace().runs, help="local records (default: %(default)s)")
    return parser


def suite_options() -> argparse.ArgumentParser:
    """The flags of every command that reads a suite's samples and trains on them."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--suite", default="default", help="a file in benchmark/methods/suites (default: %(default)s)")
    parser.add_argument("--data", type=Path, help="folder with the data, for suites that need one")
    parser.add_argument("--accelerator", default="auto", choices=["auto", "cpu", "gpu"], help="(default: %(default)s)")
    return parser


def metrics_option() -> argparse.ArgumentParser:
    """The flag of every command that prints a table of scores."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--metrics",
        metavar="A,B|all",
        help="scores to show, e.g. uf1,kappa,mcc, or all (default: those of every table); UF1 is what ranks",
    )
    return parser


def chosen_metrics(arguments: argparse.Namespace) -> tuple[Metric, ...]:
    """The scores to show, each once, in the order of the flag; without it those of every table.

    Raises:
        DataError: A name that no metric has, or ``--json``, which has every score.
    """
    from mer_lightning.metrics import METRICS, get_metric, shown_metrics

    if arguments.metrics is None:
        return shown_metrics()
    if getattr(arguments, "json", False):
        raise DataError("--metrics: --json has every score; expected one of the two")
    if arguments.metrics == "all":
        return METRICS
    try:
        return tuple(get_metric(name) for name in dict.fromkeys(map(str.strip, arguments.metrics.split(","))))
    except DataError as error:
        raise DataError(f"--metrics: {error}, or all") from error


def edition_option() -> argparse.ArgumentParser:
    """The flag of every command that records what it trains."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--edition", type=_edition, metavar="NAME", help="name of your data, which gives it rows of its own in tables"
    )
    return parser


def _edition(text: str) -> str:
    if not re.fullmatch(EDITION, text):
        raise argparse.ArgumentTypeError(f"expected lower-case letters, digits and -, found {text!r}")
    return text


def chosen_suite(arguments: argparse.Namespace) -> Suite:
    """The suite that is named, its data called as is asked for.

    Raises:
        DataError: As ``load_suite``.
    """
    from benchmark.methods.suite import load_suite

    suite = load_suite(arguments.suite)
    if arguments.edition is None:
        return suite
    source = suite.source.model_copy(update={"edition": arguments.edition})
    return suite.model_copy(update={"source": source})


def training_options() -> argparse.ArgumentParser:
    """The flags of every command that trains the folds of a suite and records them."""
    parser = argparse.ArgumentParser(add_help=False, parents=[local_records(), suite_options(), edition_option()])
    parser.add_argument("--records", type=Path, default=workspace().records, help="(default: %(default)s)")
    parser.add_argument(
        "--executor",
        default="auto",
        choices=["auto", "local", "processes", "ray"],
        help="where folds are trained; auto: one process per core for long runs on a CPU, the processes of --jobs, "
        "or else this one",
    )
    parser.add_argument("--jobs", type=workers, metavar="N", help="worker processes (default: one per core)")
    parser.add_argument("--address", help="address of a Ray cluster; without it Ray is started on this machine")
    return parser


def answer_options() -> argparse.ArgumentParser:
    """The flags of every command that answers with a table."""
    parser = argparse.ArgumentParser(add_help=False)
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="for programs")
    forms.add_argument("--csv", action="store_true", help="for spreadsheets")
    return parser


def plan_inputs(arguments: argparse.Namespace, console: Console) -> Inputs:
    """Where a command's plan reads samples, and who is shown how far that is."""
    from benchmark.training.plan import Inputs

    return Inputs(arguments.data, arguments.runs / "cache", arguments.accelerator, partial(_reading, console))


@contextmanager
def _reading(console: Console, samples: int) -> Generator[Callable[[int], None], None, None]:
    """A bar over the samples of a plan; nothing where the output is not a terminal."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading samples", total=samples)
        yield lambda count: bar.advance(task, count)


def say_failed(results: Sequence[RunRecord], runs: Path, console: Console) -> int:
    """Say which folds of these runs failed and why; gives the exit status."""
    from benchmark.records.store import Store

    store = Store(runs)
    for record in results:
        errors = store.errors(record.run) if record.failed else {}
        for person in record.failed:
            said = ": ".join(filter(None, ("failed", record.run, person, errors.get(person, ""))))
            console.print(f"{said} (see {runs})")
    return 1 if any(record.failed for record in results) else 0
