"""CASME II: 26 subjects, 255 clips, 200 fps, raw and cropped frames, one sheet per release."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from mer_lightning.datasets.apex import ApexChoice, check_apex, open_apexes
from mer_lightning.datasets.builder import Builder, choose_release
from mer_lightning.datasets.copies import choose_copy, expected_clip, find_clips, find_copies
from mer_lightning.datasets.database import Database
from mer_lightning.datasets.frames import Coding, FrameDataset, Scan
from mer_lightning.datasets.manifest import read_twin
from mer_lightning.datasets.paths import existing_root
from mer_lightning.datasets.releases import get_release
from mer_lightning.datasets.sheet_search import Form, Sheet, find_spreadsheets, none_found, only
from mer_lightning.datasets.sheets import Column
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from mer_lightning.datasets.sheets import Row, Table


Variant = Literal["cropped", "raw", "raw_long"]

LAYOUT = "CASME2_RAW_selected/sub01/EP02_01f/img46.jpg or Cropped/sub01/EP02_01f/reg_img46.jpg and a coding sheet"
_SUBJECT = re.compile(r"sub(\d{1,2})", re.IGNORECASE)
_CLIP = re.compile(r"EP\d{1,2}_\w{1,5}", re.IGNORECASE)
_IDENTITY = (Column("subject", ("Subject",), "subject"), Column("clip", ("Filename",), "text"))
_OBJECTIVE_TITLES = ("Objective Class", "Objective Classes")
_CODING = Form(
    wanted="CASME2-coding-20140508.xlsx or CASME2-coding-20190701.xlsx",
    names=re.compile(r".*CASME2-coding.*", re.IGNORECASE),
    columns=(
        *_IDENTITY,
        Column("onset", ("OnsetFrame",), "frame"),
        Column("apex", ("ApexFrame", "ApexFrame1"), "frame", blank=True),
        Column("offset", ("OffsetFrame",), "frame"),
        Column("aus", ("Action Units",), "text", required=False, blank=True),
        Column("emotion", ("Estimated Emotion",), "label"),
        Column("objective", _OBJECTIVE_TITLES, "text", required=False, blank=True),
    ),
    clip=_CLIP,
)
_CLASSES = Form(
    wanted="CASME2-ObjectiveClasses.xlsx",
    names=re.compile(r".*CASME2-ObjectiveClass.*", re.IGNORECASE),
    columns=(*_IDENTITY, Column("objective", _OBJECTIVE_TITLES, "text")),
    clip=_CLIP,
)


class Casme2(FrameDataset):
    """CASME II in its official folders.

    Args:
        root: Folder that holds the sheet and the frame folders, at most three levels down.
        release: ``casme2-2014``, ``casme2-2014+objective`` (with the workbook of objective classes) or
            ``casme2-2019``, maybe with corrections switched; None for the newest sheet found.
        variant: ``cropped``, ``raw`` (selected clips) or ``raw_long`` (longer clips); None for the first
            there is.
        coding: Whether ``Sample.emotion`` holds the estimated emotion or the objective class.
        apex: ``sheet``, also if None, or ``file`` for those of ``apexes.csv``.
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
        coding: Coding = "emotion",
        apex: ApexChoice | None = None,
        partial: bool = False,
    ) -> None:
        super().__init__(scan(root, release=release, variant=variant, coding=coding, apex=apex), partial=partial)


@dataclass(frozen=True, slots=True)
class _Annotation:
    """The sheet, the workbook of objective classes if it belongs to the release, and the release's name."""

    table: Table
    release: str
    classes: Table | None = None


def scan(
    root: Path | str,
    *,
    release: str | None = None,
    variant: Variant | None = None,
    coding: Coding = "emotion",
    apex: ApexChoice | None = None,
) -> Scan:
    """Hold the sheet against the folders and collect every problem.

    Raises:
        DataError: There is no folder, sheet or frame folder to start from.
    """
    base = existing_root(root, LAYOUT)
    check_apex("casme2", apex or "sheet", ("sheet", "file"))
    annotation = _find_annotation(base, release and get_release(release).name)
    table = annotation.table
    chosen = choose_release("casme2", release, annotation.release)
    copies = find_copies(base, _SUBJECT, _kind, ("cropped", "raw", "raw_long"))
    kind, frames = choose_copy(variant, copies, base, LAYOUT)
    if coding == "objective" and annotation.classes is None and "objective" not in table.columns:
        raise DataError(
            f"{table.file}: no column 'Objective Class'; this copy of the sheet has no objective classes; "
            f"the release casme2-2014+objective takes them from {_CLASSES.wanted}"
        )
    own, remarks = open_apexes(base, "casme2", apex or "sheet", prune=_SUBJECT)
    builder = Builder("casme2", base, chosen, kind, coding, own)
    builder.remarks(remarks)
    subjects, clips = find_clips(builder, base, frames, _SUBJECT, lambda match: _name(match[1]))
    classes = _Classes(annotation, builder)
    for row, subject, clip in builder.names(table):
        number = re.fullmatch(r"(?:sub)?0*(\d{1,2})", subject, re.IGNORECASE)
        if number is None:
            builder.problem(table.file, row.number, f"Subject '{subject}' is not one; expected a number, e.g. 1")
            continue
        name = _name(number[1])
        expected = expected_clip(base, frames, name, clip, subjects)
        builder.add_row(table.file, classes.join(row, name, clip), name, clip, clips.get(f"{name}/{clip}"), expected)
    classes.close()
    builder.unnamed(clips)
    return builder.scan(read_twin(base), tuple(copies))


class _Classes:
    """Joins the objective classes of the workbook to the rows of the sheet, by subject and clip."""

    def __init__(self, annotation: _Annotation, builder: Builder) -> None:
        self._sheet, self._table, self._builder = annotation.table, annotation.classes, builder
        self._rows: dict[str, Row] = {}
        self._left: dict[str, Row] = {}
        if self._table is None:
            return
        for row, subject, clip in builder.names(self._table):
            number = re.fullmatch(r"(?:sub)?0*(\d{1,2})", subject, re.IGNORECASE)
            key = f"{_name(number[1]) if number else subject}/{clip}"
            if key in self._rows:
                message = f"{key} is already given by row {self._rows[key].number}"
                builder.problem(self._table.file, row.number, message)
            self._rows.setdefault(key, row)
        self._left = dict(self._rows)

    def join(self, row: Row, subject: str, clip: str) -> Row:
        """The row with its objective class; a row without a partner, or with another class, is a problem."""
        if self._table is None:
            return row
        key = f"{subject}/{clip}"
        partner = self._rows.get(key)
        self._left.pop(key, None)
        if partner is None:
            self._builder.problem(self._sheet.file, row.number, f"{key} has no row in {self._table.file}")
            return row
        ours, theirs = row.text("objective"), partner.text("objective")
        if ours and ours != theirs:
            message = f"objective class '{theirs[:40]}' of {key} is '{ours[:40]}' in {self._sheet.file}"
            self._builder.problem(self._table.file, partner.number, message)
        return replace(row, values=row.values | {"objective": theirs})

    def close(self) -> None:
        """Note the classes that belong to no row of the sheet."""
        if self._table is not None:
            for key, row in self._left.items():
                self._builder.problem(self._table.file, row.number, f"{key} has no row in {self._sheet.file}")


def _find_annotation(root: Path, release: str | None) -> _Annotation:
    """Find the sheet of a release, or the newest there is, and the workbook of objective classes."""
    if release is not None and get_release(release).database != "casme2":
        choose_release("casme2", release, release)
    books = find_spreadsheets(root, prune=_SUBJECT)
    sheets, others = books.of_form(_CODING)
    if not sheets:
        raise none_found(root, _CODING, others)
    wanted = release.removesuffix("+objective") if release else None
    by_release: dict[str, list[Sheet]] = {}
    for sheet in sheets:
        by_release.setdefault(_release_of(sheet, wanted), []).append(sheet)
    wanted = wanted or max(by_release)
    if wanted not in by_release:
        there = ", ".join(f"{sheet.grid.name} of {name}" for name, found in by_release.items() for sheet in found)
        raise DataError(
            f"{root}: no sheet of release {wanted} found; expected {get_release(wanted).file}; found {there}"
        )
    table = only(by_release[wanted], wanted).read()
    if wanted != "casme2-2014" or release == wanted:
        return _Annotation(table, wanted)
    classes, others = books.of_form(_CLASSES, besides=[sheet.path for sheet in sheets])
    if classes:
        name = f"{wanted}+objective"
        return _Annotation(table, name, only(classes, name).read())
    # copies of the sheet that have the column need no workbook
    if release is not None and "objective" not in table.columns:
        raise none_found(root, _CLASSES, others)
    return _Annotation(table, release or wanted)


def _release_of(sheet: Sheet, wanted: str | None) -> str:
    """Release of a sheet by the year in its name, else by its counts, else the one that is wanted.

    Raises:
        DataError: Neither says it.
    """
    year = re.search(r"20(14|19)", sheet.path.name)
    if year is not None:
        return f"casme2-{year[0]}"
    emotions = [row.text("emotion") for row in sheet.read().rows]
    for name in ("casme2-2019", "casme2-2014"):
        if all(emotions.count(emotion) == count for emotion, count in get_release(name).counts.items()):
            return name
    if wanted is not None:
        return wanted
    raise DataError(
        f"{sheet.grid.name}: neither its name nor its counts say whether it is the coding of 2014 or of 2019; "
        f"name it with release:, or call the file {_CODING.wanted}"
    )


def _kind(path: str) -> str:
    return "cropped" if "crop" in path else "raw" if "selected" in path or "raw" not in path else "raw_long"


def _name(number: str) -> str:
    return f"sub{int(number):02d}"


DATABASE = Database(
    name="casme2",
    title="CASME II",
    layout=LAYOUT,
    obtain="signed agreement with the Institute of Psychology, Chinese Academy of Sciences",
    opener=Casme2,
    scanner=scan,
    marks=re.compile(r"(?i:(\[.*\] ?)?CASME2[-_].*|CASME2\.(xlsx?|csv)|sub\d{1,2})"),
    top=re.compile(r"(?i:.*CASME2.*\.(xlsx?|csv))"),
    inner=_SUBJECT,
    year=2014,
    fps=200,
)
