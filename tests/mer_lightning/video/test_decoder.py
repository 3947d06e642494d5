"""Videos give the frames that play, whoever decodes them."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

from mer_lightning.types import DataError
from mer_lightning.video import decoder, reader

if TYPE_CHECKING:
    from pathlib import Path

READERS = ("decord", "pyav")
UPRIGHT = (1, 0, 0, 1, 0, 0)
LOSSY = 2
"""Levels of 255 by which two builds of FFmpeg may differ for a lossy codec; on x86-64 they do not differ at all."""


def moving_frames(count: int, height: int = 96, width: int = 128) -> np.ndarray:
    """Smooth frames, as a lossy codec expects them, that differ from each other."""
    small = np.random.default_rng(0).integers(30, 220, (6, 8, 3), np.uint8)
    still = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.stack([np.roll(still, 2 * shift, axis=1) for shift in range(count)])


def write_by_opencv(path: Path, codec: str, frames: np.ndarray) -> Path:
    height, width = frames.shape[1:3]
    fourcc = cv2.VideoWriter_fourcc(*codec) if codec else 0
    writer = cv2.VideoWriter(str(path), fourcc, 100, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


def write_by_pyav(path: Path, codec: str, frames: np.ndarray, pixels: str = "yuv420p", **options) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=100, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def trimmed(path: Path, source: Path, first: int, skipped: int) -> Path:
    """A part of a file, copied without coding it again: it starts ``first`` frames in, at a key frame before that.

    Args:
        path: File to write.
        source: File with 100 frames a second.
        first: The frame at which the part begins.
        skipped: Packets that are left out altogether.
    """
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        shift = int(first / 100 / stream.time_base)
        for index, packet in enumerate(old.demux(stream)):
            if packet.size and index >= skipped:
                packet.pts -= shift
                packet.dts -= shift
                packet.stream = copy
                new.mux(packet)
    return path


def shown_as(path: Path, source: Path, matrix: tuple[int, ...]) -> Path:
    """The same file with another matrix of its track, ``(a, b, c, d, x, y)``."""
    data = bytearray(source.read_bytes())
    place = data.index(b"tkhd") + 44
    assert struct.unpack_from(">9i", data, place) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    a, b, c, d, x, y = (value << 16 for value in matrix)
    struct.pack_into(">9i", data, place, a, b, 0, c, d, 0, x, y, 1 << 30)
    path.write_bytes(data)
    return path


def played(path: Path, frames: np.ndarray, reader_name: str = "decord") -> list[int]:
    """Which of the frames a file gives, in order."""
    decoded = reader.read_video(path, reader_name).astype(int)
    return [int(np.abs(frames - frame).mean(axis=(1, 2, 3)).argmin()) for frame in decoded]


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(("codec", "tolerance"), [("FFV1", 0.0), ("HFYU", 0.0), ("MJPG", 4.0), ("XVID", 6.0)])
def test_decoded_frames_equal_the_written_ones(tmp_path, codec, tolerance, name):
    frames = moving_frames(12)
    decoded = reader.read_video(write_by_opencv(tmp_path / "clip.avi", codec, frames), name)
    assert decoded.shape == frames.shape
    assert decoded.dtype == np.uint8
    errors = np.abs(decoded.astype(int) - frames.astype(int)).mean(axis=(1, 2, 3))
    assert errors.max() <= tolerance


@pytest.mark.parametrize(
    ("file", "codec", "pixels", "lossless"),
    [
        ("clip.avi", "mjpeg", "yuvj420p", False),
        ("clip.avi", "mpeg4", "yuv420p", False),
        ("clip.avi", "rawvideo", "bgr24", True),
        ("clip.avi", "rawvideo", "yuv420p", True),
        ("clip.avi", "ffv1", "gray", True),
        ("clip.mp4", "libx264", "yuv420p", False),
        ("clip.mp4", "libx264rgb", "rgb24", True),
        ("clip.mp4", "libx265", "yuv420p", False),
        ("clip.mp4", "mpeg4", "yuv420p", False),
    ],
)
def test_both_readers_give_the_same_frames(tmp_path, file, codec, pixels, lossless):
    options = {"libx264rgb": {"qp": "0"}, "libx265": {"x265-params": "log-level=none"}}.get(codec, {})
    path = write_by_pyav(tmp_path / file, codec, moving_frames(12), pixels, **options)
    by_decord, by_pyav = (reader.read_video(path, name).astype(int) for name in READERS)
    assert by_decord.shape == by_pyav.shape == (12, 96, 128, 3)
    assert np.abs(by_decord - by_pyav).max() <= (0 if lossless else LOSSY)


def test_raw_frames_of_opencv(tmp_path):
    path = write_by_opencv(tmp_path / "clip.avi", "", moving_frames(5))
    assert np.array_equal(*(reader.read_video(path, name) for name in READERS))


def test_decord_reads_plain_files_where_it_is_installed(tmp_path, monkeypatch):
    pytest.importorskip("decord")
    monkeypatch.setattr(decoder, "_by_pyav", None)
    path = write_by_opencv(tmp_path / "clip.mp4", "mp4v", moving_frames(10))
    assert decoder.decode(str(path), str(tmp_path / "target"), 1 << 30, "decord") == (10, 96, 128, 3)


def test_frames_may_be_changed(tmp_path):
    path = write_by_opencv(tmp_path / "clip.mp4", "mp4v", moving_frames(10))
    reader.read_video(path)[:] = 0
    assert reader.read_video(path)[0].any()


@pytest.mark.parametrize("name", READERS)
def test_a_trimmed_file_gives_the_frames_that_play(tmp_path, name):
    frames = moving_frames(40)
    full = write_by_pyav(tmp_path / "full.mp4", "libx264", frames, g="10", bf="2")
    # decord announces the 30 from the key frame, gives 25 and repeats the last one five times
    path = trimmed(tmp_path / "part.mp4", full, first=15, skipped=10)
    assert decoder.look_at(str(path)).frames == 30
    assert played(path, frames, name) == list(range(15, 40))


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_trimmed_at_its_end(tmp_path, name):
    frames = moving_frames(40)
    data = bytearray(write_by_pyav(tmp_path / "full.mp4", "libx264", frames, g="10", bf="2").read_bytes())
    edit = data.index(b"elst") + 12
    milliseconds, begin = struct.unpack_from(">Ii", data, edit)
    assert milliseconds == 400
    struct.pack_into(">Ii", data, edit, 200, begin)
    (tmp_path / "part.mp4").write_bytes(data)
    assert played(tmp_path / "part.mp4", frames, name) == list(range(20))


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_begins_between_two_key_frames(tmp_path, name):
    frames = moving_frames(40)
    full = write_by_pyav(tmp_path / "full.mp4", "libx264", frames, g="10", bf="2")
    path = trimmed(tmp_path / "part.mp4", full, first=0, skipped=5)
    # no edit list tells: decord itself notices that it would repeat a frame
    assert decoder.look_at(str(path)).plain
    assert played(path, frames, name) == list(range(10, 40))


@pytest.mark.parametrize("name", READERS)
def test_frames_come_in_sequence(tmp_path, name):
    # by index decord gives frame 0 for frame 10 of such a file
    frames = moving_frames(40)
    path = write_by_pyav(tmp_path / "clip.avi", "mpeg4", frames, g="10", bf="2")
    assert played(path, frames, name) == list(range(40))


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        (UPRIGHT, "RG/BY"),
        ((-1, 0, 0, 1, 128, 0), "GR/YB"),  # a mirror, as front cameras write it
        ((1, 0, 0, -1, 0, 96), "BY/RG"),
        ((-1, 0, 0, -1, 128, 96), "YB/GR"),
        ((0, 1, -1, 0, 96, 0), "BR/YG"),  # a quarter turn clockwise
        ((0, -1, 1, 0, 0, 128), "GY/RB"),
        ((0, 1, 1, 0, 0, 0), "RB/GY"),
        ((0, -1, -1, 0, 96, 128), "YG/BR"),
        ((0, 0, 0, 0, 0, 0), "RG/BY"),  # says nothing
    ],
)
@pytest.mark.parametrize("name", READERS)
def test_frames_are_turned_and_mirrored_as_a_player_shows_them(tmp_path, matrix, shown, name):
    colours = {"R": (230, 0, 0), "G": (0, 230, 0), "B": (0, 0, 230), "Y": (230, 230, 0)}
    corners = np.array([[colours["R"], colours["G"]], [colours["B"], colours["Y"]]], np.uint8)
    frames = np.stack([corners.repeat(48, axis=0).repeat(64, axis=1)] * 3)
    source = write_by_pyav(tmp_path / "source.mp4", "libx264", frames)
    decoded = reader.read_video(shown_as(tmp_path / "clip.mp4", source, matrix), name)
    turned = matrix[0] == 0 and any(matrix)
    assert decoded.shape == ((3, 128, 96, 3) if turned else (3, 96, 128, 3))
    height, width = decoded.shape[1:3]
    middles = decoded[2, height // 4 :: height // 2, width // 4 :: width // 2].astype(int)
    expected = [[colours[letter] for letter in row] for row in shown.split("/")]
    assert np.abs(middles - expected).max() < 40


def test_an_odd_angle_is_refused(tmp_path):
    source = write_by_pyav(tmp_path / "source.mp4", "libx264", moving_frames(3))
    path = shown_as(tmp_path / "clip.mp4", source, (1, 1, -1, 1, 0, 0))
    with pytest.raises(DataError, match="shown at an angle that is no multiple of 90 degrees"):
        reader.read_video(path)


def test_ten_bits_are_rounded_alike(tmp_path):
    frames = moving_frames(5)
    path = write_by_pyav(tmp_path / "clip.mp4", "libx264", frames, "yuv420p10le")
    by_decord, by_pyav = (reader.read_video(path, name) for name in READERS)
    assert np.array_equal(by_decord, by_pyav)
    assert np.abs(by_pyav.astype(int) - frames).mean() < 6


def test_a_codec_that_decord_does_not_know(tmp_path):
    frames = moving_frames(5)
    path = write_by_pyav(tmp_path / "clip.mp4", "libsvtav1", frames)
    assert played(path, frames) == list(range(5))


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_cut_off(tmp_path, name):
    path = write_by_pyav(tmp_path / "clip.avi", "mjpeg", moving_frames(40), "yuvj420p")
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    start, size = places[20]
    data = path.read_bytes()
    path.write_bytes(data[: start + size // 2])
    with pytest.raises(DataError, match=r"clip.avi: .*the file is cut off inside frame 21\)"):
        reader.read_video(path, name)
    # between two frames only their number can tell
    path.write_bytes(data[:start])
    decoded = reader.read_video(path, name)
    assert len(decoded) == 20
    with pytest.raises(DataError, match=r"clip.avi: annotated frames 1..40 need 40 frames .*; is it truncated"):
        reader.video_frames(len(decoded), 1, 40, path.name)


@pytest.mark.parametrize("name", READERS)
def test_damage_is_named_with_its_place(tmp_path, name):
    path = write_by_pyav(tmp_path / "clip.mp4", "libx264", moving_frames(20), bf="0")
    with av.open(str(path)) as container:
        place = [packet.pos for packet in container.demux(video=0)][9]
    data = bytearray(path.read_bytes())
    data[place : place + 4] = b"\xff" * 4  # the length of what follows
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"clip.mp4: .* \(damaged after \d frames: Invalid data"):
        reader.read_video(path, name)


@pytest.mark.parametrize("name", READERS)
def test_files_that_are_no_video(tmp_path, name):
    path = tmp_path / "clip.avi"
    with pytest.raises(DataError, match="no such video file"):
        reader.read_video(path, name)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"clip.avi: the video file is empty"):
        reader.read_video(path, name)
    path.write_bytes(b"RIFF....AVI LIST")
    with pytest.raises(DataError, match=r"clip.avi: cannot be decoded as video \(\D+\)"):
        reader.read_video(path, name)


def test_a_file_with_sound_alone(tmp_path):
    with av.open(str(tmp_path / "clip.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(DataError, match=r"clip.mp4: cannot be decoded as video \(no video in it\)"):
        reader.read_video(tmp_path / "clip.mp4")


def test_a_size_that_changes_is_refused(tmp_path):
    batches = iter([np.zeros((2, 4, 6, 3), np.uint8), np.zeros((1, 4, 8, 3), np.uint8)])
    with pytest.raises(ValueError, match="frame 3 has another size"):
        decoder._write(batches, str(tmp_path / "target"), 10_000)


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


@pytest.mark.parametrize("name", READERS)
def test_too_many_bytes(tmp_path, monkeypatch, name):
    monkeypatch.setattr(reader, "MOST_BYTES", 1000)
    path = write_by_opencv(tmp_path / "clip.avi", "MJPG", moving_frames(2))
    with pytest.raises(DataError, match="exceeds 1000 bytes"):
        reader.read_video(path, name)


def test_without_decord_everything_is_read(tmp_path, monkeypatch):
    frames = moving_frames(5)
    path = write_by_opencv(tmp_path / "clip.avi", "FFV1", frames)
    hidden = tmp_path / "hidden.py"
    hidden.write_text(
        "import runpy, sys\n"
        "sys.modules['decord'] = None\n"
        f"sys.argv[0] = {decoder.__file__!r}\n"
        f"runpy.run_path({decoder.__file__!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(reader, "_DECODER", hidden)
    assert np.array_equal(reader.read_video(path), frames)


def test_without_decord_every_module_is_imported():
    code = (
        "import sys; sys.modules['decord'] = None\n"
        "import mer_lightning.video.reader, mer_lightning.video.decoder, mer_lightning.datasets.union\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_readers_import_no_torch():
    code = (
        "import sys, mer_lightning.datasets.verify, mer_lightning.datasets.union; "
        "assert not {'torch', 'decord', 'av', 'cv2', 'openpyxl'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestLooking:
    def test_counts_the_frames_that_play_and_how_many_a_second(self, tmp_path):
        whole = write_by_pyav(tmp_path / "whole.mp4", "libx264", moving_frames(12))
        part = trimmed(tmp_path / "part.mp4", whole, first=3, skipped=0)
        (tmp_path / "none.avi").write_bytes(b"no video")
        one, two, three = reader.look_at_videos([whole, part, tmp_path / "none.avi"])
        assert (one.frames, one.fps, one.error) == (12, 100.0, "")
        assert two.frames == len(reader.read_video(part))
        assert three.error
        assert reader.look_at_videos([]) == []

    def test_that_never_ends_is_stopped(self, tmp_path, monkeypatch):
        script = tmp_path / "decoder.py"
        script.write_text("import time\ntime.sleep(60)\n")
        monkeypatch.setattr(reader, "_DECODER", script)
        monkeypatch.setattr(reader, "DECODE_SECONDS", 0.1)
        (look,) = reader.look_at_videos([tmp_path / "a.avi"])
        assert look.error == "reading did not end within 1.1 s and was stopped"
