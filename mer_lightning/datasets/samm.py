"""SAMM: 159 clips of 29 subjects, 200 fps, grey frames, FACS codes sheet whose header is on the 14th row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from mer_lightning.datasets.annotation import AnnotationRelease, Correction, lenient_frames
from mer_lightning.datasets.apex import ApexChoice, check_apex, open_apexes
from mer_lightning.datasets.builder import Builder, choose_release
from mer_lightning.datasets.copies import choose_copy, expected_clip, find_clips, find_copies
from mer_lightning.datasets.database import Database
from mer_lightning.datasets.frames import Coding, FrameDataset, Scan
from mer_lightning.datasets.manifest import read_twin
from mer_lightning.datasets.paths import existing_root
from mer_lightning.datasets.sheet_search import Form, find_spreadsheets, none_found, only
from mer_lightning.datasets.sheets import Column
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path


Variant = Literal["cropped", "raw"]

LAYOUT = "SAMM/006/006_1_2/006_05562.jpg and SAMM_Micro_FACS_Codes_v2.xlsx"
_SUBJECT = re.compile(r"\d{3}")
_FORM = Form(
    wanted="SAMM_Micro_FACS_Codes_v2.xlsx",
    names=re.compile(r".*SAMM.*Micro.*FACS.*", re.IGNORECASE),
    columns=(
        Column("subject", ("Subject",), "subject"),
        Column("clip", ("Filename",), "text"),
        Column("onset", ("Onset Frame",), "frame"),
        Column("apex", ("Apex Frame",), "frame", blank=True),
        Column("offset", ("Offset Frame",), "frame"),
        Column("aus", ("Action Units",), "text", required=False, blank=True),
        Column("emotion", ("Estimated Emotion",), "label"),
        Column("objective", ("Objective Classes", "Objective Class"), "text", required=False, blank=True),
    ),
    clip=re.compile(r"\d{3}_\d{1,2}_\d{1,3}"),
    sheet="MICRO_ONLY",
)


class Samm(FrameDataset):
    """SAMM in its official folders.

    Args:
        root: Folder that holds the sheet and the subjects' folders, at most three levels down.
        release: ``samm-v2``.
        variant: ``cropped``, which is not released but in circulation, or ``raw``; None for the first there is.
        coding: Whether ``Sample.emotion`` holds the estimated emotion or the objective class (``I`` to
            ``VII``).
        apex: ``sheet``, also if None, or ``file`` for those of ``apexes.csv``.
        partial: True for a deliberate subset of the database.

    Raises:
        DataError: Something is not as released; `mer_lightning.datasets.verify` lists all of it.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        release: str | None = None,
        variant: Variant | None = None,
        coding: Coding = "emotion",
        apex: ApexChoice | None = None,
        partial: bool = False,
    ) -> None:
        super().__init__(scan(root, release=release, variant=variant, coding=coding, apex=apex), partial=partial)


def scan(
    root: Path | str,
    *,
    release: str | None = None,
    variant: Variant | None = None,
    coding: Coding = "emotion",
    apex: ApexChoice | None = None,
) -> Scan:
    """Hold the sheet against the folders and collect every problem.

    Raises:
        DataError: There is no folder, sheet or frame folder to start from.
    """
    base = existing_root(root, LAYOUT)
    check_apex("samm", apex or "sheet", ("sheet", "file"))
    chosen = choose_release("samm", release, "samm-v2")
    sheets, others = find_spreadsheets(base, prune=_SUBJECT).of_form(_FORM)
    if not sheets:
        raise none_found(base, _FORM, others)
    table = only(sheets, chosen.name).read()
    copies = find_copies(base, _SUBJECT, lambda path: "cropped" if "crop" in path else "raw", ("cropped", "raw"))
    kind, frames = choose_copy(variant, copies, base, LAYOUT)
    if coding == "objective" and "objective" not in table.columns:
        raise DataError(f"{table.file}: no column 'Objective Classes'")
    own, remarks = open_apexes(base, "samm", apex or "sheet", prune=_SUBJECT)
    builder = Builder("samm", base, chosen, kind, coding, own)
    builder.remarks(remarks)
    subjects, clips = find_clips(builder, base, frames, _SUBJECT, lambda match: match[0])
    for row, subject, clip in builder.names(table):
        if not re.fullmatch(r"\d{1,3}", subject):
            builder.problem(table.file, row.number, f"Subject '{subject}' is not one; expected a number, e.g. 006")
            continue
        # a number cell has lost the zero padding that folders and clips have
        name = subject.zfill(3)
        if not clip.startswith(f"{name}_"):
            builder.problem(table.file, row.number, f"Filename '{clip}' is not one of subject {name}; e.g. {name}_1_2")
            continue
        expected = expected_clip(base, frames, name, clip, subjects)
        builder.add_row(table.file, row, name, clip, clips.get(f"{name}/{clip}"), expected)
    builder.unnamed(clips)
    return builder.scan(read_twin(base), tuple(copies))


def _samm_apex(clip: str, value: int) -> Correction:
    return Correction(
        name=f"samm-{clip}-apex",
        subject=clip[:3],
        clip=clip,
        field="apex",
        when="impossible",
        value=value,
        reason="one copy of the sheet has an apex outside of the clip, others do not; apex from optical flow (MEB)",
    )


RELEASES = (
    AnnotationRelease(
        name="samm-v2",
        database="samm",
        source="SAMM (Davison et al., TAFFC 2018), SAMM_Micro_FACS_Codes_v2.xlsx, sheet MICRO_ONLY",
        file="SAMM_Micro_FACS_Codes_v2.xlsx, sheet MICRO_ONLY",
        counts={
            "anger": 57,
            "other": 26,
            "happiness": 26,
            "surprise": 15,
            "contempt": 12,
            "disgust": 9,
            "fear": 8,
            "sadness": 6,
        },
        clips=159,
        subjects=29,
        objective={"I": 24, "II": 13, "III": 20, "IV": 8, "V": 3, "VI": 7, "VII": 84},
        corrections=(_samm_apex("028_4_1", 1105), _samm_apex("032_3_1", 4945), lenient_frames("samm")),
        notes=("the header is the 14th row, in copies the first; Duration is a formula and is not read",),
    ),
)
DATABASE = Database(
    name="samm",
    title="SAMM",
    layout=LAYOUT,
    obtain="signed agreement with Manchester Metropolitan University",
    opener=Samm,
    scanner=scan,
    marks=re.compile(r"(?i:(.*SAMM.*Micro.*FACS.*|SAMM)\.(xlsx?|csv)|SAMM_CROP(PED)?)"),
    top=re.compile(r"(?i:SAMM.*\.(xlsx?|csv))"),
    inner=_SUBJECT,
    year=2018,
    fps=200,
)
