"""Pictures of docs/databases.md, by ``python -m tools.twin_pictures``: a clip of each twin, also exaggerated."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from benchmark.places import DOCS
from mer_lightning.synthetic.fer2013 import plan_stills, render_stills
from mer_lightning.synthetic.rendering import render_frames
from mer_lightning.synthetic.takes import plan_twin
from mer_lightning.synthetic.twins import DATABASES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mer_lightning.synthetic.takes import Take

PICTURES = DOCS / "pictures"
EXAGGERATION = 5.0
COLUMNS = 6
TILE = (170, 140)
"""Rows and columns of one picture; the usual working crop of the field."""

COLOURS = 72
"""Palette that keeps a strip of noisy pictures small."""

_SHOWN = {
    "smic": "surprise",
    "smic_vis": "positive",
    "smic_nir": "negative",
    "casme2": "happiness",
    "samm": "anger",
    "ckplus": "surprise",
}


def draw_strip(database: str, path: Path) -> None:
    """Draw the sample strip of one twin.

    Six frames from onset to offset stand in the first row, with their numbers; below them the same moments
    with the displacements five times as large. CK+, whose displays are full ones, has the first row only, and
    FER2013 two rows of stills.

    Args:
        database: Short name.
        path: The PNG file to write; its folder is made.

    Raises:
        DataError: The database has no twin.
    """
    if database == "fer2013":
        stills = plan_stills(people=24, seed=0, rows=0.001)[: 2 * COLUMNS]
        pictures = render_stills(stills, seed=0).repeat(2, 1).repeat(2, 2)
        rows = [[picture[..., None].repeat(3, 2) for picture in pictures[k : k + COLUMNS]] for k in (0, COLUMNS)]
        labels = [[still.emotion for still in stills[k : k + COLUMNS]] for k in (0, COLUMNS)]
    else:
        take = _typical(database)
        script = take.script
        moments = np.unique(
            np.concatenate(
                [np.linspace(script.onset, script.apex, 4), np.linspace(script.apex, script.offset, 3)]
            ).astype(int)
        )
        moments = moments if len(moments) <= COLUMNS else moments[:COLUMNS]
        numbers = [f"{take.first + k}" for k in moments]
        places = moments.tolist()
        numbers[places.index(script.onset)] += " onset"
        numbers[places.index(script.apex)] += " apex"
        rows, labels = [_moments(take, 1.0, places)], [numbers]
        if database != "ckplus":
            rows.append(_moments(take, EXAGGERATION, places))
            labels.append([f"{EXAGGERATION:.0f} x"] + [""] * (len(places) - 1))
    _save(rows, labels, path)


def _typical(database: str) -> Take:
    """Give a clip of the shown class that moves more than two thirds of them do."""
    emotion = _SHOWN[database]
    takes = [take for take in plan_twin(database, seed=0, size=TILE, crop=True) if take.emotion == emotion]
    takes.sort(key=lambda take: sum(size for _, size in take.script.units))
    return takes[len(takes) * 2 // 3]


def _moments(take: Take, factor: float, places: list[int]) -> list[NDArray[np.uint8]]:
    # without noise the palette is used for the face
    script = replace(take.script.exaggerate(factor), noise=0.0)
    frames = render_frames(script)[places].numpy()
    return list(frames if frames.shape[3] == 3 else np.repeat(frames, 3, axis=3))


def _save(rows: list[list[NDArray[np.uint8]]], labels: list[list[str]], path: Path) -> None:
    height, width = rows[0][0].shape[:2]
    caption, gap = 14, 3
    columns = max(map(len, rows))
    sheet = Image.new("RGB", (columns * (width + gap) - gap, len(rows) * (height + caption)), "white")
    pen = ImageDraw.Draw(sheet)
    for top, (pictures, names) in enumerate(zip(rows, labels, strict=True)):
        for left, (picture, name) in enumerate(zip(pictures, names, strict=True)):
            corner = left * (width + gap), top * (height + caption)
            pen.text((corner[0] + 2, corner[1] + 1), name, fill="black")
            sheet.paste(Image.fromarray(picture), (corner[0], corner[1] + caption))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description="Draw the pictures of docs/databases.md.")
    parser.add_argument("--out", type=Path, default=PICTURES, help="folder (default: %(default)s)")
    folder = parser.parse_args().out
    for database in DATABASES:
        draw_strip(database, folder / f"twin-{database}.png")
        sys.stdout.write(f"{folder / f'twin-{database}.png'}\n")


if __name__ == "__main__":
    main()
