"""Clips that are drawn on the spot: folders of frames or videos in a tree, and a table of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TITLES = "path,subject,label,onset,apex,offset,clip"


def draw_frames(label: str, seed: int, frames: int = 5, size: int = 32) -> np.ndarray:
    """Frames ``(T, size, size, 3)`` of a blob that moves up where somebody is happy, and down where not."""
    y, x = np.mgrid[:size, :size]
    noise = np.random.default_rng(seed).normal(0, 2, (size, size))
    way = -1 if label == "happy" else 1
    clip = [
        120 + 80 * np.exp(-((x - size / 2) ** 2 + (y - size / 2 - way * t) ** 2) / 30) + noise for t in range(frames)
    ]
    return np.stack([np.stack([frame] * 3, -1) for frame in clip]).clip(0, 255).astype(np.uint8)


def write_frames(folder: Path, frames: np.ndarray, first: int = 1) -> Path:
    """Write a clip as a folder of numbered images."""
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, start=first):
        Image.fromarray(frame).save(folder / f"img{number}.png")
    return folder


def write_video(path: Path, frames: np.ndarray, fps: int = 50) -> Path:
    """Write a clip as a video whose every pixel is kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=fps)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def write_tree(root: Path, people: Iterable[str] = ("p1", "p2", "p3"), *, each: int = 2) -> Path:
    """Write ``<subject>/<label>/<clip>``: folders of frames, and of the last subject videos."""
    *first, last = people
    seed = 0
    for person in (*first, last):
        for label in ("happy", "sad"):
            for clip in range(1, each + 1):
                seed += 1
                place, frames = root / person / label / f"c{clip}", draw_frames(label, seed)
                if person == last:
                    write_video(place.with_suffix(".avi"), frames)
                else:
                    write_frames(place, frames)
    return root


def write_table(path: Path, *rows: str, titles: str = TITLES) -> Path:
    """Write a table of clips."""
    path.write_text("\n".join([titles, *rows]) + "\n", encoding="utf-8")
    return path
