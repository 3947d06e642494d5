"""The official layout of CASME II: raw and cropped folders of single frames and coding sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.synthetic import census
from mer_lightning.synthetic.actions import OBJECTIVE_NUMBERS
from mer_lightning.synthetic.spelling import spell_casme2
from mer_lightning.synthetic.takes import plan_unlabelled, stable_seed
from mer_lightning.synthetic.writing import Cell, Sheet, render_numpy, write_book, write_images

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mer_lightning.synthetic.scripts import Script
    from mer_lightning.synthetic.takes import Take

RAW = "CASME2_RAW_selected"
CROPPED = "Cropped"
SHEETS = {
    "casme2-2014": "CASME2-coding-20140508.xlsx",
    "casme2-2014+objective": "CASME2-coding-20140508.xlsx",
    "casme2-2019": "CASME2-coding-20190701.xlsx",
}
OBJECTIVE_SHEET = "CASME2-ObjectiveClasses.xlsx"
CROP_LACKS_OFFSET = ("sub16", "EP01_08")
"""Clip whose cropped folder ends before its offset."""


def write(out: Path, takes: Sequence[Take], release: str) -> None:
    """Write the twin.

    Args:
        out: Root; ``CASME2_RAW_selected``, ``Cropped`` and the sheets are written into it.
        takes: All clips that are wanted.
        release: As ``write_sheets``.
    """
    write_sheets(out, takes, release)
    for take in takes:
        _write_frames(out, take)
        if take.subject == census.CASME2_UNLABELLED[0] and take == _first(takes, take.subject):
            _write_frames(out, plan_unlabelled(take, census.CASME2_UNLABELLED[1]))


def write_sheets(out: Path, takes: Sequence[Take], release: str) -> None:
    """Write the workbooks.

    Args:
        out: Root.
        takes: Clips in the order of the sheet.
        release: ``casme2-2014``, ``casme2-2014+objective`` (with the workbook of objective classes beside it) or
            ``casme2-2019``.
    """
    later = release == "casme2-2019"
    header: list[Cell] = [
        "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units",
        "Estimated Emotion",
    ]  # fmt: skip
    header += ["Objective Classes"] if later else []
    codes = spell_casme2(takes, release)
    rows = [[*_row(take, codes[take.key]), *([_objective(take)] if later else [])] for take in takes]
    text = {1: "@"}
    write_book(out / SHEETS[release], Sheet("Sheet1", [header, *rows], text), Sheet("Sheet2"), Sheet("Sheet3"))
    if release.endswith("+objective"):
        classes: list[list[Cell]] = [[take.subject[3:], take.clip, _objective(take)] for take in takes]
        titles: list[Cell] = ["Subject", "Filename", "Objective Class"]
        write_book(out / OBJECTIVE_SHEET, Sheet("Sheet1", [titles, *classes], text), Sheet("Sheet2"))


def _first(takes: Sequence[Take], subject: str) -> Take:
    return next(take for take in takes if take.subject == subject)


def _objective(take: Take) -> int | None:
    return OBJECTIVE_NUMBERS[take.objective] if take.objective else None


def _row(take: Take, code: Cell) -> list[Cell]:
    named = (take.subject, take.clip)
    apex: Cell = take.apex
    if named == census.CASME2_NO_APEX:
        apex = "/"
    elif named == census.CASME2_APEX_IS_ONSET:
        apex = take.onset
    elif named in census.CASME2_APEX_IS_OFFSET:
        apex = take.offset
    return [take.subject[3:], take.clip, None, take.onset, apex, take.offset, None, code, take.emotion]


def crop_box(script: Script) -> tuple[int, int, int, int]:
    """Give the box of the face crop, 280 x 340 in a frame of 640 x 480: left, top, right, bottom."""
    view = script.view
    height, width = min(round(3.01 * view.scale), view.height), min(round(2.48 * view.scale), view.width)
    left = min(max(round(view.x - width / 2), 0), view.width - width)
    top = min(max(round(view.y - 0.40 * height), 0), view.height - height)
    return left, top, left + width, top + height


def _write_frames(out: Path, take: Take) -> None:
    frames = render_numpy(take)
    left, top, right, bottom = crop_box(take.script)
    draw = np.random.default_rng(stable_seed("crop", take.key))
    # the cropped folders were cut anew, so their ranges differ from those of the raw ones
    start, stop = take.script.onset, take.script.frames
    if draw.random() < 0.5:
        start, stop = 0, take.script.offset + 1
    if (take.subject, take.clip) == CROP_LACKS_OFFSET:
        stop = take.script.offset
    place = (take.subject, take.clip)
    write_images(out.joinpath(RAW, *place), {f"img{take.first + k}.jpg": frame for k, frame in enumerate(frames)})
    write_images(
        out.joinpath(CROPPED, *place),
        {f"reg_img{take.first + k}.jpg": frames[k, top:bottom, left:right] for k in range(start, stop)},
    )
