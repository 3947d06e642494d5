"""Each defect that a folder of flow maps can have is named with its path."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mer_lightning.datasets.flow_folders import FlowFolders, FlowLayout
from mer_lightning.types import DataError


def any_map(root):
    return next(root.glob("s01/u_test/*/*.png"))


def test_keys_come_from_folders_without_the_repeated_subject_and_the_blank(small_folder):
    dataset = FlowFolders(small_folder)
    keys = [s.key for s in dataset.samples]
    assert keys == sorted(keys)
    assert keys[-1].startswith("smic/s")
    assert not any(" " in key or key.count("s01") > 1 for key in keys)


def test_planes_are_read_as_red_green_blue(small_folder):
    path = any_map(small_folder)
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[..., 0] = 200
    Image.fromarray(pixels).save(path)
    dataset = FlowFolders(small_folder)
    read = dataset.read(next(s for s in dataset.samples if s.path.name == path.name))
    assert read.shape == (1, 8, 8, 3)
    assert (read[..., 0] == 200).all()
    assert not read[..., 1:].any()


def test_training_halves_are_never_read(small_folder):
    clips = len(FlowFolders(small_folder).samples)
    shutil.copytree(small_folder / "s01" / "u_test", small_folder / "s02" / "u_train")
    assert len(FlowFolders(small_folder).samples) == clips


def damage_missing_root(root):
    shutil.rmtree(root)
    return root


def damage_empty_root(root):
    shutil.rmtree(root)
    root.mkdir()
    return root


def damage_label(root):
    return any_map(root).parent.rename(root / "s01" / "u_test" / "7")


def damage_subject_name(root):
    return (root / "s01").rename(root / "person1")


def damage_no_test_half(root):
    (root / "s01" / "u_test").rename(root / "s01" / "other")
    return root / "s01" / "u_test"


def damage_empty_subject(root):
    for path in root.glob("s01/u_test/*/*.png"):
        path.unlink()
    return root / "s01" / "u_test"


def damage_two_files_of_one_key(root):
    path = any_map(root)
    return shutil.copy(path, path.with_name(path.name.replace(" ", "")))


def damage_two_labels_of_one_key(root):
    path = any_map(root)
    other = root / "s01" / "u_test" / ("1" if path.parent.name == "0" else "0")
    other.mkdir(exist_ok=True)
    shutil.copy(path, other / path.name)
    return path.parent.parent


def damage_foreign_file(root):
    path = any_map(root).with_name("notes.txt")
    path.write_text("hello")
    return path


def damage_link_out(root):
    outside = root.parent / "outside"
    outside.mkdir()
    path = any_map(root)
    shutil.move(path, outside / path.name)
    path.symlink_to(outside / path.name)
    return path


def damage_link_in_a_circle(root):
    path = any_map(root)
    path.unlink()
    path.symlink_to(path.name)
    return path


def damage_pipe(root):
    path = any_map(root)
    path.unlink()
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("damage", [value for name, value in globals().items() if name.startswith("damage_")])
def test_a_damaged_folder_is_an_error_that_names_the_path(small_folder, damage):
    path = damage(small_folder)
    with pytest.raises(DataError) as error:
        FlowFolders(small_folder)
    assert str(path.relative_to(small_folder) if path != small_folder else path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_that_is_not_utf_8_is_no_clip(small_folder):
    path = any_map(small_folder)
    path.rename(path.with_name("\udcff.png"))
    with pytest.raises(DataError, match=r"name of a clip '\\udcff' is not a plain name"):
        FlowFolders(small_folder)


def test_a_folder_that_may_not_be_listed_is_an_error_that_names_it(small_folder, monkeypatch):
    folder, scandir = any_map(small_folder).parent, os.scandir

    def refused(path):
        if os.fspath(path) == os.fspath(folder):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)  # root may list every folder, so modes would not do
    with pytest.raises(DataError, match=r"s01/u_test/.: cannot be listed \(Permission denied\)"):
        FlowFolders(small_folder)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "expected a PNG image .it is empty"),
        (b"not a picture", "expected a PNG image"),
        # a program of its own would read it
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n", "expected a PNG image"),
        ("JPEG", "expected a PNG image"),
        ("BMP", "expected a PNG image"),
        ("TIFF", "expected a PNG image"),
        ("16 bits", "expected an 8-bit RGB image .*, found RGB of 16 bits"),
        (None, "expected an 8-bit RGB image"),
        (13, "expected 8 x 8 pixels like the other maps, found 13 x 13"),
        ("truncated", "not a readable image"),
    ],
)
def test_an_image_that_is_no_map_is_an_error_that_names_it(small_folder, content, says):
    path = any_map(small_folder)
    if content is None:
        Image.new("L", (8, 8)).save(path)
    elif isinstance(content, int):
        Image.new("RGB", (content, content)).save(path)
    elif content in {"JPEG", "BMP", "TIFF"}:
        Image.new("RGB", (8, 8)).save(path, content)
    elif content == "16 bits":
        cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint16))
    elif content == "truncated":
        path.write_bytes(path.read_bytes()[:-40])
    else:
        path.write_bytes(content)
    dataset = FlowFolders(small_folder)
    with pytest.raises(DataError, match=says) as error:
        for sample in dataset.samples:
            dataset.read(sample)
    assert str(path) in str(error.value)


def refused(root):
    with pytest.raises(DataError) as error:
        FlowFolders(root)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_folder_too_high_too_low_or_beside_is_told_where_the_maps_lie(small_folder, tmp_path):
    above = tmp_path / "datasets"
    maps = shutil.move(small_folder, above / "three_norm_u_v_os")
    flat = above / "STSNet_whole_norm_u_v_os"
    flat.mkdir()
    shutil.copy(any_map(maps), flat / "s01_s01_ne_01 .png")
    for root, where in (
        (above, "one level below"),
        (tmp_path, "two levels below"),
        (maps / "s01", "above"),
        (maps / "s01/u_test", "above"),
        (any_map(maps).parent, "above"),
        (flat, "beside it"),
    ):
        assert refused(root) == f"{root}: no subject folder in it; flow maps lie {where}: --data {maps}"
    shutil.copytree(maps, above / "other")
    assert refused(above).endswith(f"lie one level below: --data {above / 'other'} or --data {maps}")


def test_maps_of_another_database_are_named_with_their_labels(tmp_path):
    for subject, label in (("spNO.1", 3), ("spNO.1", 0), ("spNO.10", 2)):
        folder = tmp_path / subject / "u_test" / str(label)
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / f"{subject}_a_3.png")
    assert refused(tmp_path) == (
        f"{tmp_path / 'spNO.1'}: a subject of CAS(ME)^3, whose maps here have the labels 0, 2, 3; megc2019-flow has "
        "the labels 0 negative, 1 positive, 2 surprise; expected sNN (SMIC), subNN (CASME II) or NNN (SAMM)"
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("htnet-datasets-folder", "flow maps lie one level below: --data .*three_norm_u_v_os$"),
        ("flow-maps-four-classes", r"spNO.1: a subject of CAS\(ME\)\^3, whose maps here have the labels 0, 2, 3; "),
    ],
)
def test_the_cases_of_others_are_told_what_is_wrong(case, says):
    with pytest.raises(DataError, match=says):
        FlowFolders(Path(os.environ["MER_CASES"], case))


class TestOwnLayouts:
    """Maps of any subjects and labels, with and without halves."""

    LAYOUT = FlowLayout(name="lab", labels={"0": "calm", "1": "upset"}, subjects={"lab": r"p\d+", "other": "x.*"})

    @pytest.fixture
    def maps(self, tmp_path):
        for place in ("p1/0/a", "p1/u_test/1/b", "x y/1/a", "p2/0/p2_c"):
            path = tmp_path / f"{place}.png"
            path.parent.mkdir(parents=True)
            Image.fromarray(np.full((8, 8, 3), len(place), np.uint8)).save(path)
        shutil.rmtree(tmp_path / "p1" / "0")
        return tmp_path

    def test_have_their_own_subjects_and_labels(self, maps):
        dataset = FlowFolders(maps, self.LAYOUT)
        said = {sample.key: sample.emotion for sample in dataset.samples}
        assert said == {"lab/p1/b": "upset", "lab/p2/c": "calm", "other/x y/a": "upset"}
        assert (dataset.name, dataset.synthetic) == ("lab", False)
        assert dataset.read(dataset.samples[0]).shape == (1, 8, 8, 3)

    def test_have_a_release_that_follows_from_their_clips(self, maps):
        one = FlowFolders(maps, self.LAYOUT).release
        (maps / "p2" / "0").rename(maps / "p2" / "1")
        assert FlowFolders(maps, self.LAYOUT).release != one

    def test_say_that_nobody_was_recorded(self, maps):
        (maps / "SYNTHETIC.json").write_text("{}")
        assert FlowFolders(maps, self.LAYOUT).synthetic

    def test_name_a_stranger_and_an_unknown_label(self, maps):
        (maps / "q1" / "0").mkdir(parents=True)
        with pytest.raises(
            DataError, match=r"q1: not a subject of lab, other; expected p\\d\+ \(lab\) or x\.\* \(other\)"
        ):
            FlowFolders(maps, self.LAYOUT)
        shutil.rmtree(maps / "q1")
        (maps / "p2" / "7").mkdir()
        with pytest.raises(DataError, match="label '7' is unknown; expected 0 or 1"):
            FlowFolders(maps, self.LAYOUT)

    def test_that_are_empty_are_refused(self, tmp_path):
        with pytest.raises(
            DataError, match=r"expected <subject>/<label>/<clip>\.png or <subject>/u_test/<label>/<clip>\.png"
        ):
            FlowFolders(tmp_path, self.LAYOUT)


def test_a_map_that_lies_with_another_subject_is_refused(small_folder):
    path = any_map(small_folder)
    there = next(small_folder.glob("s02/u_test/*"))
    path.rename(there / path.name)
    assert f"{path.name}: is named after s01; expected a map of s02" in refused(small_folder)


@pytest.mark.parametrize("twin", ["Clip", "ｃlip"])
def test_two_clips_of_one_name_but_for_case_or_signs_are_refused(small_folder, twin):
    path = any_map(small_folder)
    shutil.copy(path, path.with_name(path.name.replace("clip", twin)))
    assert "but for case, zeros or signs; expected one of them" in refused(small_folder)


def test_numbers_in_front_of_clips_are_no_subjects(tmp_path):
    for subject in ("1", "2"):
        folder = tmp_path / subject / "happy"
        folder.mkdir(parents=True)
        for clip in ("1_a", "2_b"):
            Image.new("RGB", (8, 8)).save(folder / f"{clip}.png")
    layout = FlowLayout("lab", {"happy": "happy"}, {"lab": ".*"})
    assert len(FlowFolders(tmp_path, layout).samples) == 4
