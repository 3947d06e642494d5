"""What all writers of twins share: frames to image files, rows to spreadsheets, the manifest."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mer_lightning.datasets.synthetic.rendering import render_frames
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.datasets.synthetic.takes import Take

MANIFEST = "SYNTHETIC.json"
"""File in the root of every twin that says that nobody was recorded."""

ENCODERS = 4
JPEG_QUALITY = 95
Cell = str | int | None


def new_root(out: Path) -> Path:
    """Make the folder of a twin.

    Raises:
        DataError: The folder exists and holds something, so files of two twins could mix.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not an empty folder; a twin wants one of its own")
    out.mkdir(parents=True, exist_ok=True)
    return out


def render_numpy(take: Take) -> NDArray[np.uint8]:
    """Render the frames of a take; ``(T, H, W, C)`` uint8, C = 1 or 3."""
    return render_frames(take.script).numpy()


def write_images(folder: Path, images: Mapping[str, NDArray[np.uint8]]) -> None:
    """Write images, in parallel, since encoders release the interpreter.

    Args:
        folder: Where; made if needed.
        images: ``(H, W, C)`` uint8 per file name; the suffix sets the format, one channel gives a grey file.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def write(name: str, image: NDArray[np.uint8]) -> None:
        from PIL import Image

        options: dict[str, Any] = {"quality": JPEG_QUALITY} if name.endswith(".jpg") else {}
        Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(folder / name, **options)

    with ThreadPoolExecutor(ENCODERS) as pool:
        list(pool.map(write, images, images.values()))


def write_sheet(
    path: Path, rows: Iterable[Sequence[Cell]], title: str, formats: Mapping[int, str] | None = None
) -> None:
    """Write an Excel workbook of one sheet.

    Args:
        path: The file, ``.xlsx``.
        rows: Cells; None stays blank.
        title: Name of the sheet.
        formats: Number format per column, from 1.
    """
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = title
    for cells in rows:
        sheet.append(list(cells))
    for column, code in (formats or {}).items():
        for row in range(1, sheet.max_row + 1):
            sheet.cell(row, column).number_format = code
    # the day on which it was written would make two runs differ
    book.properties.created = book.properties.modified = datetime(2000, 1, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def code_cell(code: str) -> Cell:
    """Give an action-unit cell as Excel keeps it: a single unit is a number."""
    return int(code) if code.isdigit() else code


def write_manifest(out: Path, database: str, release: str, seed: int, counts: Mapping[str, int] | None) -> None:
    """Say in the root that the data is synthetic.

    Args:
        out: Root of the twin.
        database: Short name.
        release: Annotation release that it follows.
        seed: Its seed.
        counts: Clips per class where they differ from the release's; None for all of the release.
    """
    body: dict[str, object] = {"synthetic": True, "database": database, "release": release, "seed": seed}
    if counts is not None:
        body["counts"] = dict(counts)
    (out / MANIFEST).write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
