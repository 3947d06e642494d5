"""Annotation sheets in the forms in which they are distributed and passed on, written by hand."""

from __future__ import annotations

import csv
import shutil
from typing import TYPE_CHECKING

import openpyxl
import pytest
import xlwt

from mer_lightning.datasets.casme2 import Casme2
from mer_lightning.datasets.registry import recognise
from mer_lightning.datasets.samm import Samm
from mer_lightning.datasets.sheets import Column, read_table
from mer_lightning.datasets.smic import Smic
from mer_lightning.datasets.verify import verify
from mer_lightning.types import DataError
from tests.mer_lightning.datasets.conftest import (
    CASME2_HEADER,
    CASME2_ROWS,
    SAMM_HEADER,
    SAMM_ROWS,
    with_formulas,
    write_frames,
    write_sheet,
)

if TYPE_CHECKING:
    from pathlib import Path

SHEET = "CASME2-coding-20140508.xlsx"
COLUMNS = (
    Column("subject", ("Subject",), "subject"),
    Column("frame", ("Frame",), "frame", blank=True),
    Column("units", ("Units",), "text", required=False, blank=True),
)


def write_csv(path: Path, rows: list[list[object]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(["" if cell is None else cell for cell in row] for row in rows)
    return path


def write_xls(path: Path, rows: list[list[object]], title: str = "Sheet1") -> Path:
    book = xlwt.Workbook()
    sheet = book.add_sheet(title)
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            if value is not None:
                sheet.write(number, column, value)
    book.save(str(path))
    return path


def read(path: Path, columns=COLUMNS):
    table = read_table(path.parent, path, columns)
    return [tuple(row.values.values()) for row in table.rows], [str(problem) for problem in table.problems]


ROWS: list[list[object]] = [
    ["Subject", "Frame", "Units"],
    ["006", 12, 4],
    ["01", "13", "4+L10"],
    [3, 14.0, None],
    ["sub24", "/", "12"],
    ["5", None, "?"],
]
VALUES = [("006", 12, "4"), ("01", 13, "4+L10"), ("3", 14, None), ("sub24", "/", "12"), ("5", None, "?")]


@pytest.mark.parametrize("kind", ["xlsx", "xls", "csv", "semicolons", "tabs", "bom"])
def test_every_kind_of_file_is_the_same_table(tmp_path, kind):
    if kind == "xlsx":
        path = write_sheet(tmp_path / "a.xlsx", ROWS)
    elif kind == "xls":
        path = write_xls(tmp_path / "a.xls", ROWS)
    else:
        delimiter = {"semicolons": ";", "tabs": "\t"}.get(kind, ",")
        path = write_csv(tmp_path / "a.csv", ROWS, delimiter, "utf-8-sig" if kind == "bom" else "utf-8")
    assert read(path) == (VALUES, [])


def test_an_xlsx_that_is_called_xls_is_read(tmp_path):
    write_sheet(tmp_path / "a.xlsx", ROWS).rename(tmp_path / "a.xls")
    assert read(tmp_path / "a.xls") == (VALUES, [])


def test_the_text_above_a_header_may_have_commas_of_its_own(tmp_path):
    above = [["Please cite: Davison, A., Lansley, C., Costen, N., Tan, K., Yap, M."], []]
    assert read(write_csv(tmp_path / "a.csv", [*above, *ROWS], ";")) == (VALUES, [])


def test_whole_numbers_that_a_program_wrote_as_floats(tmp_path):
    path = write_csv(tmp_path / "a.csv", [["Subject", "Frame", "Units"], ["6.0", "12.0", "4.0"], ["7", "12.5", "4"]])
    assert read(path) == ([("6", 12, "4")], ["a.csv row 3: Frame is the text '12.5'; expected a whole number"])


def test_a_formula_gives_the_value_that_was_stored(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", ROWS)
    with_formulas(path, {"B2": ("A3+1", 41), "C3": ("C2", "R12")})
    assert read(path)[0][:2] == [("006", 41, "4"), ("01", 13, "R12")]


def test_a_formula_without_a_stored_value_names_sheet_row_and_column(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", ROWS)
    with_formulas(path, {"B2": ("A3+1", None), "B3": ("A4+1", None)})
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == (
        "a.xlsx [Sheet1] row 2 column B: Frame is a formula without a stored value (and 1 more); "
        "open the file in a spreadsheet program and save it anew"
    )
    # a column that is not read may hold what it wants
    assert len(read(path, COLUMNS[:1])[0]) == len(VALUES)


def test_an_error_value_of_a_formula_is_a_problem(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", ROWS)
    with_formulas(path, {"B2": ("A3/0", "#DIV/0!")})
    assert "row 2: Frame is the text '#DIV/0!'; expected a whole number" in read(path)[1][0]


def test_rows_below_the_last_one_may_be_empty_or_dragged_formulas(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", [*ROWS, [None, None, " "], [None, 1, None], [None, None, None]])
    with_formulas(path, {"B8": ("A8-1", -1)})
    assert read(path) == (VALUES, [])


def test_a_title_that_stands_twice_is_refused_where_it_is_read(tmp_path):
    path = write_sheet(tmp_path / "a.xlsx", [["Subject", "Frame", "Units", "frame "], ["1", 2, "4", 3]])
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == (
        "a.xlsx [Sheet1] row 1: 'Frame' in column B and 'frame ' in column D are titles of one column; "
        "expected one of them"
    )
    assert read(path, COLUMNS[:1]) == ([("1",)], [])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Subject,Frame\nä,1\n".encode("latin-1"), "a.csv: expected UTF-8 text; save it as CSV UTF-8"),
        ("Subject,Frame\n1,2\n".encode("utf-16"), "a.csv: expected UTF-8 text"),
        (b"Subject,Frame\n" * 20_001, "a.csv: 20001 rows x 0 columns, more than the 20000 x 200"),
        (b"Subject,Frame" + b"," * 300 + b"\n", "a.csv: 1 rows x 302 columns, more than the 20000 x 200"),
        (b"Subject,Frame\n1," + b"9" * 200_000, "a.csv: expected a table of comma-separated values"),
    ],
)
def test_a_text_file_that_is_no_sheet(tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.csv")


def test_a_legacy_workbook_has_the_same_guards(tmp_path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("Sheet1")
    for row, values in enumerate(ROWS[:3]):
        for column, value in enumerate(values):
            sheet.write(row, column, value)
    sheet.write_merge(3, 4, 0, 0, "merged")
    book.save(str(tmp_path / "a.xls"))
    assert read(tmp_path / "a.xls")[1] == [
        "a.xls [Sheet1] row 4: merged cells A4:A5; expected one value per cell",
        "a.xls [Sheet1] row 5: merged cells A4:A5; expected one value per cell",
    ]
    sheet.write(20_000, 0, "far")
    book.save(str(tmp_path / "a.xls"))
    with pytest.raises(DataError, match="more than the 20000 x 200"):
        read(tmp_path / "a.xls")


def only_problem(root: Path, database: str, **options) -> str:
    (problem,) = verify(root, database, frames=False, **options).problems
    return str(problem)


@pytest.mark.parametrize(
    "name", ["[modified]CASME2-coding-20190701.xlsx", "CASME2-coding-20140508 (1).xlsx", "labels.xlsx", "my CASME2.csv"]
)
def test_a_sheet_of_another_name_is_known_by_its_columns(casme2, name):
    (casme2 / SHEET).unlink()
    path = casme2 / name
    rows = [CASME2_HEADER, *CASME2_ROWS]
    _ = write_csv(path, rows) if name.endswith("csv") else write_sheet(path, rows)
    release = "casme2-2019" if "2019" in name else "casme2-2014"
    data = Casme2(casme2, release=release, partial=True)
    assert (len(data.samples), data.release) == (len(CASME2_ROWS), f"{release}-partial")
    assert recognise(casme2) == ("casme2",)


def test_a_sheet_that_names_no_release_has_to_be_told(casme2):
    (casme2 / SHEET).rename(casme2 / "labels.xlsx")
    assert "labels.xlsx [Sheet1]: neither its name nor its counts say" in only_problem(casme2, "casme2")
    counts = {"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 28, "sadness": 4, "fear": 2}
    emotions = [emotion for emotion, count in counts.items() for _ in range(count)]
    rows = [[1, f"EP{k:02d}_1", None, 1, 2, 3, None, 12, emotion] for k, emotion in enumerate(emotions)]
    write_sheet(casme2 / "labels.xlsx", [CASME2_HEADER, *rows])
    assert verify(casme2, "casme2", frames=False).release == "casme2-2019"


def test_what_lies_there_is_named_where_no_sheet_is_found(casme2, tmp_path):
    (casme2 / SHEET).unlink()
    write_sheet(casme2 / "notes.xlsx", [["Subject", "Filename", "Remark"], [1, "EP01_01", "x"]])
    (casme2 / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(100))
    write_sheet(casme2 / "samm.xlsx", [SAMM_HEADER, *SAMM_ROWS])
    line = only_problem(casme2, "casme2")
    assert "expected CASME2-coding-20140508.xlsx or CASME2-coding-20190701.xlsx; found " in line
    assert "old.xls (expected an .xls workbook (CalamineError); is it damaged?)" in line
    assert "notes.xlsx (lacks the columns OnsetFrame, ApexFrame, OffsetFrame, Estimated Emotion)" in line
    assert "samm.xlsx (names no clip of this database)" in line


@pytest.mark.parametrize("place", ["CASME2-coding-20140508 (1).xlsx", "old/CASME2-coding-20140508.xlsx"])
def test_two_sheets_of_one_release_are_a_question(casme2, place):
    (casme2 / place).parent.mkdir(exist_ok=True)
    shutil.copy(casme2 / SHEET, casme2 / place)
    line = only_problem(casme2, "casme2")
    assert line.endswith("are both sheets of casme2-2014; keep one of them in the folder")
    assert place in line
    assert f"{SHEET} [Sheet1]" in line


def test_the_release_that_is_asked_for_has_to_be_there(casme2):
    assert only_problem(casme2, "casme2", release="casme2-2019").endswith(
        f"no sheet of release casme2-2019 found; expected CASME2-coding-20190701.xlsx; "
        f"found {SHEET} [Sheet1] of casme2-2014"
    )


OBJECTIVE_ROWS: list[list[object]] = [
    ["Subject", "Filename", "Objective Class"],
    *([f"{row[0]:02d}", row[1], k + 1] for k, row in enumerate(CASME2_ROWS)),
]


def test_objective_classes_of_2014_come_from_their_workbook(casme2):
    write_sheet(casme2 / "CASME2-ObjectiveClasses.xlsx", OBJECTIVE_ROWS)
    data = Casme2(casme2, coding="objective", partial=True)
    assert data.release == "casme2-2014+objective-objective-partial"
    assert [sample.emotion for sample in data.samples] == ["I", "II", "III", "IV", "V"]
    named = Casme2(casme2, release="casme2-2014+objective", partial=True)
    assert {sample.emotion for sample in named.samples} == {"happiness", "disgust", "others"}
    assert Casme2(casme2, release="casme2-2014", partial=True).release == "casme2-2014-partial"


def test_every_row_of_sheet_and_workbook_has_its_partner(casme2):
    rows = [*OBJECTIVE_ROWS[:-1], ["26", "EP99_01", 3], ["01", "EP02_01f", 2]]
    write_sheet(casme2 / "CASME2-ObjectiveClasses.xlsx", rows)
    lines = [str(one) for one in verify(casme2, "casme2", frames=False).problems if one.file != "."]
    assert lines == [
        "CASME2-ObjectiveClasses.xlsx [Sheet1] row 7: sub01/EP02_01f is already given by row 2",
        f"{SHEET} [Sheet1] row 6: sub26/EP18_44 has no row in CASME2-ObjectiveClasses.xlsx [Sheet1]",
        f"CASME2-ObjectiveClasses.xlsx [Sheet1] row 6: sub26/EP99_01 has no row in {SHEET} [Sheet1]",
    ]


def test_the_workbook_is_missed_only_where_it_is_asked_for(casme2):
    assert verify(casme2, "casme2", frames=False).release == "casme2-2014"
    line = only_problem(casme2, "casme2", release="casme2-2014+objective")
    assert "no annotation sheet found; expected CASME2-ObjectiveClasses.xlsx" in line
    with pytest.raises(
        DataError,
        match=r"no column 'Objective Class'.*casme2-2014.objective takes them from CASME2-ObjectiveClasses.xlsx",
    ):
        Casme2(casme2, coding="objective", partial=True)


def test_an_apex_at_the_offset_is_a_remark_that_can_be_switched_on(casme2):
    rows = [*CASME2_ROWS, ["20", "EP16_01", None, 71, 111, 111, None, 4, "others"]]
    write_sheet(casme2 / SHEET, [CASME2_HEADER, *rows])
    write_frames(casme2 / "Cropped/sub20/EP16_01", "reg_img{}.jpg", range(71, 112))
    report = verify(casme2, "casme2", frames=False)
    assert [one.file for one in report.problems if one.file != "."] == []
    assert str(report.remarks[0]).startswith(f"{SHEET} [Sheet1] row 7: casme2-sub20-EP16_01-apex is off: the sheet rep")
    assert report.to_json()["remarks"][0]["row"] == 7
    assert Casme2(casme2, partial=True).samples[-2].apex == 111
    on = Casme2(casme2, release="casme2-2014-with:casme2-sub20-EP16_01-apex", partial=True)
    assert on.samples[-2].apex is None
    assert on.applied["casme2/sub20/EP16_01"] == ("casme2-sub20-EP16_01-apex",)


def test_samm_with_the_header_in_the_first_row_and_another_name(samm):
    (samm / "SAMM_Micro_FACS_Codes_v2.xlsx").unlink()
    write_sheet(samm / "SAMM.xlsx", [SAMM_HEADER, *SAMM_ROWS])
    assert len(Samm(samm, partial=True).samples) == len(SAMM_ROWS)
    assert recognise(samm) == ("samm",)
    write_xls(samm / "SAMM.xls", [SAMM_HEADER, *SAMM_ROWS])
    assert "are both sheets of samm-v2" in only_problem(samm, "samm")


def test_where_a_copy_of_samm_has_its_apexes_mended_nothing_applies(samm):
    assert Samm(samm, partial=True).applied == {"samm/028/028_4_1": ("samm-028_4_1-apex",)}
    path = samm / "SAMM_Micro_FACS_Codes_v2.xlsx"
    book = openpyxl.load_workbook(path)
    book["MICRO_ONLY"].cell(16, 5).value = 1104
    book.save(path)
    data = Samm(samm, partial=True)
    assert data.applied == {}
    assert data.samples[-1].apex == 1104


def test_copies_of_the_frames_are_named_and_chosen(samm, smic, casme2):
    shutil.copytree(samm / "SAMM", samm / "SAMM_CROP")
    shutil.copytree(smic / "SMIC_all_cropped", smic / "SMIC_CROP/SMIC_all_raw")
    report = verify(samm, "samm", frames=False)
    assert (report.variant, report.variants) == ("cropped", ("cropped", "raw"))
    assert verify(samm, "samm", variant="raw", frames=False).variant == "raw"
    assert Samm(samm, partial=True).samples[0].path.is_relative_to(samm / "SAMM_CROP")
    assert "are both cropped frames of one clip" in only_problem(smic, "smic")
    shutil.rmtree(smic / "SMIC_all_cropped")
    assert verify(smic, "smic", frames=False).variants == ("cropped", "raw")
    shutil.copytree(samm / "SAMM", samm / "SAMM_again")
    assert "raw frames lie in SAMM and in SAMM_again; keep one" in only_problem(samm, "samm", variant="raw")
    with pytest.raises(DataError, match=r"no long frames found \(only cropped, raw\)"):
        Casme2(casme2, variant="long", partial=True)


def test_clips_in_folders_that_name_no_camera_are_hs(tmp_path):
    write_frames(tmp_path / "SMIC_CROP/s1/s1_ne_01", "reg_image{}.bmp", range(3, 6))
    data = Smic(tmp_path, partial=True)
    assert (data.variant, [one.key for one in data.samples]) == ("cropped", ["smic/s01/s01_ne_01"])
    assert recognise(tmp_path) == ("smic",)


def test_sub1_and_sub01_are_one_subject(casme2):
    cropped = casme2 / "Cropped"
    (cropped / "sub1").mkdir()
    (cropped / "sub01/EP02_01f").rename(cropped / "sub1/EP02_01f")
    assert len(Casme2(casme2, partial=True).samples) == len(CASME2_ROWS)
    shutil.copytree(cropped / "sub1/EP02_01f", cropped / "sub01/EP02_01f")
    lines = [str(one) for one in verify(casme2, "casme2", frames=False).problems if one.file != "."]
    assert lines == ["Cropped/sub01/EP02_01f: sub01/EP02_01f lies in Cropped/sub1/EP02_01f too"]


def test_a_sheet_without_action_units_is_read_and_says_so(casme2):
    place = CASME2_HEADER.index("Action Units")
    rows = [[cell for index, cell in enumerate(row) if index != place] for row in (CASME2_HEADER, *CASME2_ROWS)]
    write_sheet(casme2 / SHEET, rows)
    report = verify(casme2, "casme2", frames=False)
    assert f"{SHEET} [Sheet1]: has no column Action Units, so its clips have none" in map(str, report.remarks)
    assert {sample.action_units for sample in Casme2(casme2, partial=True).samples} == {""}
