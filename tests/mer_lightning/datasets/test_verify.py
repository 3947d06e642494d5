"""Planted defects: each is found and named with file and row, and nothing crashes."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np
import openpyxl
import pytest
from PIL import Image

from benchmark.__main__ import main
from mer_lightning.datasets.casme2 import Casme2
from mer_lightning.datasets.verify import verify, verify_all
from mer_lightning.types import DataError
from tests.mer_lightning.datasets.conftest import with_formulas

if TYPE_CHECKING:
    from pathlib import Path

SHEET = "CASME2-coding-20140508.xlsx"


def edit(root: Path, change) -> None:
    book = openpyxl.load_workbook(root / SHEET)
    change(book.active)
    book.save(root / SHEET)


def found(root: Path, database: str = "casme2", **options) -> list[str]:
    """Problems other than the counts, which no small folder has."""
    lines = [str(problem) for problem in verify(root, database, **options).problems]
    return [line for line in lines if not line.startswith(".: clips") and not line.startswith(".: subjects")]


def one(root: Path, database: str = "casme2", **options) -> str:
    lines = found(root, database, **options)
    assert len(lines) == 1, lines
    return lines[0]


def cell(row: int, column: int, value) -> object:
    def change(sheet) -> None:
        sheet.cell(row, column).value = value

    return change


def png_header(width: int, height: int) -> bytes:
    body = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", len(body)) + b"IHDR" + body
    head = b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", zlib.crc32(b"IHDR" + body))
    return head + struct.pack(">I", 1) + b"IDAT\x00"


def test_small_folders_are_clean(casme2, samm, smic, smic_e, ckplus, fer2013):
    assert found(casme2) == []
    assert found(samm, "samm") == []
    assert found(smic, "smic") == []
    assert found(smic, "smic_vis") == []
    assert found(smic_e, "smic") == []
    assert found(ckplus, "ckplus") == []
    assert found(fer2013, "fer2013") == []


def test_parent_folder_in_a_name(casme2):
    edit(casme2, cell(2, 2, "../../secret"))
    assert f"{SHEET} [Sheet1] row 2: Filename '../../secret' is not a plain name" in found(casme2)[0]
    edit(casme2, cell(2, 2, ".."))
    assert f"{SHEET} [Sheet1] row 2: Filename '..' is not a plain name" in found(casme2)[0]


@pytest.mark.parametrize("name", ["/etc", "C:\\data", "\\\\host\\share", "a\tb", "x" * 200])
def test_absolute_path_or_odd_name(casme2, name):
    edit(casme2, cell(3, 2, name))
    assert f"{SHEET} [Sheet1] row 3: Filename" in found(casme2)[0]


def test_folder_that_links_out_of_the_root(casme2, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = casme2 / "Cropped/sub01/EP02_01f"
    folder.rename(outside / "EP02_01f")
    folder.symlink_to(outside / "EP02_01f")
    assert "Cropped/sub01/EP02_01f: leads out of the root folder" in found(casme2)[0]


def test_frame_that_links_out_of_the_root(casme2, tmp_path):
    frame = casme2 / "Cropped/sub01/EP02_01f/reg_img50.jpg"
    frame.rename(tmp_path / "private.jpg")
    frame.symlink_to(tmp_path / "private.jpg")
    assert one(casme2) == (
        f"{SHEET} [Sheet1] row 2: Cropped/sub01/EP02_01f/reg_img50.jpg: leads out of the root folder; "
        "links must stay inside it"
    )


def test_a_link_in_a_circle(casme2):
    (casme2 / "again").symlink_to("again")
    with pytest.raises(DataError, match="again: the link leads in a circle"):
        verify_all(casme2)


@pytest.mark.parametrize("name", [SHEET, "SYNTHETIC.json", "Cropped/sub01/EP02_01f/reg_img46.jpg", "EP01_01.avi"])
def test_a_pipe_is_not_waited_for(casme2, name):
    (casme2 / name).unlink(missing_ok=True)
    os.mkfifo(casme2 / name)
    assert f"{name}: neither file nor folder; expected only those" in found(casme2)[0]


def test_a_name_of_other_characters_is_no_ones_business(casme2, capsys):
    (casme2 / "Cropped/sub01/\udcff").mkdir()
    assert main(["data", "verify", str(casme2), "--quick"]) == 1
    assert "Cropped/sub01/\\udcff: sub01/\\udcff has no row in the annotation" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{", "[" * 100_000, '{"counts": {"anger": 1e999}}', '{"counts": [1]}'])
def test_a_manifest_that_is_none(casme2, content):
    (casme2 / "SYNTHETIC.json").write_text(content)
    assert "SYNTHETIC.json: expected the manifest of a synthetic twin" in one(casme2)


def test_links_inside_the_root_are_followed(casme2):
    folder = casme2 / "Cropped/sub01/EP02_01f"
    folder.rename(casme2 / "Cropped/elsewhere")
    folder.symlink_to(casme2 / "Cropped/elsewhere")
    assert found(casme2) == []


def test_enormous_image(casme2):
    frame = casme2 / "Cropped/sub01/EP19_05f/reg_img10.jpg"
    frame.write_bytes(png_header(60_000, 60_000))
    assert "Cropped/sub01/EP19_05f" in one(casme2)
    assert "image has more than 50000000 pixels" in one(casme2)
    frame.write_bytes(png_header(10_000, 10_000))
    assert "image of 10000 x 10000 has more than 50000000 pixels" in one(casme2)


def test_truncated_jpeg(casme2):
    frame = casme2 / "Cropped/sub01/EP19_05f/reg_img10.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)).save(frame)
    frame.write_bytes(frame.read_bytes()[:900])
    line = one(casme2)
    assert line.startswith("Cropped/sub01/EP19_05f/reg_img10.jpg: image is truncated")
    assert found(casme2, frames=False) == []


def test_file_that_is_no_image(casme2):
    (casme2 / "Cropped/sub01/EP19_05f/reg_img10.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    assert "reg_img10.jpg: expected a JPEG, PNG, BMP or TIFF image" in one(casme2)


def test_frame_of_another_size(casme2):
    Image.new("RGB", (9, 6)).save(casme2 / "Cropped/sub01/EP19_05f/reg_img10.jpg")
    assert "reg_img10.jpg: expected 8 x 6 as in reg_img9.jpg, found 9 x 6" in one(casme2)


def test_truncated_avi(casme2):
    import cv2

    folder = casme2 / "Cropped/sub01"
    for file in (folder / "EP19_05f").iterdir():
        file.unlink()
    (folder / "EP19_05f").rmdir()
    path = folder / "EP19_05f.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 200, (64, 48))
    for frame in np.random.default_rng(0).integers(0, 255, (16, 48, 64, 3), np.uint8):
        writer.write(frame)
    writer.release()
    assert found(casme2) == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    assert "Cropped/sub01/EP19_05f.avi: cannot be decoded as video (the file is cut off inside frame 12)" in one(casme2)
    path.write_bytes(b"RIFF")
    assert "EP19_05f.avi: cannot be decoded as video" in one(casme2)


def test_merged_cells(casme2):
    edit(casme2, lambda sheet: sheet.merge_cells("A2:A3"))
    lines = found(casme2)
    assert lines[0].startswith(f"{SHEET} [Sheet1] row 2: merged cells A2:A3")
    assert lines[1].startswith(f"{SHEET} [Sheet1] row 3: merged cells A2:A3")


def test_formula(casme2):
    edit(casme2, cell(2, 4, "=40+6"))
    edit(casme2, cell(3, 4, "=4+5"))
    assert one(casme2) == (
        f".: {SHEET} [Sheet1] row 2 column D: OnsetFrame is a formula without a stored value (and 1 more); "
        "open the file in a spreadsheet program and save it anew"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("soon", "OnsetFrame is the text 'soon'; expected a whole number"),
        (46.5, "OnsetFrame is the number 46.5; expected a whole number"),
        (True, "OnsetFrame is true/false; expected a whole number"),
        (None, "OnsetFrame is empty"),
        (-3, "row 2: Cropped/sub01/EP02_01f: frame -3 is missing"),
        (10**30, "OnsetFrame is the number 1e+30; expected a whole number"),
    ],
)
def test_wrong_type(casme2, value, message):
    edit(casme2, cell(2, 4, value))
    assert message in found(casme2)[0]
    assert "row 2" in found(casme2)[0]


def rewrite(root: Path, old: bytes, new: bytes) -> None:
    """Change the XML of the workbook, which may hold what no spreadsheet program writes."""
    with zipfile.ZipFile(root / SHEET) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    with zipfile.ZipFile(root / SHEET, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content.replace(old, new))


def test_a_merged_range_as_large_as_the_sheet_can_be(casme2):
    rewrite(casme2, b"</sheetData>", b'</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>')
    assert f"{SHEET}: ranges of 17179869184 cells, more than the 1000000" in one(casme2)


def test_infinite_number(casme2):
    rewrite(casme2, b"<v>46</v>", b"<v>1E999</v>")
    assert found(casme2)[0].endswith("row 2: OnsetFrame is the number inf; expected a whole number")


def test_an_offset_that_no_clip_reaches_takes_no_time(casme2):
    edit(casme2, cell(2, 6, 999_999_999))
    missing = "frame 87 is missing (999999913 of 999999954 frames of 46..999999999)"
    assert missing in one(casme2)
    filled = one(casme2, release="casme2-2014-with:casme2-any-frames")
    assert "999999954 frames of 46..999999999; expected 100000 at most" in filled


def test_missing_folder(casme2):
    folder = casme2 / "Cropped/sub01/EP02_01f"
    folder.rename(casme2 / "gone")
    assert one(casme2).endswith("row 2: sub01/EP02_01f: no frames; expected the Cropped/sub01/EP02_01f")
    (casme2 / "Cropped/sub26").rename(casme2 / "gone2")
    assert "row 6: sub26/EP18_44: no frames; expected the folder of subject sub26" in found(casme2)[1]


def test_missing_frames(casme2):
    for number in (50, 51):
        (casme2 / f"Cropped/sub01/EP02_01f/reg_img{number}.jpg").unlink()
    line = one(casme2)
    assert "row 2: Cropped/sub01/EP02_01f: frame 50 is missing (2 of 41 frames of 46..86)" in line
    clip = Casme2(casme2, release="casme2-2014-with:casme2-any-frames", partial=True)
    assert clip.release == "casme2-2014-with:casme2-any-frames-partial"
    assert clip.read(clip.samples[0]).shape == (41, 6, 8, 3)
    assert clip.applied["casme2/sub01/EP02_01f"] == ("casme2-any-frames",)


def test_unknown_emotion(casme2):
    edit(casme2, cell(2, 9, "joy"))
    assert "row 2: emotion 'joy' is unknown; expected one of others, disgust" in one(casme2)


def test_duplicate_row(casme2):
    edit(casme2, lambda sheet: sheet.append([1, "EP02_01f", None, 46, 59, 86, None, 12, "happiness"]))
    assert one(casme2) == f"{SHEET} [Sheet1] row 7: sub01/EP02_01f is already given by row 2"


def test_count_mismatch(casme2):
    lines = [str(problem) for problem in verify(casme2, "casme2").problems]
    assert ".: clips of class happiness: found 1, release casme2-2014 has 32" in lines
    assert ".: clips: found 5, release casme2-2014 has 255" in lines
    assert ".: subjects: found 4, release casme2-2014 has 26" in lines


def test_folder_without_a_row(casme2):
    (casme2 / "Cropped/sub01/EP99_99").mkdir()
    assert one(casme2) == "Cropped/sub01/EP99_99: sub01/EP99_99 has no row in the annotation"


def test_apex_and_offset_out_of_order(casme2):
    edit(casme2, cell(2, 5, 99))
    assert "row 2: apex is '99'; expected a frame within 46..86" in one(casme2)
    edit(casme2, cell(2, 6, 40))
    assert "row 2: offset 40 is before onset 46" in one(casme2)


def test_odd_action_units(casme2):
    edit(casme2, cell(2, 8, "smile"))
    assert "casme2/sub01/EP02_01f: action units 'smile': 'smile' is not one" in one(casme2)


def test_a_file_that_says_it_is_a_legacy_workbook(casme2):
    (casme2 / SHEET).write_bytes(b"\xd0\xcf\x11\xe0" + bytes(100))
    assert f"{SHEET}: expected an .xls workbook (CalamineError); is it damaged?" in one(casme2)


def test_damaged_workbook(casme2):
    (casme2 / SHEET).write_bytes((casme2 / SHEET).read_bytes()[:2000])
    assert f"{SHEET}: expected an .xlsx workbook" in one(casme2)


def test_missing_column(casme2):
    edit(casme2, cell(1, 4, "Begin"))
    assert f"{SHEET} [Sheet1]: no header row in the first 40 rows has the columns OnsetFrame" in one(casme2)


def test_far_cell(casme2):
    edit(casme2, cell(900_000, 3, "x"))
    assert "900000 rows x 9 columns, more than the 20000 x 200" in one(casme2)


def test_samm_rows(samm):
    path = samm / "SAMM_Micro_FACS_Codes_v2.xlsx"
    book = openpyxl.load_workbook(path)
    book["MICRO_ONLY"].cell(15, 2).value = "007_1_2"
    book.save(path)
    assert "[MICRO_ONLY] row 15: Filename '007_1_2' is not one of subject 006" in found(samm, "samm")[0]
    book["MICRO_ONLY"].cell(15, 2).value = "006_1_2"
    book["MICRO_ONLY"].title = "OTHER"
    book.save(path)
    assert found(samm, "samm") == []


def test_smic_folders(smic):
    wrong = smic / "SMIC_all_cropped/HS/s1/micro/negative/s1_sur_02"
    wrong.mkdir()
    assert one(smic, "smic").endswith("s1_sur_02: the folder holds no frame")
    (remark,) = verify(smic, "smic").remarks
    assert str(remark).endswith("s1_sur_02: of class surprise by its name; the class folder, negative, decides")
    wrong.rmdir()
    (smic / "SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/reg_image9.bmp").unlink()
    assert "s1_ne_01: frame 9 is missing (1 of 6 frames of 7..12)" in one(smic, "smic")


def test_smic_e_frame_base(smic_e):
    path = smic_e / "HS_long/SMIC-HS-E_annotation.xlsx"
    book = openpyxl.load_workbook(path)
    book.active.cell(2, 4).value = 8535
    book.active.cell(2, 5).value = 8540
    book.save(path)
    with_formulas(path, {"E3": ("D3+K3-1", 17581005)})
    line = one(smic_e, "smic")
    assert "row 2: HS_long/SMIC-HS-E/HS/s01/s01_ne_01: frame 8535 is missing" in line
    assert "found 17581000..17581019" in line


def test_ckplus_files(ckplus):
    file = ckplus / "Emotion/S005/001/S005_001_00000011_emotion.txt"
    file.write_text("9.0\n")
    assert one(ckplus, "ckplus").startswith("Emotion/S005/001/S005_001_00000011_emotion.txt row 1: expected one number")
    file.write_text("3.0\n")
    (ckplus / "cohn-kanade-images/S005/001/S005_001_00000011.png").unlink()
    assert "names frame 11 as the peak; the last frame is 10" in one(ckplus, "ckplus")


def test_fer2013_rows(fer2013):
    path = fer2013 / "fer2013.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, "9,1 2 3,Training", "3,1 2 3,Training", "3,1 2 3,Test", "3", ""]))
    assert [line.split(": ", 1) for line in found(fer2013, "fer2013")] == [
        ["fer2013.csv row 5", "emotion '9' is unknown; expected a number from 0 to 6"],
        ["fer2013.csv row 6", "pixels: expected 2304 numbers, found 3"],
        ["fer2013.csv row 7", "Usage 'Test' is unknown; expected one of Training, PublicTest, PrivateTest"],
        ["fer2013.csv row 8", "expected 3 fields emotion,pixels,Usage, found 1"],
    ]
    path.write_text("\n".join([*lines, lines[1].replace(" 7 ", " 700 ")]))
    assert one(fer2013, "fer2013") == "fer2013.csv row 5: pixels: expected 2304 whole numbers from 0 to 255"


def test_verify_all_names_what_it_recognises(casme2, tmp_path):
    (report,) = verify_all(casme2)
    assert (report.database, report.release, report.clips, report.subjects) == ("casme2", "casme2-2014", 5, 4)
    assert report.to_json()["counts"] == {"disgust": 3, "happiness": 1, "others": 1}
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no database recognised"):
        verify_all(empty)
    with pytest.raises(DataError, match="no database of release samm-v2"):
        verify_all(casme2, release="samm-v2")


def test_folder_that_may_not_be_listed(casme2, monkeypatch):
    folder, scandir = casme2 / "Cropped/sub01/EP02_01f", os.scandir

    def refused(path):
        if os.fspath(path) == os.fspath(folder):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)  # root may list every folder, so modes would not do
    assert "cannot be listed" in found(casme2)[0]
