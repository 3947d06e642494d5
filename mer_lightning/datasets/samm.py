"""SAMM: 159 clips of 29 subjects, 200 fps, grey frames, FACS codes sheet whose header is on the 14th row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from mer_lightning.datasets.builder import Builder, choose_release, choose_variant
from mer_lightning.datasets.frames import Coding, FrameDataset, Scan
from mer_lightning.datasets.paths import children, existing_root, files_like, folders_with, relative
from mer_lightning.datasets.sheets import Column, read_table
from mer_lightning.datasets.twins import read_twin
from mer_lightning.types import DataError
from mer_lightning.video.reader import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path


Variant = Literal["cropped", "raw"]

LAYOUT = "SAMM/006/006_1_2/006_05562.jpg and SAMM_Micro_FACS_Codes_v2.xlsx"
_SUBJECT = re.compile(r"\d{3}")
_SHEET = re.compile(r"SAMM(_\d{8})?_Micro_FACS_Codes_v2\.xlsx?", re.IGNORECASE)
_COLUMNS = (
    Column("subject", ("Subject",), "subject"),
    Column("clip", ("Filename",), "text"),
    Column("onset", ("Onset Frame",), "frame"),
    Column("apex", ("Apex Frame",), "frame", blank=True),
    Column("offset", ("Offset Frame",), "frame"),
    Column("aus", ("Action Units",), "text", required=False, blank=True),
    Column("emotion", ("Estimated Emotion",), "label"),
    Column("objective", ("Objective Classes", "Objective Class"), "text", required=False, blank=True),
)


class Samm(FrameDataset):
    """SAMM in its official folders.

    Args:
        root: Folder that holds the sheet and the subjects' folders, at most three levels down.
        release: ``samm-v2``.
        variant: ``raw`` as released, or ``cropped`` for crops that somebody made; None for the first of ``cropped``,
            ``raw`` that there is.
        coding: Whether ``Sample.emotion`` holds the estimated emotion or the objective class (``I`` to
            ``VII``).
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
        super().__init__(scan(root, release=release, variant=variant, coding=coding), partial=partial)


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
    chosen = choose_release("samm", release, "samm-v2")
    sheets = files_like(base, _SHEET, prune=_SUBJECT)
    if not sheets:
        raise DataError(f"{base}: no annotation sheet found; expected SAMM_Micro_FACS_Codes_v2.xlsx")
    kind, frames = choose_variant(variant, _variants(base), base, LAYOUT)
    table = read_table(base, sheets[0], _COLUMNS, sheet="MICRO_ONLY")
    if coding == "objective" and "objective" not in table.columns:
        raise DataError(f"{table.file}: no column 'Objective Classes'")
    builder = Builder("samm", base, chosen, kind, coding)
    subjects, clips = _folders(base, frames)
    for row, subject, clip in builder.names(table):
        if not re.fullmatch(r"\d{1,3}", subject):
            builder.problem(table.file, row.number, f"Subject '{subject}' is not one; expected a number, e.g. 006")
            continue
        # a number cell has lost the zero padding that folders and clips have
        name = subject.zfill(3)
        if not clip.startswith(f"{name}_"):
            builder.problem(table.file, row.number, f"Filename '{clip}' is not one of subject {name}; e.g. {name}_1_2")
            continue
        builder.add_row(table.file, row, name, clip, subjects.get(name))
    builder.unnamed(clips)
    return builder.scan(read_twin(base))


def _variants(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders_with(root, _SUBJECT):
        name = f"{root.name}/{relative(root, folder)}".lower()
        found.setdefault("cropped" if "crop" in name else "raw", folder)
    return {kind: found[kind] for kind in ("cropped", "raw") if kind in found}


def _folders(root: Path, frames: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    subjects: dict[str, Path] = {}
    clips: dict[str, Path] = {}
    for folder in children(root, frames):
        if _SUBJECT.fullmatch(folder.name) and folder.is_dir():
            subjects[folder.name] = folder
            for path in children(root, folder):
                if path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES:
                    clips[f"{folder.name}/{path.name if path.is_dir() else path.stem}"] = path
    return subjects, clips
