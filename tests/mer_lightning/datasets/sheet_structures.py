"""The structure of annotation sheets: titles, types, formulas and forms of action units; no row of any."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openpyxl import load_workbook

from mer_lightning.datasets.action_units import AllOf, Bracket, OneOf, Unit, Words, parse_action_units

if TYPE_CHECKING:
    from pathlib import Path

    from mer_lightning.datasets.action_units import Part


@dataclass(frozen=True)
class Structure:
    """One sheet.

    Attributes:
        rows: Rows with a value below the header.
        titles: Titles of the header row, empty where a column has none; columns without title and value at the
            end do not count.
        kinds: Per title which cells occur: ``number``, ``text``, ``blank``, the text of a formula without its rows.
        texts: Titles of the columns whose cells have the number format of text.
        units: Which forms occur in the cells of action units.
    """

    rows: int
    titles: tuple[str, ...]
    kinds: dict[str, set[str]]
    texts: tuple[str, ...] = ()
    units: set[str] = field(default_factory=set)


def read_structure(path: Path, title: str, header: int = 1) -> Structure:
    """Read the structure of a sheet; a formula without a stored whole number is an error."""
    formulas, values = (load_workbook(path, data_only=stored)[title] for stored in (False, True))
    names = [str(cell.value or "").strip() for cell in formulas[header]]
    while not names[-1]:
        names.pop()
    kinds: dict[str, set[str]] = {name: set() for name in names if name}
    formats: dict[str, set[str]] = {name: set() for name in kinds}
    units: set[str] = set()
    rows = 0
    for line in formulas.iter_rows(min_row=header + 1, max_col=len(names)):
        if all(cell.value is None for cell in line):
            continue
        rows += 1
        for name, cell in zip(names, line, strict=True):
            if not name:
                assert cell.value is None
                continue
            stored = values[cell.coordinate].value
            kinds[name].add(kind(cell.value, stored))
            formats[name].add(cell.number_format)
            if name in {"Action Units", "AU"} and stored is not None:
                units |= forms(stored)
    texts = tuple(name for name, found in formats.items() if found == {"@"})
    return Structure(rows, tuple(names), kinds, texts, units)


def kind(value: object, stored: object) -> str:
    if value is None:
        return "blank"
    if isinstance(value, int | float):
        return "number"
    if str(value).startswith("="):
        assert isinstance(stored, int), f"{value} has no stored number"
        return re.sub(r"(?<=[A-Z])\d+", "", str(value))
    return "text"


def forms(cell: str | int) -> set[str]:
    """Which forms of the grammar one cell has."""
    tree = parse_action_units(cell).tree
    found = {"number cell"} if isinstance(cell, int) else set()
    return found | (part_forms(tree) if tree else {"empty"})


def part_forms(part: Part) -> set[str]:
    if isinstance(part, Unit):
        found = {f"kind {part.kind}"} if part.kind else set()
        found |= {f"side {'/'.join(part.sides)}"} if len(part.sides) == 1 else {"sides"} if part.sides else set()
        found |= {"intensity"} if len(part.intensities) == 1 else {"intensities"} if part.intensities else set()
        return found | ({"doubt"} if part.doubt else set())
    if isinstance(part, Words):
        return {"question mark"} if part.text == "?" else {"remark"}
    if isinstance(part, Bracket):
        return part_forms(part.inside) | {"reference" if part.reference else "bracket"}
    assert isinstance(part, AllOf | OneOf)
    return set(part.joiners).union(*map(part_forms, part.parts))


number, text, blank = {"number"}, {"text"}, {"blank"}
_CASME2 = ("Subject", "Filename", "", "OnsetFrame", "ApexFrame", "OffsetFrame", "", "Action Units", "Estimated Emotion")
_CASME2_KINDS = {
    "Subject": text, "Filename": text, "OnsetFrame": number, "ApexFrame": number | text, "OffsetFrame": number,
    "Action Units": number | text, "Estimated Emotion": text,
}  # fmt: skip
_CASME2_UNITS = {"number cell", "+", "side L", "side R"}

SHEETS = {
    ("CASME2-coding-20140508.xlsx", "Sheet1", 1): Structure(
        255, _CASME2, _CASME2_KINDS, ("Subject",), _CASME2_UNITS | {"question mark"}
    ),
    ("CASME2-coding-20190701.xlsx", "Sheet1", 1): Structure(
        255,
        (*_CASME2, "Objective Classes"),
        _CASME2_KINDS | {"Objective Classes": number},
        ("Subject",),
        _CASME2_UNITS,
    ),
    ("CASME2-ObjectiveClasses.xlsx", "Sheet1", 1): Structure(
        255,
        ("Subject", "Filename", "Objective Class"),
        {"Subject": text, "Filename": text, "Objective Class": number},
        ("Subject",),
    ),
    ("SAMM_Micro_FACS_Codes_v2.xlsx", "MICRO_ONLY", 14): Structure(
        159,
        (
            "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro",
            "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
        ),
        {
            "Subject": text, "Filename": text, "Inducement Code": number, "Onset Frame": number,
            "Apex Frame": number, "Offset Frame": number, "Duration": {"=SUM(F-D)+1"}, "Micro": text,
            "Action Units": number | text, "Estimated Emotion": text, "Objective Classes": number,
            "Notes": text | blank,
        },
        ("Subject",),
        {
            "number cell", "+", "or", "bracket", "reference", "remark", "intensity", "intensities", "sides",
            "side L", "side R", "side A", "side T", "side B",
        },
    ),
    ("SMIC-HS-E_annotation.xlsx", "HS", 1): Structure(
        157,
        (
            "Subject", "Filename", "", "OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F", "Offset3F", "", "FirstF",
            "LastF", "TotalMF1", "TotalMF2", "TotalMF3", "TotalVL", "Emotion",
        ),
        {
            "Subject": number, "Filename": text, "OnsetF": number, "OffsetF": {"=D+M-1"},
            "Onset2F": number | blank | {"=D+100*(VIS!F-VIS!D)/25"},
            "Offset2F": number | blank | {"=D+100*(VIS!G-VIS!D)/25"},
            "Onset3F": number | blank | {"=F+100*(VIS!H-VIS!F)/25"},
            "Offset3F": number | blank | {"=F+100*(VIS!I-VIS!F)/25"},
            "FirstF": number | {"=D-100*(VIS!D-VIS!I)/25"}, "LastF": {"=K+100*(VIS!L)/25-1", "=K+P-1"},
            "TotalMF1": number, "TotalMF2": number | blank | {"=G-F"}, "TotalMF3": number | blank | {"=H-G"},
            "TotalVL": number | {"=L-K+1"}, "Emotion": text,
        },
    ),
    ("SMIC-HS-E_annotation.xlsx", "VIS", 1): Structure(
        71,
        (
            "Subject", "Filename", "", "OnsetF", "OffsetF", "Onset2F", "Offset2F", "", "FirstF", "TotalMF1",
            "TotalMF2", "TotalVL", "Emotion",
        ),
        {
            "Subject": number, "Filename": text, "OnsetF": number, "OffsetF": number, "Onset2F": number | blank,
            "Offset2F": number | blank, "FirstF": number, "TotalMF1": {"=E-D+1"}, "TotalMF2": blank | {"=G-F"},
            "TotalVL": number, "Emotion": text,
        },
    ),
}  # fmt: skip
"""Per file, sheet and row of the header."""

TITLES = {
    "CASME2-coding-20140508.xlsx": ["Sheet1", "Sheet2", "Sheet3"],
    "CASME2-coding-20190701.xlsx": ["Sheet1", "Sheet2", "Sheet3"],
    "CASME2-ObjectiveClasses.xlsx": ["Sheet1", "Sheet2"],
    "SAMM_Micro_FACS_Codes_v2.xlsx": ["MICRO_ONLY"],
    "SMIC-HS-E_annotation.xlsx": ["HS", "VIS", "Sheet2", "Sheet3"],
}
"""Sheets per file, in order."""
