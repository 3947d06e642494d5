"""Which frame is the apex: the sheet's, one of a file of the user's own, or a choice whose name is recorded."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from mer_lightning.datasets.database import registered
from mer_lightning.datasets.paths import files_like, relative
from mer_lightning.datasets.problems import Problem, Remark
from mer_lightning.datasets.sheets import Column, read_table
from mer_lightning.files import replacing
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from mer_lightning.types import Sample

ApexChoice = Literal["middle_frame", "spotted", "sheet", "file"]

APEX_FILE = "apexes.csv"
"""Table of a user's own apexes in the folder of a database: database, subject, clip, apex."""
_COLUMNS = (
    Column("database", ("database",), "label"),
    Column("subject", ("subject",), "subject"),
    Column("clip", ("clip",), "text"),
    Column("apex", ("apex",), "frame"),
)


@dataclass(frozen=True, slots=True)
class OwnApexes:
    """The apexes of one database in a file of the user's own.

    Attributes:
        file: The file, relative to the root.
        frames: Row of the file and apex, by subject and clip; subjects without letters and leading zeros.
        problems: Rows that cannot be read.
        digest: SHA-256 of the file, 10 digits.
    """

    file: str
    frames: Mapping[tuple[str, str], tuple[int, int]]
    problems: tuple[Problem, ...]
    digest: str

    def of(self, subject: str, clip: str) -> tuple[int, int] | None:
        """Row and apex of a clip, None if the file does not name it."""
        return self.frames.get((_bare(subject), clip))

    def unknown(self, clips: Iterable[tuple[str, str]]) -> list[Problem]:
        """A problem for each row of a clip that is not one of these subjects and clips."""
        known = {(_bare(subject), clip) for subject, clip in clips}
        return [
            Problem(self.file, row, f"clip {clip} of subject {subject} is unknown; expected one of the annotation")
            for (subject, clip), (row, _) in self.frames.items()
            if (subject, clip) not in known
        ]


def check_apex(database: str, choice: str, allowed: Sequence[ApexChoice]) -> None:
    """Make sure that a choice exists and makes sense.

    Raises:
        DataError: It does not.
    """
    if choice not in get_args(ApexChoice):
        raise DataError(f"apex choice '{choice}' is unknown; expected one of {', '.join(get_args(ApexChoice))}")
    if choice not in allowed:
        raise DataError(f"{database}: apex: {choice} does not apply; expected one of {', '.join(allowed)}")


def choose_apex(samples: Iterable[Sample], choice: ApexChoice) -> tuple[Sample, ...]:
    """Give every sample without an apex the middle frame, if that is the choice; annotated apexes stay.

    Args:
        samples: Samples with onset and offset.
        choice: ``middle_frame`` takes onset + (offset - onset) // 2; the others leave the apex open, and whatever
            needs one spots it.

    Raises:
        DataError: A sample without onset or offset.
    """
    if choice != "middle_frame":
        return tuple(samples)
    return tuple(sample if sample.apex is not None else replace(sample, apex=_middle(sample)) for sample in samples)


def open_apexes(
    root: Path, database: str, choice: str, depth: int = 3, prune: re.Pattern[str] | None = None
) -> tuple[OwnApexes | None, tuple[Remark, ...]]:
    """Read ``apexes.csv`` under a root if the choice is ``file``; else remark that it is not read.

    Raises:
        DataError: There are two such files, or there is none to read, or it is not such a table.
    """
    found = files_like(root, re.compile(re.escape(APEX_FILE), re.IGNORECASE), depth, prune)
    if choice != "file":
        message = "is not read; apex: file takes the apexes from it"
        return None, tuple(Remark(relative(root, path), None, message) for path in found)
    if not found:
        raise DataError(
            f"{root}: no {APEX_FILE} found; apex: file needs it, with the columns database, subject, clip, apex"
        )
    if len(found) > 1:
        one, other = (relative(root, path) for path in found[:2])
        raise DataError(f"{one} and {other}: expected one file of apexes; keep one of them in the folder")
    return _read_apexes(root, found[0], database), ()


def write_apexes(path: Path, found: Iterable[tuple[Sample, int]]) -> None:
    """Write a table that ``apex: file`` reads; it appears whole or not at all.

    Args:
        path: The file, called ``apexes.csv`` where it is to be found.
        found: Clips and the frames of their apexes.
    """
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in _COLUMNS])
        writer.writerows([one.database, one.subject, one.clip, apex] for one, apex in found)


def _read_apexes(root: Path, path: Path, database: str) -> OwnApexes:
    table = read_table(root, path, _COLUMNS)
    frames: dict[tuple[str, str], tuple[int, int]] = {}
    problems = list(table.problems)
    databases = registered().databases
    for row in table.rows:
        if row.text("database") != database:
            if row.text("database") not in databases:
                named = row.text("database")[:40]
                message = f"database '{named}' is unknown; expected one of {', '.join(sorted(databases))}"
                problems.append(Problem(table.file, row.number, message))
            continue
        clip, apex = (_bare(row.text("subject")), row.text("clip")), row.values["apex"]
        if not isinstance(apex, int):
            problems.append(Problem(table.file, row.number, f"apex is '{apex}'; expected a frame number"))
        elif clip in frames:
            given = frames[clip][0]
            message = f"clip {clip[1]} of subject {row.text('subject')} is already given by row {given}"
            problems.append(Problem(table.file, row.number, message))
        else:
            frames[clip] = (row.number, apex)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:10]
    return OwnApexes(table.file, frames, tuple(problems), digest)


def _bare(subject: str) -> str:
    """A subject without what spreadsheet programs drop and databases differ in: ``s01``, ``01`` and ``1`` are one."""
    match = re.fullmatch(r"(?:s|sub)?0*(\d+)", subject.strip(), re.IGNORECASE)
    return match[1] if match else subject.strip()


def _middle(sample: Sample) -> int:
    if sample.onset is None or sample.offset is None:
        raise DataError(f"{sample.key}: expected an onset and an offset to choose an apex between")
    return sample.onset + (sample.offset - sample.onset) // 2
