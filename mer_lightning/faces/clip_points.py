"""Landmarks of a user's clips: the files that their table names, each a landmark file or one of OpenFace."""

from __future__ import annotations

import csv
import hashlib
from typing import TYPE_CHECKING

from mer_lightning.datasets.problems import Problem
from mer_lightning.faces.aligned import OnsetPoints
from mer_lightning.faces.landmarks import OPENFACE_POINTS, read_landmarks
from mer_lightning.faces.openface import read_openface_of
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from mer_lightning.datasets.clips import ClipTable, OwnClips
    from mer_lightning.faces.landmarks import Landmarks
    from mer_lightning.faces.points import Points
    from mer_lightning.types import Sample


class ClipPoints:
    """Points of onset frames; every file is read once.

    Args:
        root: Folder of the table.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: dict[Path, Landmarks | None] = {}

    def onset(self, sample: Sample, file: Path | None) -> Points:
        """Points of a sample's onset frame, ``(68, 2)`` pixels.

        Args:
            sample: The sample.
            file: A landmark file, in which the sample is found by database, subject and clip; or a file of OpenFace,
                which is of this clip alone.

        Raises:
            DataError: The row names no file, the file is neither, or it has no face in that frame.
        """
        if file is None:
            raise DataError(f"landmarks is empty; faces: aligned needs the onset of {sample.key}")
        if file not in self._read:
            self._read[file] = None if _is_openface(file) else read_landmarks(file)
        table = self._read[file]
        return read_openface_of(sample, self._root, file) if table is None else table.of(sample)


def clip_points(clips: OwnClips) -> OnsetPoints:
    """Points of every clip's onset frame.

    Raises:
        DataError: A clip has none.
    """
    reader = ClipPoints(clips.root)
    found = {sample.key: reader.onset(sample, clips.landmarks[sample.key]) for sample in clips.samples}
    return OnsetPoints(found, hashlib.sha256(b"".join(points.tobytes() for points in found.values())).hexdigest())


def clip_landmark_problems(table: ClipTable) -> list[Problem]:
    """Everything that keeps the clips of a table from being aligned."""
    reader, problems = ClipPoints(table.path.parent.resolve()), list[Problem]()
    for row in table.found.rows:
        try:
            reader.onset(row.sample, row.landmarks)
        except DataError as error:
            problems.append(Problem(table.found.file, row.number, str(error)))
    return problems


def _is_openface(path: Path) -> bool:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            titles = {title.strip() for title in next(csv.reader(file), [])}
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a CSV file in UTF-8 ({error})") from None
    return {"frame", *OPENFACE_POINTS} <= titles
