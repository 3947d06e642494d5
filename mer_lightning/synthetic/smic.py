"""The official layout of SMIC: clip folders by class for each camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.synthetic.casme2 import crop_box
from mer_lightning.synthetic.writing import render_numpy, write_images

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mer_lightning.synthetic.takes import Take

CAMERA_FOLDERS = {"smic": "HS", "smic_vis": "VIS", "smic_nir": "NIR"}
CROP_LACKS_OFFSET = frozenset({"s03_ne_16", "s03_po_08", "s03_sur_01", "s03_sur_05"})
"""Clips whose cropped folder lacks a frame that the raw one has."""


def write(out: Path, takes: Sequence[Take], release: str) -> None:  # noqa: ARG001
    """Write the twin.

    Args:
        out: Root.
        takes: Clips of one camera.
        release: A release of clip folders.
    """
    camera = CAMERA_FOLDERS[takes[0].database]
    for take in takes:
        bare, clip = bare_names(take)
        place = (camera, bare, "micro", take.emotion, clip)
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


def bare_names(take: Take) -> tuple[str, str]:
    """Subject and clip as the release writes them: the subject is not padded."""
    subject, kind, number = take.clip.split("_")
    bare = f"s{int(subject[1:])}"
    return bare, f"{bare}_{kind}_{number}"
