"""``mer-bench run`` and ``status``: train what is missing of a suite, and how far that is."""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

from rich.table import Table as Columns

from benchmark.commands.options import (
    METHOD,
    answer_options,
    chosen_metrics,
    chosen_suite,
    count,
    local_records,
    metrics_option,
    plan_inputs,
    say_failed,
    seed,
    training_options,
)
from benchmark.commands.output import open_console, print_csv, print_table
from benchmark.commands.results import print_results, print_results_csv, results_json, results_of, write_tables
from benchmark.methods.recipe_files import name_of
from benchmark.places import workspace
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rich.console import Console

    from benchmark.commands.options import Commands
    from benchmark.records.run import RunRecord
    from benchmark.training.preview import Preview
    from mer_lightning.metrics import Metric


def add_run_commands(commands: Commands) -> None:
    """Register ``run`` and ``status``; both set ``handler``."""
    run = commands.add_parser(
        "run",
        parents=[training_options(), metrics_option(), answer_options()],
        help="train and score what is missing of a suite",
    )
    run.add_argument("--method", action="append", default=[], help=f"{METHOD}, instead of the suite's; repeatable")
    run.add_argument("--protocol", action="append", default=[], help="instead of the suite's protocols; repeatable")
    run.add_argument("--seed", action="append", type=seed, default=[], help="instead of the suite's seeds; repeatable")
    run.add_argument(
        "--folds-at-once",
        type=lambda text: None if text == "auto" else count(text),
        metavar="auto|N",
        help="folds of a network, of all its seeds, trained as one; auto: as many as fit on a GPU, 1 on a CPU",
    )
    run.add_argument("--plan", action="store_true", help="say what would run and what is missing; train nothing")
    run.add_argument("--confusion", action="store_true", help="print the confusion matrices, too")
    run.set_defaults(handler=_run)

    status = commands.add_parser("status", parents=[local_records(), answer_options()], help="how far every run is")
    status.set_defaults(handler=_status)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.plan:
        return _plan(arguments)
    if arguments.confusion and (arguments.json or arguments.csv):
        has = "--json has them" if arguments.json else "--csv has no place for them"
        raise DataError(f"--confusion: prints matrices for people, {has}; expected it alone")
    from benchmark.records.board_names import source_name
    from benchmark.records.store import Store
    from benchmark.training.executors import choose_executor
    from benchmark.training.ledger import Output
    from benchmark.training.plan import make_plan
    from benchmark.training.runner import run_all
    from benchmark.training.tracking.mirror import make_tracker

    metrics = chosen_metrics(arguments)
    # with --json and --csv, what is said meanwhile must not stand in the answer
    console = open_console(file=sys.stderr if arguments.json or arguments.csv else None)
    methods = [name_of(given) for given in arguments.method]
    suite = chosen_suite(arguments)
    console.print(f"{suite.title}: checking recipes and data")
    runs = make_plan(
        suite,
        plan_inputs(arguments, console),
        methods=methods,
        protocols=arguments.protocol,
        seeds=arguments.seed,
    )
    dataset = runs[0].dataset
    invented = "; nobody was recorded, and every table says so" if dataset.synthetic else ""
    console.print(f"data: {source_name(dataset.name, dataset.release)}{invented}")
    store = Store(arguments.runs)
    executor = choose_executor(
        arguments.executor, runs, store, arguments.accelerator, arguments.jobs, arguments.address
    )
    console.print(f"{len(runs)} runs, {sum(len(run.folds) for run in runs)} folds, {executor}")
    same = dict.fromkeys(run.recipe.name for run in runs if not run.recipe.seeded)
    if len({*arguments.seed}) > 1 and same:
        console.print(f"with seed {arguments.seed[0]} alone, since every seed gives the same: {', '.join(same)}")
    tracker = make_tracker(arguments.runs / "wandb", suite.name, console)
    try:
        output = Output(store, arguments.records, tracker, console)
        results = run_all(runs, output, executor, at_once=arguments.folds_at_once)
    except KeyboardInterrupt:
        tracker.close(patience=1.0)
        raise
    except BaseException:
        tracker.close()
        raise
    tracker.close()
    _say_results(arguments, results, metrics, console)
    return say_failed(results, arguments.runs, console)


def _say_results(
    arguments: argparse.Namespace, results: Sequence[RunRecord], metrics: Sequence[Metric], console: Console
) -> None:
    boards = results_of(results)
    if arguments.json:
        print(results_json(boards, results))
    elif arguments.csv:
        print_results_csv(boards, metrics)
    else:
        print_results(boards, metrics, console, results if arguments.confusion else ())
    console.print(f"\nrecords: {arguments.records}")
    for path in write_tables(arguments.records, [board.id for board in boards], metrics):
        console.print(f"table: {path}")
    rendered = ["mer-bench", "leaderboards"]
    if arguments.records.absolute() != workspace().records:
        rendered += ["--records", str(arguments.records), "--out", "DIR"]
    console.print(f"pages with all of it: {shlex.join(rendered)}")


def _plan(arguments: argparse.Namespace) -> int:
    from benchmark.records.store import Store
    from benchmark.training.preview import preview

    if arguments.csv or arguments.confusion:
        raise DataError(
            f"{'--csv' if arguments.csv else '--confusion'}: a plan has no scores; expected no --plan with it"
        )
    suite = chosen_suite(arguments)
    plan = preview(
        suite,
        Store(arguments.runs),
        arguments.records,
        data=arguments.data,
        methods=[name_of(given) for given in arguments.method],
        protocols=arguments.protocol,
        seeds=arguments.seed,
    )
    if arguments.json:
        print(json.dumps(plan.to_json()))
    else:
        _print_plan(plan, open_console())
    return 2 if plan.problems else 0


def _print_plan(plan: Preview, console: Console) -> None:
    console.print(f"{plan.suite}: nothing is trained, read or written")
    console.print(f"data: {plan.data or 'none'}{'; nobody was recorded' if plan.synthetic else ''}")
    for one in plan.clips:
        counts = " / ".join(f"{count} {name}" for name, count in one.clips.items())
        console.print(f"{one.protocol}: {one.database} {counts}, {sum(one.clips.values())} of {one.subjects} subjects")
    table = Columns("protocol", "method", "seed", "folds", "here", "recorded")
    for run in plan.runs:
        folds = "?" if run.folds is None else str(run.folds)
        table.add_row(run.protocol, run.method, str(run.seed), folds, str(run.here or ""), run.recorded)
    print_table(console, table)
    folds = sum(run.folds or 0 for run in plan.runs)
    recorded = sum(run.recorded == "yes" for run in plan.runs)
    console.print(f"{len(plan.runs)} runs, {folds} folds; {recorded} runs are recorded")
    for problem in plan.problems:
        console.print(f"problem {problem}")
    console.print(f"{len(plan.problems)} problems" if plan.problems else "could run")


def _status(arguments: argparse.Namespace) -> int:
    from benchmark.records.store import Store

    store = Store(arguments.runs)
    columns = ("run", "method", "board", "seed", "folds", "done", "failed", "damaged")
    # what was changed since it was written is not done
    kept = [(m, store.kept(m.run)) for m in store.manifests()]
    rows = [
        (m.run, m.method, m.board, m.seed, m.folds, len(one.folds), len(store.errors(m.run)), len(one.damaged))
        for m, one in kept
    ]
    damaged = [line for _, one in kept for line in one.damaged]
    if arguments.json:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1))
        return 0
    if arguments.csv:
        print_csv(columns, rows)
        return 0
    table = Columns("run", "folds", "failed", *(["damaged"] if damaged else []))
    for run, *_, folds, done, failed, lost in rows:
        table.add_row(run, f"{done}/{folds}", str(failed or ""), *([str(lost or "")] if damaged else []))
    console = open_console()
    if rows:
        print_table(console, table)
    else:
        console.print(f"nothing has been run in {arguments.runs} yet")
    for line in [*(f"{line}; the fold counts as missing" for line in damaged), *store.strays()]:
        console.print(line)
    return 0
