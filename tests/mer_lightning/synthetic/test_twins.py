import json
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook
from PIL import Image

from mer_lightning.synthetic.fer2013 import plan_stills
from mer_lightning.synthetic.takes import plan_composite
from mer_lightning.synthetic.twins import write_twin
from mer_lightning.types import DataError

TINY = (48, 64)


def sheet_rows(path: Path, title: str | None = None) -> list[tuple[object, ...]]:
    book = load_workbook(path, data_only=True)
    return list((book[title] if title else book.worksheets[0]).iter_rows(values_only=True))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def casme2(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("twin") / "casme2"
    return write_twin(root, "casme2", subjects=9, size=TINY, frames=0.02)


@pytest.fixture(scope="module")
def samm(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("twin") / "samm"
    return write_twin(root, "samm", size=TINY, frames=0.02)


def test_casme2_sheet(casme2):
    header, *rows = sheet_rows(casme2.root / "CASME2-coding-20140508.xlsx")
    assert header[7:] == ("Action Units", "Estimated Emotion")
    by_key = {f"casme2/sub{row[0]}/{row[1]}": row for row in rows}
    assert set(by_key) == set(casme2.takes)
    assert casme2.takes[f"casme2/sub{rows[60][0]}/{rows[60][1]}"].offset == rows[60][5] == 91
    # a single unit is a number cell, as Excel keeps it
    assert any(isinstance(row[7], int) for row in rows) and any("+" in str(row[7]) for row in rows)
    assert not (casme2.root / "CASME2-ObjectiveClasses.xlsx").exists()


def test_casme2_folders(casme2):
    for take in list(casme2.takes.values())[:5]:
        raw = names(casme2.root / "CASME2_RAW_selected" / take.subject / take.clip)
        cropped = names(casme2.root / "Cropped" / take.subject / take.clip)
        span = range(take.onset, take.offset + 1)
        assert {f"img{number}.jpg" for number in span} <= raw
        assert {f"reg_img{number}.jpg" for number in span} <= cropped
    assert (casme2.root / "CASME2_RAW_selected" / "sub09" / "EP02_02f").is_dir()
    assert "casme2/sub09/EP02_02f" not in casme2.takes


def test_frames_on_disk_are_those_of_the_take(casme2):
    take = next(iter(casme2.takes.values()))
    path = casme2.root / "CASME2_RAW_selected" / take.subject / take.clip / f"img{take.apex}.jpg"
    with Image.open(path) as image:
        found = np.asarray(image).astype(float)
    expected = take.render().frames[take.script.apex].numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 4


def test_samm_sheet(samm):
    rows = sheet_rows(samm.root / "SAMM_Micro_FACS_Codes_v2.xlsx", "MICRO_ONLY")
    assert rows[13] == (
        "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration",
        "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
    )  # fmt: skip
    assert len(rows[14:]) == 159
    assert rows[14][0] == "006" and str(rows[14][1]).startswith("006_")
    by_clip = {str(row[1]): row for row in rows[14:]}
    for clip, apex in (("028_4_1", 1105), ("032_3_1", 4945)):
        assert samm.takes[f"samm/{clip[:3]}/{clip}"].apex == apex
        assert not by_clip[clip][3] <= by_clip[clip][4] <= by_clip[clip][5]
    assert samm.takes["samm/032/032_3_2"].apex == by_clip["032_3_2"][4] == 5130
    assert samm.takes["samm/013/013_1_9"].offset == by_clip["013_1_9"][5] == 5739


def test_samm_folders(samm):
    take = samm.takes["samm/006/006_1_2"]
    folder = samm.root / "SAMM" / "006" / "006_1_2"
    assert f"006_{take.onset:05d}.jpg" in names(folder)
    with Image.open(folder / f"006_{take.onset:05d}.jpg") as image:
        assert image.mode == "L"
    odd = samm.takes["samm/013/013_1_12"]
    assert f"013_{odd.onset:05d}.jpg" not in names(samm.root / "SAMM" / "013" / "013_1_12") or odd.onset > 9999


def test_smic_folders(tmp_path: Path):
    twin = write_twin(tmp_path / "smic", "smic", subjects=2, size=TINY, frames=0.1)
    take = twin.takes["smic/s01/s01_ne_01"]
    place = Path("HS", "s1", "micro", "negative", "s1_ne_01")
    raw = names(twin.root / "SMIC_all_raw" / place)
    assert raw == {f"image{number}.bmp" for number in range(take.onset, take.offset + 1)}
    assert {f"reg_{name}" for name in raw} == names(twin.root / "SMIC_all_cropped" / place)
    assert not list(twin.root.rglob("*.xlsx"))


@pytest.mark.parametrize(
    ("database", "release", "camera"), [("smic", "smic-e-157", "HS"), ("smic_vis", "smic-e-vis-71", "VIS")]
)
def test_smic_e_folders_have_the_frames_of_the_sheet(tmp_path: Path, database: str, release: str, camera: str):
    twin = write_twin(tmp_path / "smic", database, release=release, subjects=2, size=TINY, frames=0.1)
    base = twin.root / "SMIC-E_raw image" / f"{camera}_long" / f"SMIC-{camera}-E"
    header, *rows = sheet_rows(base / "SMIC-HS-E_annotation.xlsx", camera)
    first, volume = header.index("FirstF"), header.index("TotalVL")
    rows = [row for row in rows if row[1] is not None]
    assert {row[0] for row in rows} == {20, 14}
    assert len(rows) == len(twin.takes)
    for row in rows:
        take = twin.takes[f"{database}/s{row[0]:02d}/{row[1]}"]
        assert (row[3], row[4]) == (take.onset, take.offset)
        # counters of the camera: the files have the numbers of the sheet
        found = names(base / camera / f"s{row[0]}" / str(row[1]))
        assert found == {f"image{number}.jpg" for number in range(row[first], row[first] + row[volume])}
        assert row[first] < row[3] < row[4] < row[first] + row[volume] - 1


def test_ckplus_layout(tmp_path: Path):
    twin = write_twin(tmp_path / "ck", "ckplus", subjects=3, size=TINY, frames=0.2)
    key, take = next(iter(twin.takes.items()))
    _, subject, sequence = key.split("/")
    stem = f"{subject}_{sequence}_{take.apex:08d}"
    assert f"{stem}.png" == max(names(twin.root / "cohn-kanade-images" / subject / sequence))
    text = (twin.root / "Emotion" / subject / sequence / f"{stem}_emotion.txt").read_text()
    codes = {"anger": 1, "contempt": 2, "disgust": 3, "fear": 4, "happy": 5, "sadness": 6, "surprise": 7}
    assert float(text) == codes[take.emotion]
    points = np.loadtxt(twin.root / "Landmarks" / subject / sequence / f"{stem}_landmarks.txt")
    assert np.abs(points - take.landmarks()[-1].numpy()).max() < 1e-3
    sequences = list((twin.root / "cohn-kanade-images").glob("*/*"))
    assert len(sequences) > len(twin.takes)


def test_fer2013_table(tmp_path: Path):
    twin = write_twin(tmp_path / "fer", "fer2013", subjects=3, frames=0.0005)
    header, *rows = (twin.root / "fer2013.csv").read_text().splitlines()
    assert header == "emotion,pixels,Usage"
    assert len(rows) == len(twin.stills)
    for row, still in zip(rows, twin.stills.values(), strict=True):
        emotion, pixels, usage = row.split(",")
        assert ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")[int(emotion)] == still.emotion
        assert usage == still.part
        assert len(pixels.split()) == 48 * 48


@pytest.mark.slow
def test_fer2013_has_all_rows():
    assert len(plan_stills()) == 35887


def test_the_root_says_that_it_is_synthetic(casme2, samm):
    body = json.loads((casme2.root / "SYNTHETIC.json").read_text())
    assert body["synthetic"] is True
    # a part states its own counts, a whole one has those of the release
    assert sum(body["counts"].values()) == len(casme2.takes)
    assert "counts" not in json.loads((samm.root / "SYNTHETIC.json").read_text())


def test_a_twin_is_the_same_bytes_again(tmp_path: Path):
    roots = [write_twin(tmp_path / name, "smic_nir", subjects=1, size=TINY, frames=0.1).root for name in "ab"]
    files = [sorted(path.relative_to(root) for path in root.rglob("*.bmp")) for root in roots]
    assert files[0] == files[1] and files[0]
    assert all((roots[0] / name).read_bytes() == (roots[1] / name).read_bytes() for name in files[0])


def test_a_folder_in_use_is_left_alone(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="not an empty folder"):
        write_twin(tmp_path, "samm")
    assert names(tmp_path) == {"mine.txt"}


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": 0.0},
        {"frames": float("nan")},
        {"frames": float("inf")},
        {"frames": 1e6},
        {"size": (4, 4)},
        {"size": (16, 100_000)},
        {"subjects": 0},
        {"subjects": 10**11},
    ],
)
def test_impossible_arguments_are_errors(tmp_path: Path, changes: dict[str, object]):
    with pytest.raises(DataError):
        write_twin(tmp_path / "twin", "samm", **changes)
    assert not (tmp_path / "twin").exists()


def test_expressions_can_be_told_apart_but_not_by_all(tmp_path: Path):
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.svm import LinearSVC
    from torch.nn import functional

    takes = plan_composite(size=(48, 48), frames=0.05)
    merged = {"happiness": 1, "positive": 1, "surprise": 2}
    labels = np.array([merged.get(take.emotion, 0) for take in takes])
    people = [f"{take.database}/{take.subject}" for take in takes]
    maps = np.stack([functional.adaptive_avg_pool2d(take.flow(), 16).flatten().numpy() for take in takes])
    maps = maps / maps.std()
    found = cross_val_predict(
        LinearSVC(C=0.01, class_weight="balanced"), maps, labels, groups=people, cv=GroupKFold(10)
    )
    recall = [float((found[labels == kind] == kind).mean()) for kind in range(3)]
    assert 0.6 < sum(recall) / 3 < 0.97
