"""The annotation releases of SMIC's three cameras: their counts and corrections, each with its source."""

from __future__ import annotations

from mer_lightning.datasets.annotation import AnnotationRelease, Correction, lenient_frames

_EMOTIONS = ("negative", "positive", "surprise")
_ABSENT: tuple[str, ...] = (
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


_BY_NAME = Correction(
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
_E_CORRECTIONS = (_BY_NAME, lenient_frames("smic"))
_NO_ROW = "no row in the E sheet, although the 164-clip release has it"
_E_UNLABELLED = dict[str, str]((clip, _NO_ROW) for clip in _ABSENT)
_E_NOTES = (
    "OffsetF and other columns are formulas; their stored values are read",
    "a row may hold two or three expressions; the first one is the sample",
)
_CLIP_FOLDERS = "one folder per clip, in a folder per class"
_FOLDER_NOTES = ("the class folder decides; a name that says otherwise is a remark",)

_CORRECTIONS = (
    *(_smic_frames(clip) for clip in ("s03_ne_16", "s03_po_08", "s03_sur_01", "s03_sur_05")),
    lenient_frames("smic"),
)

RELEASES = (
    AnnotationRelease(
        name="smic-hs-164",
        database="smic",
        source="SMIC (Li et al., FG 2013), high-speed camera, one folder per clip",
        file=_CLIP_FOLDERS,
        counts={"negative": 70, "positive": 51, "surprise": 43},
        clips=164,
        subjects=16,
        corrections=_CORRECTIONS,
        notes=_FOLDER_NOTES,
    ),
    AnnotationRelease(
        name="smic-vis-71",
        database="smic_vis",
        source="SMIC (Li et al., FG 2013), 25 fps camera, one folder per clip",
        file=_CLIP_FOLDERS,
        counts={},
        clips=71,
        subjects=8,
        emotions=_EMOTIONS,
        corrections=(lenient_frames("smic"),),
        notes=_FOLDER_NOTES,
    ),
    AnnotationRelease(
        name="smic-nir-71",
        database="smic_nir",
        source="SMIC (Li et al., FG 2013), near-infrared camera, one folder per clip",
        file=_CLIP_FOLDERS,
        counts={},
        clips=71,
        subjects=8,
        emotions=_EMOTIONS,
        corrections=(lenient_frames("smic"),),
        notes=_FOLDER_NOTES,
    ),
    AnnotationRelease(
        name="smic-e-157",
        database="smic",
        source="SMIC-E, SMIC-HS-E_annotation.xlsx, 157 rows",
        file="SMIC-HS-E_annotation.xlsx, sheet HS",
        counts={"negative": 66, "positive": 51, "surprise": 40},
        clips=157,
        subjects=16,
        corrections=_E_CORRECTIONS,
        unlabelled=_E_UNLABELLED,
        absent=_ABSENT,
        notes=(*_E_NOTES, "seven of the 164 clips have no row"),
    ),
    AnnotationRelease(
        name="smic-e-162",
        database="smic",
        source="SMIC-E, an older SMIC-HS-E_annotation.xlsx, 162 rows",
        file="SMIC-HS-E_annotation.xlsx, sheet HS",
        counts={},
        clips=162,
        subjects=16,
        emotions=_EMOTIONS,
        corrections=_E_CORRECTIONS,
        unlabelled=_E_UNLABELLED,
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
        corrections=_E_CORRECTIONS,
        notes=_E_NOTES,
    ),
    AnnotationRelease(
        name="smic-e-nir-71",
        database="smic_nir",
        source="SMIC-E, SMIC-NIR-E_annotation.xlsx, 71 rows",
        file="SMIC-NIR-E_annotation.xlsx, or a sheet NIR",
        counts={},
        clips=71,
        subjects=8,
        emotions=_EMOTIONS,
        corrections=_E_CORRECTIONS,
    ),
)
