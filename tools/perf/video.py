"""From a video file or a folder of images to an aligned face: one clip of 100 frames of 640 x 480."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from mer_lightning.faces.alignment import Crop, align
from mer_lightning.faces.points import mean_face
from mer_lightning.video.reader import VideoReader, read_images, read_video
from tools.perf.measurement import Measurement, best_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_READERS: tuple[VideoReader, ...] = ("decord", "pyav")
FRAMES, HEIGHT, WIDTH = 100, 480, 640
GOAL = 1.0
"""Seconds for decoding, aligning and cropping the whole clip, on 2 cores."""


def run(*, quick: bool = False) -> list[Measurement]:
    """Time the path from files to aligned faces.

    Args:
        quick: A single repetition instead of the best of three.
    """
    repeats = 1 if quick else 3
    clip = _clip()
    points = torch.from_numpy((mean_face() * 55 + [320, 200]).astype(np.float32))[None]
    crop = Crop()

    def aligned(frames: NDArray[np.uint8]) -> torch.Tensor:
        return align(torch.from_numpy(frames).permute(0, 3, 1, 2)[None], points, crop)

    # the first call is slower
    aligned(clip[:2].copy())
    with tempfile.TemporaryDirectory(prefix="mer-perf-") as name:
        folder = Path(name)
        images = _write_images(folder / "images", clip)
        rows = [
            _row("jpeg folder: decode, align, crop", best_seconds(lambda: aligned(read_images(images)), repeats)),
            _row(
                "align and crop, decoded",
                best_seconds(lambda: aligned(clip), repeats),
                best_seconds(lambda: _align_by_opencv(clip, points[0], crop), repeats),
                against=f"cv2.warpAffine frame by frame to {crop.width} x {crop.height}",
            ),
        ]
        video = _write_video(folder / "clip.avi", clip)
        if video is not None:
            rows += [_video_row(video, reader, aligned, repeats) for reader in _READERS]
    return rows


def _video_row(
    video: Path, reader: VideoReader, aligned: Callable[[NDArray[np.uint8]], torch.Tensor], repeats: int
) -> Measurement:
    return _row(
        f"avi by {reader}: decode, align, crop",
        best_seconds(lambda: aligned(read_video(video, reader)), repeats),
        best_seconds(lambda: _decode_by_opencv(video), repeats),
        against="cv2.VideoCapture, decoding alone",
        note="in a process of its own that can be stopped; its start is included",
    )


def _row(name: str, ours: float, reference: float | None = None, *, against: str = "", note: str = "") -> Measurement:
    return Measurement(
        name=f"{name} ({FRAMES} x {WIDTH} x {HEIGHT})",
        ours=ours,
        reference=reference,
        unit="s",
        better="lower",
        against=against,
        goal=f"under {GOAL:g} s",
        note=note,
    )


def _clip() -> NDArray[np.uint8]:
    """Smooth frames that move by a pixel each, so that codecs have something to do."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    waves = [np.sin(x / 23 + k) * np.cos(y / (17 + k)) for k in range(3)]
    still = (127 + 100 * np.stack(waves, axis=2)).astype(np.uint8)
    return np.stack([np.roll(still, shift, axis=1) for shift in range(FRAMES)])


def _write_images(folder: Path, clip: NDArray[np.uint8]) -> list[Path]:
    from PIL import Image

    folder.mkdir()
    paths = [folder / f"img{number}.jpg" for number in range(1, len(clip) + 1)]
    for path, frame in zip(paths, clip, strict=True):
        Image.fromarray(frame).save(path, quality=95)
    return paths


def _write_video(path: Path, clip: NDArray[np.uint8]) -> Path | None:
    """Write an MJPEG file; None where OpenCV, a development tool here, is not installed."""
    try:
        import cv2
    except ImportError:
        return None
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 100, (WIDTH, HEIGHT))
    for frame in clip:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


def _align_by_opencv(clip: NDArray[np.uint8], points: torch.Tensor, crop: Crop) -> NDArray[np.float32]:
    import cv2

    from mer_lightning.faces.alignment import similarity

    matrix = similarity(points, crop).numpy()
    frames = [cv2.warpAffine(frame, matrix, (crop.width, crop.height)) for frame in clip]
    return np.stack(frames).astype(np.float32)


def _decode_by_opencv(path: Path) -> int:
    import cv2

    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count
