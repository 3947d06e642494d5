"""What is measured in frames: landmarks, files of OpenFace, apexes of one's own, and videos."""

from __future__ import annotations

import csv
import hashlib
from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.types import DataError
from tools.faults.clips import ROWS, TITLES, write_clips
from tools.faults.common import SIZE, TEXT_SPARED, contents_of, draw_frame, edits
from tools.faults.damage import FLIP
from tools.faults.planting import Area, Fault, Seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _write_landmarks(folder: Path) -> None:
    from mer_lightning.faces.prepare import write_true_landmarks
    from mer_lightning.synthetic.twins import write_twin

    write_true_landmarks(write_twin(folder / "SAMM", "samm", subjects=1, size=(60, 80), frames=0.05))


def _read_landmarks(folder: Path) -> Seen:
    from mer_lightning.datasets.registry import open_database
    from mer_lightning.faces.aligned import AlignedFrames, landmark_file
    from mer_lightning.faces.alignment import Crop

    root = folder / "SAMM"
    frames = open_database("samm", root)
    return Seen(contents_of(AlignedFrames(frames, landmark_file(root, frames.variant), Crop(32, 32))))


def _point_fault(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Fault:
    def plant(folder: Path) -> None:
        path = folder / "SAMM" / "landmarks-raw.csv"
        with path.open(newline="", encoding="utf-8") as file:
            header, first, *rest = csv.reader(file)
        points = change(np.array(first[4:], float).reshape(-1, 2)).reshape(-1)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, [*first[:4], *(f"{value:.3f}" for value in points)], *rest])

    return Fault(f"points {name}", plant)


def _row_fault(name: str, change: Callable[[list[list[str]]], list[list[str]]]) -> Fault:
    def plant(folder: Path) -> None:
        path = folder / "SAMM" / "landmarks-raw.csv"
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(change(rows))

    return Fault(name, plant)


def landmarks() -> Area:
    """A landmark file, by which clips are aligned."""
    faults = (
        _point_fault("outside of the picture", lambda p: p + 5000),
        _point_fault("left of the picture", lambda p: p - (500, 0)),
        _point_fault("mirrored", lambda p: p * (-1, 1) + (79, 0)),
        _point_fault("upside down", lambda p: p * (1, -1) + (0, 59)),
        _point_fault("in reverse order", lambda p: p[::-1]),
        _point_fault("all in one place", lambda p: p * 0 + 20),
        _point_fault("that are not numbers", lambda p: p * np.nan),
        _point_fault("that are infinite", lambda p: p + np.inf),
        _point_fault("that are huge", lambda p: p * 1e30),
        _row_fault("a frame that is gone", lambda rows: [rows[0], *rows[2:]]),
        _row_fault("a frame twice", lambda rows: [*rows, rows[1]]),
        _row_fault("rows in reverse", lambda rows: [rows[0], *rows[:0:-1]]),
        _row_fault("no header", lambda rows: rows[1:]),
        _row_fault("two columns of one title", lambda rows: [[*rows[0][:-1], "x0"], *rows[1:]]),
        _row_fault("a column less", lambda rows: [row[:-1] for row in rows]),
        _row_fault("a column more", lambda rows: [[*row, "1"] for row in rows]),
        _row_fault("columns in another order", lambda rows: [row[::-1] for row in rows]),
        _row_fault("a row too short", lambda rows: [rows[0], rows[1][:-1], *rows[2:]]),
        _row_fault("a cell that is empty", lambda rows: [rows[0], [*rows[1][:-1], ""], *rows[2:]]),
        _row_fault("a frame that is a text", lambda rows: [rows[0], [*rows[1][:3], "x", *rows[1][4:]], *rows[2:]]),
        _row_fault("a subject that is another", lambda rows: [rows[0], ["samm", "999", *rows[1][2:]], *rows[2:]]),
    )
    target = {"landmark file": "SAMM/landmarks-raw.csv"}
    return Area("landmarks", _write_landmarks, _read_landmarks, target, TEXT_SPARED, faults)


def _write_openface(folder: Path) -> None:
    from mer_lightning.faces.points import mean_face

    write_clips(folder)
    points = mean_face() * 4 + (12, 8)
    titles = ["frame", "face_id", "timestamp", "confidence", "success"]
    titles += [f"x_{n}" for n in range(68)] + [f"y_{n}" for n in range(68)]
    rows = [
        [n, 0, (n - 1) / 100, 0.98, 1, *(f"{v:.1f}" for v in points[:, 0]), *(f"{v:.1f}" for v in points[:, 1])]
        for n in range(1, 6)
    ]
    with (folder / "one.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([titles, *rows])
    table = f"{TITLES},landmarks\n{ROWS[0]},one.csv\n"
    (folder / "clips.csv").write_text(table, encoding="utf-8")


def _read_openface(folder: Path) -> Seen:
    from mer_lightning.datasets.clips import OwnClips, find_table, read_clip_table
    from mer_lightning.faces.aligned import AlignedFrames
    from mer_lightning.faces.alignment import Crop
    from mer_lightning.faces.clip_points import clip_points

    clips = OwnClips(read_clip_table(find_table(folder)))
    return Seen(contents_of(AlignedFrames(clips, clip_points(clips), Crop(32, 32))))


def openface() -> Area:
    """A file of OpenFace beside a table of clips."""
    faults = edits(
        "one.csv",
        (
            ("no face in the onset frame", "0.98,1,", "0.0,0,"),
            ("a confidence that is no number", "0.98,1,", "nan,1,"),
            ("a frame that is 0", "\n1,0,", "\n0,0,"),
            ("a frame twice", "\n2,0,", "\n1,0,"),
            ("a frame that is a text", "\n1,0,", "\none,0,"),
            ("no column success", "success", "failure"),
            ("no column x_3", "x_3,", "x_99,"),
            ("two columns of one title", "x_3,", "x_4,"),
        ),
    )
    return Area("OpenFace", _write_openface, _read_openface, {"file": "one.csv"}, TEXT_SPARED, faults)


def _write_apexes(folder: Path) -> None:
    from mer_lightning.datasets.registry import open_database
    from mer_lightning.synthetic.twins import write_twin

    write_twin(folder / "CASME2", "casme2", subjects=1, size=(32, 32), frames=0.02)
    samples = open_database("casme2", folder / "CASME2").samples
    rows = [f"{s.database},{s.subject},{s.clip},{(s.onset or 0) + 1}" for s in samples]
    text = "\n".join(("database,subject,clip,apex", *rows)) + "\n"
    (folder / "CASME2" / "apexes.csv").write_text(text, encoding="utf-8")


def _read_apexes(folder: Path) -> Seen:
    from mer_lightning.datasets.registry import open_database
    from mer_lightning.datasets.verify import verify

    report = verify(folder / "CASME2", "casme2", frames=False, apex="file")
    if report.problems:
        raise DataError(str(report.problems[0]))
    opened = open_database("casme2", folder / "CASME2", apex="file")
    return Seen([(s.key, s.apex) for s in opened.samples], tuple(map(str, report.remarks)))


def apexes() -> Area:
    """The apexes of a database in a file of one's own."""
    faults = edits(
        "CASME2/apexes.csv",
        (
            ("two columns of one title", "clip,apex", "clip,clip"),
            ("no header", "database,subject,clip,apex\n", ""),
            ("a clip that is unknown", "\ncasme2,sub01,", "\ncasme2,sub01,x"),
            ("a subject that is unknown", "\ncasme2,sub01,", "\ncasme2,sub99,"),
            ("another database", "\ncasme2,", "\nsamm,"),
            ("an apex that is a text", "\ncasme2,sub01,EP", "\ncasme2,sub01,EP99,x\ncasme2,sub01,EP"),
        ),
    )
    target = {"file": "CASME2/apexes.csv"}
    spared = TEXT_SPARED
    return Area("apexes of one's own", _write_apexes, _read_apexes, target, spared, faults)


def _write_video(folder: Path) -> None:
    import av

    with av.open(str(folder / "clip.avi"), "w") as container:
        stream = container.add_stream("ffv1", rate=50)
        stream.height, stream.width, stream.pix_fmt = SIZE, SIZE, "bgr0"
        for number in range(5):
            pixels = np.asarray(draw_frame(number))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def _read_video(folder: Path) -> Seen:
    """As the clip of a table is read, whose row says which frames it has."""
    from mer_lightning.video.reader import read_video, video_frames

    clip = read_video(folder / "clip.avi")
    clip = clip[video_frames(len(clip), 1, 5, "clip.avi")]
    return Seen((clip.shape, hashlib.sha256(clip.tobytes()).hexdigest()))


def video() -> Area:
    """A video."""
    # each decode is a process of its own; a bit that is changed is another picture, where a codec has no checksum
    spared = frozenset({FLIP, "zeros", "a zero byte", "a byte that is no UTF-8", "in UTF-16", "line ends of Windows"})
    return Area("video", _write_video, _read_video, {"file": "clip.avi"}, spared)
