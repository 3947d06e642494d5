"""``mer-bench explain``: where the network looked that predicted one held-out sample."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table as Columns

from benchmark.commands.options import local_records, suite_options
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from benchmark.commands.options import Commands
    from benchmark.explain.networks import Predicted
    from benchmark.explain.picture import Explanation, Face
    from mer_lightning.datasets.base import Dataset
    from mer_lightning.faces.points import Points
    from mer_lightning.motion import Representation
    from mer_lightning.types import Sample

_CLOSE = 1e-3
"""Largest difference of a probability that still counts as the recorded one."""


def add_explain_command(commands: Commands) -> None:
    """Register ``explain``; it sets ``handler``."""
    parser = commands.add_parser(
        "explain",
        parents=[suite_options(), local_records()],
        help="draw where the network looked that predicted a held-out sample",
    )
    parser.add_argument("run", help="a run of mer-bench status, or a method that was run once")
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
    from benchmark.explain.networks import find_prediction, find_run, inputs_of, network_of, scores_of
    from benchmark.explain.picture import draw_explanation
    from benchmark.json_files import write_json
    from benchmark.store import Store
    from benchmark.suite import load_suite
    from benchmark.tracking.mirror import make_tracker
    from mer_lightning.explain import choose_layers, grad_cam
    from mer_lightning.tasks import build_model

    console = Console(highlight=False, soft_wrap=True)
    store, suite = Store(arguments.runs), load_suite(arguments.suite)
    out: Path | None = arguments.out
    if out is not None and (out.suffix != ".png" or out.is_dir()):
        raise DataError(f"--out {out}: expected a file <name>.png")
    manifest = find_run(store, arguments.run)
    predicted = find_prediction(
        manifest, arguments.sample, suite, store, data=arguments.data, progress=partial(_reading, console)
    )
    classes = predicted.run.protocol.scheme.classes
    target = predicted.prediction.prediction if arguments.target is None else _class_index(arguments.target, classes)
    inputs = inputs_of(predicted)
    if predicted.recipe.model is not None:
        # what cannot be explained should not be trained first
        choose_layers(build_model(predicted.run.table, predicted.recipe.model), inputs, arguments.layer)
    model = network_of(predicted, store, console, accelerator=arguments.accelerator)
    scores = scores_of(model, inputs)
    same, said = _compare(predicted, scores)
    console.print(said)
    heat = grad_cam(model, inputs, target, arguments.layer)
    explanation = _assemble(predicted, inputs[0], scores, target, heat)
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
    write_json(summary, _summary(predicted, classes[target], scores, explanation))
    tracker = make_tracker(store.root / "wandb", suite.name, console)
    # faces of real people leave this machine only when somebody uploads them on purpose
    tracker.publish_picture(manifest.run, path, summary, private=not predicted.run.dataset.synthetic)
    tracker.close()
    return 0 if same else 1


@contextmanager
def _reading(console: Console, samples: int) -> Generator[Callable[[int], None]]:
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading samples", total=samples)
        yield lambda count: bar.advance(task, count)


def _class_index(name: str, classes: Sequence[str]) -> int:
    if name not in classes:
        raise DataError(f"--class {name}: expected one of {', '.join(classes)}")
    return list(classes).index(name)


def _compare(predicted: Predicted, scores: Sequence[float]) -> tuple[bool, str]:
    """Whether this network predicts what was recorded, and that in one line."""
    classes, recorded = predicted.run.protocol.scheme.classes, predicted.prediction
    found = int(np.argmax(scores))
    if found != recorded.prediction:
        return False, (
            f"WARNING: this network predicts {classes[found]}, recorded is {classes[recorded.prediction]}: it is not "
            "the one that predicted (another device, other versions, other code), and its weights are not kept"
        )
    apart = max((abs(a - b) for a, b in zip(scores, recorded.scores, strict=False)), default=0.0)
    as_recorded = "as recorded" if apart <= _CLOSE else f"as recorded, but its probabilities are {apart:.3f} apart"
    return True, f"predicts {classes[found]} with {scores[found]:.3f}, {as_recorded}"


def _assemble(predicted: Predicted, inputs: Tensor, scores: list[float], target: int, heat: Any) -> Explanation:  # noqa: ANN401
    from benchmark.explain.picture import Explanation
    from mer_lightning.faces.facs import units_of

    run, sample = predicted.run, predicted.sample
    classes, found = run.protocol.scheme.classes, int(np.argmax(scores))
    true = classes[predicted.prediction.label]
    named = ", ".join(f"AU{unit.number}" for unit in units_of(sample.emotion))
    coded = f", coded {sample.action_units}" if sample.action_units else ""
    face = _face(run.dataset, sample, run.table.representation, (inputs.shape[-2], inputs.shape[-1]))
    invented = " · invented face" if run.dataset.synthetic else ""
    recorded = predicted.prediction.prediction
    other = "" if found == recorded else f" · NOT the network that predicted, which said {classes[recorded]}"
    return Explanation(
        face=face,
        inputs=inputs,
        channels=run.table.representation.channels,
        value_range=run.table.representation.value_range,
        heat=heat,
        heading=f"{predicted.recipe.title}: predicted {classes[found]} ({scores[found]:.2f}), true {true}",
        lines=(
            f"{sample.key} · {sample.emotion}{coded}{f'; Table 2 of S4 names {named}' if named else ''}{invented}",
            f"{run.board} · fold without {predicted.fold.held_out} · seed {run.seed} · Grad-CAM for {classes[target]} "
            f"at {' + '.join(heat.layers)} ({' x '.join(map(str, heat.places))} places)",
            f"outlines: {face.origin}{other}",
        ),
    )


def _face(dataset: Dataset, sample: Sample, representation: Representation, size: tuple[int, int]) -> Face:
    from benchmark.explain.picture import Face
    from mer_lightning.faces.facs import crop_points

    if dataset.kind != "frames":
        return Face(None, None, None, crop_points(*size), size, "mean face; the data has maps alone")
    clip = dataset.read(sample)
    apex = _apex(clip, sample)
    seen = representation.sample([clip], [apex])[0].permute(1, 2, 3, 0)
    points, origin = _points(dataset, sample, clip.shape[1:3])
    return Face(
        _colour(clip[0]),
        _colour(clip[apex]),
        seen.expand(-1, -1, -1, 3).numpy(),
        points,
        clip.shape[1:3],
        origin,
    )


def _apex(clip: NDArray[np.uint8], sample: Sample) -> int:
    from mer_lightning.motion.frames import to_frames, to_grey
    from mer_lightning.motion.spotting import spot_apex

    if sample.apex is not None and sample.onset is not None:
        return min(sample.apex - sample.onset, len(clip) - 1)
    return spot_apex(to_grey(to_frames(clip, None, None))[:, 0])


def _points(dataset: Dataset, sample: Sample, size: tuple[int, int]) -> tuple[Points | None, str]:
    """Where the face is in the onset frame, and who says so."""
    from mer_lightning.datasets.frames import FrameDataset
    from mer_lightning.datasets.synthetic.composite import SyntheticComposite, SyntheticDatabase
    from mer_lightning.datasets.union import Union
    from mer_lightning.faces.aligned import AlignedFrames
    from mer_lightning.faces.facs import crop_points

    while isinstance(dataset, Union):
        dataset = dataset.part_of(sample)
    if isinstance(dataset, AlignedFrames):
        return dataset.points(sample), "landmark file"
    if isinstance(dataset, SyntheticComposite | SyntheticDatabase):
        return dataset.points(sample), "true landmarks of the invented face"
    if isinstance(dataset, FrameDataset) and dataset.variant != "cropped":
        return None, f"none; the {dataset.variant} frames of {dataset.name} are not cropped and not aligned"
    return crop_points(*size), "mean face of a crop"


def _colour(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.broadcast_to(frame.astype(np.float32) / np.float32(255), (*frame.shape[:2], 3)).copy()


def _print_shares(console: Console, shares: Sequence[tuple[str, Any, float]], target: str) -> None:
    table = Columns("place", "action unit (S4, Table 2)", f"share for {target}")
    for name, region, share in shares:
        unit = region.unit if region else None
        table.add_row(name, f"AU{unit.number} {unit.name}" if unit else "", f"{100 * share:.1f} %")
    console.print(table)


def _summary(predicted: Predicted, target: str, scores: list[float], explanation: Explanation) -> dict[str, Any]:
    run = predicted.run
    return {
        "config": {
            "sample": predicted.sample.key,
            "method": predicted.recipe.name,
            "board": run.board,
            "seed": run.seed,
            "held_out": predicted.fold.held_out,
            "predicted": run.protocol.scheme.classes[int(np.argmax(scores))],
            "recorded": run.protocol.scheme.classes[predicted.prediction.prediction],
            "true": run.protocol.scheme.classes[predicted.prediction.label],
            "class": target,
            "layers": list(explanation.heat.layers),
            "places": list(explanation.heat.places),
        },
        "shares": {name: round(share, 6) for name, _, share in explanation.shares()},
    }
