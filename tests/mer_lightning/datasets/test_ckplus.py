"""CK+ is cut to the face, or aligned, by the landmarks that are released with it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.methods.source import DatabaseChoice, Source
from benchmark.methods.suite import load_suite
from benchmark.training.plan import Inputs, make_plan
from mer_lightning.datasets.ckplus import CkPlus
from mer_lightning.datasets.face_box import Box, cut, face_box
from mer_lightning.datasets.synthetic.twins import write_twin
from mer_lightning.datasets.verify import verify
from mer_lightning.faces.aligned import AlignedFrames, find_landmarks
from mer_lightning.faces.alignment import Crop
from mer_lightning.faces.points import INNER_EYES, mean_face
from mer_lightning.faces.prepare import prepare_landmarks
from mer_lightning.types import DataError

FILE = "Landmarks/S005/001/S005_001_00000009_landmarks.txt"


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """Two people in the camera's pictures at a quarter of their size, and the truth."""
    root = tmp_path_factory.mktemp("ck") / "ckplus"
    truth = write_twin(root, "ckplus", subjects=2, size=(122, 160), frames=0.3)
    return root, truth


def problems(root, **options):
    return [str(one) for one in verify(root, "ckplus", **options).problems if one.file != "."]


def test_faces_are_cut_by_the_points_of_the_onset_and_whole_pictures_are_a_choice(ckplus):
    # grey levels of the small pictures are their numbers, so columns have to tell where the cut is
    cropped, raw = CkPlus(ckplus, partial=True), CkPlus(ckplus, variant="raw", partial=True)
    assert cropped.choices == {
        "variant": "cropped",
        "frames": "last_three",
        "face box": "68 points of the onset, square, margin 0.05",
    }
    assert raw.choices == {"variant": "raw", "frames": "last_three"}
    assert cropped.read(cropped.samples[0]).shape == (3, 3, 3, 1)
    assert raw.read(raw.samples[0]).shape == (3, 6, 8, 1)
    assert [one.key for one in cropped.samples] == [one.key for one in raw.samples]
    assert problems(ckplus) == problems(ckplus, variant="raw") == []


def test_the_face_fills_the_cut_and_the_box_is_one_for_the_sequence(twin):
    root, truth = twin
    data, raw = (CkPlus(root, variant=variant, frames="sequence") for variant in ("cropped", "raw"))
    for sample in data.samples:
        points = truth.takes[sample.key].landmarks().numpy()
        # points may move within a sequence; those of its first frame decide
        box = face_box(points[sample.onset - truth.takes[sample.key].first])
        clip, whole = data.read(sample), raw.read(sample)
        side = round(box.side)
        assert clip.shape == (len(whole), side, side, 1)
        assert side * side < 0.4 * whole.shape[1] * whole.shape[2]
        left, top = round(box.left), round(box.top)
        np.testing.assert_array_equal(clip, whole[:, top : top + side, left : left + side])
        inside = points[0] - [left, top]
        assert (inside > 0).all() and (inside < side).all()


def test_the_eyes_of_the_mean_face_are_as_far_apart_as_in_aligned_pictures():
    points = mean_face()
    apart = np.linalg.norm(points[INNER_EYES[1]] - points[INNER_EYES[0]])
    assert apart / face_box(points).side == pytest.approx(Crop().eye_distance, abs=0.01)


@given(
    st.integers(1, 40), st.integers(1, 40), st.floats(-30, 60), st.floats(-30, 60), st.floats(0.6, 80, allow_nan=False)
)
def test_a_cut_is_a_square_inside_the_picture_or_an_error(height, width, left, top, side):
    clip = np.zeros((2, height, width, 1), np.uint8)
    try:
        found = cut(clip, Box(left, top, side), "clip")
    except DataError:
        assert not (0 <= left + side / 2 < width and 0 <= top + side / 2 < height)
        return
    assert found.shape[1] == found.shape[2] == min(round(side), height, width)


def test_landmarks_that_are_missing_are_said_once_with_what_to_do(ckplus):
    shutil.rmtree(ckplus / "Landmarks")
    (line,) = problems(ckplus)
    assert line.startswith("Landmarks: no landmarks to cut faces by; expected Landmarks/S005/001/S005_001_00000001_")
    assert "variant raw" in line and "mer-bench data prepare --database ckplus --variant raw" in line
    with pytest.raises(DataError, match="no landmarks to cut faces by"):
        CkPlus(ckplus, partial=True)
    assert CkPlus(ckplus, variant="raw", partial=True).samples


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no landmarks of the first frame"),
        ("", "expected 68 lines of two numbers"),
        ("1 2\n" * 67, "expected 68 lines of two numbers"),
        ("1 2\n" * 67 + "1\n", "expected 68 lines of two numbers"),
        ("1 2\n" * 67 + "1 nan\n", "expected 68 lines of two numbers"),
        ("1 2\n" * 67 + "1 x\n", "expected 68 lines of two numbers"),
        ("1 2\n" * 67 + "1 é\n", "expected 68 lines of two numbers"),
    ],
)
def test_a_landmark_file_that_is_none_is_named(ckplus, content, says):
    file = ckplus / FILE
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    (line,) = problems(ckplus)
    assert f"{FILE}: {says}" in line


def test_landmarks_may_not_lead_out(ckplus):
    file = ckplus / FILE
    outside = shutil.move(file, ckplus.parent / "outside.txt")
    file.symlink_to(outside)
    (line,) = problems(ckplus)
    assert "leads out of the root folder" in line


def test_a_face_outside_of_the_picture_is_an_error(ckplus):
    (ckplus / FILE).write_text("100 100\n101 101\n" * 34)
    data = CkPlus(ckplus, partial=True)
    with pytest.raises(DataError, match=r"S005/001: its landmarks lie at 10\d, 10\d, outside of the 8 x 6 picture"):
        data.read(data.samples[0])


def test_pretraining_is_cut_or_aligned_as_the_suite_says_its_faces_are(twin):
    root, _ = twin
    usual = Source(name="databases", databases={"samm": DatabaseChoice()})
    assert usual.open_pretraining("ckplus", root).choices["variant"] == "cropped"
    whole = Source(name="megc2019", databases={"ckplus": DatabaseChoice(variant="raw")}, edition="whole")
    assert whole.open_pretraining("ckplus", root).choices == {"variant": "raw", "frames": "sequence"}
    aligned = Source(name="megc2019", faces="aligned", edition="aligned").open_pretraining("ckplus", root)
    assert isinstance(aligned, AlignedFrames)
    assert (aligned.choices["variant"], aligned.choices["faces"]) == ("raw", "aligned to 224 x 224")
    sample = aligned.samples[0]
    assert aligned.read(sample).shape[1:] == (224, 224, 1)
    np.testing.assert_allclose(aligned.points(sample)[list(INNER_EYES)], Crop().corners().numpy(), atol=1e-3)
    with pytest.raises(ValueError, match="edition: expected a short name"):
        Source(name="megc2019", databases={"ckplus": DatabaseChoice(variant="raw")})
    with pytest.raises(ValueError, match="expected at least one of smic, casme2, samm"):
        Source(name="databases", databases={"ckplus": DatabaseChoice()})


def test_a_landmark_file_of_the_users_own_goes_before_the_released_landmarks(twin, tmp_path):
    root = shutil.copytree(twin[0], tmp_path / "ck")
    shutil.rmtree(root / "Landmarks")
    frames = CkPlus(root, variant="raw", frames="sequence")

    class Found:
        def detect(self, _):
            return mean_face() * 10 + 60

    file = find_landmarks(frames, root)
    assert file == root / "landmarks-raw.csv"
    prepare_landmarks(frames.samples, frames.read, Found(), file)
    shutil.copytree(twin[0] / "Landmarks", root / "Landmarks")
    assert find_landmarks(frames, root) == file
    opened = Source(name="megc2019", faces="aligned", edition="x").open_pretraining("ckplus", root)
    released = AlignedFrames(frames, root / "Landmarks")
    assert opened.choices["landmarks"] != released.choices["landmarks"]


def test_another_cut_is_another_run(twin, tmp_path):
    root = tmp_path / "databases"
    write_twin(root / "samm", "samm", subjects=3, size=(32, 48), frames=0.05)
    shutil.copytree(twin[0], root / "ckplus")
    suite = tmp_path / "own.yaml"
    ids = set()
    for choice in ("", ", ckplus: {variant: raw}"):
        suite.write_text(
            "title: T\nsummary: Transfer.\nprotocols: [samm-3]\nmethods: [s3d-cnn-transfer-short]\nseeds: [0]\n"
            f"source: {{name: databases, databases: {{samm: {{}}{choice}}}, edition: x}}\n"
        )
        (run,) = make_plan(load_suite(str(suite)), Inputs(data=root))
        ids.add(run.id)
    assert len(ids) == 2
