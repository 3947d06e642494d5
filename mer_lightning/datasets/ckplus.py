"""CK+: 593 sequences from neutral to the peak, 327 of them with an emotion file of one number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, get_args

from mer_lightning.datasets.annotation import AnnotationRelease, lenient_frames
from mer_lightning.datasets.builder import Builder, choose_release, choose_variant
from mer_lightning.datasets.database import Database
from mer_lightning.datasets.face_box import LANDMARKS, MARGIN, cut, face_box, find_landmark_folder, released_points
from mer_lightning.datasets.frames import FrameDataset, Scan
from mer_lightning.datasets.manifest import read_twin
from mer_lightning.datasets.paths import children, existing_root, folders_with, relative
from mer_lightning.types import DataError, Sample
from mer_lightning.video.reader import number_frames

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.datasets.face_box import Box

Frames = Literal["sequence", "last_three"]
Variant = Literal["cropped", "raw"]

LAYOUT = "cohn-kanade-images/S005/001/S005_001_00000011.png and Emotion/S005/001/S005_001_00000011_emotion.txt"
EMOTIONS = ("neutral", "anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")
"""By the number in the emotion file, 0 to 7 (the release's ReadMe); 0 does not occur."""
_SUBJECT = re.compile(r"S\d{3}")
_SEQUENCE = re.compile(r"\d{3}")
_LONGEST_FILE = 200
_NO_LANDMARKS = (
    f"no landmarks to cut faces by; expected {LANDMARKS}. Without them take variant raw, whole pictures, or align "
    "them: `mer-bench data prepare --database ckplus --variant raw` writes landmarks-raw.csv for `faces: aligned`"
)


class CkPlus(FrameDataset):
    """CK+ in its official folders; only the sequences with an emotion are samples.

    Args:
        root: Folder that holds ``cohn-kanade-images``, ``Emotion`` and ``Landmarks``.
        release: ``ckplus-327``.
        variant: ``cropped`` cuts the face, a fifth of the picture, by the released landmarks of the sample's onset,
            see `mer_lightning.datasets.face_box`; ``raw`` gives whole pictures. None is ``cropped``.
        frames: ``last_three`` reads the three frames up to the peak (981 images, as image classifiers use
            them), ``sequence`` the whole sequence.
        partial: True for a deliberate subset of the database.

    Raises:
        DataError: Something is not as released; `mer_lightning.datasets.verify` lists all of it.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        release: str | None = None,
        variant: Variant | None = None,
        frames: Frames = "last_three",
        partial: bool = False,
    ) -> None:
        super().__init__(scan(root, release=release, variant=variant, frames=frames), partial=partial)
        self.choices["frames"] = str(frames)
        self._boxes: dict[str, Box] = {}
        if self.variant == "cropped":
            landmarks = find_landmark_folder(self._scan.root)
            assert landmarks is not None, "the scan has found it"
            self._boxes = {one.key: face_box(released_points(self._scan.root, landmarks, one)) for one in self.samples}
            self.choices["face box"] = f"68 points of the onset, square, margin {MARGIN:g}"

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read the frames onset..offset of one sample, cut to the face unless the variant is ``raw``.

        Returns:
            ``(T, H, W, C)``, uint8, C = 1 (grey) or 3 (RGB).

        Raises:
            DataError: The files are missing, unreadable or not what the table says, or the face lies outside.
        """
        clip = super().read(sample)
        return cut(clip, self._boxes[sample.key], sample.key) if self._boxes else clip


def scan(
    root: Path | str,
    *,
    release: str | None = None,
    variant: Variant | None = None,
    frames: Frames = "last_three",
) -> Scan:
    """Read the emotion files, hold them against the sequences and collect every problem.

    Raises:
        DataError: There is no image or emotion folder to start from.
    """
    if frames not in get_args(Frames):
        raise DataError(f"CK+ frames '{frames}' is unknown; expected one of {', '.join(get_args(Frames))}")
    base = existing_root(root, LAYOUT)
    chosen = choose_release("ckplus", release, "ckplus-327")
    if variant not in (None, *get_args(Variant)):
        raise DataError(f"CK+ variant '{variant}' is unknown; expected one of {', '.join(get_args(Variant))}")
    folders = {("emotion" if "emotion" in path.name.lower() else "raw"): path for path in _parents(base)}
    if "emotion" not in folders:
        raise DataError(f"{base}: no emotion files found; expected {LAYOUT}")
    _, images = choose_variant("raw", {"raw": folders["raw"]} if "raw" in folders else {}, base, LAYOUT)
    kind = variant or "cropped"
    landmarks = find_landmark_folder(base) if kind == "cropped" else None
    builder = Builder("ckplus", base, chosen, kind)
    if kind == "cropped" and landmarks is None:
        builder.problem("Landmarks", None, _NO_LANDMARKS)
    for subject in children(base, folders["emotion"]):
        if _SUBJECT.fullmatch(subject.name) and subject.is_dir():
            for sequence in children(base, subject):
                if _SEQUENCE.fullmatch(sequence.name) and sequence.is_dir():
                    _add(builder, base, (images, landmarks), sequence, frames)
    return builder.scan(read_twin(base))


def _parents(root: Path) -> list[Path]:
    names = ("emotion", "images")
    return [path for path in folders_with(root, _SUBJECT) if any(name in path.name.lower() for name in names)]


def _add(builder: Builder, root: Path, places: tuple[Path, Path | None], sequence: Path, rule: Frames) -> None:
    subject, clip = sequence.parent.name, sequence.name
    images, landmarks = places
    where = relative(root, sequence)
    try:
        files = [path for path in children(root, sequence) if path.name.lower().endswith("_emotion.txt")]
        if not files:
            return
        if len(files) > 1:
            raise DataError(f"expected one emotion file, found {len(files)}")
        where = relative(root, files[0])
        match = re.fullmatch(rf"{subject}_{clip}_(\d{{8}})_emotion\.txt", files[0].name, re.IGNORECASE)
        if match is None:
            raise DataError(f"expected the name {subject}_{clip}_<8 digits>_emotion.txt")
        emotion = _emotion(files[0])
        folder = images / subject / clip
        if not folder.is_dir():
            raise DataError(f"no frames; expected the folder {relative(root, folder)}")
        numbers = number_frames(children(root, folder), relative(root, folder))
        peak = int(match[1])
        if not numbers or max(numbers) != peak:
            last = max(numbers, default=None)
            raise DataError(f"the file names frame {peak} as the peak; the last frame is {last}")
        sample = Sample(
            database="ckplus",
            subject=subject,
            clip=clip,
            emotion=emotion,
            path=folder,
            onset=peak - 2 if rule == "last_three" else min(numbers),
            apex=peak,
            offset=peak,
        )
        if landmarks is not None:
            released_points(root, landmarks, sample)
    except DataError as error:
        builder.problem(where, 1, str(error))
        return
    builder.add(sample, where, 1)


def _emotion(file: Path) -> str:
    try:
        text = file.read_bytes()[:_LONGEST_FILE].decode("ascii").split()
        code = float(text[0]) if len(text) == 1 else float("nan")
    except (OSError, ValueError):
        code = float("nan")
    if not (code.is_integer() and 1 <= code < len(EMOTIONS)):
        raise DataError("expected one number from 1 (anger) to 7 (surprise)")
    return EMOTIONS[int(code)]


RELEASES = (
    AnnotationRelease(
        name="ckplus-327",
        database="ckplus",
        source="CK+ (Lucey et al., CVPRW 2010), Emotion files",
        file="one text file per labelled sequence",
        counts={
            "anger": 45,
            "contempt": 18,
            "disgust": 59,
            "fear": 25,
            "happy": 69,
            "sadness": 28,
            "surprise": 83,
        },
        clips=327,
        corrections=(lenient_frames("ckplus"),),
    ),
)
DATABASE = Database(
    name="ckplus",
    title="CK+",
    layout=LAYOUT,
    obtain="signed agreement with the Affect Analysis Group, University of Pittsburgh",
    opener=CkPlus,
    scanner=scan,
    marks=re.compile(r"(?i:cohn-kanade-images)"),
    top=re.compile(r"(?i:(extended-)?cohn-kanade-images|emotion(_labels)?)"),
    spread=True,
    inner=_SUBJECT,
    year=2010,
    fps=30,
    pretraining=True,
)
