"""The official layout of SAMM: a folder per subject and clip, and the FACS codes sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.synthetic import census
from mer_lightning.synthetic.actions import OBJECTIVE_NUMBERS
from mer_lightning.synthetic.spelling import spell_samm
from mer_lightning.synthetic.takes import stable_seed
from mer_lightning.synthetic.writing import Cell, Formula, Sheet, render_numpy, write_book, write_images

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mer_lightning.synthetic.takes import Take

FOLDER = "SAMM"
SHEET = "SAMM_Micro_FACS_Codes_v2.xlsx"
TITLE = "MICRO_ONLY"
HEADER_ROW = 14
NOTES = ("while blinking", "head moves", "starts early", "gaze wanders")


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
    write_sheet(out / SHEET, takes)


def write_sheet(path: Path, takes: Sequence[Take]) -> None:
    """Write the workbook.

    Args:
        path: The file.
        takes: Clips in the order of the sheet.
    """
    preamble: list[Sequence[Cell]] = [
        ["Synthetic twin of the FACS codes", "(Nobody was recorded; the faces and every code are invented.)"],
        [],
        ["The classes of the last columns were added later:", "they are invented too."],
        ["(Frames count from the start of the recording, 200 a second; a duration counts both ends.)"],
        [],
        ["Symbols:"],
        ["/ stands for or"],
        ["? stands for an end that cannot be told"],
        [],
        ["Action units:"],
        ["L and R: only this side of the participant's face moves"],
        ["A: both sides move, one of them more"],
    ]
    preamble += [[]] * (HEADER_ROW - 1 - len(preamble))
    header: list[Cell] = [
        "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration",
        "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
    ]  # fmt: skip
    rows = [_row(take, number) for number, take in enumerate(takes, HEADER_ROW + 1)]
    write_book(path, Sheet(TITLE, [*preamble, header, *rows], {1: "@"}, HEADER_ROW))


def image_name(clip: str, number: int) -> str:
    """Give the file name of a frame; six clips have patterns of their own."""
    if clip not in census.SAMM_ODD_NAMES:
        return f"{clip[:3]}_{number:05d}.jpg"
    return f"{clip}_{number:05d}.jpg" if census.SAMM_ODD_NAMES.index(clip) % 2 else f"{clip[:3]}_{number}.jpg"


def _row(take: Take, number: int) -> list[Cell]:
    # the wrong apexes of the sheet are impossible ones, so that they can be told from right ones
    apex = take.onset - 5 if take.clip in census.SAMM_WRONG_APEX else take.apex
    draw = np.random.default_rng(stable_seed("notes", take.key))
    return [
        take.subject, take.clip, int(take.clip.split("_")[1]), take.onset, apex, take.offset,
        Formula(f"=SUM(F{number}-D{number})+1", take.offset - take.onset + 1), "Micro - 1/2", spell_samm(take),
        take.emotion.capitalize(), OBJECTIVE_NUMBERS[take.objective] if take.objective else None,
        str(draw.choice(NOTES)) if draw.random() < 0.4 else None,
    ]  # fmt: skip
