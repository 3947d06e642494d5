"""The sheet of SMIC's E release: which reading of a row counts, and of which camera it is."""

from __future__ import annotations

import shutil

import openpyxl
import pytest

from mer_lightning.datasets.registry import recognise
from mer_lightning.datasets.smic import Smic
from mer_lightning.datasets.verify import verify, verify_all
from mer_lightning.types import DataError
from tests.mer_lightning.datasets.conftest import SMIC_E_HEADER, with_formulas, write_frames, write_sheet

SUR_03 = [18, "s18_sur_03", None, 21, 25, None, None, None, 0, 0, 0, 0, "negative"]


def test_the_column_decides_in_the_e_release_unless_the_name_is_switched_on(smic_e):
    path = smic_e / "HS_long/SMIC-HS-E_annotation.xlsx"
    write_sheet(path, [SMIC_E_HEADER, SUR_03], title="HS")
    write_frames(smic_e / "HS_long/SMIC-HS-E/HS/s18/s18_sur_03", "image{}.jpg", range(21, 26))
    (remark,) = verify(smic_e, "smic", frames=False).remarks
    assert "row 2: smic-s18_sur_03-emotion is off: the column says negative" in str(remark)
    for folder in ("s01/s01_ne_01", "s03/s03_po_02"):
        shutil.rmtree(smic_e / "HS_long/SMIC-HS-E/HS" / folder)
    assert [one.emotion for one in Smic(smic_e, partial=True).samples] == ["negative"]
    named = Smic(smic_e, release="smic-e-157-with:smic-s18_sur_03-emotion", partial=True)
    assert [one.emotion for one in named.samples] == ["surprise"]
    assert named.applied == {"smic/s18/s18_sur_03": ("smic-s18_sur_03-emotion",)}
    assert verify(smic_e, "smic", release=named.annotation.label, frames=False).remarks == ()


def test_any_other_emotion_that_is_not_the_name_is_a_problem(smic_e):
    path = smic_e / "HS_long/SMIC-HS-E_annotation.xlsx"
    book = openpyxl.load_workbook(path)
    book["HS"].cell(2, 13).value = "positive"
    book.save(path)
    with_formulas(path, {"E3": ("D3+K3-1", 17581005)})
    lines = [str(one) for one in verify(smic_e, "smic", frames=False).problems]
    assert any("row 2: emotion 'positive' of s01_ne_01 is not negative, the class in its name" in one for one in lines)


def test_the_camera_of_a_sheet_is_its_title_or_the_name_of_its_file(smic_e):
    path = smic_e / "HS_long/SMIC-HS-E_annotation.xlsx"
    book = openpyxl.load_workbook(path)
    vis = book.create_sheet("VIS")
    vis.append(SMIC_E_HEADER)
    vis.append([11, "s11_po_01", None, 7, 9, None, None, None, 0, 0, 0, 0, "positive"])
    book.create_sheet("Sheet2")
    book.save(path)
    with_formulas(path, {"E3": ("D3+K3-1", 17581005)})
    write_frames(smic_e / "VIS_long/SMIC-VIS-E/VIS/s11/s11_po_01", "image{}.jpg", range(7, 10))
    assert recognise(smic_e) == ("smic", "smic_vis")
    assert [one.key for one in Smic(smic_e, camera="vis", partial=True).samples] == ["smic_vis/s11/s11_po_01"]
    assert len(Smic(smic_e, partial=True).samples) == 2
    own = write_sheet(smic_e / "VIS_long/SMIC-VIS-E_annotation.xlsx", list(vis.values))
    with pytest.raises(DataError, match=r"\[VIS\] and .*SMIC-VIS-E_annotation.xlsx \[Sheet1\] are both sheets of"):
        Smic(smic_e, camera="vis", partial=True)
    path.rename(smic_e / "SMIC-HS-E_annotation_2019.xlsx")
    shutil.rmtree(smic_e / "HS_long")
    own.unlink()
    (report,) = verify_all(smic_e, frames=False)
    assert (report.database, report.clips) == ("smic_vis", 1)


def test_the_older_sheet_of_162_rows_is_a_release_of_its_own(smic_e):
    clips = [f"s{s:02d}_po_{k:02d}" for s in (1, 2, 3) for k in range(1, 55)]
    rows = [
        [int(clip[1:3]), clip, None, 21, 25, None, None, None, "MISSING <-1", 0, 0, 0, "positive"] for clip in clips
    ]
    write_sheet(smic_e / "HS_long/SMIC-HS-E_annotation.xlsx", [SMIC_E_HEADER, *rows], title="HS")
    assert verify(smic_e, "smic", frames=False).release == "smic-e-162"
