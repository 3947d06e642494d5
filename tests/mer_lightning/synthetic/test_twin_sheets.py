"""The sheets of the twins have the structure of the real ones, and the oddities that readers must live with."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from openpyxl import load_workbook

from mer_lightning.datasets.action_units import parse_action_units
from mer_lightning.synthetic import casme2, samm, smic_long
from mer_lightning.synthetic.takes import Take, plan_twin
from tests.mer_lightning.datasets.sheet_structures import SHEETS, TITLES, read_structure

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {"size": (24, 32), "frames": 0.2}


@pytest.fixture(scope="module")
def takes() -> dict[str, tuple[Take, ...]]:
    planned = {
        "casme2-2014+objective": "casme2",
        "casme2-2019": "casme2",
        "samm-v2": "samm",
        "smic-e-157": "smic",
        "smic-e-vis-71": "smic_vis",
    }
    return {release: plan_twin(database, release=release, **SMALL) for release, database in planned.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, takes: dict[str, tuple[Take, ...]]) -> Path:
    """Sheets of whole twins, without frames."""
    root = tmp_path_factory.mktemp("sheets")
    for release in ("casme2-2014+objective", "casme2-2019"):
        casme2.write_sheets(root, takes[release], release)
    samm.write_sheet(root / samm.SHEET, takes["samm-v2"])
    smic_long.write_sheet(root / smic_long.SHEET, takes["smic-e-157"], takes["smic-e-vis-71"])
    return root


def rows(path: Path, title: str, header: int = 1) -> list[dict[str, object]]:
    lines = load_workbook(path, data_only=True)[title].iter_rows(min_row=header, values_only=True)
    titles = next(lines)
    return [dict(zip(titles, line, strict=True)) for line in lines if line[0] is not None]


@pytest.mark.parametrize(("file", "title", "header"), SHEETS)
def test_structure_is_that_of_the_real_sheet(folder: Path, file: str, title: str, header: int):
    assert read_structure(folder / file, title, header) == SHEETS[file, title, header]


@pytest.mark.parametrize("file", TITLES)
def test_sheets_are_those_of_the_real_workbook(folder: Path, file: str):
    assert load_workbook(folder / file).sheetnames == TITLES[file]


@pytest.mark.parametrize(
    ("file", "header"), [(smic_long.SHEET, 1), (samm.SHEET, 14)], ids=["refers to another sheet", "refers to its own"]
)
def test_stored_values_are_what_the_formulas_give(folder: Path, file: str, header: int):
    formulas, stored = (load_workbook(folder / file, data_only=values) for values in (False, True))

    def value(match: re.Match[str]) -> str:
        # a spreadsheet program takes a blank cell for nought
        return str(stored[match[1] or sheet.title][match[2]].value or 0)

    found = 0
    for sheet in formulas:
        for cell in (cell for line in sheet.iter_rows(min_row=header + 1) for cell in line):
            if cell.data_type == "f":
                text = re.sub(r"(?:(VIS)!)?([A-Z]+\d+)", value, cell.value[1:].replace("SUM", ""))
                assert eval(text) == stored[sheet.title][cell.coordinate].value, cell.value
                found += 1
    assert found >= 159


def test_smic_rows_are_the_clips_of_both_cameras(folder: Path, takes: dict[str, tuple[Take, ...]]):
    for title, release in (("HS", "smic-e-157"), ("VIS", "smic-e-vis-71")):
        found = rows(folder / smic_long.SHEET, title)
        for row, take in zip(found, takes[release], strict=True):
            assert row["Filename"] == re.sub("^s0", "s", take.clip)
            assert (row["OnsetF"], row["OffsetF"], row["FirstF"]) == (take.onset, take.offset, take.first)
            assert row["TotalVL"] == take.script.frames
            assert row["Emotion"] == take.emotion
        again = [row for row in found if row["Onset2F"] is not None]
        assert len(again) == {"HS": 8, "VIS": 5}[title]
        assert all(row["OffsetF"] < row["Onset2F"] < row["Offset2F"] for row in again)
    fast, slow = (rows(folder / smic_long.SHEET, title) for title in ("HS", "VIS"))
    assert [row["Filename"] for row in fast[:71]] == [row["Filename"] for row in slow]
    # filled to the right, five of the third expressions are nonsense
    assert sum(row["Onset3F"] is not None and row["TotalMF3"] < 0 for row in fast) == 5
    assert [row["Emotion"] for row in fast + slow if row["Filename"] == "s18_sur_03"] == ["negative"] * 2
    named = {"ne": "negative", "po": "positive", "sur": "surprise"}
    assert sum(row["Emotion"] != named[str(row["Filename"]).split("_")[1]] for row in fast + slow) == 2
    assert Counter(row["Emotion"] for row in fast) == {"negative": 66, "positive": 51, "surprise": 40}
    assert Counter(row["Emotion"] for row in slow) == {"negative": 24, "positive": 28, "surprise": 19}


def test_both_cameras_saw_the_same_moment(takes: dict[str, tuple[Take, ...]]):
    for fast, slow in zip(takes["smic-e-157"], takes["smic-e-vis-71"], strict=False):
        assert fast.script.who == slow.script.who and fast.script.units == slow.script.units
        assert fast.script.frames == 4 * slow.script.frames
        assert (fast.script.onset, fast.script.offset) == (4 * slow.script.onset, 4 * slow.script.offset)


def test_empty_rows_follow_the_last_one_of_smic(folder: Path):
    book = load_workbook(folder / smic_long.SHEET)
    assert (book["HS"].max_row, book["VIS"].max_row) == (1 + 157 + 6, 1 + 71 + 6)


def test_casme2_apexes_that_are_none_or_an_end(folder: Path):
    for file in ("CASME2-coding-20140508.xlsx", "CASME2-coding-20190701.xlsx"):
        found = rows(folder / file, "Sheet1")
        by_clip = {(row["Subject"], row["Filename"]): row for row in found}
        assert by_clip["04", "EP12_01f"]["ApexFrame"] == "/"
        assert by_clip["05", "EP09_05f"]["ApexFrame"] == by_clip["05", "EP09_05f"]["OnsetFrame"] == 69
        at_end = [row["Subject"] for row in found if row["ApexFrame"] == row["OffsetFrame"]]
        assert at_end == ["05", "12", "20", "25"]


def test_casme2_of_2019_has_other_labels_for_what_was_seen_in_2014(folder: Path, takes: dict[str, tuple[Take, ...]]):
    old, new = ({take.key: take for take in takes[name]} for name in ("casme2-2014+objective", "casme2-2019"))
    both = old.keys() & new.keys()
    assert len(both) == 252
    assert all(old[key].script == new[key].script and old[key].emotion == new[key].emotion for key in both)
    turned = sorted(new.keys() - both)
    assert turned == ["casme2/sub24/EP07_01", "casme2/sub24/EP07_04f", "casme2/sub24/EP10_03"]
    assert all(new[key].emotion == "surprise" for key in turned)
    classes = {
        (row["Subject"], row["Filename"]): row for row in rows(folder / "CASME2-ObjectiveClasses.xlsx", "Sheet1")
    }
    moved = [
        row
        for row in rows(folder / "CASME2-coding-20190701.xlsx", "Sheet1")
        if row["Objective Classes"] != classes.get((row["Subject"], row["Filename"]), {}).get("Objective Class")
    ]
    assert 36 <= len(moved) <= 40


def test_samm_apexes_outside_of_their_clips(folder: Path, takes: dict[str, tuple[Take, ...]]):
    true = {take.clip: take for take in takes["samm-v2"]}
    found = rows(folder / samm.SHEET, "MICRO_ONLY", 14)
    outside = [row["Filename"] for row in found if not row["Onset Frame"] <= row["Apex Frame"] <= row["Offset Frame"]]
    assert outside == ["028_4_1", "032_3_1"]
    assert all(row["Offset Frame"] == true[str(row["Filename"])].offset for row in found)
    assert all(row["Subject"] == str(row["Filename"])[:3] for row in found)


def test_the_cells_code_the_units_that_the_faces_show(folder: Path, takes: dict[str, tuple[Take, ...]]):
    for row, take in zip(rows(folder / samm.SHEET, "MICRO_ONLY", 14), takes["samm-v2"], strict=True):
        shown, coded = parse_action_units(take.code), parse_action_units(row["Action Units"])
        assert coded.certain == shown.certain
        assert coded.possible == shown.possible
    unsure = 0
    for row, take in zip(
        rows(folder / "CASME2-coding-20140508.xlsx", "Sheet1"), takes["casme2-2014+objective"], strict=True
    ):
        coded = parse_action_units(row["Action Units"])
        unsure += row["Action Units"] == "?"
        assert coded.certain in (set(), {unit.number for unit in parse_action_units(take.code).units})
    assert unsure == 5


def test_a_workbook_is_the_same_bytes_again(folder: Path, tmp_path: Path, takes: dict[str, tuple[Take, ...]]):
    samm.write_sheet(tmp_path / samm.SHEET, takes["samm-v2"])
    assert (tmp_path / samm.SHEET).read_bytes() == (folder / samm.SHEET).read_bytes()
