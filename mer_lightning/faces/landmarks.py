"""Where landmarks come from: a file, or a detector that the user has installed; none is a dependency."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mer_lightning.faces.points import COUNT, LEFT_EYE, RIGHT_EYE, Points, mean_face
from mer_lightning.files import replacing
from mer_lightning.mistakes import unknown
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mer_lightning.types import Sample

COLUMNS = (
    "database",
    "subject",
    "clip",
    "frame",
    *(f"{axis}{index}" for index in range(COUNT) for axis in "xy"),
)
"""Header of a landmark file; the columns may come in any order."""
OPENFACE_POINTS = tuple(f"{axis}_{index}" for axis in "xy" for index in range(COUNT))
"""The same points in a file of OpenFace."""
MOST_ROWS = 5_000_000
LARGEST = 100_000.0
LONGEST_NUMBER = 10


class Landmarks:
    """The 68 points of clips by frame.

    Args:
        points: Per sample key, per frame number as annotated, ``(68, 2)`` pixels of the frame, x then y.
    """

    def __init__(self, points: Mapping[str, Mapping[int, Points]]) -> None:
        self._points = points

    def __len__(self) -> int:
        return sum(len(frames) for frames in self._points.values())

    def frames(self, sample: Sample) -> tuple[int, ...]:
        """Frame numbers of a sample that have points, in order."""
        return tuple(sorted(self._points.get(sample.key, {})))

    def of(self, sample: Sample, frame: int | None = None) -> Points:
        """Points of one frame of a sample.

        Args:
            sample: The sample.
            frame: Frame number as annotated; None for the onset, the reference of the whole clip.

        Returns:
            ``(68, 2)``, float32, pixels, x then y.

        Raises:
            DataError: The file has no such frame.
        """
        number = sample.onset if frame is None else frame
        points = self._points.get(sample.key, {}).get(-1 if number is None else number)
        if points is None:
            raise DataError(f"{sample.key}: no landmarks of frame {number}; run `mer-bench data prepare` for it")
        return points


def read_landmarks(path: Path) -> Landmarks:
    """Read a landmark file: CSV with the columns database, subject, clip, frame, x0, y0 ... x67, y67.

    Raises:
        DataError: No such file, other columns, a cell that is not a finite number, or a frame given twice.
    """
    points: dict[str, dict[int, Points]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file, strict=True)
            header = [title.strip() for title in next(reader, [])]
            if {"frame", *OPENFACE_POINTS} <= {*header}:
                raise DataError(
                    f"{path} row 1: a file of OpenFace, which is of one clip; put those of all clips into a folder "
                    "and run `mer-bench data landmarks <folder of the database> --openface <that folder>`"
                )
            if sorted(header) != sorted(COLUMNS):
                lacks = next((name for name in COLUMNS if name not in header), "none, but has further ones")
                raise DataError(
                    f"{path} row 1: expected the columns {', '.join(COLUMNS[:6])} ... y67; it lacks {lacks}"
                )
            where = {name: header.index(name) for name in COLUMNS}
            order = [where[name] for name in COLUMNS[4:]]
            for number, row in enumerate(reader, start=2):
                if number > MOST_ROWS:
                    raise DataError(f"{path}: more than {MOST_ROWS} rows")
                if not row:
                    continue
                key, frame, values = _row(path, number, row, where, order)
                clip = points.setdefault(key, {})
                if frame in clip:
                    raise DataError(f"{path} row {number}: frame {frame} of {key} is given twice")
                clip[frame] = values
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a CSV file in UTF-8 ({error})") from None
    return Landmarks(points)


def write_landmarks(path: Path, rows: Iterable[tuple[Sample, int, Points]]) -> int:
    """Write a landmark file; it appears whole or not at all.

    Args:
        path: The file.
        rows: Sample, frame number as annotated, ``(68, 2)`` pixels.

    Returns:
        Number of frames.

    Raises:
        DataError: Points of another shape, or not finite.
    """
    count = 0
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for sample, frame, points in rows:
            if points.shape != (COUNT, 2) or not np.isfinite(points).all():
                raise DataError(f"{sample.key}: expected {COUNT} finite points, found shape {points.shape}")
            values = (f"{value:.3f}" for value in points.reshape(-1).tolist())
            writer.writerow([sample.database, sample.subject, sample.clip, frame, *values])
            count += 1
    return count


class Detector(Protocol):
    """Finds the 68 points of the one face in a picture."""

    def detect(self, image: NDArray[np.uint8]) -> Points | None:
        """Detect.

        Args:
            image: ``(H, W, 3)`` RGB.

        Returns:
            ``(68, 2)``, float32, pixels, x then y; None if there is no face.
        """
        ...


def load_detector(name: str, model: Path, device: str = "cpu") -> Detector:
    """Load a detector that the user has installed, with a model that the user has.

    Args:
        name: ``face-alignment``, ``mediapipe`` or ``yunet``.
        model: ``face-alignment``: a torch hub folder whose ``checkpoints`` hold the two models of that
            package; ``mediapipe``: a ``face_landmarker.task`` file; ``yunet``: a
            ``face_detection_yunet*.onnx`` file.
        device: Where it runs, for ``face-alignment``.

    Raises:
        DataError: Unknown name, package not installed, model not there, or not one.
    """
    if name not in _DETECTORS:
        raise DataError(unknown("landmark detector", name, _DETECTORS))
    if not model.exists():
        raise DataError(f"{model}: no such model; {name} needs {_MODELS[name]}, which it does not bring along")
    try:
        return _DETECTORS[name](model, device)
    except DataError:
        raise
    except ImportError as error:
        raise DataError(
            f"landmark detector '{name}' needs the package {_PACKAGES[name]}, which is not installed ({error})"
        ) from None
    except Exception as error:  # each package raises what it likes
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{model}: {name} needs {_MODELS[name]}, which this is not ({reason})") from None


class FaceAlignmentDetector:
    """2D-FAN of the package face-alignment: 68 points.

    Args:
        model: Torch hub folder; nothing is downloaded into it.
        device: Where it runs.

    Raises:
        DataError: The folder holds no model.
        ImportError: The package is not installed.
    """

    def __init__(self, model: Path, device: str = "cpu") -> None:
        checkpoints = sorted(path.name for path in (model / "checkpoints").glob("*"))
        if not any(name.startswith("2DFAN") for name in checkpoints):
            raise DataError(f"{model}: expected {_MODELS['face-alignment']}")
        import face_alignment  # pyright: ignore[reportMissingImports]
        import torch

        before = torch.hub.get_dir()
        torch.hub.set_dir(str(model))
        try:
            self._network: Any = face_alignment.FaceAlignment(
                face_alignment.LandmarksType.TWO_D, device=device, flip_input=False
            )
        finally:
            torch.hub.set_dir(before)

    def detect(self, image: NDArray[np.uint8]) -> Points | None:
        """Detect; the largest face counts. See `Detector`."""
        found: Any = self._network.get_landmarks_from_image(image)
        if not found:
            return None
        faces = [np.asarray(face, np.float32)[:, :2] for face in found]
        return max(faces, key=lambda face: float(np.prod(np.ptp(face, axis=0))))


class MediaPipeDetector:
    """Face landmarker of MediaPipe Tasks: 478 points, of which 68 are taken.

    Args:
        model: ``face_landmarker.task`` file.
        device: Not used; the package runs on the processor.

    Raises:
        ImportError: The package is not installed.
    """

    def __init__(self, model: Path, device: str = "cpu") -> None:
        del device
        import mediapipe  # pyright: ignore[reportMissingImports]
        from mediapipe.tasks import python as tasks  # pyright: ignore[reportMissingImports]

        options: Any = tasks.vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(model)), num_faces=1
        )
        self._package: Any = mediapipe
        self._network: Any = tasks.vision.FaceLandmarker.create_from_options(options)

    def detect(self, image: NDArray[np.uint8]) -> Points | None:
        """Detect. See `Detector`."""
        picture = self._package.Image(image_format=self._package.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        faces: Any = self._network.detect(picture).face_landmarks
        if not faces:
            return None
        height, width = image.shape[:2]
        mesh = [(point.x * width, point.y * height) for point in faces[0]]
        return np.array([mesh[index] for index in MESH_TO_68], np.float32)


class YuNetDetector:
    """YuNet of OpenCV: five points, through which a mean face of 68 is laid.

    The 68 points are good for alignment and cropping, not for regions of interest: brows, lids and lips are
    those of the mean face.

    Args:
        model: ``face_detection_yunet*.onnx`` file.
        device: Not used; the package runs on the processor.

    Raises:
        ImportError: OpenCV is not installed.
    """

    def __init__(self, model: Path, device: str = "cpu") -> None:
        del device
        import cv2

        self._network: Any = cv2.FaceDetectorYN.create(str(model), "", (320, 320))
        # another network loads as well, and fails at the first picture
        self._network.detect(np.zeros((320, 320, 3), np.uint8))

    def detect(self, image: NDArray[np.uint8]) -> Points | None:
        """Detect; the most certain face counts. See `Detector`."""
        height, width = image.shape[:2]
        self._network.setInputSize((width, height))
        _, faces = self._network.detect(np.ascontiguousarray(image[..., ::-1]))
        if faces is None or len(faces) == 0:
            return None
        best = max(faces, key=lambda face: float(face[14]))
        return spread_five(np.asarray(best[4:14], np.float32).reshape(5, 2))


def spread_five(five: Points) -> Points:
    """Lay the mean face through five points by a least-squares similarity.

    Args:
        five: ``(5, 2)``: right eye, left eye, nose tip, right and left mouth corner, of the subject.

    Returns:
        ``(68, 2)``, float32.
    """
    mean = mean_face()
    source = np.stack([mean[list(RIGHT_EYE)].mean(0), mean[list(LEFT_EYE)].mean(0), mean[30], mean[48], mean[54]])
    a, b = source - source.mean(0), five - five.mean(0)
    # in complex numbers a similarity is one factor
    z, w = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    factor = complex(np.vdot(z, w) / np.vdot(z, z))
    every = mean - source.mean(0)
    placed = (every[:, 0] + 1j * every[:, 1]) * factor
    return (np.stack([placed.real, placed.imag], axis=1) + five.mean(0)).astype(np.float32)


# fmt: off
MESH_TO_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)
"""Vertices of MediaPipe's face mesh that lie nearest to the 68 points, in their order."""
# fmt: on

_DETECTORS: dict[str, Callable[[Path, str], Detector]] = {
    "face-alignment": FaceAlignmentDetector,
    "mediapipe": MediaPipeDetector,
    "yunet": YuNetDetector,
}
_PACKAGES = {"face-alignment": "face-alignment", "mediapipe": "mediapipe", "yunet": "opencv-python-headless"}
_MODELS = {
    "face-alignment": "a torch hub folder with checkpoints/2DFAN4-*.zip and checkpoints/s3fd-*.pth",
    "mediapipe": "a face_landmarker.task file",
    "yunet": "a face_detection_yunet*.onnx file",
}
DETECTORS = tuple(_DETECTORS)


def _row(
    path: Path, number: int, row: list[str], where: Mapping[str, int], order: list[int]
) -> tuple[str, int, Points]:
    if len(row) != len(COLUMNS):
        raise DataError(f"{path} row {number}: expected {len(COLUMNS)} cells, found {len(row)}")
    names = [row[where[name]].strip() for name in COLUMNS[:3]]
    if not all(names):
        raise DataError(f"{path} row {number}: database, subject and clip must not be empty")
    frame = row[where["frame"]].strip()
    if not (frame.isdecimal() and len(frame) < LONGEST_NUMBER):
        raise DataError(f"{path} row {number}: frame is '{frame[:20]}'; expected a whole number")
    values: list[float] = []
    for index in order:
        try:
            value = float(row[index])
        except ValueError:
            value = math.nan
        if not abs(value) <= LARGEST:
            name = next(name for name, position in where.items() if position == index)
            raise DataError(f"{path} row {number}: {name} is '{row[index][:20]}'; expected pixels")
        values.append(value)
    return "/".join(names), int(frame), np.array(values, np.float32).reshape(COUNT, 2)
