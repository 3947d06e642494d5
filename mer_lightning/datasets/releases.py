"""The annotation releases by name: their counts and corrections, each with its source."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from mer_lightning.datasets.annotation import AnnotationRelease, Correction
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from mer_lightning.datasets.annotation import When


def _release(release: AnnotationRelease) -> AnnotationRelease:
    return replace(release, active=frozenset(one.name for one in release.corrections if one.default))


def _lenient_frames(database: str) -> Correction:
    return Correction(
        name=f"{database}-any-frames",
        subject="*",
        clip="*",
        field="frames",
        when="missing",
        value=None,
        reason="for incomplete copies: the nearest existing frame stands in for a missing one",
        default=False,
    )


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

_CASME2_CORRECTIONS = (
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
    _lenient_frames("casme2"),
)
_CASME2_UNLABELLED = {"sub09/EP02_02f": "the folder was released without a row in any sheet"}


_CASME2_COUNTS = {"others": 99, "disgust": 63, "happiness": 32, "repression": 27}


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


_SMIC_EMOTIONS = ("negative", "positive", "surprise")
_SMIC_ABSENT: tuple[str, ...] = (
    "s01/s01_ne_02",
    "s02/s02_sur_05",
    "s03/s03_ne_03",
    "s03/s03_ne_20",
    "s04/s04_ne_05",
    "s04/s04_ne_06",
    "s09/s09_sur_02",
)


def _smic_frames(clip: str) -> Correction:
    return Correction(
        name=f"smic-{clip}-frames",
        subject=clip[:3],
        clip=clip,
        field="frames",
        when="missing",
        value=None,
        reason="the cropped folder lacks frames that the raw one has; the nearest existing frame stands in",
    )


_SMIC_BY_NAME = Correction(
    name="smic-s18_sur_03-emotion",
    subject="s18",
    clip="s18_sur_03",
    field="emotion",
    when="differs from the name",
    value="surprise",
    reason="the column says negative, the name and the folder surprise; the column decides in the E releases",
    released="negative",
    default=False,
)
_SMIC_E_CORRECTIONS = (_SMIC_BY_NAME, _lenient_frames("smic"))
_NO_ROW = "no row in the E sheet, although the 164-clip release has it"
_SMIC_E_UNLABELLED = dict[str, str]((clip, _NO_ROW) for clip in _SMIC_ABSENT)
_SMIC_E_NOTES = (
    "OffsetF and other columns are formulas; their stored values are read",
    "a row may hold two or three expressions; the first one is the sample",
)
_SMIC_CLIP_FOLDERS = "one folder per clip, in a folder per class"
_SMIC_FOLDER_NOTES = ("the class folder decides; a name that says otherwise is a remark",)

_SMIC_CORRECTIONS = (
    *(_smic_frames(clip) for clip in ("s03_ne_16", "s03_po_08", "s03_sur_01", "s03_sur_05")),
    _lenient_frames("smic"),
)

_CASME2_2014_OBJECTIVE = {"I": 25, "II": 15, "III": 99, "IV": 26, "V": 20, "VI": 1, "VII": 69}
_CASME2_2014 = (
    AnnotationRelease(
        name="casme2-2014",
        database="casme2",
        source="CASME II (Yan et al., PLoS ONE 2014), CASME2-coding-20140508.xlsx",
        file="CASME2-coding-20140508.xlsx",
        counts=_CASME2_COUNTS | {"surprise": 25, "sadness": 7, "fear": 2},
        clips=255,
        subjects=26,
        # of copies that have the column
        objective=_CASME2_2014_OBJECTIVE,
        corrections=_CASME2_CORRECTIONS,
        unlabelled=_CASME2_UNLABELLED,
        notes=("it has no objective classes, save in copies with a column of them",),
    ),
    AnnotationRelease(
        name="casme2-2014+objective",
        database="casme2",
        source="CASME II, CASME2-coding-20140508.xlsx with CASME2-ObjectiveClasses.xlsx (Davison et al., 2018)",
        file="CASME2-coding-20140508.xlsx and CASME2-ObjectiveClasses.xlsx",
        counts=_CASME2_COUNTS | {"surprise": 25, "sadness": 7, "fear": 2},
        clips=255,
        subjects=26,
        objective=_CASME2_2014_OBJECTIVE,
        corrections=_CASME2_CORRECTIONS,
        unlabelled=_CASME2_UNLABELLED,
        notes=("joined by subject and clip; every row of each has its partner",),
    ),
)
_FER2013 = {
    "angry": 4953,
    "disgust": 547,
    "fear": 5121,
    "happy": 8989,
    "sad": 6077,
    "surprise": 4002,
    "neutral": 6198,
}

RELEASES: dict[str, AnnotationRelease] = {
    release.name: _release(release)
    for release in (
        AnnotationRelease(
            name="smic-hs-164",
            database="smic",
            source="SMIC (Li et al., FG 2013), high-speed camera, one folder per clip",
            file=_SMIC_CLIP_FOLDERS,
            counts={"negative": 70, "positive": 51, "surprise": 43},
            clips=164,
            subjects=16,
            corrections=_SMIC_CORRECTIONS,
            notes=_SMIC_FOLDER_NOTES,
        ),
        AnnotationRelease(
            name="smic-vis-71",
            database="smic_vis",
            source="SMIC (Li et al., FG 2013), 25 fps camera, one folder per clip",
            file=_SMIC_CLIP_FOLDERS,
            counts={},
            clips=71,
            subjects=8,
            emotions=_SMIC_EMOTIONS,
            corrections=(_lenient_frames("smic"),),
            notes=_SMIC_FOLDER_NOTES,
        ),
        AnnotationRelease(
            name="smic-nir-71",
            database="smic_nir",
            source="SMIC (Li et al., FG 2013), near-infrared camera, one folder per clip",
            file=_SMIC_CLIP_FOLDERS,
            counts={},
            clips=71,
            subjects=8,
            emotions=_SMIC_EMOTIONS,
            corrections=(_lenient_frames("smic"),),
            notes=_SMIC_FOLDER_NOTES,
        ),
        AnnotationRelease(
            name="smic-e-157",
            database="smic",
            source="SMIC-E, SMIC-HS-E_annotation.xlsx, 157 rows",
            file="SMIC-HS-E_annotation.xlsx, sheet HS",
            counts={"negative": 66, "positive": 51, "surprise": 40},
            clips=157,
            subjects=16,
            corrections=_SMIC_E_CORRECTIONS,
            unlabelled=_SMIC_E_UNLABELLED,
            absent=_SMIC_ABSENT,
            notes=(*_SMIC_E_NOTES, "seven of the 164 clips have no row"),
        ),
        AnnotationRelease(
            name="smic-e-162",
            database="smic",
            source="SMIC-E, an older SMIC-HS-E_annotation.xlsx, 162 rows",
            file="SMIC-HS-E_annotation.xlsx, sheet HS",
            counts={},
            clips=162,
            subjects=16,
            emotions=_SMIC_EMOTIONS,
            corrections=_SMIC_E_CORRECTIONS,
            unlabelled=_SMIC_E_UNLABELLED,
            notes=(
                "it has no third expression; a FirstF cell holds text, which is not read",
                "the default where the sheet has 162 rows",
            ),
        ),
        AnnotationRelease(
            name="smic-e-vis-71",
            database="smic_vis",
            source="SMIC-E, SMIC-HS-E_annotation.xlsx, 71 rows",
            file="SMIC-HS-E_annotation.xlsx, sheet VIS, or SMIC-VIS-E_annotation.xlsx",
            counts={"negative": 24, "positive": 28, "surprise": 19},
            clips=71,
            subjects=8,
            corrections=_SMIC_E_CORRECTIONS,
            notes=_SMIC_E_NOTES,
        ),
        AnnotationRelease(
            name="smic-e-nir-71",
            database="smic_nir",
            source="SMIC-E, SMIC-NIR-E_annotation.xlsx, 71 rows",
            file="SMIC-NIR-E_annotation.xlsx, or a sheet NIR",
            counts={},
            clips=71,
            subjects=8,
            emotions=_SMIC_EMOTIONS,
            corrections=_SMIC_E_CORRECTIONS,
        ),
        *_CASME2_2014,
        AnnotationRelease(
            name="casme2-2019",
            database="casme2",
            source="CASME II, CASME2-coding-20190701.xlsx",
            file="CASME2-coding-20190701.xlsx",
            counts=_CASME2_COUNTS | {"surprise": 28, "sadness": 4, "fear": 2},
            clips=255,
            subjects=26,
            objective={"I": 30, "II": 18, "III": 93, "IV": 15, "V": 18, "VI": 2, "VII": 79},
            corrections=_CASME2_CORRECTIONS,
            unlabelled=_CASME2_UNLABELLED,
            notes=(
                "the clips of 2014; three rows of sub24 turn from sadness to surprise, 37 objective classes and about "
                "55 cells of action units change",
            ),
        ),
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
            corrections=(_samm_apex("028_4_1", 1105), _samm_apex("032_3_1", 4945), _lenient_frames("samm")),
            notes=("the header is the 14th row, in copies the first; Duration is a formula and is not read",),
        ),
        AnnotationRelease(
            name="ckplus-327",
            database="ckplus",
            source="CK+ (Lucey et al., CVPRW 2010), Emotion files",
            file="one text file per labelled sequence",
            counts={
                "anger": 45,
                "contempt": 18,
                "disgust": 59,
                "fear": 25,
                "happy": 69,
                "sadness": 28,
                "surprise": 83,
            },
            clips=327,
            corrections=(_lenient_frames("ckplus"),),
        ),
        AnnotationRelease(
            name="fer2013",
            database="fer2013",
            source="Goodfellow et al., Challenges in representation learning, 2013, and fer2013.csv",
            file="fer2013.csv",
            counts=_FER2013,
            clips=35887,
            parts={"Training": 28709, "PublicTest": 3589, "PrivateTest": 3589},
        ),
        AnnotationRelease(
            name="fer2013-folders",
            database="fer2013",
            source="FER2013 as folders of pictures (Kaggle, msambare/fer2013)",
            file="train/<class> and test/<class>",
            counts=_FER2013,
            clips=35887,
            parts={"Training": 28709},
            notes=(
                "counts are those of fer2013.csv, whose two test parts make the 7178 pictures of test; nobody has "
                "checked them against the pictures",
            ),
        ),
    )
}


def get_release(name: str) -> AnnotationRelease:
    """Find a release by its label, e.g. ``casme2-2014`` or ``casme2-2014-no:casme2-sub04-EP12_01f-apex``.

    Raises:
        DataError: No such release, or it has no such correction to switch.
    """
    base, *switches = re.split(r"-(no|with):", name)
    if base not in RELEASES:
        raise DataError(f"annotation release '{base}' is unknown; expected one of {', '.join(RELEASES)}")
    switched = list(zip(switches[::2], switches[1::2], strict=True))
    return RELEASES[base].switch(
        on=[correction for way, correction in switched if way == "with"],
        off=[correction for way, correction in switched if way == "no"],
    )


def releases_of(database: str) -> tuple[AnnotationRelease, ...]:
    """Every release of one database."""
    return tuple(release for release in RELEASES.values() if release.database == database)
