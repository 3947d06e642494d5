"""The real annotation sheets, cell by cell: ``MER_SHEETS=folder python -m pytest -m data``; frames are empty files."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections import Counter
from pathlib import Path

import openpyxl
import pytest

from mer_lightning.datasets.action_units import parse_action_units
from mer_lightning.datasets.casme2 import Casme2
from mer_lightning.datasets.registry import open_database
from mer_lightning.datasets.releases import get_release
from mer_lightning.datasets.samm import Samm
from mer_lightning.datasets.smic import Smic
from mer_lightning.datasets.union import Union
from mer_lightning.datasets.verify import verify_all
from mer_lightning.protocols import get_protocol
from mer_lightning.types import DataError
from tests.mer_lightning.datasets.real_sheets import (
    casme2_folder,
    read_rows,
    samm_folder,
    smic_e_folder,
    smic_folder,
)

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif("MER_SHEETS" not in os.environ, reason="MER_SHEETS names no folder of annotation sheets"),
]
OLD, NEW, CLASSES = "CASME2-coding-20140508.xlsx", "CASME2-coding-20190701.xlsx", "CASME2-ObjectiveClasses.xlsx"
SAMM, SMIC = "SAMM_Micro_FACS_Codes_v2.xlsx", "SMIC-HS-E_annotation.xlsx"
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII")


@pytest.fixture(scope="module")
def sheets() -> Path:
    return Path(os.environ["MER_SHEETS"])


@pytest.fixture(scope="module")
def folders(tmp_path_factory, sheets) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("released")
    return {
        "casme2-2014": casme2_folder(root / "casme2-2014", sheets, OLD),
        "casme2-2019": casme2_folder(root / "casme2-2019", sheets, NEW),
        "casme2-2014+objective": casme2_folder(root / "casme2-2014+objective", sheets, OLD, CLASSES),
        "samm-v2": samm_folder(root / "samm", sheets),
        "smic-e-157": smic_e_folder(root / "smic-e", sheets, "HS"),
        "smic-e-vis-71": smic_e_folder(root / "smic-e-vis", sheets, "VIS"),
        "smic-hs-164": smic_folder(root / "smic", sheets),
    }


@pytest.mark.parametrize(
    ("release", "remarks"),
    [
        ("casme2-2014", 4), ("casme2-2019", 4), ("casme2-2014+objective", 4), ("samm-v2", 0), ("smic-e-157", 1),
        ("smic-e-vis-71", 1), ("smic-hs-164", 0),
    ],
)  # fmt: skip
def test_every_release_is_clean_with_its_counts(folders, release, remarks):
    (report,) = verify_all(folders[release], frames=False)
    stated = get_release(release)
    assert report.release == release
    assert report.clean
    assert report.counts == dict(stated.counts)
    assert (report.clips, report.subjects) == (stated.clips, stated.subjects)
    assert len(report.remarks) == remarks
    if report.objective:
        assert report.objective == dict(stated.objective)


def test_casme2_cell_by_cell(folders, sheets):
    classes = {(row["Subject"], row["Filename"]): row["Objective Class"] for row in read_rows(sheets / CLASSES)}
    for release, sheet in (("casme2-2014+objective", OLD), ("casme2-2019", NEW)):
        samples = {sample.key: sample for sample in Casme2(folders[release]).samples}
        objective = {sample.key: sample.emotion for sample in Casme2(folders[release], coding="objective").samples}
        rows = read_rows(sheets / sheet)
        assert len(samples) == len(rows) == 255
        for row in rows:
            key = f"casme2/sub{row['Subject']}/{row['Filename']}"
            sample = samples[key]
            assert (sample.onset, sample.offset) == (row["OnsetFrame"], row["OffsetFrame"])
            annotated = row["ApexFrame"] not in ("/", row["OnsetFrame"])
            assert sample.apex == (row["ApexFrame"] if annotated else None)
            assert (sample.emotion, sample.action_units) == (row["Estimated Emotion"], str(row["Action Units"]))
            number = row.get("Objective Classes", classes[row["Subject"], row["Filename"]])
            assert objective[key] == ROMAN[int(number) - 1]
        assert [sample.apex for sample in samples.values()].count(None) == 2


def test_samm_cell_by_cell(folders, sheets):
    samples = {sample.key: sample for sample in Samm(folders["samm-v2"]).samples}
    objective = {sample.key: sample.emotion for sample in Samm(folders["samm-v2"], coding="objective").samples}
    rows = read_rows(sheets / SAMM, "MICRO_ONLY", 14)
    assert len(samples) == len(rows) == 159
    for row in rows:
        sample = samples[f"samm/{row['Subject']}/{row['Filename']}"]
        assert (sample.onset, sample.offset) == (row["Onset Frame"], row["Offset Frame"])
        if row["Onset Frame"] <= row["Apex Frame"] <= row["Offset Frame"]:
            assert sample.apex == row["Apex Frame"]
        else:
            assert sample.onset <= sample.apex <= sample.offset
        assert sample.emotion == str(row["Estimated Emotion"]).strip().lower()
        assert sample.action_units == str(row["Action Units"]).strip()
        assert objective[sample.key] == ROMAN[int(row["Objective Classes"]) - 1]


@pytest.mark.parametrize(("release", "camera"), [("smic-e-157", "HS"), ("smic-e-vis-71", "VIS")])
def test_smic_e_cell_by_cell(folders, sheets, release, camera):
    samples = {sample.clip: sample for sample in Smic(folders[release], camera=camera.lower(), apex="spotted").samples}
    rows = read_rows(sheets / SMIC, camera)
    assert len(samples) == len(rows)
    for row in rows:
        subject, kind, number = str(row["Filename"]).split("_")
        sample = samples[f"s{int(subject[1:]):02d}_{kind}_{int(number):02d}"]
        assert (sample.onset, sample.offset) == (row["OnsetF"], row["OffsetF"])
        assert (sample.emotion, int(sample.subject[1:])) == (row["Emotion"], row["Subject"])
        assert row["OffsetF"] == row["OnsetF"] + row["TotalMF1"] - 1
    by_name = Smic(folders[release], camera=camera.lower(), release=f"{release}-with:smic-s18_sur_03-emotion")
    assert [key for key, names in by_name.applied.items() if names] == [f"{by_name.name}/s18/s18_sur_03"]


@pytest.mark.parametrize("release", ["casme2-2014", "casme2-2019", "samm-v2"])
def test_action_units_by_the_plain_cells(folders, release):
    """A cell of numbers joined by a plus needs no grammar: every number in it is a unit."""
    expected: Counter[int] = Counter()
    found: Counter[int] = Counter()
    for sample in open_database(release.split("-")[0], folders[release]).samples:
        if re.fullmatch(r"\d+(\+\d+)*", sample.action_units):
            expected.update({int(unit) for unit in sample.action_units.split("+")})
            found.update(parse_action_units(sample.action_units).certain)
    assert found == expected
    assert found[4] > 10


def counted(labelled) -> dict[str, tuple[int, ...]]:
    pairs = list(zip(labelled.samples, labelled.labels, strict=True))
    names = {sample.database for sample in labelled.samples}
    classes = range(max(labelled.labels) + 1)
    return {name: tuple(sum(s.database == name and y == c for s, y in pairs) for c in classes) for name in names}


@pytest.mark.parametrize("sheet", ["casme2-2014", "casme2-2019"])
def test_the_composite_has_its_442_clips_with_either_sheet(folders, sheet):
    data = Union(Smic(folders["smic-hs-164"]), Casme2(folders[sheet]), Samm(folders["samm-v2"]))
    for name in ("megc2019", "megc2019-holdout", "smic-3", "casme2-3", "samm-3"):
        protocol = get_protocol(name)
        labelled = protocol.label(data)
        assert counted(labelled) == dict(protocol.counts)
    composite = get_protocol("megc2019").label(data)
    assert (len(composite.samples), len({sample.person for sample in composite.samples})) == (442, 68)
    with pytest.raises(DataError, match="smic must have 70 negative"):
        get_protocol("smic-3").label(Smic(folders["smic-e-157"]))


def test_both_sheets_give_the_composite_the_same_clips(folders):
    old, new = (get_protocol("casme2-3").label(Casme2(folders[name])) for name in ("casme2-2014", "casme2-2019"))
    assert old.table_hash == new.table_hash


@pytest.mark.parametrize(
    ("protocol", "release", "clips"),
    [("casme2-5", "casme2-2019", 249), ("casme2-5-2014", "casme2-2014", 246), ("samm-5", "samm-v2", 136)],
)
def test_five_classes(folders, protocol, release, clips):
    labelled = get_protocol(protocol).label(open_database(release.split("-")[0], folders[release]))
    assert counted(labelled) == dict(get_protocol(protocol).counts)
    assert len(labelled.samples) == clips


def test_objective_classes_of_megc2018(folders):
    samm = Samm(folders["samm-v2"], coding="objective")
    protocol = get_protocol("megc2018")
    labelled = protocol.label(Union(Casme2(folders["casme2-2014+objective"], coding="objective"), samm))
    assert counted(labelled) == dict(protocol.counts)
    assert len({sample.person for sample in labelled.samples}) == 26 + 21
    with pytest.raises(DataError, match="casme2 must have 25 I"):
        protocol.label(Union(Casme2(folders["casme2-2019"], coding="objective"), samm))


def save_as_csv(source: Path, sheet: str | None, target: Path) -> None:
    book = openpyxl.load_workbook(source, data_only=True, read_only=True)
    with target.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        for row in (book[sheet] if sheet else book.worksheets[0]).iter_rows(values_only=True):
            writer.writerow(["" if cell is None else cell for cell in row])


@pytest.mark.parametrize(
    ("release", "source", "sheet", "copy"),
    [
        ("casme2-2014", OLD, None, "labels of CASME2.csv"), ("casme2-2019", NEW, None, "labels.csv"),
        ("samm-v2", SAMM, "MICRO_ONLY", "SAMM.csv"), ("smic-e-157", SMIC, "HS", "SMIC-HS-E_annotation_2019.csv"),
    ],
)  # fmt: skip
def test_the_sheet_as_text_under_another_name_is_the_same(folders, sheets, tmp_path, release, source, sheet, copy):
    database = get_release(release).database
    before = open_database(database, folders[release])
    root = tmp_path / "copy"
    shutil.copytree(folders[release], root, symlinks=True)
    (root / source).unlink()
    save_as_csv(sheets / source, sheet, root / copy)
    after = open_database(database, root)
    assert after.release == before.release

    def cells(data):
        return [(s.key, s.emotion, s.onset, s.apex, s.offset, s.action_units) for s in data.samples]

    assert cells(after) == cells(before)


@pytest.mark.parametrize(("release", "source"), [("smic-e-157", SMIC), ("samm-v2", SAMM)])
def test_a_copy_that_was_saved_without_values_says_what_to_do(folders, sheets, tmp_path, release, source):
    root = tmp_path / "copy"
    shutil.copytree(folders[release], root)
    openpyxl.load_workbook(sheets / source).save(root / source)
    if release == "samm-v2":  # its only formulas are durations, which nobody reads
        assert len(Samm(root).samples) == 159
        return
    with pytest.raises(DataError, match=r"\[HS\] row 2 column E: OffsetF is a formula without .* \(and 156 more"):
        Smic(root)
