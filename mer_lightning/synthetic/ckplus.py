"""The official layout of CK+: sequences from neutral to the peak, emotion files and landmark files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_lightning.synthetic import census
from mer_lightning.synthetic.writing import render_numpy, write_images

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mer_lightning.synthetic.takes import Take

IMAGES = "cohn-kanade-images"
LANDMARKS = "Landmarks"
EMOTION = "Emotion"


def write(out: Path, takes: Sequence[Take], release: str) -> None:  # noqa: ARG001
    """Write the twin.

    Args:
        out: Root.
        takes: Sequences; unlabelled ones get an empty emotion folder, as in the release.
        release: ``ckplus-327``.
    """
    for take in takes:
        names = [f"{take.subject}_{take.clip}_{take.first + k:08d}" for k in range(take.script.frames)]
        images = {f"{name}.png": frame for name, frame in zip(names, render_numpy(take), strict=True)}
        write_images(out / IMAGES / take.subject / take.clip, images)
        folder = out / LANDMARKS / take.subject / take.clip
        folder.mkdir(parents=True, exist_ok=True)
        for name, points in zip(names, take.landmarks().tolist(), strict=True):
            text = "".join(f"   {x:.7e}   {y:.7e}\n" for x, y in points)
            (folder / f"{name}_landmarks.txt").write_text(text, encoding="ascii")
        folder = out / EMOTION / take.subject / take.clip
        folder.mkdir(parents=True, exist_ok=True)
        if take.emotion:
            code = census.CKPLUS_CODES[take.emotion]
            (folder / f"{names[-1]}_emotion.txt").write_text(f"   {code:.7e}\n", encoding="ascii")
