"""Clips of a user's own as a dataset: a table says where each one lies, who is in it and what is shown.

Frames are numbered as in the other databases: those of a folder by the last number in their file names, those of a
video from 1 on.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mer_lightning.datasets.apex import choose_apex
from mer_lightning.datasets.clip_rows import ClipRow, ClipRows, read_clip_rows
from mer_lightning.datasets.frames import read_clip
from mer_lightning.datasets.manifest import read_twin
from mer_lightning.datasets.paths import expanded, relative
from mer_lightning.datasets.problems import Problem, refuse
from mer_lightning.datasets.verify import Verification
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.types import Kind, Sample

CLIPS_FILE = "clips.csv"
ClipApex = Literal["middle_frame", "spotted"]


@dataclass(frozen=True, slots=True)
class ClipTable:
    """A table of clips, held against the files that it names.

    Attributes:
        path: The table.
        found: What it says.
        synthetic: True where the folder says that nobody was recorded.
    """

    path: Path
    found: ClipRows
    synthetic: bool

    @property
    def databases(self) -> tuple[str, ...]:
        """Databases of its clips, sorted."""
        return tuple(sorted({row.sample.database for row in self.found.rows}))

    @property
    def digest(self) -> str:
        """SHA-256 of what it says of its clips, 10 digits; paths and the order of the rows play no part."""
        samples = (row.sample for row in self.found.rows)
        said = sorted(json.dumps([s.key, s.emotion, s.onset, s.apex, s.offset, s.action_units]) for s in samples)
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:10]

    @property
    def release(self) -> str:
        """What records call its annotation."""
        return f"clips-{self.digest}"


def find_table(data: Path) -> Path:
    """The table of clips that a user points at.

    Args:
        data: The table, or a folder that holds ``clips.csv``.

    Raises:
        DataError: It is neither.
    """
    path = expanded(data)
    table = path / CLIPS_FILE if path.is_dir() else path
    if table.suffix.lower() != ".csv" or not table.is_file():
        raise DataError(f"{table}: no such table of clips; expected a .csv file; `mer-bench data index` drafts one")
    return table


def read_clip_table(path: Path, database: str = "") -> ClipTable:
    """Read a table of clips and list everything that is wrong with it; no frame is decoded.

    Args:
        path: The table, see ``find_table``.
        database: Database of rows that name none; the table's own name when empty.

    Raises:
        DataError: It is not readable as a table, or lacks a column.
    """
    twin = read_twin(path.parent.resolve())
    return ClipTable(path, read_clip_rows(path, database or path.stem), twin is not None)


class OwnClips:
    """The clips of a table.

    Args:
        table: The table, read.
        apex: What takes the place of an apex that is not annotated: the ``middle_frame``, or the one that whatever
            needs an apex has ``spotted``.

    Attributes:
        kind: Always ``frames``.
        choices: Where apexes are from, and frames a second where the table says them.

    Raises:
        DataError: Something is wrong with the table; `mer-bench data verify` lists all of it.
    """

    kind: Kind = "frames"

    def __init__(self, table: ClipTable, apex: ClipApex = "middle_frame") -> None:
        refuse(table.found.problems)
        rows = table.found.rows
        self._root = table.path.parent.resolve()
        self._whole = frozenset(row.sample.key for row in rows if row.whole)
        self.name = "+".join(table.databases)
        self.release = table.release
        self.synthetic = table.synthetic
        self.samples = choose_apex(sorted((row.sample for row in rows), key=lambda sample: sample.key), apex)
        self.landmarks: Mapping[str, Path | None] = {row.sample.key: row.landmarks for row in rows}
        self.choices = {"apex": _apexes(rows, apex)}
        if rates := sorted({row.fps for row in rows if row.fps is not None}):
            self.choices["fps"] = ", ".join(f"{rate:g}" for rate in rates)

    @property
    def root(self) -> Path:
        """Folder of the table; nothing outside is read."""
        return self._root

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read the frames onset..offset of one sample.

        Returns:
            ``(T, H, W, C)``, uint8, C = 1 (grey) or 3 (RGB).

        Raises:
            DataError: The files are missing, unreadable or not what the table says.
        """
        clip = read_clip(self._root, sample)
        assert sample.path is not None and sample.onset is not None and sample.offset is not None, (
            "read_clip has looked"
        )
        if sample.key in self._whole and len(clip) != sample.offset - sample.onset + 1:
            raise DataError(
                f"{relative(self._root, sample.path)}: decoded {len(clip)} frames where the file announces "
                f"{sample.offset}; write onset 1 and offset {len(clip)} into the table to take them"
            )
        return clip


def verify_clips(table: ClipTable, *, frames: bool = True) -> Verification:
    """Everything that is wrong with a table of clips.

    Args:
        table: The table, read.
        frames: Decode every frame of every clip.
    """
    rows, problems = table.found.rows, list(table.found.problems)
    if frames and rows:
        whole = ClipTable(table.path, ClipRows(table.found.file, rows, (), ()), table.synthetic)
        clips = OwnClips(whole)
        numbers = {row.sample.key: row.number for row in rows}
        for sample in clips.samples:
            try:
                clips.read(sample)
            except DataError as error:
                message = str(error).replace(f"{clips.root}/", "")
                problems.append(Problem(table.found.file, numbers[sample.key], message))
    return Verification(
        database="+".join(table.databases) or "?",
        root=str(table.path),
        release=table.release,
        release_hash=table.digest,
        variant="listed",
        variants=("listed",),
        synthetic=table.synthetic,
        clips=len(rows),
        subjects=len({row.sample.person for row in rows}),
        counts=dict(sorted(Counter(row.sample.emotion for row in rows).items())),
        remarks=table.found.remarks,
        problems=tuple(sorted(dict.fromkeys(problems), key=lambda one: one.row or 0)),
    )


def _apexes(rows: tuple[ClipRow, ...], apex: ClipApex) -> str:
    without = sum(row.sample.apex is None for row in rows)
    if without == len(rows):
        return apex
    return f"annotated, {without} {apex}" if without else "annotated"
