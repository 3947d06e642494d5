"""FER2013: one CSV of 35 887 grey stills of 48 x 48 in three parts; it has no subjects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.datasets.builder import choose_release
from mer_lightning.datasets.frames import FrameDataset, Scan
from mer_lightning.datasets.paths import existing_root, files_like, inside, relative
from mer_lightning.datasets.problems import Problem
from mer_lightning.datasets.twins import read_twin
from mer_lightning.types import DataError, Sample

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


LAYOUT = "fer2013.csv with the columns emotion, pixels, Usage"
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""By the number in the column ``emotion``."""
PARTS = ("Training", "PublicTest", "PrivateTest")
SIDE = 48
_HEADER = [b"emotion", b"pixels", b"Usage"]
_LONGEST_LINE = 4 * SIDE * SIDE + 64
_MOST_ROWS = 200_000


class Fer2013(FrameDataset):
    """FER2013 as released; every still is a clip of one frame, the part takes the place of the subject.

    Args:
        root: Folder that holds ``fer2013.csv``.
        release: ``fer2013``.
        partial: True for a deliberate subset of the database.

    Raises:
        DataError: Something is not as released; `mer_lightning.datasets.verify` lists all of it.
    """

    def __init__(self, root: Path | str, *, release: str | None = None, partial: bool = False) -> None:
        super().__init__(scan(root, release=release), partial=partial)
        self._offsets = _line_offsets(_find(self._scan.root))

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read one still.

        Returns:
            ``(1, 48, 48, 1)``, uint8.

        Raises:
            DataError: The row is not there or has other pixels than 48 x 48 of 0..255.
        """
        path = sample.path
        row = sample.onset
        if path is None or row is None or not 2 <= row < len(self._offsets):
            raise DataError(f"{sample.key}: not a row of {LAYOUT}")
        with inside(self._scan.root, path).open("rb") as file:
            file.seek(self._offsets[row])
            fields = file.readline(_LONGEST_LINE).split(b",")
        pixels = _pixels(fields[1] if len(fields) == 3 else b"")
        if pixels is None:
            raise DataError(f"{relative(self._scan.root, path)} row {row}: {_EXPECTED}")
        return pixels.reshape(1, SIDE, SIDE, 1)


_EXPECTED = f"pixels: expected {SIDE * SIDE} whole numbers from 0 to 255"


def scan(root: Path | str, *, release: str | None = None) -> Scan:
    """Read the table and collect every problem; pixels are counted here and parsed when they are read.

    Raises:
        DataError: There is no CSV file with the expected header.
    """
    base = existing_root(root, LAYOUT)
    chosen = choose_release("fer2013", release, "fer2013")
    path = _find(base)
    name = relative(base, path)
    samples: list[Sample] = []
    problems: list[Problem] = []
    with path.open("rb") as file:
        header = [field.strip() for field in file.readline(_LONGEST_LINE).split(b",")]
        if header != _HEADER:
            raise DataError(f"{name} row 1: expected the header emotion,pixels,Usage")
        row = 1
        while line := file.readline(_LONGEST_LINE):
            row += 1
            if row > _MOST_ROWS:
                raise DataError(f"{name}: more than {_MOST_ROWS} rows; the release has {chosen.clips}")
            if not line.strip():
                continue
            sample = _sample(line, path, row)
            if isinstance(sample, str):
                problems.append(Problem(name, row, sample))
            else:
                samples.append(sample)
    return Scan(
        database="fer2013",
        root=base,
        release=chosen,
        variant="csv",
        samples=tuple(sorted(samples, key=lambda one: one.key)),
        problems=tuple(problems),
        twin=read_twin(base),
    )


def check_pixels(scan: Scan) -> list[Problem]:
    """Parse every still of a scan; what a loader only does when it reads one."""
    path = _find(scan.root)
    name = relative(scan.root, path)
    known = {sample.onset for sample in scan.samples}
    problems: list[Problem] = []
    with path.open("rb") as file:
        row = 0
        while line := file.readline(_LONGEST_LINE):
            row += 1
            if row in known and _pixels(line.split(b",")[1]) is None:
                problems.append(Problem(name, row, _EXPECTED))
    return problems


def _find(root: Path) -> Path:
    found = files_like(root, re.compile(r"fer2013\.csv", re.IGNORECASE))
    if not found:
        raise DataError(f"{root}: expected {LAYOUT}")
    inside(root, found[0])
    return found[0]


def _line_offsets(path: Path) -> list[int]:
    """Where each row starts, by row number from 1; entry 0 is not used."""
    offsets = [0, 0]
    with path.open("rb") as file:
        while file.readline(_LONGEST_LINE):
            offsets.append(file.tell())
    return offsets


def _sample(line: bytes, path: Path, row: int) -> Sample | str:
    fields = [field.strip() for field in line.split(b",")]
    if len(fields) != 3:
        return f"expected 3 fields emotion,pixels,Usage, found {len(fields)}"
    emotion, pixels, usage = (
        fields[0].decode("ascii", "replace"),
        fields[1],
        fields[2].decode("ascii", "replace"),
    )
    if not re.fullmatch(r"[0-6]", emotion):
        return f"emotion '{emotion[:20]}' is unknown; expected a number from 0 to {len(EMOTIONS) - 1}"
    if usage not in PARTS:
        return f"Usage '{usage[:20]}' is unknown; expected one of {', '.join(PARTS)}"
    if pixels.count(b" ") != SIDE * SIDE - 1:
        return f"pixels: expected {SIDE * SIDE} numbers, found {pixels.count(b' ') + 1}"
    return Sample(
        database="fer2013",
        subject=usage,
        clip=f"{row - 2:05d}",
        emotion=EMOTIONS[int(emotion)],
        path=path,
        onset=row,
        apex=row,
        offset=row,
    )


def _pixels(text: bytes) -> NDArray[np.uint8] | None:
    try:
        values = np.array(text.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        return None
    if values.shape != (SIDE * SIDE,) or values.min() < 0 or values.max() > 255:
        return None
    return values.astype(np.uint8)
