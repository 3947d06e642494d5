"""The annotation releases by name: their counts and corrections, each with its source."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from mer_lightning.datasets.annotation import AnnotationRelease, Correction
from mer_lightning.types import DataError


def _release(release: AnnotationRelease) -> AnnotationRelease:
    return replace(release, active=frozenset(one.name for one in release.corrections if one.default))


def _lenient_apex(database: str) -> Correction:
    return Correction(
        name=f"{database}-any-apex",
        subject="*",
        clip="*",
        field="apex",
        when="impossible",
        value=None,
        reason="for copies with further wrong apexes: an apex out of onset..offset counts as not annotated",
        default=False,
    )


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


_CASME2_CORRECTIONS = (
    Correction(
        name="casme2-sub04-EP12_01f-apex",
        subject="sub04",
        clip="EP12_01f",
        field="apex",
        when="slash",
        value=None,
        reason="the sheet has '/' for the apex: it was not annotated",
    ),
    Correction(
        name="casme2-sub05-EP09_05f-apex",
        subject="sub05",
        clip="EP09_05f",
        field="apex",
        when="equals onset",
        value=None,
        reason="the sheet repeats the onset (69) as the apex: no motion can be measured between them",
    ),
    Correction(
        name="casme2-row62-offset",
        subject="*",
        clip="*",
        field="offset",
        when="impossible",
        value=91,
        reason="offset typo; frame 91 by the frames in the folder (MEB, data row 60 counted from 0)",
        row=62,
    ),
    Correction(
        name="casme2-sub16-EP01_08-frames",
        subject="sub16",
        clip="EP01_08",
        field="frames",
        when="missing",
        value=None,
        reason="the cropped folder lacks frames that the raw one has; the nearest existing frame stands in",
    ),
    _lenient_apex("casme2"),
    _lenient_frames("casme2"),
)
_CASME2_UNLABELLED = {"sub09/EP02_02f": "the folder was released without a row in any sheet"}


def _samm_correction(clip: str, what: Literal["apex", "offset"], value: int, reason: str) -> Correction:
    return Correction(
        name=f"samm-{clip}-{what}",
        subject=clip[:3],
        clip=clip,
        field=what,
        when="impossible",
        value=value,
        reason=reason,
    )


_SAMM_APEX = "the sheet's apex is not a frame of the clip; apex from optical flow as in MEB"

_SMIC_EMOTIONS = ("negative", "positive", "surprise")
_SMIC_ABSENT = (
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


_SMIC_CORRECTIONS = (
    *(_smic_frames(clip) for clip in ("s03_ne_16", "s03_po_08", "s03_sur_01", "s03_sur_05")),
    _lenient_frames("smic"),
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
            counts={"negative": 70, "positive": 51, "surprise": 43},
            clips=164,
            subjects=16,
            corrections=_SMIC_CORRECTIONS,
        ),
        AnnotationRelease(
            name="smic-vis-71",
            database="smic_vis",
            source="SMIC (Li et al., FG 2013), 25 fps camera, one folder per clip",
            counts={},
            clips=71,
            subjects=8,
            emotions=_SMIC_EMOTIONS,
            corrections=(_lenient_frames("smic"),),
        ),
        AnnotationRelease(
            name="smic-nir-71",
            database="smic_nir",
            source="SMIC (Li et al., FG 2013), near-infrared camera, one folder per clip",
            counts={},
            clips=71,
            subjects=8,
            emotions=_SMIC_EMOTIONS,
            corrections=(_lenient_frames("smic"),),
        ),
        AnnotationRelease(
            name="smic-e-157",
            database="smic",
            source="SMIC-E, SMIC-HS-E_annotation.xlsx, 157 rows",
            counts={"negative": 65, "positive": 51, "surprise": 41},
            clips=157,
            subjects=16,
            corrections=(_lenient_frames("smic"),),
            unlabelled=dict.fromkeys(_SMIC_ABSENT, "no row in the E sheet, although the 164-clip release has it"),
            absent=_SMIC_ABSENT,
        ),
        AnnotationRelease(
            name="smic-e-vis-71",
            database="smic_vis",
            source="SMIC-E, SMIC-VIS-E_annotation.xlsx, 71 rows",
            counts={"negative": 24, "positive": 28, "surprise": 19},
            clips=71,
            subjects=8,
            corrections=(_lenient_frames("smic"),),
        ),
        AnnotationRelease(
            name="smic-e-nir-71",
            database="smic_nir",
            source="SMIC-E, SMIC-NIR-E_annotation.xlsx, 71 rows",
            counts={},
            clips=71,
            subjects=8,
            emotions=_SMIC_EMOTIONS,
            corrections=(_lenient_frames("smic"),),
        ),
        AnnotationRelease(
            name="casme2-2014",
            database="casme2",
            source="CASME II (Yan et al., PLoS ONE 2014), CASME2-coding-20140508.xlsx",
            counts={
                "others": 99,
                "disgust": 63,
                "happiness": 32,
                "repression": 27,
                "surprise": 25,
                "sadness": 7,
                "fear": 2,
            },
            clips=255,
            subjects=26,
            objective={"I": 25, "II": 15, "III": 99, "IV": 26, "V": 20, "VI": 1, "VII": 69},
            corrections=_CASME2_CORRECTIONS,
            unlabelled=_CASME2_UNLABELLED | {"sub24/EP02_07": "labelled in the 2019 sheet only"},
        ),
        AnnotationRelease(
            name="casme2-2019",
            database="casme2",
            source="CASME II, CASME2-coding-20190701.xlsx; adds sub24/EP02_07",
            counts={
                "others": 99,
                "disgust": 64,
                "happiness": 32,
                "repression": 27,
                "surprise": 25,
                "sadness": 7,
                "fear": 2,
            },
            clips=256,
            subjects=26,
            corrections=_CASME2_CORRECTIONS,
            unlabelled=_CASME2_UNLABELLED,
        ),
        AnnotationRelease(
            name="samm-v2",
            database="samm",
            source="SAMM (Davison et al., TAFFC 2018), SAMM_Micro_FACS_Codes_v2.xlsx, sheet MICRO_ONLY",
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
            corrections=(
                _samm_correction("028_4_1", "apex", 1105, _SAMM_APEX),
                _samm_correction("032_3_1", "apex", 4945, _SAMM_APEX),
                _samm_correction("032_3_2", "apex", 5130, _SAMM_APEX),
                _samm_correction(
                    "013_1_9", "offset", 5739, "offset typo; frame 5739 by the frames in the folder (MEB)"
                ),
                _lenient_apex("samm"),
                _lenient_frames("samm"),
            ),
        ),
        AnnotationRelease(
            name="ckplus-327",
            database="ckplus",
            source="CK+ (Lucey et al., CVPRW 2010), Emotion files",
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
            counts=_FER2013,
            clips=35887,
            parts={"Training": 28709, "PublicTest": 3589, "PrivateTest": 3589},
        ),
        AnnotationRelease(
            name="fer2013-folders",
            database="fer2013",
            source="FER2013 as folders of pictures (Kaggle, msambare/fer2013); counts are those of fer2013.csv, whose "
            "two test parts make 7178 pictures of test; not checked against the pictures",
            counts=_FER2013,
            clips=35887,
            parts={"Training": 28709},
        ),
    )
}


def get_release(name: str) -> AnnotationRelease:
    """Find a release by its label, e.g. ``casme2-2014`` or ``casme2-2014-no:casme2-row62-offset``.

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


def corrections_table() -> str:
    """Every correction as a Markdown table, for the documentation."""
    rows: dict[str, list[str]] = {}
    for release in RELEASES.values():
        for one in release.corrections:
            value = {"frames": "nearest frame"}.get(one.field, "not annotated" if one.value is None else str(one.value))
            clip = f"row {one.row}" if one.row is not None else "any" if one.clip == "*" else one.clip
            cells = [
                f"`{one.name}`",
                "on" if one.default else "off",
                clip,
                one.field,
                one.when,
                value,
                one.reason,
            ]
            rows.setdefault(one.name, cells)
    header = ["correction", "default", "clip", "field", "where it is", "becomes", "reason"]
    lines = [header, ["---"] * len(header), *rows.values()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
