"""The annotation releases of CASME II: their counts and corrections, each with its source."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mer_lightning.datasets.annotation import AnnotationRelease, Correction, lenient_frames

if TYPE_CHECKING:
    from mer_lightning.datasets.annotation import When


def _casme2_apex(subject: str, clip: str, when: When, reason: str, *, default: bool = False) -> Correction:
    return Correction(
        name=f"casme2-{subject}-{clip}-apex",
        subject=subject,
        clip=clip,
        field="apex",
        when=when,
        value=None,
        reason=reason,
        default=default,
    )


_AT_OFFSET = "the sheet repeats the offset as the apex: the rise is measured as it is, there is no fall after it"

_CORRECTIONS = (
    _casme2_apex("sub04", "EP12_01f", "slash", "the sheet has '/' for the apex: it was not annotated", default=True),
    _casme2_apex(
        "sub05",
        "EP09_05f",
        "equals onset",
        "the sheet repeats the onset as the apex: no motion can be measured between them",
        default=True,
    ),
    _casme2_apex("sub05", "EP16_04f", "equals offset", _AT_OFFSET),
    _casme2_apex("sub12", "EP09_06", "equals offset", _AT_OFFSET),
    _casme2_apex("sub20", "EP16_01", "equals offset", _AT_OFFSET),
    _casme2_apex("sub25", "EP18_04f", "equals offset", _AT_OFFSET),
    Correction(
        name="casme2-sub16-EP01_08-frames",
        subject="sub16",
        clip="EP01_08",
        field="frames",
        when="missing",
        value=None,
        reason="the cropped folder lacks frames that the raw one has; the nearest existing frame stands in",
    ),
    lenient_frames("casme2"),
)
_UNLABELLED = {"sub09/EP02_02f": "the folder was released without a row in any sheet"}


_COUNTS = {"others": 99, "disgust": 63, "happiness": 32, "repression": 27}

_OF_2014 = AnnotationRelease(
    name="casme2-2014",
    database="casme2",
    source="CASME II (Yan et al., PLoS ONE 2014), CASME2-coding-20140508.xlsx",
    file="CASME2-coding-20140508.xlsx",
    counts=_COUNTS | {"surprise": 25, "sadness": 7, "fear": 2},
    clips=255,
    subjects=26,
    # of copies that have the column
    objective={"I": 25, "II": 15, "III": 99, "IV": 26, "V": 20, "VI": 1, "VII": 69},
    corrections=_CORRECTIONS,
    unlabelled=_UNLABELLED,
    notes=("it has no objective classes, save in copies with a column of them",),
)
RELEASES = (
    _OF_2014,
    replace(
        _OF_2014,
        name="casme2-2014+objective",
        source="CASME II, CASME2-coding-20140508.xlsx with CASME2-ObjectiveClasses.xlsx (Davison et al., 2018)",
        file="CASME2-coding-20140508.xlsx and CASME2-ObjectiveClasses.xlsx",
        notes=("joined by subject and clip; every row of each has its partner",),
    ),
    AnnotationRelease(
        name="casme2-2019",
        database="casme2",
        source="CASME II, CASME2-coding-20190701.xlsx",
        file="CASME2-coding-20190701.xlsx",
        counts=_COUNTS | {"surprise": 28, "sadness": 4, "fear": 2},
        clips=255,
        subjects=26,
        objective={"I": 30, "II": 18, "III": 93, "IV": 15, "V": 18, "VI": 2, "VII": 79},
        corrections=_CORRECTIONS,
        unlabelled=_UNLABELLED,
        notes=(
            "the clips of 2014; three rows of sub24 turn from sadness to surprise, 37 objective classes and about "
            "55 cells of action units change",
        ),
    ),
)
