"""The rows of a user's table of clips, each held against the files that it names."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mer_lightning.datasets.action_units import parse_action_units
from mer_lightning.datasets.database import registered
from mer_lightning.datasets.paths import children, folded, inside, relative, safe_name
from mer_lightning.datasets.problems import Problem, Remark
from mer_lightning.datasets.sheets import Column, plain, read_table
from mer_lightning.types import DATABASE_NAME, RESERVED_DATABASES, DataError, Sample, lies_at_an_end
from mer_lightning.video.reader import VIDEO_SUFFIXES, look_at_videos, number_frames, select_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mer_lightning.datasets.sheets import Row

COLUMNS = (
    Column("path", ("path",), "path"),
    Column("subject", ("subject",), "subject"),
    Column("label", ("label",), "label"),
    Column("onset", ("onset",), "frame", blank=True),
    Column("apex", ("apex",), "frame", blank=True),
    Column("offset", ("offset",), "frame", blank=True),
    Column("clip", ("clip",), "text", required=False, blank=True),
    Column("database", ("database",), "text", required=False, blank=True),
    Column("action_units", ("action_units",), "path", required=False, blank=True),
    Column("fps", ("fps",), "path", required=False, blank=True),
    Column("landmarks", ("landmarks",), "path", required=False, blank=True),
)
"""What is read: the first six must be there, though cells of the frames may be empty; titles as in `read_table`."""
_LONGEST_PATH = 1000
_MOST_FPS = 100_000


@dataclass(frozen=True, slots=True)
class ClipRow:
    """One clip.

    Attributes:
        number: Row of the file, counted from 1.
        sample: The clip; its onset and offset are those of the whole clip where the row leaves them open.
        whole: True where it does.
        fps: Frames a second, None where it does not say.
        landmarks: File of its landmarks, None where it names none.
    """

    number: int
    sample: Sample
    whole: bool
    fps: float | None = None
    landmarks: Path | None = None


@dataclass(frozen=True, slots=True)
class ClipRows:
    """What a table of clips says.

    Attributes:
        file: The table, relative to its folder.
        rows: Rows without a problem.
        problems: One per thing that is wrong, in the order of the rows.
        remarks: What is not read.
    """

    file: str
    rows: tuple[ClipRow, ...]
    problems: tuple[Problem, ...]
    remarks: tuple[Remark, ...]


def read_clip_rows(path: Path, database: str) -> ClipRows:
    """Read a table of clips and hold every row against the files that it names; no frame is decoded.

    Args:
        path: The table; whatever it names lies in its folder.
        database: Name of the database of rows that name none.

    Raises:
        DataError: It is not readable as a table, or lacks a column.
    """
    root = path.parent.resolve()
    table = read_table(root, root / path.name, COLUMNS)
    problems = list(table.problems)
    found: list[ClipRow] = []
    for row in table.rows:
        reader = _RowReader(root, row, database)
        clip = reader.clip()
        problems += [Problem(table.file, row.number, message) for message in reader.problems]
        if clip is not None:
            found.append(clip)
    framed = _with_frames(root, found)
    rows = [one for one in framed if isinstance(one, ClipRow)]
    problems += [
        Problem(table.file, number, message) for number, message in (o for o in framed if isinstance(o, tuple))
    ]
    problems += [Problem(table.file, number, message) for number, message in _not_apart(rows)]
    if not (rows or problems):
        raise DataError(
            f"{table.file}: no clip in it; expected one a row below {', '.join(c.name for c in COLUMNS[:6])}"
        )
    known = {plain(column.name) for column in COLUMNS}
    remarks = [
        Remark(table.file, None, f"column {title} is not read") for title in sorted(table.titles - known) if title
    ]
    remarks += [
        Remark(table.file, row.number, f"apex {row.sample.apex} is the {end}; between the two nothing moves")
        for row in rows
        if (end := lies_at_an_end(row.sample.onset, row.sample.apex, row.sample.offset))
    ]
    return ClipRows(table.file, tuple(rows), tuple(sorted(problems, key=lambda one: one.row or 0)), tuple(remarks))


class _RowReader:
    """Takes one row apart, and notes everything that is wrong with it.

    Args:
        root: Folder of the table.
        row: The row.
        database: Where the row names none.
    """

    def __init__(self, root: Path, row: Row, database: str) -> None:
        self._root, self._row, self._database = root, row, database
        self.problems: list[str] = []

    def clip(self) -> ClipRow | None:
        """The clip, whole where no onset is named; None where something is wrong."""
        row = self._row
        path = self._path("path")
        if path is not None and not (path.is_dir() or (path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES)):
            found = "is neither a folder of frames nor a video" if path.exists() else "does not exist"
            videos = ", ".join(VIDEO_SUFFIXES)
            self._wrong(
                f"path '{row.text('path')[:80]}' {found}; expected a folder of frames, or {videos}, in {self._root}"
            )
            path = None
        # without files, what is not named is no further mistake
        own = "-" if path is None else path.name if path.is_dir() else path.stem
        named = row.text("clip") or own
        database, label = self._name(row.text("database") or self._database), row.text("label")
        subject, clip = self._plain("subject", row.text("subject")), self._plain("clip", named)
        self._check_label(database, label)
        onset, apex, offset = (value if isinstance(value := row.values[n], int) else None for n in _FRAMES)
        if (onset is None) != (offset is None):
            there, missing = ("onset", "offset") if offset is None else ("offset", "onset")
            self._wrong(f"{missing} is empty, and {there} is not; expected both, or neither for the whole clip")
        if onset is not None and offset is not None and offset < onset:
            self._wrong(f"offset {offset} is before onset {onset}")
        units, fps, landmarks = self._units(row.text("action_units")), self._fps(row.text("fps")), self._landmarks()
        if self.problems:
            return None
        sample = Sample(database, subject, clip, label, path, onset, apex, offset, units, fps)
        return ClipRow(row.number, sample, onset is None, fps, landmarks)

    def _wrong(self, message: str) -> None:
        self.problems.append(message)

    def _path(self, column: str) -> Path | None:
        text = self._row.text(column)
        try:
            parts = text.split("/")
            if len(text) > _LONGEST_PATH or any(safe_name(part, "name") != part for part in parts):
                raise DataError("not plain")
        except DataError:
            self._wrong(
                f"{column} '{text[:80]}': expected names with / between them, from the folder of this file on, "
                "without . and .."
            )
            return None
        try:
            place = self._root.joinpath(*parts)
            inside(self._root, place)
        except DataError as error:
            self._wrong(f"{column}: {error}")
            return None
        return place

    def _plain(self, column: str, text: str) -> str:
        try:
            return safe_name(text, column)
        except DataError as error:
            self._wrong(str(error))
            return text

    def _name(self, database: str) -> str:
        known = registered().databases
        if not re.fullmatch(DATABASE_NAME, database) or database in RESERVED_DATABASES:
            self._wrong(
                f"database '{database[:60]}': expected up to 40 of a-z, 0-9, _ and -, a letter first, and none of "
                f"{', '.join(RESERVED_DATABASES)}; the suite's source or a column database names it"
            )
        elif database in known and known[database].pretraining:
            self._wrong(f"database {database} is one for pre-training; expected a name of your own")
        return database

    def _check_label(self, database: str, label: str) -> None:
        native = {name for one in registered().releases.values() if one.database == database for name in one.classes}
        if native and label not in native:
            self._wrong(
                f"label '{label[:40]}' is none of {database}, whose protocols would score it; expected one of "
                f"{', '.join(sorted(native))}, or another database"
            )

    def _units(self, text: str) -> str:
        try:
            parse_action_units(text)
        except DataError as error:
            self._wrong(f"action_units: {error}")
        return text

    def _fps(self, text: str) -> float | None:
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value <= _MOST_FPS:
            self._wrong(f"fps is '{text[:40]}'; expected a number above 0, at most {_MOST_FPS}")
        return value

    def _landmarks(self) -> Path | None:
        if not self._row.text("landmarks"):
            return None
        path = self._path("landmarks")
        if path is not None and not path.is_file():
            self._wrong(f"landmarks '{self._row.text('landmarks')[:80]}': no such file in {self._root}")
        return path


_FRAMES = ("onset", "apex", "offset")
_Wrong = tuple[int, str]


def _with_frames(root: Path, rows: Iterable[ClipRow]) -> list[ClipRow | _Wrong]:
    """The rows with the ends of whole clips, or what is wrong with their frames, by row."""
    rows = list(rows)
    videos = [row for row in rows if row.whole and _path_of(row).is_file()]
    looks = dict(zip((row.number for row in videos), look_at_videos([_path_of(row) for row in videos]), strict=True))
    listed: dict[Path, Mapping[int, Path]] = {}
    framed: list[ClipRow | _Wrong] = []
    for row in rows:
        try:
            if row.number in looks:
                look = looks[row.number]
                if look.error:
                    raise DataError(f"path {relative(root, _path_of(row))}: cannot be read as video ({look.error})")
                framed.append(_checked(_between(row, 1, look.frames)))
            elif _path_of(row).is_file():
                framed.append(_checked(row))
            else:
                framed.append(_checked(_in_folder(root, row, listed)))
        except DataError as error:
            framed.append((row.number, str(error)))
    return framed


def _in_folder(root: Path, row: ClipRow, listed: dict[Path, Mapping[int, Path]]) -> ClipRow:
    path = _path_of(row)
    where = f"path {relative(root, path)}"
    if path not in listed:
        listed[path] = number_frames(children(root, path), where)
    frames = listed[path]
    if not frames:
        raise DataError(f"{where}: no frame in it; expected images with a number in their names")
    found = _between(row, min(frames), max(frames)) if row.whole else row
    assert found.sample.onset is not None and found.sample.offset is not None, "both, or the whole clip"
    select_frames(frames, found.sample.onset, found.sample.offset, where)
    return found


def _path_of(row: ClipRow) -> Path:
    assert row.sample.path is not None, "every row names one"
    return row.sample.path


def _between(row: ClipRow, onset: int, offset: int) -> ClipRow:
    return replace(row, sample=replace(row.sample, onset=onset, offset=offset))


def _checked(row: ClipRow) -> ClipRow:
    onset, apex, offset = row.sample.onset, row.sample.apex, row.sample.offset
    assert onset is not None and offset is not None, "both, or the whole clip"
    if apex is not None and not onset <= apex <= offset:
        raise DataError(f"apex {apex} is outside of {onset}..{offset}")
    return row


def _not_apart(rows: Iterable[ClipRow]) -> Iterable[_Wrong]:
    """Rows that are one with an earlier row, and subjects that two spellings would put on two sides of a fold."""
    keys: dict[str, int] = {}
    places: dict[object, int] = {}
    spelt: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        sample = row.sample
        if (first := keys.setdefault(sample.key, row.number)) != row.number:
            yield row.number, f"clip {sample.key} is already given by row {first}; a column clip names them apart"
        place = (sample.path, sample.onset, sample.offset)
        if (first := places.setdefault(place, row.number)) != row.number:
            yield row.number, f"path, onset and offset are those of row {first}"
        spellings = spelt[folded(sample.person)]
        if sample.subject not in spellings:
            if spellings:
                other, first = next(iter(spellings.items()))
                yield (
                    row.number,
                    f"subject '{sample.subject}' is '{other}' of row {first} but for case, zeros or signs; expected "
                    "one spelling, since each subject is held out alone",
                )
            spellings[sample.subject] = row.number
