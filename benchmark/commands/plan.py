"""``mer-bench plan``: what a suite will cost on this machine before it starts."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from rich.table import Table as Columns

from benchmark.commands.options import METHOD, chosen_suite, seed, training_options
from benchmark.commands.output import open_console, print_table
from benchmark.methods.recipe_files import name_of

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from benchmark.commands.options import Commands
    from benchmark.training.cost import Cost, RunCost

_DAY = 86400.0


def add_plan_command(commands: Commands) -> None:
    """Register ``plan``; it sets ``handler``."""
    plan = commands.add_parser(
        "plan", parents=[training_options()], help="what a suite will cost: hours, memory and disk on this machine"
    )
    plan.add_argument("--method", action="append", default=[], help=f"{METHOD}, instead of the suite's; repeatable")
    plan.add_argument("--protocol", action="append", default=[], help="instead of the suite's protocols; repeatable")
    plan.add_argument("--seed", action="append", type=seed, default=[], help="instead of the suite's seeds; repeatable")
    plan.add_argument("--anew", action="store_true", help="measure this machine again")
    plan.add_argument("--json", action="store_true", help="for programs")
    plan.set_defaults(handler=_say_cost)


def _say_cost(arguments: argparse.Namespace) -> int:
    from benchmark.records.store import Store
    from benchmark.training.preview import preview

    began = time.perf_counter()
    console = open_console(file=sys.stderr if arguments.json else None)
    suite = chosen_suite(arguments)
    methods = [name_of(given) for given in arguments.method]
    store = Store(arguments.runs)
    chosen: dict[str, Any] = {"methods": methods, "protocols": arguments.protocol, "seeds": arguments.seed}
    plan = preview(suite, store, arguments.records, data=arguments.data, **chosen)
    if plan.problems:
        for problem in plan.problems:
            console.print(f"problem {problem}")
        console.print(f"{len(plan.problems)} problems; what cannot run has no cost")
        return 2
    from benchmark.training.calibration import Calibration
    from benchmark.training.estimate import Asked, Workers, cost_of

    # run imports and checks the same before it trains
    starting = time.perf_counter() - began
    calibration = Calibration(arguments.runs / "calibration", console.print, arguments.accelerator, anew=arguments.anew)
    workers = Workers(arguments.executor, arguments.jobs, arguments.accelerator)
    asked = Asked(suite, data=arguments.data, kept=store.root / "pretrained", starting=starting, **chosen)
    cost = cost_of(asked, plan, calibration, workers)
    if arguments.json:
        print(json.dumps(cost.to_json()))
    else:
        _print_cost(cost, console)
    return 0


def _print_cost(cost: Cost, console: Console) -> None:
    console.print(f"{cost.suite}: on {cost.data or 'no data'}; nothing is trained or recorded")
    table = Columns("method", "protocol", "runs", "folds", "missing", "recorded", "epochs", "hours")
    for (method, protocol), runs in _by_method(cost).items():
        table.add_row(
            method,
            protocol,
            str(len(runs)),
            str(sum(run.folds for run in runs)),
            str(sum(run.missing for run in runs)),
            f"{sum(run.recorded == 'yes' for run in runs)} of {len(runs)}",
            str(runs[0].epochs or ""),
            _hours(sum(run.hours for run in runs)),
        )
    print_table(console, table)
    missing = sum(run.missing for run in cost.runs)
    epochs = sum(run.missing * run.epochs for run in cost.runs)
    console.print(f"{missing} folds to train of {sum(run.folds for run in cost.runs)}, {epochs} epochs of them")
    if cost.stages:
        kept = sum(stage.kept for stage in cost.stages)
        console.print(
            f"{len(cost.stages)} pre-training stages for {cost.starts} runs, {kept} of them kept: "
            f"{_hours(cost.stages_hours)}"
        )
        for stage in cost.stages:
            done = "kept" if stage.kept else _hours(stage.hours)
            console.print(f"  {stage.name}: {stage.samples} samples, {stage.epochs} epochs, {done}")
    console.print(f"starting: {_hours(cost.starting_hours)}")
    console.print(f"reading clips and computing what methods see: {_hours(cost.reading_hours)} at most")
    side = f"{cost.workers} side by side" if cost.workers > 1 else "one after another"
    console.print(f"folds, {side}: {_hours(cost.folds_hours / cost.workers)}")
    console.print(f"in all about {_hours(cost.hours)}")
    console.print(f"memory about {cost.memory_bytes / 2**30:.1f} GiB, disk about {cost.disk_bytes / 2**30:.2f} GiB")
    console.print(f"measured on this machine {_age(time.time() - cost.measured)}")


def _by_method(cost: Cost) -> dict[tuple[str, str], list[RunCost]]:
    """Runs that differ in their seed alone."""
    found: dict[tuple[str, str], list[RunCost]] = {}
    for run in cost.runs:
        found.setdefault((run.method, run.protocol), []).append(run)
    return found


def _hours(hours: float) -> str:
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:.1f} h"


def _age(seconds: float) -> str:
    if seconds < _DAY:
        return "just now" if seconds < 60 * 60 else f"{seconds / 3600:.0f} hours ago"
    return f"{seconds / _DAY:.0f} days ago; --anew measures it again"
