"""What the databases of clips share: rows become samples, folders are held against them, frames are read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from mer_lightning.datasets.paths import children, inside, relative, safe_name
from mer_lightning.datasets.problems import Problem, refuse
from mer_lightning.datasets.releases import get_release, releases_of
from mer_lightning.types import DataError, Sample
from mer_lightning.video.reader import (
    DECODE_SECONDS,
    VIDEO_SUFFIXES,
    number_frames,
    read_images,
    read_video,
    select_frames,
    video_frames,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.datasets.base import Kind
    from mer_lightning.datasets.releases import AnnotationRelease, Correction
    from mer_lightning.datasets.sheets import Row, Table, Value
    from mer_lightning.datasets.twins import Twin

Coding = Literal["emotion", "objective"]
OBJECTIVE = ("I", "II", "III", "IV", "V", "VI", "VII")


@dataclass(frozen=True, slots=True)
class Scan:
    """What a loader found under a root.

    Attributes:
        database: Short name of the database.
        root: Where it looked.
        release: Annotation release with its switches.
        variant: Which copy of the frames, e.g. ``raw`` or ``cropped``.
        samples: Samples without a problem, sorted by key.
        problems: Everything that is not as released, in the order of the files.
        twin: What the root says about itself if it is a synthetic twin, else None.
        applied: Corrections that changed a row, by sample key.
        fill: Keys of the samples in which the nearest frame stands in for a missing one.
        coding: What ``Sample.emotion`` holds.
    """

    database: str
    root: Path
    release: AnnotationRelease
    variant: str
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...]
    twin: Twin | None = None
    applied: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    fill: frozenset[str] = frozenset()
    coding: Coding = "emotion"

    def compare(self) -> list[Problem]:
        """Compare the counts with the release, or with what a twin of another size says of itself."""
        if self.twin is not None and (scaled := self.twin.release(self.release)) is not None:
            return scaled.compare(self.samples, ".", objective=self.coding == "objective")
        return self.release.compare(self.samples, ".", objective=self.coding == "objective")


class FrameDataset:
    """A database of clips that was found without a problem.

    Args:
        scan: What a loader found.
        partial: True for a deliberate subset of the database: counts are not compared with the release, and
            the release's name says so.
        cache: Folder for decoded video files; None decodes them again on every read.
        timeout: Seconds after which decoding a video file is given up.

    Attributes:
        kind: Always ``frames``.
        variant: Which copy of the frames is read.
        annotation: The annotation release with its switches.
        applied: Corrections that changed a row, by sample key.
        choices: What belongs into the record of a run: ``{"variant": ...}`` and what a database adds.

    Raises:
        DataError: There is a problem, or a count differs from the release.
    """

    kind: Kind = "frames"

    def __init__(
        self, scan: Scan, *, partial: bool = False, cache: Path | None = None, timeout: float = DECODE_SECONDS
    ) -> None:
        refuse([*scan.problems, *([] if partial else scan.compare())])
        self.annotation = scan.release
        self.variant = scan.variant
        self.choices = {"variant": scan.variant}
        self.applied = scan.applied
        self._scan = scan
        self._partial = partial
        self._cache = cache
        self._timeout = timeout

    @property
    def name(self) -> str:
        """Short name of the database."""
        return self._scan.database

    @property
    def release(self) -> str:
        """Annotation release with the switches that differ from the default; ``-partial`` for a subset."""
        objective = "-objective" if self._scan.coding == "objective" else ""
        return f"{self.annotation.label}{objective}{'-partial' if self._partial else ''}"

    @property
    def synthetic(self) -> bool:
        """True for a twin."""
        return self._scan.twin is not None

    @property
    def complete(self) -> bool:
        """True if the samples are all of the release: neither a subset nor a twin of another size."""
        return not self._partial and len(self.samples) == self.annotation.clips

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All samples, sorted by key."""
        return self._scan.samples

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read the frames onset..offset of one sample.

        Returns:
            ``(T, H, W, C)``, uint8, C = 1 (grey) or 3 (RGB).

        Raises:
            DataError: The files are missing, unreadable or not what the table says.
        """
        return read_clip(
            self._scan.root,
            sample,
            fill=sample.key in self._scan.fill,
            cache=self._cache,
            timeout=self._timeout,
        )


def read_clip(
    root: Path,
    sample: Sample,
    *,
    fill: bool = False,
    cache: Path | None = None,
    timeout: float = DECODE_SECONDS,
) -> NDArray[np.uint8]:
    """Read the frames onset..offset of a sample from its folder or video file.

    Args:
        root: Root of the database; nothing outside it is read.
        sample: The sample, with path, onset and offset.
        fill: Let the nearest existing frame stand in for a missing one.
        cache: Folder for decoded video files.
        timeout: Seconds after which decoding a video file is given up.

    Returns:
        ``(T, H, W, C)``, uint8.

    Raises:
        DataError: The files are missing, unreadable or not what the sample says.
    """
    if sample.path is None or sample.onset is None or sample.offset is None:
        raise DataError(f"{sample.key}: expected a path, an onset and an offset")
    inside(root, sample.path)
    if not sample.path.is_file():
        return read_images(clip_files(root, sample, fill=fill))
    clip = read_video(sample.path, cache=cache, timeout=timeout)
    return clip[video_frames(len(clip), sample.onset, sample.offset, relative(root, sample.path))]


def clip_files(root: Path, sample: Sample, *, fill: bool = False) -> list[Path]:
    """Image files of the frames onset..offset of a sample, in order.

    Raises:
        DataError: The folder is missing or leads out of the root, or a frame is missing and ``fill`` is off.
    """
    if sample.path is None or sample.onset is None or sample.offset is None:
        raise DataError(f"{sample.key}: expected a path, an onset and an offset")
    where = relative(root, sample.path)
    frames = number_frames(children(root, sample.path), where)
    if fill and frames:
        wanted = range(sample.onset, sample.offset + 1)
        if not (min(frames) <= sample.offset and max(frames) >= sample.onset):
            raise DataError(f"{where}: no frame of {sample.onset}..{sample.offset}, found {min(frames)}..{max(frames)}")
        return [frames[min(frames, key=lambda have, want=want: (abs(have - want), have))] for want in wanted]
    return select_frames(frames, sample.onset, sample.offset, where)


def choose_release(database: str, release: str | AnnotationRelease | None, default: str) -> AnnotationRelease:
    """Resolve what the caller gave into a release of the database.

    Raises:
        DataError: Unknown, or a release of another database.
    """
    chosen = get_release(release or default) if not release or isinstance(release, str) else release
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
        release: Annotation release with its switches.
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
