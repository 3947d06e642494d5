"""``mer-bench leak-study``: what looking at the held-out subject would be worth to a method, never to be ranked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table as Columns

from benchmark.commands.options import (
    METHOD,
    chosen_metrics,
    chosen_suite,
    edition_option,
    local_records,
    metrics_option,
    plan_inputs,
    seed,
    suite_options,
    workers,
)
from benchmark.commands.output import open_console, print_table
from benchmark.methods.recipe_files import name_of
from benchmark.places import workspace
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rich.console import Console

    from benchmark.commands.options import Commands
    from benchmark.evidence.habits import LeakRecord
    from mer_lightning.metrics import Metric


def add_leak_command(commands: Commands) -> None:
    """Register ``leak-study``; it sets ``handler``."""
    leaks = commands.add_parser(
        "leak-study",
        parents=[suite_options(), edition_option(), local_records(), metrics_option()],
        help="what peeking at the held-out subject would be worth to a method",
    )
    leaks.add_argument("--method", required=True, help=METHOD)
    leaks.add_argument("--protocol", help="a protocol (default: the first of the suite)")
    leaks.add_argument("--seed", type=seed, default=0, help="seed of the run (default: %(default)s)")
    leaks.add_argument("--jobs", type=workers, metavar="N", help="worker processes (default: one per core)")
    leaks.add_argument("--records", type=Path, default=workspace().leaks, help="(default: %(default)s)")
    leaks.add_argument("--svg", type=Path, help="the picture (default: beside the local records)")
    leaks.add_argument("--json", action="store_true", help="for programs")
    leaks.set_defaults(handler=_leak_study)


def _leak_study(arguments: argparse.Namespace) -> int:
    from benchmark.boards.leakage_figure import draw_leaks
    from benchmark.evidence.habits import load_leak, save_leaks
    from benchmark.records.clip_list import check_free
    from benchmark.records.store import Store
    from benchmark.studies.leak_study import study, study_job
    from benchmark.training.executors import choose_executor
    from benchmark.training.plan import make_plan

    metrics = chosen_metrics(arguments)
    # with --json, what is said meanwhile must not get between the braces
    console = open_console(file=sys.stderr if arguments.json else None)
    suite = chosen_suite(arguments)
    console.print(f"{suite.title}: checking recipe and data")
    (run,) = make_plan(
        suite,
        plan_inputs(arguments, console),
        methods=[name_of(arguments.method)],
        protocols=[arguments.protocol or suite.protocols[0]],
        seeds=[arguments.seed],
    )
    check_free([run.clip_list], arguments.records, lambda path: load_leak(path).honest.clip_list)
    store = Store(arguments.runs / "leaks")
    executor = choose_executor("auto", [run], store, arguments.accelerator, arguments.jobs, work=study_job)
    record = study(run, store=store, console=console, executor=executor)
    path = save_leaks(arguments.records, record)
    picture: Path = arguments.svg or store.folder(run.id) / "leaks.svg"
    try:
        picture.write_text(draw_leaks([record]), encoding="utf-8")
    except OSError as error:
        raise DataError(f"--svg {picture}: cannot be written: {error.strerror}") from error
    if arguments.json:
        print(json.dumps(_as_json(record), indent=1))
    else:
        _print_study(record, metrics, console)
        console.print(f"record: {path}\npicture: {picture}")
    return 0


def _as_json(record: LeakRecord) -> dict[str, Any]:
    from benchmark.evidence.habits import NUMBERS, gaps, noise_of, pooled_scores
    from mer_lightning.metrics import uf1

    return {
        "method": record.honest.entry,
        "board": record.honest.board,
        "seed": record.honest.seed,
        "candidates": {"kind": record.candidates, "number": record.number},
        "honest": pooled_scores(record.honest.confusion),
        "habits": [
            {"name": gap.habit.name, "title": gap.habit.title, "honest": gap.honest, "leaky": gap.leaky}
            for gap in gaps(record)
        ],
        "best_of": [{"number": best.number, "uf1": float(uf1(best.confusion))} for best in record.best_of],
        "noise": [{"number": n, "uf1": value} for n, value in zip(NUMBERS, noise_of(record), strict=True)],
    }


def _print_study(record: LeakRecord, metrics: Sequence[Metric], console: Console) -> None:
    from mer_lightning.metrics import UF1

    body = _as_json(record)
    scores = ", ".join(f"{metric.title} {body['honest'][metric.name]:.4f}" for metric in metrics)
    what = {"epoch": "epochs", "C": "values of C", None: "nothing to choose from"}[record.candidates]
    number = f"{record.number} " if record.number else ""
    console.print(f"{record.honest.title}, {body['board']}, seed {body['seed']}: honest {scores}; {number}{what}")
    console.print("what habits would make of it, never ranked:")
    others = [metric for metric in metrics if metric != UF1]
    table = Columns("habit", "honest UF1", "leaky UF1", "gap", *(metric.heading for metric in others))
    for row in body["habits"]:
        honest, leaky = row["honest"], row["leaky"]
        gap = f"{leaky['uf1'] - honest['uf1']:+.4f}"
        changes = (f"{honest[metric.name]:.4f} → {leaky[metric.name]:.4f}" for metric in others)
        table.add_row(row["name"], f"{honest['uf1']:.4f}", f"{leaky['uf1']:.4f}", gap, *changes)
    print_table(console, table)
    own = {row["number"]: row["uf1"] for row in body["best_of"]}
    noise = {row["number"]: row["uf1"] for row in body["noise"]}
    table = Columns("n", "best of the last n epochs", "best of n random guesses")
    for number in sorted({*own, *noise}):
        table.add_row(str(number), *(f"{curve[number]:.4f}" if number in curve else "" for curve in (own, noise)))
    print_table(console, table)
