"""The official layout of SAMM: a folder per subject and clip, and the FACS codes sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_lightning.datasets.synthetic import census
from mer_lightning.datasets.synthetic.writing import Cell, code_cell, render_numpy, write_images, write_sheet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mer_lightning.datasets.synthetic.takes import Take

FOLDER = "SAMM"
SHEET = "SAMM_Micro_FACS_Codes_v2.xlsx"
TITLE = "MICRO_ONLY"
HEADER_ROW = 14
CLASSES = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7}


def write(out: Path, takes: Sequence[Take], release: str) -> None:  # noqa: ARG001
    """Write the twin.

    Args:
        out: Root; ``SAMM`` and the sheet are written into it.
        takes: Clips in the order of the sheet.
        release: ``samm-v2``.
    """
    for take in takes:
        images = {image_name(take.clip, take.first + k): frame for k, frame in enumerate(render_numpy(take))}
        write_images(out.joinpath(FOLDER, take.subject, take.clip), images)
    preamble: list[Sequence[Cell]] = [
        ["Synthetic twin: nobody was recorded"],
        [None],
        ["Frame", "counted from the start of the recording at 200 frames per second"],
        ["Duration", "frames from onset to offset, both included"],
        ["Action Units", "L and R are the sides of the participant, ? is a doubt"],
    ]
    preamble += [[None]] * (HEADER_ROW - 1 - len(preamble))
    header: list[Cell] = [
        "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration",
        "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
    ]  # fmt: skip
    # the padding of the subjects is only a number format: who reads the cells as numbers loses it
    write_sheet(out / SHEET, [*preamble, header, *map(_row, takes)], TITLE, {1: "000"})


def image_name(clip: str, number: int) -> str:
    """Give the file name of a frame; six clips have patterns of their own."""
    if clip not in census.SAMM_ODD_NAMES:
        return f"{clip[:3]}_{number:05d}.jpg"
    return f"{clip}_{number:05d}.jpg" if census.SAMM_ODD_NAMES.index(clip) % 2 else f"{clip[:3]}_{number}.jpg"


def _row(take: Take) -> list[Cell]:
    # the wrong numbers of the sheet are impossible ones, so that they can be told from right ones
    apex = take.onset - 5 if take.clip in census.SAMM_WRONG_APEX else take.apex
    offset = take.onset - 1 if take.clip in census.SAMM_WRONG_OFFSET else take.offset
    return [
        int(take.subject), take.clip, int(take.clip.split("_")[1]), take.onset, apex, offset,
        take.offset - take.onset + 1, "Micro - 1/2", code_cell(take.code), take.emotion.capitalize(),
        CLASSES[take.objective] if take.objective else None, None,
    ]  # fmt: skip
