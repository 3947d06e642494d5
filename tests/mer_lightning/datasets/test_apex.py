"""Apexes of the sheet, of a file of one's own, or by a rule."""

from __future__ import annotations

import openpyxl
import pytest

from benchmark.__main__ import main
from mer_lightning.datasets.casme2 import Casme2
from mer_lightning.datasets.samm import Samm
from mer_lightning.datasets.smic import Smic
from mer_lightning.datasets.verify import verify
from mer_lightning.types import DataError
from tests.mer_lightning.datasets.conftest import with_formulas

HEADER = "database,subject,clip,apex\n"


def add_apexes(smic_e, *cells) -> None:
    path = smic_e / "HS_long/SMIC-HS-E_annotation.xlsx"
    book = openpyxl.load_workbook(path)
    for row, value in enumerate(("ApexF", *cells), 1):
        book["HS"].cell(row, 14).value = value
    book.save(path)
    with_formulas(path, {"E3": ("D3+K3-1", 17581005)})


def test_a_column_of_apexes_in_the_smic_sheet_is_read_where_it_is_asked_for(smic_e):
    add_apexes(smic_e, 17581005, "17581003")
    data = Smic(smic_e, apex="sheet", partial=True)
    assert [one.apex for one in data.samples] == [17581005, 17581003]
    assert data.choices == {"variant": "long", "apex": "sheet"}
    usual = Smic(smic_e, partial=True)
    assert [one.apex for one in usual.samples] == [17581006, 17581003]
    assert usual.choices["apex"] == "middle_frame"
    (remark,) = verify(smic_e, "smic", frames=False).remarks
    assert str(remark).endswith("[HS]: column apexf is not read; apex: sheet takes the apexes from it")


def test_a_wrong_apex_of_the_sheet_is_a_problem_only_where_it_is_read(smic_e):
    add_apexes(smic_e, 17581999, "soon")
    assert len(Smic(smic_e, partial=True).samples) == 2
    lines = [str(one) for one in verify(smic_e, "smic", apex="sheet", frames=False).problems]
    assert any("row 2: apex is '17581999'; expected a frame within 17581004..17581009" in line for line in lines)
    assert any("row 3: ApexF is the text 'soon'; expected a whole number" in line for line in lines)


def test_a_choice_that_makes_no_sense_is_one_line(smic_e, smic, casme2, samm):
    with pytest.raises(DataError, match=r"\[HS\]: no column ApexF, so apex: sheet does not apply"):
        Smic(smic_e, apex="sheet", partial=True)
    with pytest.raises(DataError, match="smic-hs-164, which has no sheet: apex: sheet does not apply"):
        Smic(smic, apex="sheet", partial=True)
    with pytest.raises(DataError, match="casme2: apex: middle_frame does not apply; expected one of sheet, file"):
        Casme2(casme2, apex="middle_frame", partial=True)
    with pytest.raises(DataError, match="apex choice 'guess' is unknown"):
        Samm(samm, apex="guess", partial=True)
    with pytest.raises(
        DataError, match=r"no apexes\.csv found; apex: file needs it, with the columns database, subject"
    ):
        Samm(samm, apex="file", partial=True)


def test_apexes_of_ones_own_take_the_place_of_the_sheets(samm):
    # a spreadsheet program has dropped the zeros; rows of other databases are theirs
    (samm / "apexes.csv").write_text(f"{HEADER}samm,6,006_1_2,5575\nsamm,28,028_4_1,1101\nsmic,1,s01_ne_01,7\n")
    data = Samm(samm, apex="file", partial=True)
    assert {one.clip: one.apex for one in data.samples} == {"006_1_2": 5575, "028_4_1": 1101, "013_1_9": 5735}
    assert data.applied == {}
    assert data.choices["apex"] == "file"
    assert len(data.choices["apexes"]) == 10
    usual = Samm(samm, partial=True)
    assert usual.choices == {"variant": "raw"}
    assert usual.samples[0].apex == 5570
    (remark,) = verify(samm, "samm", frames=False).remarks
    assert str(remark) == "apexes.csv: is not read; apex: file takes the apexes from it"


def test_clips_that_are_left_without_an_apex_are_counted(smic, casme2):
    (smic / "apexes.csv").write_text(f"{HEADER}smic,s1,s01_ne_01,9\n")
    data = Smic(smic, apex="file", partial=True)
    assert [one.apex for one in data.samples] == [9, None, None]
    assert data.choices["apex"] == "file, 2 without"
    (remark,) = verify(smic, "smic", apex="file", frames=False).remarks
    assert "smic/s01/s01_sur_01 and 1 more have no apex here or in the sheet: it is spotted" in str(remark)
    (casme2 / "apexes.csv").write_text(f"{HEADER}casme2,sub05,EP09_05f,72\ncasme2,4,EP12_01f,5\n")
    assert {one.apex for one in Casme2(casme2, apex="file", partial=True).samples} >= {72, 5}


def test_every_row_of_the_file_is_checked(samm, capsys):
    rows = ["samm,006,006_1_2,1", "samm,006,006_9_9,5570", "samm,028,028_4_1,1105", "samm,28,028_4_1,1106"]
    rows += ["samn,006,006_1_2,5570", "samm,013,013_1_9,soon", "samm,013,013_1_9,/"]
    (samm / "apexes.csv").write_text(HEADER + "\n".join(rows))
    assert main(["data", "verify", str(samm), "--quick", "--apex", "file"]) == 1
    lines = capsys.readouterr().out
    for line in (
        "apexes.csv row 2: apex 1 of samm/006/006_1_2 is outside of 5562..5580",
        "apexes.csv row 3: clip 006_9_9 of subject 6 is unknown; expected one of the annotation",
        "apexes.csv row 5: clip 028_4_1 of subject 28 is already given by row 4",
        "apexes.csv row 6: database 'samn' is unknown; expected one of casme2, ckplus",
        "apexes.csv row 7: apex is the text 'soon'; expected a whole number",
        "apexes.csv row 8: apex is '/'; expected a frame number",
    ):
        assert f"problem {line}" in lines


def test_a_file_without_a_clip_of_this_database_is_remarked(samm):
    (samm / "apexes.csv").write_text(f"{HEADER}smic,1,s01_ne_01,7\n")
    report = verify(samm, "samm", apex="file", frames=False)
    assert "apexes.csv: names no clip of samm: no apex is taken from it" in map(str, report.remarks)


def test_a_subject_of_another_name_is_not_the_one_of_its_number(samm):
    (samm / "apexes.csv").write_text(f"{HEADER}samm,person006,006_1_2,5575\n")
    (problem,) = [one for one in verify(samm, "samm", apex="file", frames=False).problems if one.row]
    assert str(problem).startswith("apexes.csv row 2: clip 006_1_2 of subject person006 is unknown")


def test_two_files_of_apexes_are_a_question(samm):
    for place in (samm, samm / "SAMM"):
        (place / "apexes.csv").write_text(HEADER)
    with pytest.raises(DataError, match=r"apexes.csv and SAMM/apexes.csv: expected one file of apexes"):
        Samm(samm, apex="file", partial=True)
