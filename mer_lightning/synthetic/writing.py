"""What all writers of twins share: frames to image files, rows to spreadsheets, the manifest."""

from __future__ import annotations

import json
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeAlias

from mer_lightning.synthetic.rendering import render_frames
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.synthetic.takes import Take

MANIFEST = "SYNTHETIC.json"
"""File in the root of every twin that says that nobody was recorded."""

ENCODERS = 4
JPEG_QUALITY = 95
_DAY = re.compile(rb"\d{4}-\d\d-\d\dT[\d:]+Z")
_EMPTY = re.compile(rb"(<f>[^<]*</f>)<v ?(?:/>|></v>)")


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula, ``=`` in front, and the value that a spreadsheet program kept of it."""

    text: str
    value: int


Cell: TypeAlias = str | int | Formula | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook.

    Attributes:
        title: Its name.
        rows: Cells; None stays blank.
        formats: Number format per column, from 1, below the header.
        header: Row of the header, from 1.
    """

    title: str
    rows: Sequence[Sequence[Cell]] = ()
    formats: Mapping[int, str] = field(default_factory=dict[int, str])
    header: int = 1


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


def write_book(path: Path, *sheets: Sheet) -> None:
    """Write an Excel workbook, with the values of its formulas as a spreadsheet program keeps them.

    Args:
        path: The file, ``.xlsx``.
        sheets: Its sheets.
    """
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    values: list[int] = []
    for one in sheets:
        sheet = book.create_sheet(one.title)
        for number, cells in enumerate(one.rows, 1):
            for column, cell in enumerate(cells, 1):
                written = sheet.cell(number, column, cell.text if isinstance(cell, Formula) else cell)
                written.number_format = one.formats.get(column, "General") if number > one.header else "General"
        values += [cell.value for cells in one.rows for cell in cells if isinstance(cell, Formula)]
    path.parent.mkdir(parents=True, exist_ok=True)
    saved = BytesIO()
    book.save(saved)
    _write_values(path, saved, values)


def _write_values(path: Path, saved: BytesIO, values: Sequence[int]) -> None:
    """Copy a workbook and enter the values of all formulas, in order, which openpyxl leaves empty."""
    left = iter(values)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        sheets = sorted(
            (name for name in source.namelist() if name.startswith("xl/worksheets/")),
            key=lambda name: (len(name), name),
        )
        for name in [*sheets, *(name for name in source.namelist() if name not in sheets)]:
            body = source.read(name)
            if name in sheets:
                body = _EMPTY.sub(lambda match: match[1] + b"<v>%d</v>" % next(left), body)
            # the day on which it was written would make two runs differ
            if name == "docProps/core.xml":
                body = _DAY.sub(b"2000-01-01T00:00:00Z", body)
            target.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)


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
