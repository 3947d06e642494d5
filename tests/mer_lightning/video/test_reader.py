from __future__ import annotations

import time
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from mer_lightning.types import DataError
from mer_lightning.video import reader

if TYPE_CHECKING:
    from pathlib import Path


def moving_frames(count: int, height: int = 192, width: int = 256) -> np.ndarray:
    """Smooth frames, as a lossy codec expects them, that differ from each other."""
    small = np.random.default_rng(0).integers(30, 220, (6, 8, 3), np.uint8)
    still = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.stack([np.roll(still, shift, axis=1) for shift in range(count)])


def write_video(path: Path, codec: str, frames: np.ndarray) -> Path:
    height, width = frames.shape[1:3]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 100, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


@pytest.mark.parametrize(("codec", "tolerance"), [("FFV1", 0.0), ("HFYU", 0.0), ("MJPG", 4.0), ("XVID", 6.0)])
def test_decoded_frames_equal_the_written_ones(tmp_path, codec, tolerance):
    frames = moving_frames(12)
    decoded = reader.read_video(write_video(tmp_path / "clip.avi", codec, frames))
    assert decoded.shape == frames.shape
    assert decoded.dtype == np.uint8
    errors = np.abs(decoded.astype(int) - frames.astype(int)).mean(axis=(1, 2, 3))
    assert errors.max() <= tolerance


def test_mp4_decodes_to_frames_that_may_be_changed(tmp_path):
    path = write_video(tmp_path / "clip.mp4", "mp4v", moving_frames(10))
    decoded = reader.read_video(path)
    assert decoded.shape == (10, 192, 256, 3)
    decoded[0] = 0
    assert reader.read_video(path)[0].any()


def test_too_few_frames(tmp_path):
    path = write_video(tmp_path / "clip.avi", "MJPG", moving_frames(40))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    # decord says nothing about the missing half
    decoded = reader.read_video(path)
    assert 0 < len(decoded) < 40
    with pytest.raises(DataError, match=r"clip.avi: annotated frames 1..40 need 40 frames .*; is it truncated"):
        reader.video_frames(len(decoded), 1, 40, path.name)


def test_files_that_are_no_video(tmp_path):
    path = tmp_path / "clip.avi"
    with pytest.raises(DataError, match="no such video file"):
        reader.read_video(path)
    path.write_bytes(b"RIFF....AVI LIST")
    with pytest.raises(DataError, match=r"clip.avi: cannot be decoded as video"):
        reader.read_video(path)


def test_a_decoder_that_never_ends_is_stopped(tmp_path, monkeypatch):
    endless = tmp_path / "endless.py"
    endless.write_text("while True:\n    pass\n")
    monkeypatch.setattr(reader, "_DECODER", endless)
    path = tmp_path / "clip.avi"
    path.write_bytes(b"RIFF")
    monkeypatch.setattr(reader, "DECODE_SECONDS", 0.5)
    start = time.perf_counter()
    with pytest.raises(DataError, match=r"decoding did not end within 0.5 s and was stopped"):
        reader.read_video(path)
    assert time.perf_counter() - start < 5


def test_a_decoder_that_crashes(tmp_path, monkeypatch):
    crashing = tmp_path / "crashing.py"
    crashing.write_text("import os\nos.abort()\n")
    monkeypatch.setattr(reader, "_DECODER", crashing)
    path = tmp_path / "clip.avi"
    path.write_bytes(b"RIFF")
    with pytest.raises(DataError, match="the decoder ended with code -6"):
        reader.read_video(path)


def test_too_many_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "MOST_BYTES", 1000)
    path = write_video(tmp_path / "clip.avi", "MJPG", moving_frames(2))
    with pytest.raises(DataError, match="exceeds 1000 bytes"):
        reader.read_video(path)
    Image.new("RGB", (64, 48)).save(tmp_path / "1.png")
    with pytest.raises(DataError, match="exceeds 1000 bytes"):
        reader.read_images([tmp_path / "1.png"])


def test_natural_order():
    names = ["img10.jpg", "img9.jpg", "img100.jpg", "IMG1.jpg"]
    assert sorted(names, key=reader.natural_key) == ["IMG1.jpg", "img9.jpg", "img10.jpg", "img100.jpg"]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("img46.jpg", 46),
        ("reg_img46.jpg", 46),
        ("006_05562.jpg", 5562),
        ("image17581039.jpg", 17581039),
        ("S005_001_00000011.png", 11),
        ("cover.jpg", None),
    ],
)
def test_frame_number(name, number):
    assert reader.frame_number(name) == number


def test_numbering(tmp_path):
    files = [tmp_path / f"img{number}.jpg" for number in range(1, 8)]
    frames = reader.number_frames([*files, tmp_path / "Thumbs.db"], "clip")
    # a folder that is cut to the clip counts from 1
    assert reader.select_frames(frames, 46, 52, "clip") == files
    assert reader.select_frames(frames, 3, 5, "clip") == files[2:5]
    with pytest.raises(DataError, match=r"clip: frame 46 is missing \(8 of 8 frames of 46..53\); found 1..7"):
        reader.select_frames(frames, 46, 53, "clip")
    with pytest.raises(DataError, match="the folder has no frame"):
        reader.select_frames({}, 1, 2, "clip")
    with pytest.raises(DataError, match=r"frame 1 is already given by a1.jpg"):
        reader.number_frames([tmp_path / "a1.jpg", tmp_path / "b1.jpg"], "clip")
    with pytest.raises(DataError, match=r"clip/cover.jpg: expected a frame number in the name"):
        reader.number_frames([tmp_path / "cover.jpg"], "clip")


def test_frames_of_a_recording():
    assert reader.video_frames(7, 46, 52, "clip") == slice(0, 7)
    assert reader.video_frames(100, 46, 52, "clip") == slice(45, 52)
    with pytest.raises(DataError, match=r"clip: annotated frames 46..52 need 7 frames"):
        reader.video_frames(20, 46, 52, "clip")


def test_grey_and_colour(tmp_path):
    Image.new("L", (4, 3), 7).save(tmp_path / "1.png")
    Image.new("RGB", (4, 3), (1, 2, 3)).save(tmp_path / "2.png")
    Image.new("L", (4, 3), 9).save(tmp_path / "3.png")
    Image.new("I;16", (4, 3)).save(tmp_path / "4.png")
    assert reader.read_images([tmp_path / "1.png", tmp_path / "3.png"]).shape == (2, 3, 4, 1)
    mixed = reader.read_images([tmp_path / f"{number}.png" for number in (1, 2, 3)])
    assert mixed[:, 0, 0].tolist() == [[7, 7, 7], [1, 2, 3], [9, 9, 9]]
    with pytest.raises(DataError, match="expected an 8-bit grey or colour image, found mode I;16"):
        reader.read_image(tmp_path / "4.png")
    with pytest.raises(DataError, match="no such image"):
        reader.read_image(tmp_path / "5.png")


def test_the_readers_import_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, mer_lightning.datasets.verify, mer_lightning.datasets.union; "
        "assert not {'torch', 'decord', 'cv2', 'openpyxl'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
