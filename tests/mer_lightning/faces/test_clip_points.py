"""Clips of a user's own are aligned by the files that their table names."""

import numpy as np
import pytest

from mer_lightning.datasets.clips import OwnClips, read_clip_table
from mer_lightning.faces.aligned import AlignedFrames
from mer_lightning.faces.clip_points import clip_landmark_problems, clip_points
from mer_lightning.faces.landmarks import write_landmarks
from mer_lightning.types import DataError
from tests.mer_lightning.faces.test_openface import FACE, row, write
from tests.own_clips import TITLES, draw_frames, write_frames, write_table

POINTS = np.array(FACE, np.float32)


@pytest.fixture
def lab(tmp_path):
    for name in ("a", "b"):
        write_frames(tmp_path / name, draw_frames("happy", 1, size=200), first=11)
    return tmp_path


def table(lab, one, other):
    rows = (f"a,p1,happy,12,,15,a,{one}", f"b,p2,sad,,,,b,{other}")
    return read_clip_table(write_table(lab / "lab.csv", *rows, titles=f"{TITLES},landmarks"))


def test_by_one_landmark_file_of_all(lab):
    samples = OwnClips(table(lab, "", "")).samples
    write_landmarks(lab / "points.csv", [(sample, sample.onset, POINTS) for sample in samples])
    clips = OwnClips(table(lab, "points.csv", "points.csv"))
    found = clip_points(clips)
    assert all(np.allclose(points, POINTS, atol=0.01) for points in found.points.values())
    aligned = AlignedFrames(clips, found)
    assert aligned.choices["faces"].startswith("aligned to ")
    assert aligned.choices["apex"] == "middle_frame"
    assert aligned.read(aligned.samples[0]).shape[0] == 4


def test_by_a_file_of_openface_of_each(lab):
    # counted from 1 over the five frames of the folder, of which the clip begins with the second
    write(lab / "a.csv", [row(frame, shift=frame) for frame in range(1, 6)])
    write(lab / "b.csv", [row(frame, shift=frame) for frame in range(1, 6)])
    found = clip_points(OwnClips(table(lab, "a.csv", "b.csv")))
    assert found.points["lab/p1/a"][0, 0] == pytest.approx(POINTS[0, 0] + 2, abs=0.01)
    assert found.points["lab/p2/b"][0, 0] == pytest.approx(POINTS[0, 0] + 1, abs=0.01)


def test_what_is_missing_is_named_by_row(lab):
    write(lab / "a.csv", [row(frame, success=int(frame != 2)) for frame in range(1, 6)])
    read = table(lab, "a.csv", "")
    said = [str(problem) for problem in clip_landmark_problems(read)]
    assert "lab.csv row 2: " in said[0]
    assert "no face in frame 2, the onset of lab/p1/a" in said[0]
    assert said[1] == "lab.csv row 3: landmarks is empty; faces: aligned needs the onset of lab/p2/b"
    with pytest.raises(DataError, match="no face in frame 2"):
        clip_points(OwnClips(read))
