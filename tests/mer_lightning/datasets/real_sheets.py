"""Folders in the released layouts, with the real sheets and empty frames: enough for loaders and ``verify --quick``."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import openpyxl

from mer_lightning.datasets.releases import get_release

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def read_rows(path: Path, sheet: str | None = None, header: int = 1) -> list[dict[str, object]]:
    """Rows of a sheet by the titles of its header row, with the number of the row; no code of ours."""
    book = openpyxl.load_workbook(path, data_only=True, read_only=True)
    lines = list((book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True))
    titles = lines[header - 1]
    rows = [
        {str(title): value for title, value in zip(titles, line, strict=False) if title is not None} | {"row": number}
        for number, line in enumerate(lines[header:], header + 1)
    ]
    return [row for row in rows if row["Filename"] is not None]


def empty_frames(folder: Path, pattern: str, numbers: Iterable[int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / pattern.format(number)).touch()


def casme2_folder(root: Path, sheets: Path, *names: str) -> Path:
    root.mkdir()
    for name in names:
        shutil.copy(sheets / name, root)
    for row in read_rows(sheets / names[0]):
        frames = range(int(row["OnsetFrame"]), int(row["OffsetFrame"]) + 1)
        empty_frames(root / f"Cropped/sub{row['Subject']}/{row['Filename']}", "reg_img{}.jpg", frames)
    return root


def samm_folder(root: Path, sheets: Path) -> Path:
    root.mkdir()
    shutil.copy(sheets / "SAMM_Micro_FACS_Codes_v2.xlsx", root)
    for row in read_rows(sheets / "SAMM_Micro_FACS_Codes_v2.xlsx", "MICRO_ONLY", 14):
        frames = range(int(row["Onset Frame"]), int(row["Offset Frame"]) + 1)
        empty_frames(root / f"SAMM/{row['Subject']}/{row['Filename']}", f"{row['Subject']}_{{:05d}}.jpg", frames)
    return root


def smic_e_folder(root: Path, sheets: Path, camera: str) -> Path:
    root.mkdir()
    shutil.copy(sheets / "SMIC-HS-E_annotation.xlsx", root)
    for row in read_rows(sheets / "SMIC-HS-E_annotation.xlsx", camera):
        frames = range(int(row["OnsetF"]), int(row["OffsetF"]) + 1)
        subject = f"s{int(row['Subject']):02d}"
        folder = root / f"{camera}_long/SMIC-{camera}-E/{camera}/{subject}/{row['Filename']}"
        empty_frames(folder, "image{}.jpg", frames)
    return root


def smic_folder(root: Path, sheets: Path) -> Path:
    """The 164 clips: those of the E sheet and the ones that it lacks, in the class folder of their name."""
    named = [str(row["Filename"]) for row in read_rows(sheets / "SMIC-HS-E_annotation.xlsx", "HS")]
    for clip in (*named, *(key.split("/")[1] for key in get_release("smic-e-157").absent)):
        subject, kind, _ = clip.split("_")
        place = {"ne": "negative", "po": "positive", "sur": "surprise"}[kind]
        bare = re.sub("^s0", "s", subject)
        empty_frames(root / f"SMIC_all_cropped/HS/{bare}/micro/{place}/{clip}", "reg_image{}.bmp", range(10, 15))
    return root
