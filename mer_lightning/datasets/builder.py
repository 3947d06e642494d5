"""Rows of a sheet become samples, folders are held against them, and everything else becomes a problem."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from mer_lightning.datasets.frames import Coding, Scan, clip_files
from mer_lightning.datasets.paths import inside, relative, safe_name
from mer_lightning.datasets.problems import Problem
from mer_lightning.datasets.releases import get_release, releases_of
from mer_lightning.types import DataError, Sample
from mer_lightning.video.reader import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from mer_lightning.datasets.annotation import AnnotationRelease, Correction
    from mer_lightning.datasets.sheets import Row, Table, Value
    from mer_lightning.datasets.twins import Twin

OBJECTIVE = ("I", "II", "III", "IV", "V", "VI", "VII")


def choose_release(database: str, release: str | None, default: str) -> AnnotationRelease:
    """Find the release that the caller named, of this database, see ``get_release``.

    Raises:
        DataError: Unknown, or a release of another database.
    """
    chosen = get_release(release or default)
    if chosen.database != database:
        names = ", ".join(one.name for one in releases_of(database))
        raise DataError(f"release {chosen.name} is not one of {database}; expected one of {names}")
    return chosen


def choose_variant(variant: str | None, found: Mapping[str, Path], root: Path, wanted: str) -> tuple[str, Path]:
    """Choose which copy of the frames is read: the one asked for, else the first in the order of preference.

    Args:
        variant: What the caller asked for, None for the preferred one.
        found: Folders by variant, in the order of preference.
        root: Root of the database.
        wanted: The folders that were expected, for the message.

    Raises:
        DataError: None is there, or not the one asked for.
    """
    if not found:
        raise DataError(f"{root}: no frames found; expected {wanted}")
    chosen = variant or next(iter(found))
    if chosen not in found:
        raise DataError(f"{root}: no {chosen} frames found (only {', '.join(found)}); expected {wanted}")
    return chosen, found[chosen]


def locate_clip(folder: Path, clip: str) -> Path | None:
    """Folder of a clip, or its video file, None if there is neither."""
    path = folder / clip
    if path.is_dir():
        return path
    return next((file for suffix in VIDEO_SUFFIXES if (file := folder / f"{clip}{suffix}").is_file()), None)


class Builder:
    """Collects the samples and problems of one database while its rows and folders are gone through.

    Args:
        database: Short name.
        root: Root of the database, resolved.
        release: Annotation release.
        variant: Which copy of the frames.
        coding: What ``Sample.emotion`` holds.
    """

    def __init__(
        self, database: str, root: Path, release: AnnotationRelease, variant: str, coding: Coding = "emotion"
    ) -> None:
        if coding not in get_args(Coding):
            raise DataError(f"coding '{coding}' is unknown; expected one of {', '.join(get_args(Coding))}")
        self._database = database
        self._root = root
        self._release = release
        self._variant = variant
        self._coding: Coding = coding
        self._samples: dict[str, Sample] = {}
        self._rows: dict[str, int | None] = {}
        self._named: set[str] = set()
        self._applied: dict[str, tuple[str, ...]] = {}
        self._fill: set[str] = set()
        self._problems: list[Problem] = []

    def problem(self, file: str, row: int | None, message: str) -> None:
        """Note a problem."""
        self._problems.append(Problem(file, row, message))

    def problems(self, problems: Iterable[Problem]) -> None:
        """Note several problems."""
        self._problems += problems

    def names(self, table: Table) -> Iterator[tuple[Row, str, str]]:
        """Rows of a sheet with subject and clip, checked as path components; the others become problems.

        The sheet needs the columns ``subject`` and ``clip``.
        """
        self.problems(table.problems)
        for row in table.rows:
            try:
                subject, clip = (
                    safe_name(row.text("subject"), "Subject"),
                    safe_name(row.text("clip"), "Filename"),
                )
            except DataError as error:
                self.problem(table.file, row.number, str(error))
                continue
            yield row, subject, clip

    def add_row(
        self,
        file: str,
        row: Row,
        subject: str,
        clip: str,
        folder: Path | None,
        *,
        path: Path | None = None,
    ) -> None:
        """Turn one row into a sample, after the corrections, if its frames are there.

        Args:
            file: The sheet, as problems name it.
            row: The row, with ``onset``, ``apex`` (optional), ``offset``, ``emotion`` or ``objective``,
                ``aus``.
            subject: Subject as samples name it.
            clip: Clip as samples name it.
            folder: The subject's folder, None if there is none.
            path: The clip's folder or video file where it is not ``<folder>/<clip>``.
        """
        key = f"{subject}/{clip}"
        self._named.add(key)
        if key in self._rows:
            self.problem(file, row.number, f"{key} is already given by row {self._rows[key]}")
            return
        self._rows[key] = row.number
        emotion = self._emotion(file, row)
        frames = self._annotation(file, row, subject, clip)
        if path is None and folder is not None:
            path = locate_clip(folder, clip)
        if path is None:
            missing = f"folder of subject {subject}" if folder is None else f"{relative(self._root, folder)}/{clip}"
            self.problem(file, row.number, f"{key}: no frames; expected the {missing}")
        if emotion is None or frames is None or path is None:
            return
        onset, apex, offset = frames
        sample = Sample(
            database=self._database,
            subject=subject,
            clip=clip,
            emotion=emotion,
            path=path,
            onset=onset,
            apex=apex,
            offset=offset,
            action_units=row.text("aus"),
        )
        self.add(sample, file, row.number)

    def add(self, sample: Sample, file: str, row: int | None = None) -> None:
        """Add a sample if its frames are there, else note the problem under the file and row given."""
        key = f"{sample.subject}/{sample.clip}"
        self._named.add(key)
        if sample.key in self._samples:
            self.problem(file, row, f"{key} is given twice, also by {self._samples[sample.key].path}")
            return
        try:
            if sample.path is not None and sample.path.is_file():
                inside(self._root, sample.path)
            else:
                self._check_frames(sample, row)
        except DataError as error:
            self.problem(file, row, str(error))
            return
        self._samples[sample.key] = sample

    def unnamed(self, found: Mapping[str, Path]) -> None:
        """Note the clips that are in the folders but in no row, save those that the release names.

        Args:
            found: Folders or video files by ``<subject>/<clip>``.
        """
        for key, path in found.items():
            if key not in self._named and key not in self._release.unlabelled:
                self.problem(relative(self._root, path), None, f"{key} has no row in the annotation")

    def scan(self, twin: Twin | None = None) -> Scan:
        """Everything found so far."""
        return Scan(
            database=self._database,
            root=self._root,
            release=self._release,
            variant=self._variant,
            samples=tuple(self._samples[key] for key in sorted(self._samples)),
            problems=tuple(self._problems),
            twin=twin,
            applied=dict(self._applied),
            fill=frozenset(self._fill),
            coding=self._coding,
        )

    def _check_frames(self, sample: Sample, row: int | None) -> None:
        try:
            clip_files(self._root, sample)
        except DataError:
            gap = next(
                (
                    one
                    for one in self._release.corrections_for(sample.subject, sample.clip, row)
                    if one.field == "frames"
                ),
                None,
            )
            if gap is None:
                raise
            clip_files(self._root, sample, fill=True)
            self._fill.add(sample.key)
            self._note(sample.key, gap)

    def _note(self, key: str, correction: Correction) -> None:
        self._applied[key] = (*self._applied.get(key, ()), correction.name)

    def _emotion(self, file: str, row: Row) -> str | None:
        if self._coding == "objective":
            text = row.text("objective").strip().upper()
            text = OBJECTIVE[int(text) - 1] if re.fullmatch(r"[1-7]", text) else text
            known = OBJECTIVE
        else:
            text, known = row.text("emotion"), self._release.classes
        if text in known:
            return text
        what = "objective class" if self._coding == "objective" else "emotion"
        self.problem(file, row.number, f"{what} '{text[:40]}' is unknown; expected one of {', '.join(known)}")
        return None

    def _annotation(self, file: str, row: Row, subject: str, clip: str) -> tuple[int, int | None, int] | None:
        values: dict[str, Value] = {name: row.values.get(name) for name in ("onset", "apex", "offset")}
        key = f"{self._database}/{subject}/{clip}"
        corrections = self._release.corrections_for(subject, clip, row.number)
        annotated = True
        for name in ("offset", "apex") if "apex" in row.values else ("offset",):
            for correction in corrections:
                if correction.field == name and _applies(correction, values):
                    values[name] = correction.value
                    annotated = annotated and not (name == "apex" and correction.value is None)
                    self._note(key, correction)
                    break
        onset, apex, offset = values["onset"], values["apex"], values["offset"]
        wrong = [name for name in ("onset", "offset") if not isinstance(values[name], int)]
        if wrong or not isinstance(onset, int) or not isinstance(offset, int):
            self.problem(file, row.number, f"{wrong[0]} is '{values[wrong[0]]}'; expected a frame number")
            return None
        if offset < onset:
            self.problem(file, row.number, f"offset {offset} is before onset {onset}")
            return None
        if "apex" not in row.values or not annotated:
            return onset, None, offset
        if not isinstance(apex, int) or not onset <= apex <= offset:
            shown = "empty" if apex is None else f"'{apex}'"
            self.problem(file, row.number, f"apex is {shown}; expected a frame within {onset}..{offset}")
            return None
        return onset, apex, offset


def _applies(correction: Correction, values: Mapping[str, Value]) -> bool:
    onset, apex, offset = values["onset"], values["apex"], values["offset"]
    value = values[correction.field]
    if correction.when == "slash":
        return value == "/"
    if correction.when == "equals onset":
        return value is not None and value == onset
    if not isinstance(value, int):
        return True
    if not isinstance(onset, int):
        return False
    if correction.field == "offset":
        return value < onset or (isinstance(apex, int) and onset <= apex and value < apex)
    return value < onset or (isinstance(offset, int) and value > offset)
