"""OpenFace's files, as its FeatureExtraction writes them, become one landmark file."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mer_lightning.faces.landmarks import read_landmarks
from mer_lightning.faces.openface import import_openface, read_openface
from mer_lightning.faces.points import mean_face
from mer_lightning.types import DataError, Sample

CASES = os.environ.get("MER_CASES")
FACE = mean_face() * 40 + 100
TITLES = [
    *("frame", "face_id", "timestamp", "confidence", "success", "gaze_0_x"),
    *(f"x_{n}" for n in range(68)),
    *(f"y_{n}" for n in range(68)),
    "AU45_c",
]


def row(frame, *, shift=0.0, face=0, confidence=0.98, success=1):
    """One row, whose points are the mean face moved to the right."""
    points = FACE + np.array([shift, 0])
    return [frame, face, 0.033 * frame, confidence, success, 0.1, *points[:, 0], *points[:, 1], 0]


def write(path, rows, titles=TITLES):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        # older versions put a blank before each title
        writer.writerows([[f" {title}" for title in titles], *rows])
    return path


@pytest.fixture
def clip(tmp_path):
    """A clip of frames 8..11 in a folder of frames 8..13, whose names sort 10, 11, 12, 13, 8, 9."""
    folder = tmp_path / "base" / "sub01" / "EP02_01"
    folder.mkdir(parents=True)
    for number in range(8, 14):
        Image.new("L", (8, 8)).save(folder / f"img{number}.png")
    return Sample("casme2", "sub01", "EP02_01", "others", folder, onset=8, apex=10, offset=11)


def imported(tmp_path, *samples):
    out = tmp_path / "landmarks.csv"
    return import_openface(samples, tmp_path / "base", tmp_path / "of", out), read_landmarks(out)


def shifts(points, sample):
    return {frame: round(float(points.of(sample, frame)[0, 0] - FACE[0, 0])) for frame in points.frames(sample)}


def test_rows_are_the_files_of_the_folder_in_the_order_in_which_openface_reads_them(tmp_path, clip):
    write(tmp_path / "of" / "EP02_01.csv", [row(n, shift=n) for n in range(1, 7)])
    prepared, points = imported(tmp_path, clip)
    assert shifts(points, clip) == {8: 5, 9: 6, 10: 1, 11: 2}
    assert (prepared.frames, prepared.without_face, prepared.several_faces) == (4, [], [])


def test_rows_of_the_clip_alone_begin_with_the_onset(tmp_path, clip):
    write(tmp_path / "of" / "EP02_01.csv", [row(n, shift=n) for n in range(1, 5)])
    assert shifts(imported(tmp_path, clip)[1], clip) == {8: 1, 9: 2, 10: 3, 11: 4}


@pytest.mark.parametrize(("count", "first"), [(4, 1), (20, 8)])
def test_rows_of_a_video_are_its_frames(tmp_path, clip, count, first):
    film = tmp_path / "base" / "sub01" / "film.avi"
    film.touch()
    sample = replace(clip, path=film)
    write(tmp_path / "of" / "EP02_01.csv", [row(n, shift=n) for n in range(1, count + 1)])
    assert shifts(imported(tmp_path, sample)[1], sample) == {8 + n: first + n for n in range(4)}


def test_other_numbers_of_rows_are_refused(tmp_path, clip):
    write(tmp_path / "of" / "EP02_01.csv", [row(n) for n in range(1, 6)])
    with pytest.raises(DataError, match=r"EP02_01\.csv: 5 frames, but sub01/EP02_01 has 6, of which 4 are from onset"):
        imported(tmp_path, clip)


def test_a_frame_without_a_face_is_none_and_the_surest_of_several_faces_is_taken(tmp_path, clip):
    rows = [
        row(1, success=0, confidence=0.0),
        row(2, shift=1, confidence=0.6),
        row(2, shift=2, face=1, confidence=0.9),
        row(2, shift=3, face=2, confidence=0.7),
        row(3, success=0, confidence=0.1),
        row(4),
    ]
    write(tmp_path / "of" / "EP02_01.csv", rows)
    prepared, points = imported(tmp_path, clip)
    assert shifts(points, clip) == {9: 2, 11: 0}
    assert prepared.without_face == ["casme2/sub01/EP02_01 frame 8"]
    assert prepared.several_faces == ["casme2/sub01/EP02_01 frame 9"]


def test_a_file_is_found_by_subject_and_clip(tmp_path, clip):
    other = replace(clip, subject="sub02")
    write(tmp_path / "of" / "EP02_01.csv", [row(n) for n in range(1, 7)])
    with pytest.raises(
        DataError, match=r"of: no file of casme2/sub01/EP02_01; expected sub01/EP02_01\.csv or .*1 more"
    ):
        imported(tmp_path, clip, other)
    write(tmp_path / "of" / "sub01" / "EP02_01.csv", [row(n, shift=1) for n in range(1, 7)])
    write(tmp_path / "of" / "sub02_EP02_01.csv", [row(n, shift=2) for n in range(1, 7)])
    _, points = imported(tmp_path, clip, other)
    assert (shifts(points, clip)[8], shifts(points, other)[8]) == (1, 2)
    write(tmp_path / "of" / "sub02" / "EP02_01.csv", [row(1)])
    with pytest.raises(DataError, match=r"sub02/EP02_01\.csv and sub02_EP02_01\.csv are both of casme2/sub02/EP02_01"):
        imported(tmp_path, clip, other)


def test_nothing_outside_the_folder_is_read(tmp_path, clip):
    (tmp_path / "of").mkdir()
    (tmp_path / "of" / "EP02_01.csv").symlink_to(write(tmp_path / "else.csv", [row(1)]))
    with pytest.raises(DataError, match="leads out of the root folder"):
        imported(tmp_path, clip)


WRONG = {
    "frame 0": ([row(0)], "row 2: frame is '0'; expected a whole number from 1 on"),
    "half": ([row(1.5)], "row 2: frame is '1.5'"),
    "success": ([row(1, success=2)], "row 2: success is '2'; expected 0 or 1"),
    "confidence": ([row(1, confidence="nan")], "row 2: confidence is 'nan'; expected 0..1"),
    "points": ([row(1), row(2, shift=float("inf"))], "row 3: x_0 is 'inf'; expected pixels"),
    "twice": ([row(1), row(1)], "row 3: frame 1 is given twice"),
    "short": ([row(1)[:-1]], "row 2: expected 143 cells, found 142"),
    "none": ([], "no frame in it"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_cell_is_named(tmp_path, name):
    rows, says = WRONG[name]
    with pytest.raises(DataError) as refused:
        read_openface(write(tmp_path / "a.csv", rows))
    assert str(refused.value).startswith(f"{tmp_path / 'a.csv'}")
    assert says in str(refused.value)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="row 1: expected the columns of OpenFace's FeatureExtraction; success is"):
        read_openface(write(tmp_path / "a.csv", [], [title for title in TITLES if title != "success"]))
    with pytest.raises(DataError, match="cannot be read"):
        read_openface(tmp_path / "nothing.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="expected a CSV file in UTF-8"):
        read_openface(tmp_path / "b.csv")


def test_in_the_place_of_a_landmark_file_it_names_the_command(tmp_path):
    with pytest.raises(DataError, match=r"a file of OpenFace.*`mer-bench data landmarks .* --openface") as refused:
        read_landmarks(write(tmp_path / "landmarks-raw.csv", [row(1)]))
    assert "\n" not in str(refused.value)


@pytest.mark.data
@pytest.mark.skipif(not CASES, reason="MER_CASES names no folder")
def test_a_file_that_people_sent():
    file = Path(CASES) / "landmarks-openface-csv" / "landmarks-raw.csv"
    assert np.isfinite(read_openface(file).frames[1].points).all()
    with pytest.raises(DataError, match="mer-bench data landmarks"):
        read_landmarks(file)
