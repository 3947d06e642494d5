"""The E release of SMIC: longer clips of each camera, and one workbook whose sheets refer to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_lightning.synthetic.smic import CAMERA_FOLDERS, bare_names
from mer_lightning.synthetic.takes import CAMERAS
from mer_lightning.synthetic.writing import Cell, Formula, Sheet, render_numpy, write_book, write_images

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mer_lightning.synthetic.takes import Take

SHEET = "SMIC-HS-E_annotation.xlsx"
FAST_HEADER: list[Cell] = [
    "Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F", "Offset3F", None,
    "FirstF", "LastF", "TotalMF1", "TotalMF2", "TotalMF3", "TotalVL", "Emotion",
]  # fmt: skip
SLOW_HEADER: list[Cell] = [
    "Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", None,
    "FirstF", "TotalMF1", "TotalMF2", "TotalVL", "Emotion",
]  # fmt: skip
EMPTY_SHEETS = (Sheet("Sheet2"), Sheet("Sheet3"))
EMPTY_ROWS = 6
"""Rows behind the last one that hold a format and no value."""


def write(out: Path, takes: Sequence[Take], beside: Sequence[Take]) -> None:
    """Write the frames of one camera, and the workbook of both.

    Args:
        out: Root.
        takes: Clips of the camera.
        beside: Clips of the other one.
    """
    camera = CAMERA_FOLDERS[takes[0].database]
    base = out / "SMIC-E_raw image" / f"{camera}_long" / f"SMIC-{camera}-E"
    for take in takes:
        images = {f"image{take.first + k}.jpg": frame for k, frame in enumerate(render_numpy(take))}
        write_images(base.joinpath(camera, *bare_names(take)), images)
    write_sheet(base / SHEET, *((takes, beside) if takes[0].database == "smic" else (beside, takes)))


def write_sheet(path: Path, fast: Sequence[Take], slow: Sequence[Take]) -> None:
    """Write the workbook.

    Args:
        path: The file.
        fast: Clips of the high-speed camera.
        slow: Clips of the 25 fps camera, in the same order; the other camera's first ones are the same.
    """
    partners = [*slow, *[None] * (len(fast) - len(slow))]
    long: list[list[Cell]] = [_fast_row(take, row, partners[row - 2]) for row, take in enumerate(fast, 2)]
    short: list[list[Cell]] = [_slow_row(take, row) for row, take in enumerate(slow, 2)]
    write_book(path, _sheet("HS", FAST_HEADER, long), _sheet("VIS", SLOW_HEADER, short), *EMPTY_SHEETS)


def _sheet(title: str, header: list[Cell], rows: list[list[Cell]]) -> Sheet:
    blank: list[Cell] = [None] * len(header)
    # a format keeps the cells of the rows behind the last one
    return Sheet(title, [header, *rows, *[blank] * EMPTY_ROWS], {len(header): "0.0"})


def _names(take: Take) -> list[Cell]:
    return [int(take.subject[1:]), bare_names(take)[1], None]


def _further(take: Take) -> list[tuple[int, int]]:
    """Onset and offset of every further showing."""
    return [(take.first + onset, take.first + offset) for onset, _, offset in take.script.again]


def _slow_row(take: Take, row: int) -> list[Cell]:
    further: list[Cell] = [None, None]
    total: Cell = None
    for onset, offset in _further(take):
        further = [onset, offset]
        # the sheet counts here without the first frame
        total = Formula(f"=G{row}-F{row}", offset - onset)
    first = Formula(f"=E{row}-D{row}+1", take.offset - take.onset + 1)
    return [
        *_names(take), take.onset, take.offset, *further, None, take.first, first, total, take.script.frames,
        take.emotion,
    ]  # fmt: skip


def _fast_row(take: Take, row: int, slow: Take | None) -> list[Cell]:
    length, frames = take.offset - take.onset + 1, take.script.frames
    first: Cell = take.first
    last = Formula(f"=K{row}+P{row}-1", take.first + frames - 1)
    volume: Cell = frames
    if slow is not None:
        # derived from the 25 fps camera
        first = Formula(f"=D{row}-100*(VIS!D{row}-VIS!I{row})/25", take.first)
        last = Formula(f"=K{row}+100*(VIS!L{row})/25-1", take.first + frames - 1)
        volume = Formula(f"=L{row}-K{row}+1", frames)
    second, third, totals = _further_cells(take, row, slow)
    return [
        *_names(take), take.onset, Formula(f"=D{row}+M{row}-1", take.offset), *second, *third, None, first, last,
        length, *totals, volume, take.emotion,
    ]  # fmt: skip


def _further_cells(take: Take, row: int, slow: Take | None) -> tuple[list[Cell], list[Cell], list[Cell]]:
    """Second and third showing with their lengths; blank where there is none."""
    further = _further(take)
    if slow is None or not further:
        own: list[tuple[Cell, Cell, Cell]] = [(onset, offset, offset - onset + 1) for onset, offset in further]
        first, second = [*own, (None, None, None), (None, None, None)][:2]
        return [*first[:2]], [*second[:2]], [first[2], second[2]]
    (onset, offset), times = further[0], round(CAMERAS[take.database].fps / CAMERAS[slow.database].fps)
    before = _further(slow)[0][0]
    # filled to the right in the sheet, the formulas reach a blank column and one of another meaning
    third = (onset + times * (0 - before), onset + times * (slow.first - before))

    def formula(anchor: str, column: str, base: str, value: int) -> Formula:
        return Formula(f"={anchor}{row}+100*(VIS!{column}{row}-VIS!{base}{row})/25", value)

    return (
        [formula("D", "F", "D", onset), formula("D", "G", "D", offset)],
        [formula("F", "H", "F", third[0]), formula("F", "I", "F", third[1])],
        [Formula(f"=G{row}-F{row}", offset - onset), Formula(f"=H{row}-G{row}", third[0] - offset)],
    )
