"""Landmarks of whole databases, found once by a detector and kept in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.faces.aligned import landmark_file
from mer_lightning.faces.landmarks import write_landmarks
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mer_lightning.faces.landmarks import Detector
    from mer_lightning.faces.points import Points
    from mer_lightning.synthetic.twins import TwinTruth
    from mer_lightning.types import Sample

_RAW = {"smic", "smic_vis", "smic_nir", "casme2", "samm"}


@dataclass(slots=True)
class Prepared:
    """What became of a run of the detector.

    Attributes:
        frames: Frames with points.
        without_face: ``<key> frame <number>`` of the onset frames in which no face was found.
        several_faces: The same of the frames in which one of several faces was taken.
        units: Names of the action units that were measured in them.
    """

    frames: int = 0
    without_face: list[str] = field(default_factory=list[str])
    several_faces: list[str] = field(default_factory=list[str])
    units: tuple[str, ...] = ()


def prepare_landmarks(
    samples: Sequence[Sample],
    read: Callable[[Sample], NDArray[np.uint8]],
    detector: Detector,
    path: Path,
) -> Prepared:
    """Detect the landmarks of every onset frame and write a landmark file.

    Args:
        samples: Samples with an onset.
        read: Gives the frames onset..offset of a sample, ``(T, H, W, C)``.
        detector: The detector.
        path: The file to write.

    Raises:
        DataError: A sample has no onset or cannot be read.
    """
    prepared = Prepared()

    def rows() -> Iterator[tuple[Sample, int, Points]]:
        for sample in samples:
            if sample.onset is None:
                raise DataError(f"{sample.key}: expected an onset")
            frame = read(sample)[0]
            points = detector.detect(np.repeat(frame, 3, axis=2) if frame.shape[2] == 1 else frame)
            if points is None:
                prepared.without_face.append(f"{sample.key} frame {sample.onset}")
            else:
                yield sample, sample.onset, points

    prepared.frames = write_landmarks(path, rows())
    return prepared


def write_true_landmarks(twin: TwinTruth) -> None:
    """Write the landmark file of a twin's raw frames into its root: the true points of every onset frame.

    Args:
        twin: A twin of SMIC, CASME II or SAMM; of CK+, which brings its landmarks along, and FER2013, which needs none,
            nothing is written.
    """
    if twin.database not in _RAW:
        return
    path = landmark_file(twin.root, "long" if "-e-" in twin.release else "raw")
    write_landmarks(
        path,
        (
            (take.sample, take.onset, take.landmarks()[take.script.onset].numpy().astype(np.float32))
            for take in twin.takes.values()
        ),
    )
