"""A database whose clips are aligned and cropped by a landmark file when they are read."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from mer_lightning.datasets.clips import OwnClips
from mer_lightning.datasets.face_box import find_landmark_folder, released_points
from mer_lightning.faces.alignment import Crop, align, check_face, check_order, similarity, transform_points
from mer_lightning.faces.landmarks import read_landmarks
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mer_lightning.datasets.frames import FrameDataset, Scan
    from mer_lightning.faces.points import Points
    from mer_lightning.types import Kind, Sample


def landmark_file(root: Path, variant: str) -> Path:
    """Place of a database's landmark file; points belong to one copy of its frames, so its name says which."""
    return root / f"landmarks-{variant}.csv"


def find_landmarks(frames: FrameDataset | Scan, root: Path) -> Path:
    """Landmark file of an open database: in the root, or in a folder between that and its frames.

    Returns:
        The one nearest to the frames; where there is none, the landmarks that are released with CK+'s whole pictures,
        or else the file's place in the root.
    """
    base = root.resolve()
    first = frames.samples[0] if frames.samples else None
    near = first.path if first else None
    places = [folder for folder in near.parents if folder.is_relative_to(base)] if near else []
    files = (landmark_file(folder, frames.variant) for folder in places)
    if (file := next((file for file in files if file.is_file()), None)) is not None:
        return file
    has_own = first is not None and (first.database, frames.variant) == ("ckplus", "raw")
    released = find_landmark_folder(base) if has_own else None
    return released or landmark_file(root, frames.variant)


class OnsetPoints(NamedTuple):
    """Points of every sample's onset frame.

    Attributes:
        points: ``(68, 2)`` pixels by key.
        digest: SHA-256 of where they come from.
    """

    points: Mapping[str, Points]
    digest: str


def _onset_points(frames: FrameDataset, landmarks: Path) -> OnsetPoints:
    if landmarks.is_dir():
        released = {one.key: released_points(landmarks.parent, landmarks, one) for one in frames.samples}
        return OnsetPoints(
            released, hashlib.sha256(b"".join(points.tobytes() for points in released.values())).hexdigest()
        )
    if not landmarks.is_file():
        raise DataError(_missing(landmarks, frames.variant))
    points = read_landmarks(landmarks)
    found = {one.key: points.of(one) for one in frames.samples}
    return OnsetPoints(found, hashlib.sha256(landmarks.read_bytes()).hexdigest())


def landmark_problems(frames: FrameDataset | Scan, root: Path) -> list[str]:
    """Everything that keeps the clips of a database from being aligned, one line each."""
    path = find_landmarks(frames, root)
    if not path.is_file():
        return [_missing(path, frames.variant)]
    try:
        points = read_landmarks(path)
    except DataError as error:
        return [str(error)]
    problems: list[str] = []
    for sample in frames.samples:
        try:
            check_order(torch.from_numpy(points.of(sample)))
        except DataError as error:
            said = str(error)
            problems.append(said if said.startswith(sample.key) else f"{sample.key}: {said}")
    return problems


def _missing(path: Path, variant: str) -> str:
    return (
        f"{path}: no such landmark file; `mer-bench data prepare` writes it for the {variant} frames, `mer-bench data "
        "landmarks` imports it"
    )


class AlignedFrames:
    """The clips of a database, each aligned as a whole by the landmarks of its onset frame.

    Args:
        frames: The database, or a user's clips.
        landmarks: Landmark file of the copy of the frames that the database reads, or the folder of CK+'s own; of a
            user's clips their points.
        crop: The aligned picture.
        device: Where clips are warped.

    Attributes:
        kind: Always ``frames``.
        choices: Those of the database, the crop and the SHA-256 (10 digits) of the landmark file or the points.

    Raises:
        DataError: No such file, not a landmark file, or it lacks the onset of a sample.
    """

    kind: Kind = "frames"

    def __init__(
        self,
        frames: FrameDataset | OwnClips,
        landmarks: Path | OnsetPoints,
        crop: Crop | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        # every clip is looked up now, not after an hour of reading
        if not isinstance(landmarks, OnsetPoints):
            assert not isinstance(frames, OwnClips), "whose rows name their landmarks"
            landmarks = _onset_points(frames, landmarks)
        found, digest = landmarks
        self._points = {key: torch.from_numpy(points) for key, points in found.items()}
        self._frames, self._crop, self._device = frames, crop or Crop(), device
        self.name, self.release, self.synthetic = frames.name, frames.release, frames.synthetic
        self.samples = frames.samples
        self.choices = frames.choices | {
            "faces": f"aligned to {self._crop.height} x {self._crop.width}",
            "landmarks": digest[:10],
        }

    def points(self, sample: Sample) -> Points:
        """The landmarks of a sample's onset frame in the aligned picture, ``(68, 2)`` pixels, float32."""
        found = self._points[sample.key]
        return transform_points(similarity(found, self._crop), found).to(torch.float32).numpy()

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read and align the frames onset..offset of one sample.

        Returns:
            ``(T, crop.height, crop.width, C)``, uint8; black outside of the source.

        Raises:
            DataError: The files are missing, unreadable or not what the table says.
        """
        clip = torch.from_numpy(np.ascontiguousarray(self._frames.read(sample))).to(self._device)
        try:
            check_face(self._points[sample.key], clip.shape[2], clip.shape[1])
            faces = align(clip.permute(0, 3, 1, 2)[None], self._points[sample.key][None], self._crop)[0]
        except DataError as error:
            raise DataError(f"{sample.key}: {error}") from None
        return faces.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
