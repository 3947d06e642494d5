"""What OpenFace has found: its CSV files, one per clip, become one file of landmarks and one of action units."""

from __future__ import annotations

import csv
import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mer_lightning.datasets.frames import clip_files
from mer_lightning.datasets.paths import children, inside, relative
from mer_lightning.faces.landmarks import LARGEST, LONGEST_NUMBER, MOST_ROWS, OPENFACE_POINTS, write_landmarks
from mer_lightning.faces.points import COUNT
from mer_lightning.faces.prepare import Prepared
from mer_lightning.faces.units import Units, unit_names, unit_value, write_units
from mer_lightning.types import DataError
from mer_lightning.video.reader import IMAGE_SUFFIXES, video_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mer_lightning.faces.points import Points
    from mer_lightning.types import Sample

_NEEDED = ("frame", "confidence", "success")


class FoundFaces(NamedTuple):
    """What one file of OpenFace says.

    Attributes:
        frames: By frame, counted from 1.
        units: Names of the action units that it has.
    """

    frames: dict[int, FoundFace]
    units: tuple[str, ...]


class FoundFace(NamedTuple):
    """What OpenFace found in one frame.

    Attributes:
        points: ``(68, 2)`` pixels, x then y, of the face with the highest confidence; None without a face.
        confidence: Of that face, 0..1; -1 without a face.
        faces: How many there were.
        units: Action units of that face, in the order of ``unit_names``; empty without a face.
    """

    points: Points | None
    confidence: float
    faces: int
    units: tuple[float, ...] = ()


def import_openface(
    samples: Sequence[Sample], root: Path, folder: Path, path: Path, units: Path | None = None
) -> Prepared:
    """Turn the files of OpenFace's FeatureExtraction into a landmark file, frames onset..offset of every clip.

    OpenFace counts the frames it was given from 1: those of a folder in the order of ``sort`` (``img10`` before
    ``img9``), those of a video as they come.

    Args:
        samples: Samples with a path, an onset and an offset.
        root: Root of their database.
        folder: Holds ``<subject>/<clip>.csv``, ``<subject>_<clip>.csv`` or, where no other subject has such a clip,
            ``<clip>.csv``.
        path: The file to write.
        units: The file to write action units into, where OpenFace has measured any.

    Returns:
        What was written; without a face are the onset frames alone, since a clip is aligned by that.

    Raises:
        DataError: A file is missing, is not one of OpenFace, or is not of the frames of its clip.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected OpenFace's CSV files, one per clip")
    prepared = Prepared()
    files = _files(samples, folder)
    kept = Units(())

    def rows() -> Iterator[tuple[Sample, int, Points]]:
        for sample in samples:
            found, names = read_openface(files[sample.key])
            if kept.frames and kept.names != names:
                raise DataError(
                    f"{files[sample.key]}: other action units than in the files before; expected those of one program"
                )
            kept.names = names
            kept.frames[sample.key] = {}
            places = _places(sample, root, max(found), files[sample.key])
            for number, place in enumerate(places, start=sample.onset or 0):
                points, _, faces, values = found.get(place, FoundFace(None, -1.0, 0))
                if points is None and number == sample.onset:
                    prepared.without_face.append(f"{sample.key} frame {number}")
                if points is not None:
                    kept.frames[sample.key][number] = values
                    yield sample, number, points
                if faces > 1:
                    prepared.several_faces.append(f"{sample.key} frame {number}")

    prepared.frames = write_landmarks(path, rows())
    prepared.units = kept.names
    if units is not None and kept.names:
        write_units(units, kept, samples)
    return prepared


def read_openface(path: Path) -> FoundFaces:
    """Read one CSV file of OpenFace's FeatureExtraction.

    Args:
        path: The file, with the columns ``frame``, ``confidence``, ``success``, ``x_0`` ... ``x_67`` and ``y_0`` ...
            ``y_67`` among others, and maybe action units, ``AU01_r`` and ``AU01_c``; blanks around titles and values
            do not matter.

    Raises:
        DataError: No such file, a column is missing, or a cell is not what it should be.
    """
    found: dict[int, FoundFace] = {}
    names: tuple[str, ...] = ()
    seen: set[tuple[int, str]] = set()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            titles = [title.strip() for title in next(reader, [])]
            if lacks := next((name for name in (*_NEEDED, *OPENFACE_POINTS) if titles.count(name) != 1), None):
                raise DataError(
                    f"{path} row 1: expected the columns of OpenFace's FeatureExtraction; {lacks} is not once there"
                )
            where = {title: place for place, title in enumerate(titles)}
            names = unit_names(where)
            for number, row in enumerate(reader, start=2):
                if number > MOST_ROWS:
                    raise DataError(f"{path}: more than {MOST_ROWS} rows")
                if not row:
                    continue
                if len(row) != len(titles):
                    raise DataError(f"{path} row {number}: expected {len(titles)} cells, found {len(row)}")
                cells = {title: row[place].strip() for title, place in where.items()}
                frame, one = _row(f"{path} row {number}", cells, names)
                face = (frame, cells.get("face_id", ""))
                if face in seen:
                    raise DataError(f"{path} row {number}: frame {frame} is given twice")
                seen.add(face)
                best = found.get(frame, FoundFace(None, -1.0, 0))
                better = one if one.confidence > best.confidence else best
                found[frame] = better._replace(faces=best.faces + one.faces)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a CSV file in UTF-8 ({error})") from None
    if not found:
        raise DataError(f"{path}: no frame in it")
    return FoundFaces(found, names)


def read_openface_of(sample: Sample, root: Path, path: Path) -> Points:
    """Points of a sample's onset frame in OpenFace's file of its clip, ``(68, 2)`` pixels.

    Args:
        sample: The sample, with a path, an onset and an offset.
        root: Root of its database.
        path: The file.

    Raises:
        DataError: The file is not one of OpenFace, is not of the frames of the clip, or has no face in its onset.
    """
    found = read_openface(path).frames
    onset, *_ = _places(sample, root, max(found), path)
    points = found.get(onset, FoundFace(None, -1.0, 0)).points
    if points is None:
        raise DataError(f"{path}: no face in frame {onset}, the onset of {sample.key}")
    return points


def _row(where: str, cells: dict[str, str], names: Sequence[str]) -> tuple[int, FoundFace]:
    frame = cells["frame"]
    if not (frame.isdecimal() and len(frame) < LONGEST_NUMBER and int(frame) > 0):
        raise DataError(f"{where}: frame is '{frame[:20]}'; expected a whole number from 1 on")
    if cells["success"] not in {"0", "1"}:
        raise DataError(f"{where}: success is '{cells['success'][:20]}'; expected 0 or 1")
    if cells["success"] == "0":
        return int(frame), FoundFace(None, -1.0, 0)
    confidence = _number(cells["confidence"])
    if not 0 <= confidence <= 1:
        raise DataError(f"{where}: confidence is '{cells['confidence'][:20]}'; expected 0..1")
    values = [_number(cells[name]) for name in OPENFACE_POINTS]
    for name, value in zip(OPENFACE_POINTS, values, strict=True):
        if not abs(value) <= LARGEST:
            raise DataError(f"{where}: {name} is '{cells[name][:20]}'; expected pixels")
    points = np.array(values, np.float32).reshape(2, COUNT).T
    units = tuple(unit_value(where, name, cells[name]) for name in names)
    return int(frame), FoundFace(points, confidence, 1, units)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _files(samples: Sequence[Sample], folder: Path) -> dict[str, Path]:
    clips = Counter(sample.clip for sample in samples)
    files: dict[str, Path] = {}
    missing: list[Sample] = []
    for sample in samples:
        names = [f"{sample.subject}/{sample.clip}", f"{sample.subject}_{sample.clip}"]
        names += [sample.clip] * (clips[sample.clip] == 1)
        places = [place for name in names if (place := folder / f"{name}.csv").is_file()]
        if len(places) > 1:
            raise DataError(
                f"{folder}: {' and '.join(relative(folder, one) for one in places)} are both of {sample.key}"
            )
        if places:
            inside(folder, places[0])
            files[sample.key] = places[0]
        else:
            missing.append(sample)
    if missing:
        first, more = missing[0], f" (and {len(missing) - 1} more clips without a file)" * (len(missing) > 1)
        raise DataError(
            f"{folder}: no file of {first.key}; expected {first.subject}/{first.clip}.csv or "
            f"{first.subject}_{first.clip}.csv{more}"
        )
    return files


def _places(sample: Sample, root: Path, count: int, file: Path) -> list[int]:
    """Which rows, counted from 1, are the frames onset..offset of a clip."""
    if sample.path is None or sample.onset is None or sample.offset is None:
        raise DataError(f"{sample.key}: expected a path, an onset and an offset")
    if inside(root, sample.path).is_file():
        span = video_frames(count, sample.onset, sample.offset, str(file))
        return [*range(span.start + 1, span.stop + 1)]
    names = sorted(path.name for path in children(root, sample.path) if path.suffix.lower() in IMAGE_SUFFIXES)
    try:
        frames = clip_files(root, sample)
    except DataError:
        # a frame that is missing by the release, for which the nearest stands in; or nothing that can be filled
        frames = clip_files(root, sample, fill=True)
    if count == len(names):
        place_of = {name: place for place, name in enumerate(names, start=1)}
        return [place_of[frame.name] for frame in frames]
    if count == len(frames):
        return [*range(1, count + 1)]
    raise DataError(
        f"{file}: {count} frames, but {relative(root, sample.path)} has {len(names)}, of which {len(frames)} are from "
        "onset to offset; expected one of the two"
    )
