from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from mer_lightning.faces import landmarks
from mer_lightning.faces.points import COUNT, LEFT_EYE, RIGHT_EYE, mean_face
from mer_lightning.types import DataError, Sample

SAMPLE = Sample("casme2", "sub01", "EP02_01f", "happiness", onset=46)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "landmarks.csv"
    rows = [(SAMPLE, frame, mean_face() * 100 + frame) for frame in (46, 47)]
    assert landmarks.write_landmarks(path, rows) == 2
    return path


def test_round_trip(table):
    read = landmarks.read_landmarks(table)
    assert len(read) == 2
    assert read.frames(SAMPLE) == (46, 47)
    np.testing.assert_allclose(read.of(SAMPLE), mean_face() * 100 + 46, atol=6e-4)
    with pytest.raises(DataError, match="casme2/sub01/EP02_01f: no landmarks of frame 50"):
        read.of(SAMPLE, 50)
    assert table.read_text().startswith("database,subject,clip,frame,x0,y0,x1,y1,")


def test_a_failed_write_leaves_nothing(tmp_path):
    path = tmp_path / "landmarks.csv"
    with pytest.raises(DataError, match="expected 68 finite points"):
        landmarks.write_landmarks(path, [(SAMPLE, 1, np.full((COUNT, 2), np.nan, np.float32))])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",x0,", ",z0,", r"row 1: expected the columns .* lacks x0"),
        (",46,", ",4.6,", r"row 2: frame is '4.6'; expected a whole number"),
        ("casme2,sub01,EP02_01f,47,", "casme2,sub01,EP02_01f,46,", r"row 3: frame 46 of .* is given twice"),
        (
            "casme2,sub01,EP02_01f,47,",
            "casme2,,EP02_01f,47,",
            r"row 3: database, subject and clip must not be empty",
        ),
        ("EP02_01f,47,", "EP02_01f,47,nan,", r"row 3: expected 140 cells, found 141"),
    ],
)
def test_wrong_files(table, old, new, message):
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        landmarks.read_landmarks(table)


def test_cells_that_are_no_pixels(table):
    lines = table.read_text().splitlines()
    cells = lines[2].split(",")
    for value in ("nan", "inf", "", "=1+1", "1e9"):
        cells[7] = value
        table.write_text("\n".join([*lines[:2], ",".join(cells)]))
        with pytest.raises(DataError, match="row 3: y1 is"):
            landmarks.read_landmarks(table)
    cells[3], cells[7] = "9" * 5000, "1"
    table.write_text("\n".join([*lines[:2], ",".join(cells)]))
    with pytest.raises(DataError, match=r"row 3: frame is '9+'; expected a whole number"):
        landmarks.read_landmarks(table)
    table.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="expected a CSV file in UTF-8"):
        landmarks.read_landmarks(table)
    with pytest.raises(DataError, match="cannot be read"):
        landmarks.read_landmarks(table.parent / "nothing.csv")


def test_detectors_are_named_and_need_a_model(tmp_path):
    with pytest.raises(DataError, match="'magic' is unknown; expected one of face-alignment, mediapipe, yunet"):
        landmarks.load_detector("magic", tmp_path)
    with pytest.raises(DataError, match=r"no such model; mediapipe needs a face_landmarker.task file"):
        landmarks.load_detector("mediapipe", tmp_path / "nothing.task")
    with pytest.raises(DataError, match="expected a torch hub folder with checkpoints/2DFAN4"):
        landmarks.load_detector("face-alignment", tmp_path)


def test_a_file_that_is_no_model_is_named(tmp_path):
    pytest.importorskip("cv2")
    model = tmp_path / "face_detection_yunet.onnx"
    model.write_bytes(b"no model")
    with pytest.raises(DataError, match=r"yunet\.onnx: yunet needs a .* file, which this is not") as error:
        landmarks.load_detector("yunet", model)
    assert "\n" not in str(error.value)


def test_a_package_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    model = tmp_path / "face_landmarker.task"
    model.touch()
    with pytest.raises(DataError, match="'mediapipe' needs the package mediapipe, which is not installed"):
        landmarks.load_detector("mediapipe", model)


def test_mediapipe_points_become_68(tmp_path, monkeypatch):
    mesh = [SimpleNamespace(x=index / 1000, y=0.5) for index in range(478)]
    answers = iter([[mesh], []])
    network = SimpleNamespace(detect=lambda _: SimpleNamespace(face_landmarks=next(answers)))
    vision = SimpleNamespace(
        FaceLandmarkerOptions=lambda **options: options,
        FaceLandmarker=SimpleNamespace(create_from_options=lambda _: network),
    )
    package, tasks = ModuleType("mediapipe"), ModuleType("mediapipe.tasks")
    package.Image = lambda **parts: parts["data"]
    package.ImageFormat = SimpleNamespace(SRGB=1)
    tasks.python = SimpleNamespace(vision=vision, BaseOptions=lambda model_asset_path: model_asset_path)
    monkeypatch.setitem(sys.modules, "mediapipe", package)
    monkeypatch.setitem(sys.modules, "mediapipe.tasks", tasks)
    model = tmp_path / "face_landmarker.task"
    model.touch()
    detector = landmarks.load_detector("mediapipe", model)
    points = detector.detect(np.zeros((100, 200, 3), np.uint8))
    assert points.shape == (COUNT, 2)
    np.testing.assert_allclose(points[8], [152 / 1000 * 200, 50])
    assert detector.detect(np.zeros((100, 200, 3), np.uint8)) is None


def test_face_alignment_takes_the_largest_face(tmp_path, monkeypatch):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/2DFAN4-x.zip").touch()
    small, large = mean_face() * 10, mean_face() * 50
    package = ModuleType("face_alignment")
    package.LandmarksType = SimpleNamespace(TWO_D=1)
    package.FaceAlignment = lambda *_, **__: SimpleNamespace(get_landmarks_from_image=lambda _: [small, large])
    monkeypatch.setitem(sys.modules, "face_alignment", package)
    detector = landmarks.load_detector("face-alignment", tmp_path)
    np.testing.assert_allclose(detector.detect(np.zeros((9, 9, 3), np.uint8)), large)


def test_five_points_place_the_mean_face():
    mean = mean_face()
    turn = np.array([[0.8, -0.6], [0.6, 0.8]], np.float32)
    placed = mean @ turn.T * 40 + np.array([200, 100], np.float32)
    eyes = [placed[list(group)].mean(0) for group in (RIGHT_EYE, LEFT_EYE)]
    five = np.stack([*eyes, placed[30], placed[48], placed[54]]).astype(np.float32)
    np.testing.assert_allclose(landmarks.spread_five(five), placed, atol=1e-3)
