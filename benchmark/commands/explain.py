"""``mer-bench explain``: where the network looked that predicted one held-out sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table as Columns

from benchmark.commands.options import local_records, plan_inputs, suite_options
from benchmark.commands.output import open_console, print_table
from benchmark.methods.recipe_files import name_of
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rich.console import Console

    from benchmark.commands.options import Commands


def add_explain_command(commands: Commands) -> None:
    """Register ``explain``; it sets ``handler``."""
    parser = commands.add_parser(
        "explain",
        parents=[suite_options(), local_records()],
        help="draw where the network looked that predicted a held-out sample",
    )
    parser.add_argument("run", help="a run of mer-bench status, or a method (its name or file) that was run once")
    parser.add_argument("--sample", required=True, metavar="KEY", help="<database>/<subject>/<clip>")
    parser.add_argument("--class", dest="target", metavar="NAME", help="class to explain (default: the predicted one)")
    parser.add_argument(
        "--layer",
        action="append",
        default=[],
        metavar="NAME",
        help="layer instead of the last convolution; repeated, their maps are added up",
    )
    parser.add_argument("--out", type=Path, metavar="FILE.png", help="(default: in the run's folder)")
    parser.set_defaults(handler=_explain)


def _explain(arguments: argparse.Namespace) -> int:
    from benchmark.files import write_json
    from benchmark.methods.suite import load_suite
    from benchmark.records.store import Store
    from benchmark.studies.explain.explanation import compare_with_record, explanation_of, summary_of
    from benchmark.studies.explain.picture import draw_explanation
    from benchmark.studies.explain.predictors import find_prediction, find_run, inputs_of, network_of, probabilities_of
    from benchmark.training.executors import check_accelerator
    from benchmark.training.tracking.mirror import make_tracker
    from mer_lightning.explain import choose_layers, grad_cam
    from mer_lightning.tasks import build_model

    console = open_console()
    check_accelerator(arguments.accelerator)
    store, suite = Store(arguments.runs), load_suite(arguments.suite)
    out: Path | None = arguments.out
    if out is not None and (out.suffix != ".png" or out.is_dir()):
        raise DataError(f"--out {out}: expected a file <name>.png")
    manifest = find_run(store, name_of(arguments.run))
    predicted = find_prediction(
        manifest,
        arguments.sample,
        suite,
        store,
        plan_inputs(arguments, console),
    )
    classes = predicted.run.protocol.scheme.classes
    target = predicted.prediction.prediction if arguments.target is None else _class_index(arguments.target, classes)
    inputs = inputs_of(predicted)
    if predicted.recipe.model is not None:
        # what cannot be explained should not be trained first
        choose_layers(build_model(predicted.run.table, predicted.recipe.model), inputs, arguments.layer)
    model = network_of(predicted, store, console, accelerator=arguments.accelerator)
    scores = probabilities_of(model, inputs)
    same, said = compare_with_record(predicted, scores)
    console.print(said)
    heat = grad_cam(model, inputs, target, arguments.layer)
    explanation = explanation_of(predicted, inputs[0], scores, target, heat)
    path = (
        out
        or store.folder(manifest.run) / "explanations" / f"{arguments.sample.replace('/', '--')}--{classes[target]}.png"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_explanation(explanation, path)
    shares = explanation.shares()
    _print_shares(console, shares, classes[target])
    if not float(heat.values.sum()):
        console.print(f"no place speaks for {classes[target]} at {' + '.join(heat.layers)}; try --layer or --class")
    console.print(f"picture: {path}")
    summary = store.folder(manifest.run) / "explanations" / f"{path.stem}.json"
    write_json(summary, summary_of(predicted, classes[target], scores, explanation))
    tracker = make_tracker(store.root / "wandb", suite.name, console)
    # faces of real people leave this machine only when somebody uploads them on purpose
    tracker.publish_picture(manifest.run, path, summary, private=not predicted.run.dataset.synthetic)
    tracker.close()
    return 0 if same else 1


def _class_index(name: str, classes: Sequence[str]) -> int:
    if name not in classes:
        raise DataError(f"--class {name}: expected one of {', '.join(classes)}")
    return list(classes).index(name)


def _print_shares(console: Console, shares: Sequence[tuple[str, Any, float]], target: str) -> None:
    table = Columns("place", "action unit (S4, Table 2)", f"share for {target}")
    for name, region, share in shares:
        unit = region.unit if region else None
        table.add_row(name, f"AU{unit.number} {unit.name}" if unit else "", f"{100 * share:.1f} %")
    print_table(console, table)
