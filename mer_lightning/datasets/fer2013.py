"""FER2013: 35 887 grey stills of 48 x 48 in three parts, in one CSV or as folders of pictures; it has no subjects."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import numpy as np

from mer_lightning.datasets.annotation import AnnotationRelease
from mer_lightning.datasets.builder import choose_release, choose_variant
from mer_lightning.datasets.database import Database
from mer_lightning.datasets.fer2013_folders import (
    CLASS,
    EMOTIONS,
    PARTS,
    SIDE,
    find_parts,
    read_still,
    scan_folders,
    shows,
)
from mer_lightning.datasets.fer2013_folders import LAYOUT as FOLDERS
from mer_lightning.datasets.frames import FrameDataset, Scan
from mer_lightning.datasets.manifest import read_twin
from mer_lightning.datasets.paths import existing_root, files_like, inside, relative
from mer_lightning.datasets.problems import Problem
from mer_lightning.types import DataError, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

Variant = Literal["csv", "folders"]

FILE = re.compile(r"(?i:(fer2013|icml_face_data)( ?\(\d+\))?\.csv)")
LAYOUT = f"fer2013.csv or icml_face_data.csv with the columns emotion, pixels, Usage, or {FOLDERS}"
_RELEASES = {"csv": "fer2013", "folders": "fer2013-folders"}
_COLUMNS = ("emotion", "pixels", "usage")
_EXPECTED = f"pixels: expected {SIDE * SIDE} whole numbers from 0 to 255"
_LONGEST_LINE = 4 * SIDE * SIDE + 64
_MOST_ROWS = 200_000


class Fer2013(FrameDataset):
    """FER2013 as released; every still is a clip of one frame, the part takes the place of the subject.

    Args:
        root: Folder that holds ``fer2013.csv``, ``icml_face_data.csv`` or the parts as folders of pictures.
        release: ``fer2013`` (the table) or ``fer2013-folders``; None for what is there.
        variant: ``csv`` or ``folders``; None for the first there is.
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
        partial: bool = False,
    ) -> None:
        super().__init__(scan(root, release=release, variant=variant), partial=partial)
        self._table = _Table(self._scan.root, _find(self._scan.root)) if self.variant == "csv" else None
        self._offsets = self._table.offsets() if self._table else []

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read one still.

        Returns:
            ``(1, 48, 48, 1)``, uint8.

        Raises:
            DataError: The row or file is not there or has other pixels than 48 x 48 of 0..255.
        """
        path, row = sample.path, sample.onset
        if path is None or row is None:
            raise DataError(f"{sample.key}: not a still of {LAYOUT}")
        if self._table is None:
            return read_still(self._scan.root, path)[None]
        if not 2 <= row < len(self._offsets):
            raise DataError(f"{sample.key}: not a row of {relative(self._scan.root, path)}")
        with inside(self._scan.root, path).open("rb") as file:
            file.seek(self._offsets[row])
            pixels = self._table.pixels(file.readline(_LONGEST_LINE))
        if pixels is None:
            raise DataError(f"{relative(self._scan.root, path)} row {row}: {_EXPECTED}")
        return pixels.reshape(1, SIDE, SIDE, 1)


def scan(root: Path | str, *, release: str | None = None, variant: Variant | None = None) -> Scan:
    """Read the table or list the folders and collect every problem; pixels are parsed when they are read.

    Raises:
        DataError: There is neither a CSV file with the expected header nor a folder of parts.
    """
    base = existing_root(root, LAYOUT)
    wanted = variant or next((one for one, name in _RELEASES.items() if name == release), None)
    tables, parts = _tables(base), None
    if wanted == "folders" or not tables:
        parts = find_parts(base)
    found = {"csv": tables[0]} if tables else {}
    kind, path = choose_variant(wanted, found | ({"folders": parts} if parts else {}), base, LAYOUT)
    samples, problems = _scan_table(base, path) if kind == "csv" else scan_folders(base, path)
    return Scan(
        database="fer2013",
        root=base,
        release=choose_release("fer2013", release, _RELEASES[kind]),
        variant=kind,
        samples=tuple(sorted(samples, key=lambda one: one.key)),
        problems=tuple(problems),
        twin=read_twin(base),
    )


def check_pixels(scan: Scan) -> list[Problem]:
    """Read every still of a scan; what a loader only does when it is asked for one."""
    return _check_table(scan) if scan.variant == "csv" else _check_pictures(scan)


def _check_table(scan: Scan) -> list[Problem]:
    table = _Table(scan.root, _find(scan.root))
    known = {sample.onset for sample in scan.samples}
    return [
        Problem(table.name, row, _EXPECTED)
        for row, line in table.lines()
        if row in known and table.pixels(line) is None
    ]


def _check_pictures(scan: Scan) -> list[Problem]:
    problems: list[Problem] = []
    for sample in scan.samples:
        try:
            if sample.path is not None:
                read_still(scan.root, sample.path)
        except DataError as error:
            file, _, message = str(error).replace(f"{scan.root}/", "").partition(": ")
            problems.append(Problem(file, None, message))
    return problems


def _tables(root: Path) -> list[Path]:
    # the file of that name first: a folder of the contest may hold both
    return sorted(files_like(root, FILE), key=lambda path: not path.name.lower().startswith("fer2013"))


def _find(root: Path) -> Path:
    return _tables(root)[0]


class _Table:
    """The CSV file: where it is and in which order its columns come.

    Raises:
        DataError: It leads out of the root, or its header is another one.
    """

    def __init__(self, root: Path, path: Path) -> None:
        self.path, self.name = path, relative(root, path)
        with inside(root, path).open("rb") as file:
            titles = [title.decode("utf-8-sig", "replace").lower() for title in _fields(file.readline(_LONGEST_LINE))]
        if sorted(titles) != sorted(_COLUMNS):
            raise DataError(
                f"{self.name} row 1: expected the columns emotion, pixels, Usage in any order, "
                f"found {', '.join(titles)[:80]}"
            )
        self._order = [titles.index(column) for column in _COLUMNS]

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Every line below the header with its number from 2."""
        with self.path.open("rb") as file:
            file.readline(_LONGEST_LINE)
            row = 1
            while line := file.readline(_LONGEST_LINE):
                row += 1
                yield row, line

    def offsets(self) -> list[int]:
        """Where each row starts, by row number from 1; entry 0 is not used."""
        offsets = [0, 0]
        with self.path.open("rb") as file:
            while file.readline(_LONGEST_LINE):
                offsets.append(file.tell())
        return offsets

    def cells(self, line: bytes) -> list[bytes] | None:
        """Emotion, pixels and Usage of a line; None for another number of cells."""
        fields = _fields(line)
        return [fields[place] for place in self._order] if len(fields) == len(self._order) else None

    def pixels(self, line: bytes) -> NDArray[np.uint8] | None:
        """The pixels of a line, ``(2304,)``; None where they are not what they should be."""
        cells = self.cells(line)
        try:
            values = np.array(cells[1].split() if cells else [], dtype=np.int64)
        except (ValueError, OverflowError):
            return None
        if values.shape != (SIDE * SIDE,) or values.min() < 0 or values.max() > 255:
            return None
        return values.astype(np.uint8)


def _fields(line: bytes) -> list[bytes]:
    # no cell of the release holds a comma; some copies have quotes around the pixels
    return [field.strip().strip(b'"').strip() for field in line.split(b",")]


def _scan_table(root: Path, path: Path) -> tuple[list[Sample], list[Problem]]:
    table = _Table(root, path)
    samples: list[Sample] = []
    problems: list[Problem] = []
    for row, line in table.lines():
        if row > _MOST_ROWS:
            raise DataError(f"{table.name}: more than {_MOST_ROWS} rows")
        if not line.strip():
            continue
        try:
            samples.append(_sample(table, line, row))
        except DataError as error:
            problems.append(Problem(table.name, row, str(error)))
    return samples, problems


def _sample(table: _Table, line: bytes, row: int) -> Sample:
    cells = table.cells(line)
    if cells is None:
        raise DataError(f"expected 3 fields emotion,pixels,Usage, found {len(_fields(line))}")
    emotion, usage = (cells[place].decode("ascii", "replace") for place in (0, 2))
    if not re.fullmatch(r"[0-6]", emotion):
        raise DataError(f"emotion '{emotion[:20]}' is unknown; expected a number from 0 to {len(EMOTIONS) - 1}")
    if usage not in PARTS:
        raise DataError(f"Usage '{usage[:20]}' is unknown; expected one of {', '.join(PARTS)}")
    if cells[1].count(b" ") != SIDE * SIDE - 1:
        raise DataError(f"pixels: expected {SIDE * SIDE} numbers, found {cells[1].count(b' ') + 1}")
    return Sample(
        database="fer2013",
        subject=usage,
        clip=f"{row - 2:05d}",
        emotion=EMOTIONS[int(emotion)],
        path=table.path,
        onset=row,
        apex=row,
        offset=row,
    )


_COUNTS = {
    "angry": 4953,
    "disgust": 547,
    "fear": 5121,
    "happy": 8989,
    "sad": 6077,
    "surprise": 4002,
    "neutral": 6198,
}

RELEASES = (
    AnnotationRelease(
        name="fer2013",
        database="fer2013",
        source="Goodfellow et al., Challenges in representation learning, 2013, and fer2013.csv",
        file="fer2013.csv",
        counts=_COUNTS,
        clips=35887,
        parts={"Training": 28709, "PublicTest": 3589, "PrivateTest": 3589},
    ),
    AnnotationRelease(
        name="fer2013-folders",
        database="fer2013",
        source="FER2013 as folders of pictures (Kaggle, msambare/fer2013)",
        file="train/<class> and test/<class>",
        counts=_COUNTS,
        clips=35887,
        parts={"Training": 28709},
        notes=(
            "counts are those of fer2013.csv, whose two test parts make the 7178 pictures of test; nobody has "
            "checked them against the pictures",
        ),
    ),
)
DATABASE = Database(
    name="fer2013",
    title="FER2013",
    layout=LAYOUT,
    obtain="Kaggle, challenges-in-representation-learning-facial-expression-recognition-challenge",
    opener=Fer2013,
    scanner=scan,
    marks=FILE,
    top=FILE,
    shows=shows,
    inner=CLASS,
    year=2013,
    pretraining=True,
    check_frames=check_pixels,
)
