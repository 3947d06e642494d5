"""Folders as people have them: one level too high or too low, other names, other databases."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from benchmark.__main__ import main
from benchmark.methods.source import DatabaseChoice, Source
from mer_lightning.datasets.casme2 import Casme2
from mer_lightning.datasets.registry import find_databases, open_database, recognise
from mer_lightning.datasets.samm import Samm
from mer_lightning.datasets.smic import Smic
from mer_lightning.datasets.unsupported import TITLES
from mer_lightning.datasets.verify import verify_all
from mer_lightning.types import DataError
from tests.mer_lightning.datasets.conftest import write_frames, write_sheet


def error_of(act, *arguments, **options) -> str:
    with pytest.raises(DataError) as error:
        act(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_subject_of_a_database_is_told_where_the_database_lies(casme2, samm, ckplus):
    for folder, name, says in (
        (casme2 / "Cropped/sub01", "casme2", f"CASME II lies two levels above: {casme2}"),
        (casme2 / "CASME2_RAW_selected", "casme2", f"CASME II lies one level above: {casme2}"),
        (samm / "SAMM/006", "samm", f"SAMM lies two levels above: {samm}"),
        (samm / "SAMM", "samm", f"SAMM lies one level above: {samm}"),
        (ckplus / "cohn-kanade-images", "ckplus", f"CK+ lies one level above: {ckplus}"),
    ):
        assert error_of(open_database, name, folder).endswith(f"; {says}")
        if not recognise(folder):
            assert error_of(verify_all, folder).endswith(f"no database recognised; {says}")
        else:
            (report,) = verify_all(folder)
            assert str(report.problems[0]).endswith(f"; {says}")


def test_a_folder_far_above_a_database_is_told_where_the_database_lies(samm):
    deep = samm.parent / "a/b/c/d"
    deep.parent.mkdir(parents=True)
    shutil.move(samm, deep)
    (deep / "SAMM").rename(deep / "Frames")
    says = f"no database recognised; SAMM lies four levels below: {deep}"
    assert error_of(verify_all, deep.parents[3]).endswith(says)


def test_a_data_folder_of_one_database_is_told_where_the_others_lie(casme2, samm):
    source = Source(name="databases", databases={"samm": DatabaseChoice(), "casme2": DatabaseChoice()})
    says = error_of(source.open, casme2)
    assert says.endswith(f"samm not recognised in it; SAMM lies beside it: {samm}")


def test_nothing_near_leaves_the_way_to_name_a_database(tmp_path):
    empty = tmp_path / "somewhere/empty"
    empty.mkdir(parents=True)
    assert error_of(verify_all, empty).endswith("recognised; name it with --database to see what is missing")


@pytest.mark.parametrize("database", TITLES)
def test_a_database_that_is_known_and_cannot_be_read_is_named(tmp_path, capsys, database):
    sheet = write_sheet(tmp_path / "x/labels.xlsx", [list(TITLES[database]), ["1", "a", 1, 2, 3, "4", "I", "x", "y"]])
    assert main(["data", "verify", str(tmp_path), "--quick"]) == 2
    error = capsys.readouterr().err
    assert f"{database} (x/{sheet.name}: the sheet's columns say so) is not supported yet; supported are SMIC" in error
    assert error.count("\n") == 1
    sheet.write_bytes(b"not a workbook")
    assert "no database recognised; name it" in error_of(verify_all, tmp_path)


def test_crops_by_other_names_are_crops(casme2, samm, smic):
    (casme2 / "Cropped").rename(casme2 / "CASME2_CROP")
    (smic / "SMIC_all_cropped").rename(smic / "SMIC_CROP")
    shutil.copytree(samm / "SAMM", samm / "SAMM_CROP")
    for kind, root in ((Casme2, casme2), (Smic, smic), (Samm, samm)):
        assert kind(root, partial=True).variant == "cropped"
        raw = kind(root, variant="raw", partial=True)
        assert raw.variant == "raw"
        assert all("crop" not in str(sample.path).lower().split(root.name.lower())[-1] for sample in raw.samples)
    assert len(Samm(samm, partial=True).samples) == 3
    assert {(name, folder) for name, folder in find_databases(casme2.parent) if name != "smic_vis"} == {
        ("casme2", casme2),
        ("samm", samm),
        ("smic", smic),
    }


def test_names_may_be_written_in_either_case(casme2, samm):
    sheet = next(casme2.glob("*.xlsx"))
    sheet.rename(casme2 / sheet.name.lower())
    (casme2 / "Cropped").rename(casme2 / "CROPPED")
    (casme2 / "CROPPED/sub01").rename(casme2 / "CROPPED/Sub1")
    sheet = next(samm.glob("*.xlsx"))
    sheet.rename(samm / sheet.name.upper())
    assert (recognise(casme2), recognise(samm)) == (("casme2",), ("samm",))
    data = Casme2(casme2, partial=True)
    assert data.variant == "cropped"
    assert {one.subject for one in data.samples} == {"sub01", "sub04", "sub05", "sub26"}


def test_one_subject_in_two_spellings_is_one_subject(casme2):
    write_frames(casme2 / "Cropped/sub1/EP99", "reg_img{}.jpg", range(1, 3))
    assert error_of(Casme2, casme2, partial=True) == "Cropped/sub1/EP99: sub01/EP99 has no row in the annotation"


def test_a_sheet_that_lies_open_in_the_data_folder_makes_it_the_database(casme2, samm, fer2013):
    root = casme2.parent
    for path in casme2.iterdir():
        path.rename(root / path.name)
    casme2.rmdir()
    (fer2013 / "fer2013.csv").rename(root / "fer2013.csv")
    fer2013.rmdir()
    assert find_databases(root) == [("casme2", root), ("fer2013", root), ("samm", samm)]
    assert open_database("casme2", root, partial=True).variant == "cropped"


def test_two_folders_of_one_database_are_a_question(casme2, samm):
    shutil.copytree(casme2, casme2.parent / "CASME2 again")
    says = error_of(Source(name="databases", databases={"casme2": DatabaseChoice()}).open, casme2.parent)
    assert "casme2 lies in CASME2 and in CASME2 again; expected one folder" in says


@pytest.mark.data
@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("casme3-part-a", "CAS(ME)^3 part A (CAS(ME)3_part_A/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"),
        ("fer2013-icml-name", "fer2013 in"),
    ],
)
def test_the_cases_of_others_are_named(case, says, capsys):
    main(["data", "verify", str(Path(os.environ["MER_CASES"], case)), "--quick"])
    told = capsys.readouterr()
    assert says in told.out + told.err
