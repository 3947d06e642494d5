"""CASME II: 26 subjects, 255 or 256 clips, 200 fps, raw and cropped frames, one sheet per release."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from mer_lightning.datasets.builder import Builder, choose_release, choose_variant
from mer_lightning.datasets.frames import Coding, FrameDataset, Scan
from mer_lightning.datasets.paths import children, existing_root, files_like, folders_with, relative
from mer_lightning.datasets.releases import get_release
from mer_lightning.datasets.sheets import Column, read_table
from mer_lightning.datasets.twins import read_twin
from mer_lightning.types import DataError
from mer_lightning.video.reader import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path


Variant = Literal["cropped", "raw", "raw_long"]

LAYOUT = "CASME2_RAW_selected/sub01/EP02_01f/img46.jpg or Cropped/sub01/EP02_01f/reg_img46.jpg and a coding sheet"
_SUBJECT = re.compile(r"sub(\d{1,2})", re.IGNORECASE)
_SHEETS = {
    "casme2-2019": re.compile(r"CASME2-coding-2019\d*\.xlsx?", re.IGNORECASE),
    "casme2-2014": re.compile(r"CASME2-coding-2014\d*\.xlsx?", re.IGNORECASE),
}
_COLUMNS = (
    Column("subject", ("Subject",), "subject"),
    Column("clip", ("Filename",), "text"),
    Column("onset", ("OnsetFrame",), "frame"),
    Column("apex", ("ApexFrame", "ApexFrame1"), "frame", blank=True),
    Column("offset", ("OffsetFrame",), "frame"),
    Column("aus", ("Action Units",), "text", required=False, blank=True),
    Column("emotion", ("Estimated Emotion",), "label"),
    Column("objective", ("Objective Class", "Objective Classes"), "text", required=False, blank=True),
)


class Casme2(FrameDataset):
    """CASME II in its official folders.

    Args:
        root: Folder that holds the sheet and the frame folders, at most three levels down.
        release: ``casme2-2014`` or ``casme2-2019``, maybe with corrections switched; None for the newest sheet found.
        variant: ``cropped``, ``raw`` (selected clips) or ``raw_long`` (longer clips); None for the first
            there is.
        coding: Whether ``Sample.emotion`` holds the estimated emotion or the objective class.
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
        partial: bool = False,
    ) -> None:
        found = scan(root, release=release, variant=variant, coding=coding)
        super().__init__(found, partial=partial)


def scan(
    root: Path | str,
    *,
    release: str | None = None,
    variant: Variant | None = None,
    coding: Coding = "emotion",
) -> Scan:
    """Hold the sheet against the folders and collect every problem.

    Raises:
        DataError: There is no folder, sheet or frame folder to start from.
    """
    base = existing_root(root, LAYOUT)
    sheet, default = _find_sheet(base, release and get_release(release).name)
    chosen = choose_release("casme2", release, default)
    kind, frames = choose_variant(variant, _variants(base), base, LAYOUT)
    table = read_table(base, sheet, _COLUMNS)
    if coding == "objective" and "objective" not in table.columns:
        raise DataError(f"{table.file}: no column 'Objective Class'; this copy of the sheet has no objective classes")
    builder = Builder("casme2", base, chosen, kind, coding)
    subjects, clips = _folders(base, frames)
    for row, subject, clip in builder.names(table):
        number = re.fullmatch(r"(?:sub)?0*(\d{1,2})", subject, re.IGNORECASE)
        if number is None:
            builder.problem(table.file, row.number, f"Subject '{subject}' is not one; expected a number, e.g. 1")
            continue
        name = f"sub{int(number[1]):02d}"
        builder.add_row(table.file, row, name, clip, subjects.get(name))
    builder.unnamed(clips)
    return builder.scan(read_twin(base))


def _find_sheet(root: Path, release: str | None) -> tuple[Path, str]:
    for default, pattern in _SHEETS.items():
        if release in (None, default) and (found := files_like(root, pattern, prune=_SUBJECT)):
            return found[0], default
    if legacy := files_like(root, re.compile(r"CASME2.*\.xls", re.IGNORECASE), prune=_SUBJECT):
        file = relative(root, legacy[0])
        raise DataError(
            f"{file}: legacy .xls workbook; save it as .xlsx under the name of its release, "
            f"CASME2-coding-20140508.xlsx or CASME2-coding-20190701.xlsx"
        )
    wanted = "CASME2-coding-20140508.xlsx" if release == "casme2-2014" else "CASME2-coding-20190701.xlsx"
    raise DataError(f"{root}: no annotation sheet found; expected {wanted}")


def _variants(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders_with(root, _SUBJECT):
        name = f"{root.name}/{relative(root, folder)}".lower()
        kind = "cropped" if "crop" in name else "raw" if "selected" in name or "raw" not in name else "raw_long"
        found.setdefault(kind, folder)
    return {kind: found[kind] for kind in ("cropped", "raw", "raw_long") if kind in found}


def _folders(root: Path, frames: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    subjects: dict[str, Path] = {}
    clips: dict[str, Path] = {}
    for folder in children(root, frames):
        match = _SUBJECT.fullmatch(folder.name)
        if match is None or not folder.is_dir():
            continue
        subject = f"sub{int(match[1]):02d}"
        if (twin := subjects.get(subject)) is not None:
            raise DataError(f"{relative(root, frames)}: {twin.name} and {folder.name} are both {subject}; expected one")
        subjects[subject] = folder
        for path in children(root, folder):
            if path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES:
                clips[f"{subject}/{path.name if path.is_dir() else path.stem}"] = path
    return subjects, clips
