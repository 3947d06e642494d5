"""Commands about tuning: ``mer-bench tune`` and ``mer-bench tune-report``."""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from benchmark.commands.options import METHOD, chosen_suite, plan_inputs, say_failed, seed, training_options
from benchmark.commands.output import open_console
from benchmark.methods.recipe_files import name_of
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from benchmark.commands.options import Commands
    from benchmark.records.store import Store
    from benchmark.training.executors import Executor, Work
    from benchmark.training.plan import Run


def add_tune_commands(commands: Commands) -> None:
    """Register ``tune`` and ``tune-report``; both set ``handler``."""
    tune = commands.add_parser(
        "tune", parents=[training_options()], help="tune a method inside the training subjects of each fold"
    )
    tune.add_argument("--method", required=True, help=f"{METHOD}, with a search_space")
    tune.add_argument("--protocol", required=True, help="a protocol")
    tune.add_argument("--trials", required=True, type=int, help="trials of each study")
    tune.add_argument(
        "--mode",
        default="nested",
        choices=["nested", "holdout", "global"],
        help="nested: a study per held-out subject, on the training subjects; holdout: the same per held-out database; "
        "global: one study on the tested folds, optimistic and never ranked (default: %(default)s)",
    )
    tune.add_argument("--inner-folds", type=int, help="parts of the training subjects (default: 3; none under global)")
    tune.add_argument("--sampler", default="tpe", choices=["tpe", "gp", "random"], help="(default: %(default)s)")
    tune.add_argument(
        "--pruner",
        default="auto",
        choices=["auto", "none", "wilcoxon", "hyperband"],
        help="wilcoxon: across inner folds, hyperband: across epochs; auto: hyperband for a network, wilcoxon for an "
        "estimator (default: %(default)s)",
    )
    tune.add_argument(
        "--space",
        type=Path,
        metavar="FILE",
        help="a YAML file with a search_space that takes the place of the recipe's own, e.g. with fewer epochs",
    )
    tune.add_argument("--timeout", type=float, metavar="SECONDS", help="of the trials of each study, together")
    tune.add_argument(
        "--storage",
        default="sqlite",
        help="sqlite or journal: a file in the run's folder; or an URL: sqlite:///FILE, "
        "postgresql+psycopg://USER@HOST/DATABASE, grpc://HOST:PORT (default: %(default)s)",
    )
    tune.add_argument("--seed", type=seed, default=0, help="seed of the run (default: %(default)s)")
    tune.add_argument("--export", type=Path, metavar="FILE", help="write the chosen values as a recipe <name>.yaml")
    tune.set_defaults(handler=_tune)

    report = commands.add_parser("tune-report", help="draw the studies of a tuned run")
    report.add_argument("folder", type=Path, help="folder of the run, runs/<method>-tuned--...")
    report.add_argument("--out", type=Path, help="folder of the pictures (default: <folder>/tuning/pictures)")
    report.set_defaults(handler=_report)


def _tune(arguments: argparse.Namespace) -> int:
    from benchmark.records.store import Store
    from benchmark.training.ledger import Output
    from benchmark.training.tracking.mirror import make_tracker
    from benchmark.tuning.tune import make_tuning, mirror_seconds, tune

    console = open_console()
    if arguments.mode == "global" and arguments.inner_folds is not None:
        raise DataError("--inner-folds: --mode global scores the tested folds and has none; expected no --inner-folds")
    if arguments.export:
        _check_export(arguments.export)
    run = _planned_run(arguments, console)
    tuning = make_tuning(
        run.recipe,
        mode=arguments.mode,
        trials=arguments.trials,
        inner_folds=3 if arguments.inner_folds is None else arguments.inner_folds,
        sampler=arguments.sampler,
        pruner=arguments.pruner,
        timeout=arguments.timeout,
    )
    store = Store(arguments.runs)
    tracker = make_tracker(arguments.runs / "wandb", f"{run.recipe.name} · tuning", console)
    console.print(
        f"{run.recipe.name} · {run.board}: {tuning.trials} trials {'in all' if tuning.mode == 'global' else 'a fold'}, "
        f"{len(run.folds)} folds, sampler {tuning.sampler}, pruner {tuning.pruner}"
    )
    try:
        record = tune(
            run,
            tuning,
            Output(store, arguments.records, tracker, console),
            partial(_executor, arguments, run, store),
            arguments.storage,
        )
    except KeyboardInterrupt:
        tracker.close(patience=1.0)
        print("mer-bench: stopped; finished trials and folds are kept, the same command goes on", file=sys.stderr)
        return 130
    except BaseException:
        tracker.close(patience=1.0)
        raise
    tracker.close(mirror_seconds(run, tuning))
    console.print(f"records: {arguments.records}")
    if arguments.export and record.complete:
        from benchmark.tuning.export import export

        export(run, record, store, arguments.export)
        console.print(f"recipe: {arguments.export}")
    return say_failed([record], arguments.runs, console)


def _check_export(path: Path) -> None:
    """Make sure, before days of tuning, that its end can be written down."""
    from benchmark.methods.recipe import RECIPE_NAME

    if path.suffix != ".yaml" or not re.fullmatch(RECIPE_NAME, path.stem):
        raise DataError(f"--export {path}: expected a file <name>.yaml, the name in lower-case letters, digits and -")
    if path.is_dir() or not path.parent.is_dir():
        raise DataError(f"--export {path}: expected a file in a folder that is there")
    try:
        TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise DataError(f"--export {path}: {path.parent} takes no files ({error.strerror})") from error


def _planned_run(arguments: argparse.Namespace, console: Console) -> Run:
    """The one run that is tuned, in the search space that was asked for."""
    from benchmark.training.plan import make_plan
    from benchmark.tuning.tune import with_space

    suite = chosen_suite(arguments)
    console.print(f"{suite.title}: checking recipe and data")
    (run,) = make_plan(
        suite,
        plan_inputs(arguments, console),
        methods=[name_of(arguments.method)],
        protocols=[arguments.protocol],
        seeds=[arguments.seed],
    )
    return with_space(run, arguments.space) if arguments.space else run


def _executor(arguments: argparse.Namespace, run: Run, store: Store, work: Work) -> Executor:
    from benchmark.training.executors import choose_executor

    name = "processes" if arguments.executor == "auto" and (arguments.jobs or 1) > 1 else arguments.executor
    return choose_executor(name, [run], store, arguments.accelerator, arguments.jobs, arguments.address, work)


def _report(arguments: argparse.Namespace) -> int:
    from benchmark.tuning.pictures import draw_studies

    output = arguments.out or arguments.folder / "tuning" / "pictures"
    for path in draw_studies(arguments.folder, output):
        print(path)
    return 0
