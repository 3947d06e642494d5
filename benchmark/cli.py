"""The command line: ``mer-bench``, also ``python -m benchmark``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress
from rich.table import Table as Columns

from benchmark.cache_commands import add_cache_commands
from benchmark.dashboard import add_dashboard_command
from benchmark.data_commands import add_data_commands
from benchmark.evidence_commands import add_evidence_commands
from benchmark.explain_commands import add_explain_command
from benchmark.leak_commands import add_leak_commands
from benchmark.methods_commands import add_methods_command
from benchmark.tune_commands import add_tune_commands
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from benchmark.networks import NetworkSize
    from benchmark.perf.measurement import Measurement
    from benchmark.records import RunRecord

PROJECT = Path(__file__).resolve().parent.parent
LEADERBOARDS = PROJECT / "leaderboards"
DOCUMENTS = (PROJECT / "README.md", PROJECT / "README.zh.md")
SYSTEMS = PROJECT / "docs" / "systems.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when all went well, 1 when something asked for did not (a fold failed, tables drifted), 2 when the input
        was not what it should be.
    """
    arguments = _parser().parse_args(argv)
    try:
        return arguments.handler(arguments)
    except DataError as error:
        print(f"mer-bench: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # whoever read the output has gone, as `head` does; what Python flushes at the end goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("mer-bench: stopped; finished folds are kept, the same command goes on", file=sys.stderr)
        return 130


def _run(arguments: argparse.Namespace) -> int:
    from benchmark.executors import choose_executor
    from benchmark.plan import load_suite, make_plan
    from benchmark.runner import run_all
    from benchmark.store import Store
    from benchmark.tracking import make_tracker

    console = Console(highlight=False, soft_wrap=True)
    suite = load_suite(arguments.suite)
    console.print(f"{suite.title}: checking recipes and data")
    runs = make_plan(
        suite,
        data=arguments.data,
        cache=arguments.runs / "cache",
        progress=partial(_reading, console),
        methods=arguments.method,
        protocols=arguments.protocol,
        seeds=arguments.seed,
    )
    dataset = runs[0].dataset
    invented = "; nobody was recorded, and every table says so" if dataset.synthetic else ""
    console.print(f"data: {dataset.name}, release {dataset.release}{invented}")
    store = Store(arguments.runs)
    executor = choose_executor(
        arguments.executor, runs, store, arguments.accelerator, arguments.jobs, arguments.address
    )
    console.print(f"{len(runs)} runs, {sum(len(run.folds) for run in runs)} folds, {executor}")
    tracker = make_tracker(arguments.runs / "wandb", suite.name, console)
    try:
        results = run_all(
            runs,
            store=store,
            records=arguments.records,
            tracker=tracker,
            console=console,
            executor=executor,
            at_once=arguments.folds_at_once,
        )
    except KeyboardInterrupt:
        tracker.close(patience=1.0)
        raise
    except BaseException:
        tracker.close()
        raise
    tracker.close()
    console.print(f"records: {arguments.records}")
    return _say_failed(results, arguments.runs, console)


def _say_failed(results: Sequence[RunRecord], runs: Path, console: Console) -> int:
    failed = [f"{record.run}: {person}" for record in results for person in record.failed]
    for line in failed:
        console.print(f"failed: {line} (see {runs})", soft_wrap=True)
    return 1 if failed else 0


@contextmanager
def _reading(console: Console, samples: int) -> Generator[Callable[[int], None], None, None]:
    """A bar over the samples of a plan; nothing where the output is not a terminal."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading samples", total=samples)
        yield lambda count: bar.advance(task, count)


def _status(arguments: argparse.Namespace) -> int:
    from benchmark.store import Store

    store = Store(arguments.runs)
    table = Columns("run", "folds", "failed")
    for manifest in store.manifests():
        done, errors = len(store.done(manifest.run)), store.errors(manifest.run)
        table.add_row(manifest.run, f"{done}/{manifest.folds}", str(len(errors) or ""))
    Console().print(table if table.row_count else f"nothing has been run in {arguments.runs} yet")
    return 0


def _score(arguments: argparse.Namespace) -> int:
    from benchmark.scoring import read_predictions, score

    rows, classes = read_predictions(arguments.file)
    result = score(rows, classes)
    if arguments.json:
        print(json.dumps(result))
        return 0
    table = Columns("part", "clips", "subjects", "accuracy", "UF1", "UAR", "accuracy, mean of subjects")
    for name, block in {"all": result, **result["databases"]}.items():
        scores = (block[key] for key in ("accuracy", "uf1", "uar", "accuracy_subject_mean"))
        table.add_row(name, str(block["n"]), str(block["subjects"]), *(f"{value:.4f}" for value in scores))
    console = Console(highlight=False)
    console.print(table)
    for name, block in {"all": result, **result["databases"]}.items():
        if block["absent"]:
            console.print(
                f"{name}: no true sample of class {', '.join(block['absent'])}; it counts as 0 in UF1 and UAR"
            )
    return 0


def _leaderboards(arguments: argparse.Namespace) -> int:
    from benchmark.boards import load_boards
    from benchmark.figures import draw_board
    from benchmark.leak_page import render_leaks
    from benchmark.paper_tables import load_papers, render_papers
    from benchmark.site import SITE, render_site
    from benchmark.tables import fill_marked, load_claims, render, render_claims

    boards, papers, claims = load_boards(LEADERBOARDS), load_papers(LEADERBOARDS), load_claims(LEADERBOARDS)
    files = render(LEADERBOARDS, boards) | render_papers(LEADERBOARDS, papers) | render_claims(LEADERBOARDS, claims)
    files |= render_leaks(LEADERBOARDS)
    for board in boards:
        if board.reported:
            files[LEADERBOARDS / f"{board.id}.svg"] = draw_board(board)
    for document in DOCUMENTS:
        files[document] = fill_marked(document.read_text(encoding="utf-8"), boards)
    patterns = ("*.md", "*.csv", "*.tex", "*.svg", "papers/*.md")
    # not committed, so nothing can have drifted from it; but a site that does not render is found by the check, too
    site = render_site(LEADERBOARDS, boards, papers, claims)
    stale = {path for pattern in patterns for path in LEADERBOARDS.glob(pattern)} - files.keys()
    drifted = [p for p, text in files.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    if arguments.check:
        for path in sorted([*drifted, *stale]):
            print(
                f"{path.relative_to(PROJECT)}: differs from the records; run make leaderboards",
                file=sys.stderr,
            )
        return 1 if drifted or stale else 0
    stale |= {path for pattern in ("*.*", "tables/*") for path in (LEADERBOARDS / SITE).glob(pattern)} - site.keys()
    for path, text in ({path: files[path] for path in drifted} | site).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in stale:
        path.unlink()
    print(f"tables: {LEADERBOARDS / 'README.md'}")
    print(f"site: {LEADERBOARDS / SITE / 'index.html'}")
    return 0


def _verify_papers(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from benchmark.networks import NETWORKS, networks_json
    from benchmark.recipe import load_recipe, recipe_names
    from benchmark.verification import as_text, fill_marked, size_of, systems, verify

    papers = systems()
    checks = [check for system in papers for check in verify(system)]
    if arguments.json:
        print(json.dumps([asdict(check) for check in checks], indent=1, ensure_ascii=False))
    else:
        print(as_text(papers, checks), end="")
    if arguments.write:
        text = SYSTEMS.read_text(encoding="utf-8")
        SYSTEMS.write_text(fill_marked(text, checks), encoding="utf-8")
        sizes: list[NetworkSize] = []
        for name in recipe_names():
            try:
                size = size_of(load_recipe(name), papers)
            except DataError as error:
                print(f"{name}: not counted: {error}", file=sys.stderr)
            else:
                sizes += [size] if size else []
        (LEADERBOARDS / NETWORKS).write_text(networks_json(sizes), encoding="utf-8")
    failed = [check for check in checks if check.verdict == "FAIL"]
    for row in failed:
        print(f"{row.system}, {row.variant}: {row.quantity}: {row.reason}", file=sys.stderr)
    return 1 if failed else 0


def _perf(arguments: argparse.Namespace) -> int:
    from importlib import import_module
    from pkgutil import iter_modules

    import benchmark.perf
    from benchmark.perf.page import describe, save

    # every file of the folder that measures something has a run()
    modules = [import_module(f"benchmark.perf.{module.name}") for module in iter_modules(benchmark.perf.__path__)]
    table = Columns("measured", "ours", "reference", "ratio", "goal", "against, note")
    console = Console(highlight=False)
    for module in modules:
        if not hasattr(module, "run") or (arguments.only and module.__name__.split(".")[-1] not in arguments.only):
            continue
        console.print(f"measuring {module.__name__.split('.')[-1]} ...")
        rows: list[Measurement] = module.run(quick=arguments.quick)
        for row in rows:
            ours, reference = (
                "–" if value is None else f"{value:.3g} {row.unit}" for value in (row.ours, row.reference)
            )
            ratio = "" if row.ratio is None else f"{row.ratio:.2f} x"
            table.add_row(row.name, ours, reference, ratio, row.goal, "; ".join(filter(None, (row.against, row.note))))
        if arguments.record:
            name = module.__name__.split(".")[-1]
            save(PROJECT / "docs", name, describe(name, rows, quick=arguments.quick))
    console.print(table)
    return 0


def _count(text: str) -> int:
    """A number of at least one, from the command line."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mer-bench", description="Leave-one-subject-out benchmark of micro-expression recognition."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    places = argparse.ArgumentParser(add_help=False)
    places.add_argument("--runs", type=Path, default=PROJECT / "runs", help="local records (default: %(default)s)")

    training = argparse.ArgumentParser(add_help=False, parents=[places])
    training.add_argument("--suite", default="default", help="a file in benchmark/suites (default: %(default)s)")
    training.add_argument("--data", type=Path, help="folder with the data, for suites that need one")
    training.add_argument(
        "--accelerator", default="auto", choices=["auto", "cpu", "gpu"], help="(default: %(default)s)"
    )
    training.add_argument("--records", type=Path, default=LEADERBOARDS / "records", help="(default: %(default)s)")

    training.add_argument(
        "--executor",
        default="auto",
        choices=["auto", "local", "processes", "ray"],
        help="where folds are trained; auto: one process per core for long runs on a CPU, else this process",
    )
    training.add_argument("--jobs", type=_count, metavar="N", help="worker processes (default: one per core)")
    training.add_argument("--address", help="address of a Ray cluster; without it Ray is started on this machine")

    run = commands.add_parser("run", parents=[training], help="train and score what is missing of a suite")
    run.add_argument("--method", action="append", default=[], help="instead of the suite's methods; repeatable")
    run.add_argument("--protocol", action="append", default=[], help="instead of the suite's protocols; repeatable")
    run.add_argument("--seed", action="append", type=int, default=[], help="instead of the suite's seeds; repeatable")
    run.add_argument(
        "--folds-at-once",
        type=lambda text: None if text == "auto" else _count(text),
        metavar="auto|N",
        help="folds of a network, of all its seeds, trained as one; auto: as many as fit on a GPU, 1 on a CPU",
    )
    run.set_defaults(handler=_run)

    add_tune_commands(commands, training, partial(_reading, Console(highlight=False, soft_wrap=True)), _say_failed)

    status = commands.add_parser("status", parents=[places], help="how far every run is")
    status.set_defaults(handler=_status)

    add_methods_command(commands)
    add_explain_command(commands, PROJECT / "runs")

    score = commands.add_parser("score", help="score a file of predictions")
    score.add_argument("file", type=Path, help="CSV (database,subject,clip,label,prediction) or MEGC2019 log")
    score.add_argument("--json", action="store_true", help="for programs")
    score.set_defaults(handler=_score)

    add_data_commands(commands)
    add_cache_commands(commands, PROJECT / "runs")
    add_evidence_commands(commands, LEADERBOARDS / "records")
    add_dashboard_command(commands, PROJECT / "runs")
    add_leak_commands(commands, LEADERBOARDS, PROJECT / "runs")

    papers = commands.add_parser("verify-papers", help="hold the published systems against their papers' figures")
    papers.add_argument("--json", action="store_true", help="for programs")
    papers.add_argument(
        "--write", action="store_true", help="also fill the tables of docs/systems.md and leaderboards/networks.json"
    )
    papers.set_defaults(handler=_verify_papers)

    perf = commands.add_parser("perf", help="measure ours beside the reference")
    perf.add_argument("only", nargs="*", help="files of benchmark/perf to run (default: all)")
    perf.add_argument("--quick", action="store_true", help="fewer rounds")
    perf.add_argument("--record", action="store_true", help="keep the figures in docs/performance.json and .md")
    perf.set_defaults(handler=_perf)

    boards = commands.add_parser("leaderboards", help="render all tables from the records")
    boards.add_argument("--check", action="store_true", help="only say whether they agree; exit 1 if not")
    boards.set_defaults(handler=_leaderboards)
    return parser
