"""The official layout of CASME II: raw and cropped folders of single frames and one coding sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.datasets.synthetic import census
from mer_lightning.datasets.synthetic.takes import plan_unlabelled, stable_seed
from mer_lightning.datasets.synthetic.writing import Cell, code_cell, render_numpy, write_images, write_sheet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mer_lightning.datasets.synthetic.scripts import Script
    from mer_lightning.datasets.synthetic.takes import Take

RAW = "CASME2_RAW_selected"
CROPPED = "Cropped"
SHEETS = {"casme2-2014": "CASME2-coding-20140508.xlsx", "casme2-2019": "CASME2-coding-20190701.xlsx"}
CROP_LACKS_OFFSET = ("sub16", "EP01_08")
"""Clip whose cropped folder ends before its offset."""


def write(out: Path, takes: Sequence[Take], release: str) -> None:
    """Write the twin.

    Args:
        out: Root; ``CASME2_RAW_selected``, ``Cropped`` and the sheet are written into it.
        takes: All clips of the 2019 sheet that are wanted; the 2014 sheet leaves one out, its folder stays.
        release: ``casme2-2014`` or ``casme2-2019``.
    """
    for take in takes:
        _write_frames(out, take)
        if take.subject == census.CASME2_UNLABELLED[0] and take == _first(takes, take.subject):
            _write_frames(out, plan_unlabelled(take, census.CASME2_UNLABELLED[1]))
    rows = [take for take in takes if release == "casme2-2019" or (take.subject, take.clip) != census.CASME2_ONLY_2019]
    header: list[Cell] = [
        "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units",
        "Estimated Emotion",
    ]  # fmt: skip
    # copies of the 2014 sheet with objective classes are in circulation
    if release == "casme2-2014":
        header.append("Objective Class")
    write_sheet(
        out / SHEETS[release],
        [header, *(_row(take, row, release) for row, take in enumerate(rows))],
        "Sheet1",
    )


def _first(takes: Sequence[Take], subject: str) -> Take:
    return next(take for take in takes if take.subject == subject)


def _row(take: Take, row: int, release: str) -> list[Cell]:
    named = (take.subject, take.clip)
    apex: Cell = take.apex
    if named == census.CASME2_NO_APEX:
        apex = "/"
    elif named == census.CASME2_APEX_IS_ONSET:
        apex = take.onset
    offset = take.offset
    if row == census.CASME2_TYPO_ROW:
        # the true offset, 91, with its digits exchanged comes before the onset in a clip of normal length
        offset = 19 if take.onset > 19 else take.onset - 1
    cells: list[Cell] = [
        int(take.subject[3:]), take.clip, None, take.onset, apex, offset, None, code_cell(take.code),
        take.emotion,
    ]  # fmt: skip
    if release == "casme2-2014":
        cells.append(take.objective)
    return cells


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
