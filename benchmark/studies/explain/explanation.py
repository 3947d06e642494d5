"""What is said of one prediction: whether it is the recorded one, on which face heat lies, and what the figures are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.studies.explain.picture import Explanation, Face
from mer_lightning.datamodules import apex_index
from mer_lightning.datasets.frames import FrameDataset
from mer_lightning.datasets.union import Union
from mer_lightning.faces.aligned import AlignedFrames
from mer_lightning.faces.facs import crop_points, units_of
from mer_lightning.motion.frames import timed, to_frames, to_grey
from mer_lightning.motion.spotting import spot_apex
from mer_lightning.synthetic.composite import SyntheticComposite, SyntheticDatabase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from benchmark.studies.explain.predictors import Predicted
    from mer_lightning.explain import Heat
    from mer_lightning.faces.points import Points
    from mer_lightning.motion import Representation
    from mer_lightning.types import Dataset, Sample

_CLOSE = 1e-3
"""Largest difference of a probability that still counts as the recorded one."""


def compare_with_record(predicted: Predicted, scores: Sequence[float]) -> tuple[bool, str]:
    """Whether a network predicts what was recorded, and that in one line.

    Args:
        predicted: What was recorded.
        scores: Class probabilities that the network gives the sample.
    """
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


def explanation_of(
    predicted: Predicted, inputs: Tensor, scores: Sequence[float], target: int, heat: Heat
) -> Explanation:
    """Everything that the picture of a prediction shows.

    Args:
        predicted: The prediction.
        inputs: What the network saw, ``(C, H, W)`` or ``(C, T, H, W)``.
        scores: Class probabilities that it gives the sample.
        target: Class that heat speaks for.
        heat: Grad-CAM of the inputs.

    Raises:
        DataError: The sample cannot be read.
    """
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


def summary_of(predicted: Predicted, target: str, scores: Sequence[float], explanation: Explanation) -> dict[str, Any]:
    """What the picture shows as figures, for the file beside it and for W&B; ``target`` is the explained class."""
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


def _face(dataset: Dataset, sample: Sample, representation: Representation, size: tuple[int, int]) -> Face:
    if dataset.kind != "frames":
        return Face(None, None, None, crop_points(*size), size, "mean face; the data has maps alone")
    clip = dataset.read(sample)
    apex = _apex(clip, sample)
    seen = representation.sample([clip], [apex], **timed(representation, [sample.fps]))[0].permute(1, 2, 3, 0)
    points, origin = _points(dataset, sample, clip.shape[1:3])
    return Face(
        _grey_as_colour(clip[0]),
        _grey_as_colour(clip[apex]),
        seen.expand(-1, -1, -1, 3).numpy(),
        points,
        clip.shape[1:3],
        origin,
    )


def _apex(clip: NDArray[np.uint8], sample: Sample) -> int:
    annotated = apex_index(sample, len(clip))
    return spot_apex(to_grey(to_frames(clip, None, None))[:, 0]) if annotated is None else annotated


def _points(dataset: Dataset, sample: Sample, size: tuple[int, int]) -> tuple[Points | None, str]:
    """Where the face is in the onset frame, and who says so."""
    while isinstance(dataset, Union):
        dataset = dataset.part_of(sample)
    if isinstance(dataset, AlignedFrames):
        return dataset.points(sample), "landmark file"
    if isinstance(dataset, SyntheticComposite | SyntheticDatabase):
        return dataset.points(sample), "true landmarks of the invented face"
    if isinstance(dataset, FrameDataset) and dataset.variant != "cropped":
        return None, f"none; the {dataset.variant} frames of {dataset.name} are not cropped and not aligned"
    return crop_points(*size), "mean face of a crop"


def _grey_as_colour(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.broadcast_to(frame.astype(np.float32) / np.float32(255), (*frame.shape[:2], 3)).copy()
