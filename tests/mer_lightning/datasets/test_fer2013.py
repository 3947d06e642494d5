"""FER2013 in every form in which it is passed on: tables of either name and order, folders of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from benchmark.__main__ import main
from mer_lightning.datasets.fer2013 import Fer2013
from mer_lightning.datasets.registry import find_databases, recognise
from mer_lightning.datasets.releases import get_release
from mer_lightning.datasets.verify import verify
from mer_lightning.types import DataError

WORDS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def pixels(level: int) -> np.ndarray:
    return np.clip(np.arange(48 * 48).reshape(48, 48) % 100 + level, 0, 255).astype(np.uint8)


def save(path, level: int = 0, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(level)).save(path, **options)


def write_table(path, header: str, order: tuple[int, ...], quote: str = ""):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [header]
    for level, part in ((10, "Training"), (20, "Training"), (30, "PublicTest"), (40, "PrivateTest")):
        cells = [str(level // 10), quote + " ".join(map(str, pixels(level).ravel())) + quote, part]
        rows.append(",".join(cells[place] for place in order))
    path.write_text("\n".join(rows) + "\n")
    return path.parent


def write_folders(root, parts=("train", "test"), classes=WORDS, suffix=".png"):
    for part in parts:
        for number, name in enumerate(classes):
            save(root / part / name / f"im{number}{suffix}", 10 * number + len(part))
    return root


@pytest.mark.parametrize(
    ("name", "header", "order", "quote"),
    [
        ("fer2013.csv", "emotion,pixels,Usage", (0, 1, 2), ""),
        ("icml_face_data.csv", "emotion, Usage, pixels", (0, 2, 1), ""),
        ("FER2013 (1).csv", '"Usage","pixels","emotion"', (2, 1, 0), '"'),
        ("fer2013.csv", "\ufeffemotion,pixels,Usage", (0, 1, 2), ""),
    ],
)
def test_a_table_is_read_whatever_its_name_and_the_order_of_its_columns(tmp_path, name, header, order, quote):
    root = write_table(tmp_path / "FER" / name, header, order, quote)
    assert recognise(root) == ("fer2013",)
    data = Fer2013(root, partial=True)
    assert [(one.key, one.emotion) for one in data.samples] == [
        ("fer2013/PrivateTest/00003", "sad"),
        ("fer2013/PublicTest/00002", "happy"),
        ("fer2013/Training/00000", "disgust"),
        ("fer2013/Training/00001", "fear"),
    ]
    for sample, level in zip(data.samples, (40, 30, 10, 20), strict=True):
        np.testing.assert_array_equal(data.read(sample)[0, ..., 0], pixels(level))
    assert data.choices == {"variant": "csv"}
    assert not [p for p in verify(root, "fer2013").problems if p.file != "."]


def test_a_table_with_other_columns_is_named(tmp_path):
    (tmp_path / "fer2013.csv").write_text("Usage,Image name,neutral\nTraining,a.png,3\n")
    with pytest.raises(DataError, match=r"^fer2013.csv row 1: expected the columns emotion, pixels, Usage in any"):
        Fer2013(tmp_path)


@pytest.mark.parametrize("classes", [WORDS, ("Angry", "disgusted", "FEARFUL", "happy", "sad", "surprised", "neutral")])
def test_folders_of_pictures_are_two_parts(tmp_path, classes):
    root = write_folders(tmp_path / "archive", classes=classes)
    assert recognise(root) == ("fer2013",)
    assert find_databases(root) == [("fer2013", root)]
    assert find_databases(tmp_path) == [("fer2013", tmp_path)]
    data = Fer2013(root, partial=True)
    assert (data.release, data.choices) == ("fer2013-folders-partial", {"variant": "folders"})
    assert {one.subject for one in data.samples} == {"Training", "Test"}
    happy = next(one for one in data.samples if one.key == "fer2013/Training/happy-im3")
    assert happy.emotion == "happy"
    still = data.read(happy)
    assert still.shape == (1, 48, 48, 1)
    np.testing.assert_array_equal(still[0, ..., 0], pixels(35))
    assert not [p for p in verify(root, "fer2013").problems if p.file != "."]


def test_folders_of_numbers_have_the_numbers_of_the_table(tmp_path):
    parts = ("Training", "PublicTest", "PrivateTest")
    data = Fer2013(write_folders(tmp_path, parts, [str(number) for number in range(7)]), partial=True)
    assert {one.subject for one in data.samples} == set(parts)
    assert {one.emotion for one in data.samples if one.clip.endswith("im6")} == {"neutral"}


def test_pictures_whose_names_say_their_test_part_are_of_it(tmp_path):
    root = write_folders(tmp_path)
    save(root / "test/sad/PublicTest_17.png")
    save(root / "test/sad/PrivateTest_18.png")
    save(root / "train/sad/Training_18.png")
    parts = {one.clip: one.subject for one in Fer2013(root, partial=True).samples if "_" in one.clip}
    assert parts == {
        "sad-PublicTest_17": "PublicTest",
        "sad-PrivateTest_18": "PrivateTest",
        "sad-Training_18": "Training",
    }


def test_the_counts_of_the_folders_are_those_of_the_table():
    table, folders = get_release("fer2013"), get_release("fer2013-folders")
    assert folders.counts == table.counts
    assert folders.clips == sum(table.counts.values()) == sum(table.parts.values())
    assert folders.clips - folders.parts["Training"] == table.parts["PublicTest"] + table.parts["PrivateTest"] == 7178


def test_whatever_is_no_still_is_named(tmp_path):
    root = write_folders(tmp_path)
    (root / "train/happy/notes.txt").write_text("hello")
    Image.new("L", (40, 48)).save(root / "train/happy/small.png")
    Image.new("RGB", (48, 48), (255, 0, 0)).save(root / "train/happy/red.png")
    Image.new("RGB", (48, 48), (9, 9, 9)).save(root / "train/happy/grey.png")
    save(root / "train/bored/im1.png")
    save(root / "extra/happy/im1.png")
    save(root / "train/happy/im3.jpg")
    lines = [str(problem) for problem in verify(root, "fer2013").problems if problem.file != "."]
    assert lines == [
        "extra: part 'extra' is unknown; expected train, training, test, publictest, privatetest",
        "train/bored: expected one of angry, disgust, fear, happy, sad, surprise, neutral, or 0 to 6",
        "train/happy/im3.png: fer2013/Training/happy-im3 is given twice, also by train/happy/im3.jpg",
        "train/happy/notes.txt: expected a picture",
        "train/happy/red.png: expected a grey picture of 48 x 48, found 48 x 48, in colours",
        "train/happy/small.png: expected a grey picture of 48 x 48, found 40 x 48",
    ]


def test_the_table_is_preferred_and_the_folders_can_be_asked_for(tmp_path):
    write_table(write_folders(tmp_path) / "fer2013.csv", "emotion,pixels,Usage", (0, 1, 2))
    assert Fer2013(tmp_path, partial=True).variant == "csv"
    assert Fer2013(tmp_path, variant="folders", partial=True).release == "fer2013-folders-partial"
    assert Fer2013(tmp_path, release="fer2013-folders", partial=True).variant == "folders"
    with pytest.raises(DataError, match=r"no stills frames found \(only csv"):
        Fer2013(tmp_path, variant="stills", partial=True)


def test_a_class_that_is_missing_is_no_release(tmp_path, capsys):
    write_folders(tmp_path, classes=WORDS[:5])
    assert recognise(tmp_path) == ()
    assert main(["data", "verify", str(tmp_path), "--database", "fer2013", "--quick"]) == 1
    assert "no frames found; expected fer2013.csv or icml_face_data.csv" in capsys.readouterr().out
