"""The official layouts of SMIC: clip folders by class for each camera, and the E release with its sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.datasets.synthetic.casme2 import crop_box
from mer_lightning.datasets.synthetic.writing import Cell, render_numpy, write_images, write_sheet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mer_lightning.datasets.synthetic.takes import Take

CAMERA_FOLDERS = {"smic": "HS", "smic_vis": "VIS", "smic_nir": "NIR"}
CROP_LACKS_OFFSET = frozenset({"s03_ne_16", "s03_po_08", "s03_sur_01", "s03_sur_05"})
"""Clips whose cropped folder lacks a frame that the raw one has."""


def write(out: Path, takes: Sequence[Take], release: str) -> None:
    """Write the twin.

    Args:
        out: Root.
        takes: Clips of one camera.
        release: A release with ``-e-`` gives the E layout, any other one the clip folders.
    """
    camera = CAMERA_FOLDERS[takes[0].database]
    if "-e-" in release:
        _write_long(out / "SMIC-E_raw image" / f"{camera}_long" / f"SMIC-{camera}-E", camera, takes)
        return
    for take in takes:
        # folders and clips are not padded here, the sheets of the E release pad them
        subject, kind, number = take.clip.split("_")
        bare = f"s{int(subject[1:])}"
        place = (camera, bare, "micro", take.emotion, f"{bare}_{kind}_{number}")
        frames = _colour(render_numpy(take))
        write_images(
            out.joinpath("SMIC_all_raw", *place),
            {f"image{take.first + k}.bmp": frame for k, frame in enumerate(frames)},
        )
        left, top, right, bottom = crop_box(take.script)
        last = len(frames) - 1
        write_images(
            out.joinpath("SMIC_all_cropped", *place),
            {
                f"reg_image{take.first + k}.bmp": _halve(frame[top:bottom, left:right])
                for k, frame in enumerate(frames)
                if not (take.clip in CROP_LACKS_OFFSET and k == last - 1)
            },
        )


def _colour(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give three channels, as the near-infrared camera's files have too."""
    return frames if frames.shape[3] == 3 else np.repeat(frames, 3, axis=3)


def _halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average blocks of two by two: the crops have about 140 x 170 pixels."""
    height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    blocks = image[:height, :width].reshape(height // 2, 2, width // 2, 2, -1)
    return (blocks.mean((1, 3)) + 0.5).astype(np.uint8)


def _write_long(base: Path, camera: str, takes: Sequence[Take]) -> None:
    header: list[Cell] = [
        "Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "FirstF", "LastF",
        "TotalMF1", "TotalMF2", "TotalVL", "Emotion",
    ]  # fmt: skip
    rows: list[list[Cell]] = [header]
    for take in takes:
        frames = _colour(render_numpy(take))
        write_images(
            base / camera / take.subject / take.clip,
            {f"image{take.first + k}.jpg": frame for k, frame in enumerate(frames)},
        )
        again = take.script.again
        second: list[Cell] = [take.first + again[0], take.first + again[2]] if again else [None, None]
        row: list[Cell] = [
            int(take.subject[1:]),
            take.clip,
            None,
            take.onset,
            take.offset,
            *second,
            take.first,
        ]
        row += [take.first + len(frames) - 1, take.offset - take.onset + 1]
        row += [again[2] - again[0] + 1 if again else None, len(frames), take.emotion]
        rows.append(row)
    write_sheet(base / f"SMIC-{camera}-E_annotation.xlsx", rows, "Sheet1")
