"""Rows of a sheet become samples, folders are held against them, and everything else becomes a problem."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, get_args

from mer_lightning.datasets.database import registered
from mer_lightning.datasets.frames import Coding, Scan, clip_files
from mer_lightning.datasets.paths import inside, relative, safe_name
from mer_lightning.datasets.problems import Problem, Remark
from mer_lightning.datasets.releases import get_release, releases_of
from mer_lightning.types import DataError, Sample, lies_at_an_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mer_lightning.datasets.annotation import AnnotationRelease, Correction
    from mer_lightning.datasets.apex import OwnApexes
    from mer_lightning.datasets.manifest import Twin
    from mer_lightning.datasets.sheets import Row, Table, Value

Copy = TypeVar("Copy")

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


def choose_variant(variant: str | None, found: Mapping[str, Copy], root: Path, wanted: str) -> tuple[str, Copy]:
    """Choose which copy of the frames is read: the one asked for, else the first in the order of preference.

    Args:
        variant: What the caller asked for, None for the preferred one.
        found: What there is by variant, in the order of preference.
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


class Builder:
    """Collects the samples and problems of one database while its rows and folders are gone through.

    Args:
        database: Short name.
        root: Root of the database, resolved.
        release: Annotation release.
        variant: Which copy of the frames.
        coding: What ``Sample.emotion`` holds.
        apexes: Apexes of the user's own, which take the place of those of the sheet; None for none.
    """

    def __init__(
        self,
        database: str,
        root: Path,
        release: AnnotationRelease,
        variant: str,
        coding: Coding = "emotion",
        apexes: OwnApexes | None = None,
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
        self._objective: dict[str, str] = {}
        self._apexes = apexes
        self._problems: list[Problem] = []
        self._remarks: list[Remark] = []

    def problem(self, file: str, row: int | None, message: str) -> None:
        """Note a problem."""
        self._problems.append(Problem(file, row, message))

    def problems(self, problems: Iterable[Problem]) -> None:
        """Note several problems."""
        self._problems += problems

    def remark(self, file: str, row: int | None, message: str) -> None:
        """Note something odd that is taken as it is."""
        self._remarks.append(Remark(file, row, message))

    def remarks(self, remarks: Iterable[Remark]) -> None:
        """Note several odd things."""
        self._remarks += remarks

    def names(self, table: Table) -> Iterator[tuple[Row, str, str]]:
        """Rows of a sheet with subject and clip, checked as path components; the others become problems.

        The sheet needs the columns ``subject`` and ``clip``.
        """
        self.problems(table.problems)
        if table.rows and "aus" in {*table.rows[0].values} - table.columns:
            self.remark(table.file, None, "has no column Action Units, so its clips have none")
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
        path: Path | None,
        expected: str,
    ) -> None:
        """Turn one row into a sample, after the corrections, if its frames are there.

        Args:
            file: The sheet, as problems name it.
            row: The row, with ``onset``, ``apex`` (optional), ``offset``, ``emotion`` or ``objective``,
                ``aus``.
            subject: Subject as samples name it.
            clip: Clip as samples name it.
            path: The clip's folder or video file, None if there is none.
            expected: What was expected there, for the message.
        """
        key = f"{subject}/{clip}"
        self._named.add(key)
        if key in self._rows:
            self.problem(file, row.number, f"{key} is already given by row {self._rows[key]}")
            return
        self._rows[key] = row.number
        emotion = self._emotion(file, row, key)
        frames = self._annotation(file, row, subject, clip)
        if path is None:
            self.problem(file, row.number, f"{key}: no frames; expected the {expected}")
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
                self._check_frames(sample)
        except DataError as error:
            self.problem(file, row, str(error))
            return
        entry = registered().databases.get(self._database)
        self._samples[sample.key] = replace(self._with_own_apex(sample), fps=entry.fps if entry else None)

    def name_class(self, file: str, row: Row, subject: str, clip: str, named: str) -> Row:
        """Settle a row whose emotion is not the class in the clip's name.

        A correction of this clip takes the name if it is on, and is a remark if it is off; without one the row is a
        problem.

        Args:
            file: The sheet.
            row: The row.
            subject: Subject as samples name it.
            clip: Clip as samples name it.
            named: Class in the name.
        """
        emotion = row.text("emotion")
        if emotion == named:
            return row
        for one in self._release.corrections_for(subject, clip):
            if one.field == "emotion":
                self._note(f"{self._database}/{subject}/{clip}", one)
                return replace(row, values=row.values | {"emotion": named})
        off = [one for one in self._release.remarks_for(subject, clip) if one.field == "emotion"]
        for one in off:
            self.remark(file, row.number, f"{one.name} is off: {one.reason}")
        if not off:
            self.problem(file, row.number, f"emotion '{emotion[:40]}' of {clip} is not {named}, the class in its name")
        return row

    def unnamed(self, found: Mapping[str, Path]) -> None:
        """Note the clips that are in the folders but in no row, save those that the release names.

        Args:
            found: Folders or video files by ``<subject>/<clip>``.
        """
        for key, path in found.items():
            if key not in self._named and key not in self._release.unlabelled:
                self.problem(relative(self._root, path), None, f"{key} has no row in the annotation")

    def scan(
        self, twin: Twin | None = None, variants: Sequence[str] = (), choices: Mapping[str, str] | None = None
    ) -> Scan:
        """Everything found so far.

        Args:
            twin: What the root says about itself if it is a twin.
            variants: Every copy of the frames that is there.
            choices: What belongs into records beside the variant.
        """
        chosen = dict(choices or {})
        if self._apexes is not None:
            chosen |= self._close_apexes(self._apexes)
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
            variants=tuple(variants),
            choices=chosen,
            objective=dict(self._objective),
            remarks=tuple(self._remarks),
        )

    def _with_own_apex(self, sample: Sample) -> Sample:
        own = None if self._apexes is None else self._apexes.of(sample.subject, sample.clip)
        if self._apexes is None or own is None or sample.onset is None or sample.offset is None:
            return sample
        row, apex = own
        if sample.onset <= apex <= sample.offset:
            return replace(sample, apex=apex)
        span = f"{sample.onset}..{sample.offset}"
        self.problem(self._apexes.file, row, f"apex {apex} of {sample.key} is outside of {span}")
        return sample

    def _close_apexes(self, apexes: OwnApexes) -> dict[str, str]:
        """Note the rows of no clip and the clips of no row; give the choices for the record."""
        self.problems(
            [*apexes.problems, *apexes.unknown((key.split("/")[0], key.split("/")[1]) for key in self._named)]
        )
        if not (apexes.frames or apexes.problems):
            self.remark(apexes.file, None, f"names no clip of {self._database}: no apex is taken from it")
        without = [key for key, sample in sorted(self._samples.items()) if sample.apex is None]
        if without:
            more = f" and {len(without) - 1} more" if len(without) > 1 else ""
            self.remark(apexes.file, None, f"{without[0]}{more} have no apex here or in the sheet: it is spotted")
        sheet = [key for key, one in sorted(self._samples.items()) if one.apex is not None and not self._has_own(one)]
        if sheet and apexes.frames:
            more = f" and {len(sheet) - 1} more" if len(sheet) > 1 else ""
            self.remark(apexes.file, None, f"{sheet[0]}{more} have no row here: their apex is that of the sheet")
        left = f", {len(without)} without" if without else ""
        return {"apex": f"file{left}", "apexes": apexes.digest}

    def _has_own(self, sample: Sample) -> bool:
        return self._apexes is not None and self._apexes.of(sample.subject, sample.clip) is not None

    def _check_frames(self, sample: Sample) -> None:
        try:
            clip_files(self._root, sample)
        except DataError:
            gap = next(
                (one for one in self._release.corrections_for(sample.subject, sample.clip) if one.field == "frames"),
                None,
            )
            if gap is None:
                raise
            clip_files(self._root, sample, fill=True)
            self._fill.add(sample.key)
            self._note(sample.key, gap)

    def _note(self, key: str, correction: Correction) -> None:
        self._applied[key] = (*self._applied.get(key, ()), correction.name)

    def _emotion(self, file: str, row: Row, key: str) -> str | None:
        objective = row.text("objective").strip().upper()
        objective = OBJECTIVE[int(objective) - 1] if re.fullmatch(r"[1-7]", objective) else objective
        if objective in OBJECTIVE:
            self._objective[f"{self._database}/{key}"] = objective
        what, text, known = "emotion", row.text("emotion"), self._release.classes
        if self._coding == "objective":
            what, text, known = "objective class", objective, OBJECTIVE
        if text in known:
            return text
        self.problem(file, row.number, f"{what} '{text[:40]}' is unknown; expected one of {', '.join(known)}")
        return None

    def _annotation(self, file: str, row: Row, subject: str, clip: str) -> tuple[int, int | None, int] | None:
        values: dict[str, Value] = {name: row.values.get(name) for name in ("onset", "apex", "offset")}
        # an apex of the user's own takes the place of what the sheet has, good or bad
        own = self._apexes is not None and self._apexes.of(subject, clip) is not None
        annotated = "apex" in row.values and not own
        if not own:
            annotated = self._correct(file, row, subject, clip, values) and annotated
        onset, apex, offset = values["onset"], values["apex"], values["offset"]
        wrong = [name for name in ("onset", "offset") if not isinstance(values[name], int)]
        if wrong or not isinstance(onset, int) or not isinstance(offset, int):
            self.problem(file, row.number, f"{wrong[0]} is '{values[wrong[0]]}'; expected a frame number")
            return None
        if offset < onset:
            self.problem(file, row.number, f"offset {offset} is before onset {onset}")
            return None
        if not annotated:
            return onset, None, offset
        if not isinstance(apex, int) or not onset <= apex <= offset:
            shown = "empty" if apex is None else f"'{apex}'"
            self.problem(file, row.number, f"apex is {shown}; expected a frame within {onset}..{offset}")
            return None
        if (end := lies_at_an_end(onset, apex, offset)) and not self._knows_apex(subject, clip):
            self.remark(file, row.number, f"apex {apex} of {clip} is the {end}; between the two nothing moves")
        return onset, apex, offset

    def _knows_apex(self, subject: str, clip: str) -> bool:
        """Whether the release lists the clip among those whose apex is odd."""
        listed = (*self._release.corrections_for(subject, clip), *self._release.remarks_for(subject, clip))
        return any(one.field == "apex" for one in listed)

    def _correct(self, file: str, row: Row, subject: str, clip: str, values: dict[str, Value]) -> bool:
        """Apply what is on and remark what is off; False if the apex becomes not annotated."""
        annotated = True
        for one in self._release.corrections_for(subject, clip):
            if one.field == "apex" and "apex" in row.values and _applies(one, values):
                values["apex"] = one.value
                annotated = one.value is not None
                self._note(f"{self._database}/{subject}/{clip}", one)
                break
        for one in self._release.remarks_for(subject, clip):
            if one.field == "apex" and "apex" in row.values and _applies(one, values):
                self.remark(file, row.number, f"{one.name} is off: {one.reason}")
        return annotated


def _applies(correction: Correction, values: Mapping[str, Value]) -> bool:
    onset, apex, offset = values["onset"], values["apex"], values["offset"]
    if correction.when == "slash":
        return apex == "/"
    if correction.when in ("equals onset", "equals offset"):
        return apex is not None and apex == (onset if correction.when == "equals onset" else offset)
    if not (isinstance(apex, int) and isinstance(onset, int) and isinstance(offset, int)):
        return not isinstance(apex, int)
    return not onset <= apex <= offset
