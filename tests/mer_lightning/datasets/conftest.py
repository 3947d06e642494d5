"""Small folders in the official layouts, written by hand: loaders and twins are checked apart."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import openpyxl
import pytest
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

CASME2_HEADER = [
    "Subject",
    "Filename",
    None,
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    None,
    "Action Units",
    "Estimated Emotion",
]
SAMM_HEADER = [
    "Subject",
    "Filename",
    "Inducement Code",
    "Onset Frame",
    "Apex Frame",
    "Offset Frame",
    "Duration",
    "Micro",
    "Action Units",
    "Estimated Emotion",
    "Objective Classes",
    "Notes",
]
SMIC_E_HEADER = [
    "Subject",
    "Filename",
    None,
    "OnsetF",
    "OffsetF",
    "Onset2F",
    "Offset2F",
    None,
    "FirstF",
    "LastF",
    "TotalMF1",
    "TotalVL",
    "Emotion",
]


def picture(number: int, *, grey: bool = False, size: tuple[int, int] = (8, 6)) -> Image.Image:
    """One frame whose level is its number."""
    width, height = size
    shape = (height, width) if grey else (height, width, 3)
    return Image.fromarray(np.full(shape, number % 256, np.uint8))


def with_formulas(path: Path, formulas: dict[str, tuple[str, object]]) -> Path:
    """Turn cells of the first sheet into formulas with the value that a spreadsheet program stores, None for none.

    openpyxl writes a formula or a value, never both, so the XML of the cell is written here.
    """
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    for place, (formula, value) in formulas.items():
        stored = "" if value is None else f"<v>{value}</v>"
        kind = ' t="str"' if isinstance(value, str) else ""
        made = f'<c r="{place}"{kind}><f>{formula}</f>{stored}</c>'
        sheet, count = re.subn(rf'<c r="{place}"[^>]*?(/>|>.*?</c>)', made, sheet)
        assert count == 1, place
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else content)
    return path


def write_frames(folder: Path, pattern: str, numbers: range, *, grey: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        picture(number, grey=grey).save(folder / pattern.format(number))


def write_sheet(path: Path, rows: list[list[object]], *, title: str = "Sheet1", above: int = 0) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for number in range(above):
        sheet.append([f"note {number}"])
    for row in rows:
        sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


CASME2_ROWS: list[list[object]] = [
    [1, "EP02_01f", None, 46, 59, 86, None, 12, "happiness"],
    [1, "EP19_05f", None, 9, 12, 15, None, "4+L10", "disgust"],
    [4, "EP12_01f", None, 3, "/", 8, None, "15+17?", "disgust"],
    [5, "EP09_05f", None, 69, 69, 75, None, 4, "disgust"],
    [26, "EP18_44", None, 98, 101, 104, None, "R12", "others"],
]


@pytest.fixture
def casme2(tmp_path: Path) -> Path:
    root = tmp_path / "CASME2"
    write_sheet(root / "CASME2-coding-20140508.xlsx", [CASME2_HEADER, *CASME2_ROWS])
    for subject, clip, _, onset, _, offset, *_ in CASME2_ROWS:
        for folder, pattern in (("CASME2_RAW_selected", "img{}.jpg"), ("Cropped", "reg_img{}.jpg")):
            write_frames(root / folder / f"sub{subject:02d}" / str(clip), pattern, range(onset, offset + 1))
    write_frames(root / "CASME2_RAW_selected/sub09/EP02_02f", "img{}.jpg", range(1, 4))
    return root


SAMM_ROWS: list[list[object]] = [
    [6, "006_1_2", "x", 5562, 5570, 5580, 19, "Micro", "4 or 7", "Anger", 3, None],
    [28, "028_4_1", "x", 1100, 1090, 1110, 11, "Micro", "R12", "Other", 7, None],
    ["013", "013_1_9", "x", "5730", 5735, 5739, 10, "Micro", "12", "Happiness", 1, None],
]


@pytest.fixture
def samm(tmp_path: Path) -> Path:
    root = tmp_path / "SAMM_ROOT"
    sheet = root / "SAMM_Micro_FACS_Codes_v2.xlsx"
    write_sheet(sheet, [SAMM_HEADER, *SAMM_ROWS], title="MICRO_ONLY", above=13)
    write_frames(root / "SAMM/006/006_1_2", "006_{:05d}.jpg", range(5562, 5581), grey=True)
    write_frames(root / "SAMM/028/028_4_1", "028_{:05d}.jpg", range(1100, 1111), grey=True)
    write_frames(root / "SAMM/013/013_1_9", "{:05d}.jpg", range(5730, 5740), grey=True)
    return root


@pytest.fixture
def smic(tmp_path: Path) -> Path:
    root = tmp_path / "SMIC"
    for folder, prefix in (("SMIC_all_raw", ""), ("SMIC_all_cropped", "reg_")):
        for subject, emotion, clip, first in (
            ("s1", "negative", "s1_ne_01", 7),
            ("s1", "surprise", "s1_sur_01", 98),
            ("s20", "positive", "s20_po_10", 0),
        ):
            path = root / folder / "HS" / subject / "micro" / emotion / clip
            write_frames(path, f"{prefix}image{{}}.bmp", range(first, first + 6))
    write_frames(root / "SMIC_all_raw/VIS/s11/micro/negative/s11_ne_01", "image{}.bmp", range(3, 6))
    return root


@pytest.fixture
def smic_e(tmp_path: Path) -> Path:
    root = tmp_path / "SMIC-E_raw image"
    base = 17581000
    rows = [
        [1, "s1_ne_01", None, base + 4, base + 9, None, None, None, base, base + 19, 6, 20, "negative"],
        [3, "s03_po_02", None, base + 2, 1, base + 9, base + 12, None, "MISSING <-4", base + 19, 4, 20, "positive"],
    ]
    sheet = write_sheet(root / "HS_long/SMIC-HS-E_annotation.xlsx", [SMIC_E_HEADER, *rows], title="HS")
    # offsets are calculated, as in the released sheet, and dragged beyond the last row
    with_formulas(sheet, {"E3": ("D3+K3-1", base + 5)})
    for subject, clip in (("s01", "s01_ne_01"), ("s03", "s03_po_02"), ("s01", "s01_ne_02")):
        write_frames(root / "HS_long/SMIC-HS-E/HS" / subject / clip, "image{}.jpg", range(base, base + 20))
    return root


@pytest.fixture
def ckplus(tmp_path: Path) -> Path:
    root = tmp_path / "CK+"
    for subject, clip, last, code in (
        ("S005", "001", 11, 3.0),
        ("S010", "002", 14, 7.0),
        ("S011", "001", 5, None),
    ):
        stem = f"{subject}_{clip}_{{:08d}}"
        folder = root / "cohn-kanade-images" / subject / clip
        write_frames(folder, f"{stem}.png", range(1, last + 1), grey=True)
        landmarks = root / "Landmarks" / subject / clip
        landmarks.mkdir(parents=True)
        for number in range(1, last + 1):
            # a square of points from 2, 1 to 5, 4, one pixel to the right per ten frames
            corners = [(2 + number // 10, 1), (5 + number // 10, 4)] * 34
            lines = "".join(f"   {x:.7e}   {y:.7e}\n" for x, y in corners)
            (landmarks / f"{stem.format(number)}_landmarks.txt").write_text(lines)
        emotion = root / "Emotion" / subject / clip
        emotion.mkdir(parents=True)
        if code is not None:
            (emotion / f"{stem.format(last)}_emotion.txt").write_text(f"   {code:.7e}\n")
    return root


@pytest.fixture
def fer2013(tmp_path: Path) -> Path:
    root = tmp_path / "FER2013"
    root.mkdir()
    lines = ["emotion,pixels,Usage"]
    for row, (emotion, usage) in enumerate(((0, "Training"), (6, "PublicTest"), (3, "PrivateTest"))):
        pixels = " ".join(str((row * 50 + index) % 256) for index in range(48 * 48))
        lines.append(f"{emotion},{pixels},{usage}")
    (root / "fer2013.csv").write_text("\n".join(lines) + "\n")
    return root
