from __future__ import annotations

import shutil

import numpy as np
import pytest

from mer_lightning.datasets import registry
from mer_lightning.datasets.casme2 import Casme2
from mer_lightning.datasets.ckplus import CkPlus
from mer_lightning.datasets.fer2013 import Fer2013
from mer_lightning.datasets.releases import get_release
from mer_lightning.datasets.samm import Samm
from mer_lightning.datasets.smic import Smic
from mer_lightning.types import DataError


def test_casme2_reads_both_copies_and_applies_its_corrections(casme2):
    data = Casme2(casme2, partial=True)
    assert (data.name, data.release, data.kind, data.synthetic) == (
        "casme2",
        "casme2-2014-partial",
        "frames",
        False,
    )
    assert data.variant == "cropped"
    by_key = {sample.key: sample for sample in data.samples}
    assert list(by_key) == sorted(by_key)
    first = by_key["casme2/sub01/EP02_01f"]
    assert (first.onset, first.apex, first.offset, first.emotion) == (46, 59, 86, "happiness")
    assert by_key["casme2/sub01/EP19_05f"].action_units == "4+L10"
    assert first.action_units == "12"
    assert by_key["casme2/sub04/EP12_01f"].apex is None
    assert by_key["casme2/sub05/EP09_05f"].apex is None
    assert data.applied["casme2/sub05/EP09_05f"] == ("casme2-sub05-EP09_05f-apex",)
    raw = Casme2(casme2, variant="raw", partial=True)
    for dataset in (data, raw):
        clip = dataset.read(dataset.samples[1])
        assert clip.shape == (7, 6, 8, 3)
        # unpadded names: 9 comes before 10
        assert abs(clip[:, 0, 0, 0].astype(int) - np.arange(9, 16)).max() <= 2


def test_a_correction_that_is_off_leaves_the_problem(casme2):
    named = "casme2-2014-no:casme2-sub04-EP12_01f-apex"
    assert get_release(named).label == named
    assert get_release(named).hash != get_release("casme2-2014").hash
    with pytest.raises(DataError, match=r"CASME2-coding-20140508.xlsx \[Sheet1\] row 4: apex is '/'"):
        Casme2(casme2, release=named, partial=True)
    with pytest.raises(
        DataError, match="casme2-2014: correction 'nothing' is unknown; expected one of casme2-any-frames"
    ):
        get_release("casme2-2014-with:nothing")


def test_the_nearest_frame_stands_in_for_one_that_the_release_lacks(smic):
    cameras = smic / "SMIC_all_cropped/HS"
    clip = shutil.copytree(cameras / "s1/micro/negative/s1_ne_01", cameras / "s3/micro/negative/s3_ne_16")
    (clip / "reg_image9.bmp").unlink()
    data = Smic(smic, partial=True)
    sample = next(one for one in data.samples if one.clip == "s03_ne_16")
    assert data.read(sample)[:, 0, 0, 0].tolist() == [7, 8, 8, 10, 11, 12]
    assert data.applied == {sample.key: ("smic-s03_ne_16-frames",)}


def test_a_full_release_must_have_its_counts(casme2):
    with pytest.raises(DataError, match="clips of class others: found 1, release casme2-2014 has 99"):
        Casme2(casme2)


def test_the_2019_sheet_is_the_default_where_both_are_there(casme2):
    (casme2 / "CASME2-coding-20190701.xlsx").write_bytes((casme2 / "CASME2-coding-20140508.xlsx").read_bytes())
    assert Casme2(casme2, partial=True).release == "casme2-2019-partial"
    assert Casme2(casme2, release="casme2-2014", partial=True).release == "casme2-2014-partial"


def test_samm_keeps_the_padding_and_corrects_impossible_frames(samm):
    data = Samm(samm, partial=True)
    by_key = {sample.key: sample for sample in data.samples}
    assert sorted(by_key) == ["samm/006/006_1_2", "samm/013/013_1_9", "samm/028/028_4_1"]
    assert by_key["samm/028/028_4_1"].apex == 1105
    assert by_key["samm/013/013_1_9"].offset == 5739
    assert by_key["samm/006/006_1_2"].emotion == "anger"
    assert data.read(data.samples[0]).shape == (19, 6, 8, 1)
    objective = Samm(samm, coding="objective", partial=True)
    assert [sample.emotion for sample in objective.samples] == ["III", "I", "VII"]
    assert objective.release == "samm-v2-objective-partial"


def test_smic_folders_have_one_name_for_s1_and_s01(smic):
    data = Smic(smic, partial=True)
    assert [sample.key for sample in data.samples] == [
        "smic/s01/s01_ne_01",
        "smic/s01/s01_sur_01",
        "smic/s20/s20_po_10",
    ]
    sample = data.samples[1]
    assert (sample.onset, sample.apex, sample.offset) == (98, 100, 103)
    assert data.choices == {"variant": "cropped", "apex": "middle_frame"}
    assert data.read(sample)[:, 0, 0, 0].tolist() == [98, 99, 100, 101, 102, 103]
    left_open = Smic(smic, apex="spotted", partial=True)
    assert {one.apex for one in left_open.samples} == {None}
    assert left_open.choices["apex"] == "spotted"
    assert Smic(smic, camera="vis", partial=True).samples[0].key == "smic_vis/s11/s11_ne_01"
    assert Smic(smic, variant="raw", partial=True).variant == "raw"


def test_smic_e_reads_camera_counters_and_tolerates_the_known_extra_folders(smic_e):
    data = Smic(smic_e, partial=True)
    assert data.release == "smic-e-157-partial"
    first = data.samples[0]
    assert (first.key, first.onset, first.apex, first.offset) == (
        "smic/s01/s01_ne_01",
        17581004,
        17581006,
        17581009,
    )
    assert data.read(first).shape == (6, 6, 8, 3)
    assert len(data.samples) == 2


def test_ckplus_reads_the_last_three_frames_or_the_sequence(ckplus):
    data = CkPlus(ckplus, variant="raw", partial=True)
    assert [(one.key, one.emotion) for one in data.samples] == [
        ("ckplus/S005/001", "disgust"),
        ("ckplus/S010/002", "surprise"),
    ]
    assert data.read(data.samples[0])[:, 0, 0, 0].tolist() == [9, 10, 11]
    whole = CkPlus(ckplus, variant="raw", frames="sequence", partial=True)
    assert whole.read(whole.samples[1]).shape == (14, 6, 8, 1)


def test_fer2013_reads_stills(fer2013):
    data = Fer2013(fer2013, partial=True)
    assert [(one.key, one.emotion) for one in data.samples] == [
        ("fer2013/PrivateTest/00002", "happy"),
        ("fer2013/PublicTest/00001", "neutral"),
        ("fer2013/Training/00000", "angry"),
    ]
    still = data.read(data.samples[1])
    assert still.shape == (1, 48, 48, 1)
    assert still[0, 0, :3, 0].tolist() == [50, 51, 52]


def test_every_database_is_recognised(casme2, samm, smic, smic_e, ckplus, fer2013):
    assert registry.recognise(casme2) == ("casme2",)
    assert registry.recognise(samm) == ("samm",)
    assert registry.recognise(smic) == ("smic", "smic_vis")
    assert registry.recognise(smic_e) == ("smic",)
    assert registry.recognise(ckplus) == ("ckplus",)
    assert registry.recognise(fer2013) == ("fer2013",)
    found = registry.find_databases(casme2.parent)
    assert {(name, folder.name) for name, folder in found} == {
        ("casme2", "CASME2"),
        ("samm", "SAMM_ROOT"),
        ("smic", "SMIC"),
        ("smic_vis", "SMIC"),
        ("smic", "SMIC-E_raw image"),
        ("ckplus", "CK+"),
        ("fer2013", "FER2013"),
    }
    assert registry.find_databases(casme2) == [("casme2", casme2)]
    assert registry.find_databases(smic) == [("smic", smic), ("smic_vis", smic)]
    deep = smic_e.parent / "root/alone"
    shutil.copytree(smic_e, deep / "SMIC-E_raw image")
    assert registry.open_database("smic", deep.parent, partial=True).release == "smic-e-157-partial"
    shutil.rmtree(deep.parent)
    for name, folder in found:
        assert registry.open_database(name, folder, partial=True).name == name


def test_video_files_take_the_place_of_folders(casme2):
    import cv2

    folder = casme2 / "CASME2_RAW_selected/sub26"
    for file in (folder / "EP18_44").iterdir():
        file.unlink()
    (folder / "EP18_44").rmdir()
    writer = cv2.VideoWriter(str(folder / "EP18_44.avi"), cv2.VideoWriter_fourcc(*"HFYU"), 200, (64, 48))
    for level in range(110):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    data = Casme2(casme2, variant="raw", partial=True)
    sample = data.samples[-1]
    assert sample.key == "casme2/sub26/EP18_44"
    # frame 98 is the 98th of the recording
    assert data.read(sample)[:, 0, 0, 0].tolist() == list(range(97, 104))
