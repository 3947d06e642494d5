from __future__ import annotations

import numpy as np
import pytest
import torch

from mer_lightning.datasets.registry import open_database
from mer_lightning.faces.aligned import AlignedFrames, landmark_file
from mer_lightning.faces.alignment import Crop, check_face
from mer_lightning.faces.points import mean_face
from mer_lightning.faces.prepare import write_true_landmarks
from mer_lightning.synthetic.twins import write_twin
from mer_lightning.types import DataError

CROP = Crop(64, 64)


@pytest.fixture(scope="module")
def samm(tmp_path_factory):
    root = tmp_path_factory.mktemp("aligned") / "SAMM"
    truth = write_twin(root, "samm", subjects=2, size=(120, 160), frames=0.05)
    write_true_landmarks(truth)
    return open_database("samm", root), landmark_file(root, "raw"), truth


def test_the_true_points_of_every_onset_frame_are_written(samm):
    frames, file, truth = samm
    rows = file.read_text().splitlines()
    assert len(rows) == 1 + len(truth.takes) == 1 + len(frames.samples)


def test_every_clip_is_brought_to_the_same_eyes(samm):
    frames, file, truth = samm
    aligned = AlignedFrames(frames, file, CROP)
    assert aligned.samples == frames.samples
    left, right = CROP.corners().round().int().tolist()
    for sample in aligned.samples[:4]:
        clip, source = aligned.read(sample), frames.read(sample)
        assert clip.shape == (len(source), 64, 64, 1)
        assert clip.dtype == np.uint8
        # what lies under the inner eye corners of the source lies where the crop wants them
        points = truth.takes[sample.key].landmarks()[truth.takes[sample.key].script.onset].round().int()
        for index, (x, y) in ((39, left), (42, right)):
            u, v = points[index].tolist()
            patch = source[0, v - 1 : v + 2, u - 1 : u + 2].mean()
            assert abs(float(clip[0, y - 1 : y + 2, x - 1 : x + 2].mean()) - patch) < 30
        assert clip.std() > 20


def test_the_points_of_a_clip_are_those_of_the_aligned_picture(samm):
    frames, file, _ = samm
    aligned = AlignedFrames(frames, file, CROP)
    for sample in aligned.samples[:4]:
        points = aligned.points(sample)
        assert points.shape == (68, 2)
        np.testing.assert_allclose(points[[39, 42]], CROP.corners().numpy(), atol=1e-3)
        assert points[8, 1] > points[30, 1] > points[27, 1]


def test_crop_and_landmarks_are_part_of_the_choices(samm):
    frames, file, _ = samm
    choices = AlignedFrames(frames, file, CROP).choices
    assert choices["faces"] == "aligned to 64 x 64"
    assert choices["variant"] == "raw"
    assert len(choices["landmarks"]) == 10


def test_a_missing_file_and_a_missing_clip_are_named_before_anything_is_read(samm, tmp_path):
    frames, file, _ = samm
    with pytest.raises(DataError, match=r"none.csv: no such landmark file; `mer-bench data prepare` writes it"):
        AlignedFrames(frames, tmp_path / "none.csv")
    short = tmp_path / "short.csv"
    short.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DataError, match=rf"{frames.samples[-1].key}: no landmarks of frame"):
        AlignedFrames(frames, short)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda points: points + 10_000, "0 of 68 landmarks lie in the picture of 96 x 96"),
        (lambda points: points * (-1, 1) + (95, 0), "landmarks: expected brows, eyes, nose, mouth"),
        (lambda points: points * (1, -1) + (0, 95), "landmarks: expected brows, eyes, nose, mouth"),
    ],
)
def test_points_that_are_of_no_face_in_the_picture_are_refused(change, says):
    points = (mean_face() * 15 + (48, 30)).astype(np.float32)
    check_face(torch.from_numpy(points), 96, 96)
    with pytest.raises(DataError, match=says):
        check_face(torch.from_numpy(change(points).astype(np.float32)), 96, 96)
