"""SMIC: three cameras (HS 100 fps, VIS and NIR 25 fps), clips in folders, or the E release with a sheet.

No coding of SMIC has an apex; see `mer_lightning.datasets.apex` for the named ways to choose one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

from mer_lightning.datasets.apex import ApexChoice, choose_apex
from mer_lightning.datasets.builder import Builder, choose_release, choose_variant
from mer_lightning.datasets.frames import FrameDataset, Scan
from mer_lightning.datasets.paths import children, existing_root, files_like, relative, walk
from mer_lightning.datasets.releases import get_release
from mer_lightning.datasets.sheets import Column, read_table
from mer_lightning.datasets.twins import read_twin
from mer_lightning.types import DataError, Sample
from mer_lightning.video.reader import number_frames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mer_lightning.datasets.annotation import AnnotationRelease

Camera = Literal["hs", "vis", "nir"]
Variant = Literal["cropped", "raw", "long"]

LAYOUT = (
    "SMIC_all_raw/HS/s1/micro/negative/s1_ne_01/image*.bmp, SMIC_all_cropped/HS/..., or the E release: "
    "SMIC-HS-E_annotation.xlsx and HS_long/SMIC-HS-E/..."
)
_CLIP = re.compile(r"s(\d{1,2})_(ne|po|sur)_(\d{1,2})", re.IGNORECASE)
_EMOTIONS = {"ne": "negative", "po": "positive", "sur": "surprise"}
_DATABASES: dict[Camera, str] = {"hs": "smic", "vis": "smic_vis", "nir": "smic_nir"}
_FOLDER_RELEASES: dict[Camera, str] = {"hs": "smic-hs-164", "vis": "smic-vis-71", "nir": "smic-nir-71"}
_SHEET_RELEASES: dict[Camera, str] = {"hs": "smic-e-157", "vis": "smic-e-vis-71", "nir": "smic-e-nir-71"}
_DEPTH = 8
_COLUMNS = (
    Column("subject", ("Subject",), "subject"),
    Column("clip", ("Filename",), "text"),
    Column("onset", ("OnsetF", "Onset1F"), "frame"),
    Column("offset", ("OffsetF", "Offset1F"), "frame"),
    Column("first", ("FirstF",), "frame", required=False, blank=True),
    Column("last", ("LastF",), "frame", required=False, blank=True),
    Column("emotion", ("Emotion",), "label"),
)


class Smic(FrameDataset):
    """SMIC in its official folders.

    Args:
        root: Folder that holds the camera's folders, and for the E release its sheet.
        camera: ``hs``, ``vis`` or ``nir``; the database is then called ``smic``, ``smic_vis`` or
            ``smic_nir``.
        release: One of the camera's releases; None for the clip folders where there are any, else the E
            sheet.
        variant: ``cropped`` or ``raw`` for clip folders, ``long`` for the E release; None for the first
            there is.
        apex: How the missing apex is chosen.
        partial: True for a deliberate subset of the database.

    Raises:
        DataError: Something is not as released; `mer_lightning.datasets.verify` lists all of it.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        camera: Camera = "hs",
        release: str | None = None,
        variant: Variant | None = None,
        apex: ApexChoice = "middle_frame",
        partial: bool = False,
    ) -> None:
        found = scan(root, camera=camera, release=release, variant=variant)
        super().__init__(found, partial=partial)
        self._scan = replace(found, samples=choose_apex(found.samples, apex))
        self.choices["apex"] = str(apex)


def scan(
    root: Path | str,
    *,
    camera: Camera = "hs",
    release: str | None = None,
    variant: Variant | None = None,
) -> Scan:
    """Read the clip folders, or hold the E sheet against them, and collect every problem.

    Raises:
        DataError: There is no folder or sheet to start from.
    """
    if camera not in get_args(Camera):
        raise DataError(f"SMIC camera '{camera}' is unknown; expected one of {', '.join(get_args(Camera))}")
    base = existing_root(root, LAYOUT)
    found = _clip_folders(base, camera)
    name = release and get_release(release).name
    by_sheet = name == _SHEET_RELEASES[camera] or (name is None and (variant == "long" or set(found) == {"long"}))
    database = _DATABASES[camera]
    default = (_SHEET_RELEASES if by_sheet else _FOLDER_RELEASES)[camera]
    chosen = choose_release(database, release, default)
    if by_sheet:
        return _scan_sheet(base, camera, chosen, found)
    kind, clips = _choose(variant, {kind: clips for kind, clips in found.items() if kind != "long"}, base)
    builder = Builder(database, base, chosen, kind)
    for clip, folder in clips:
        _add_folder(builder, base, database, clip, folder)
    return builder.scan(read_twin(base))


def _add_folder(builder: Builder, root: Path, database: str, clip: str, folder: Path) -> None:
    where = relative(root, folder)
    emotion = _EMOTIONS[clip.split("_")[1]]
    named = folder.parent.name.lower()
    if named in _EMOTIONS.values() and named != emotion:
        builder.problem(where, None, f"clip of class {emotion} by its name lies in the folder {named}")
        return
    try:
        numbers = number_frames(children(root, folder), where)
    except DataError as error:
        builder.problem(where, None, str(error))
        return
    if not numbers:
        builder.problem(where, None, "the folder holds no frame")
        return
    # the folder is the annotation: its clip was cut from onset to offset
    sample = Sample(
        database=database,
        subject=clip[:3],
        clip=clip,
        emotion=emotion,
        path=folder,
        onset=min(numbers),
        offset=max(numbers),
    )
    builder.add(sample, where)


def _scan_sheet(
    root: Path, camera: Camera, release: AnnotationRelease, found: Mapping[str, list[tuple[str, Path]]]
) -> Scan:
    wanted = f"SMIC-{camera.upper()}-E_annotation.xlsx"
    pattern = re.compile(re.escape(wanted) + "|" + re.escape(wanted[:-1]), re.IGNORECASE)
    sheets = files_like(root, pattern, _DEPTH, prune=_CLIP)
    if not sheets:
        raise DataError(f"{root}: no annotation sheet found; expected {wanted}")
    kind, clips = _choose("long", found, root)
    table = read_table(root, sheets[0], _COLUMNS)
    builder = Builder(_DATABASES[camera], root, release, kind)
    folders = dict(clips)
    for row, subject, clip in builder.names(table):
        match = _CLIP.fullmatch(clip)
        number = re.fullmatch(r"s?0*(\d{1,2})", subject, re.IGNORECASE)
        if match is None or number is None or int(number[1]) != int(match[1]):
            builder.problem(
                table.file,
                row.number,
                f"Subject '{subject}' and Filename '{clip}' do not fit; expected 1 and s01_ne_01",
            )
            continue
        name = _clip_name(match)
        if row.text("emotion") != _EMOTIONS[match[2].lower()]:
            builder.problem(
                table.file,
                row.number,
                f"emotion '{row.text('emotion')[:40]}' of {name} is not {_EMOTIONS[match[2].lower()]}, "
                f"the class in its name",
            )
            continue
        folder = folders.get(name)
        if folder is None:
            builder.add_row(table.file, row, name[:3], name, None)
            continue
        builder.add_row(table.file, row, name[:3], name, folder.parent, path=folder)
    builder.unnamed({f"{name[:3]}/{name}": path for name, path in clips})
    return builder.scan(read_twin(root))


def _clip_folders(root: Path, camera: Camera) -> dict[str, list[tuple[str, Path]]]:
    """Clip folders of one camera by variant, in the order of preference."""
    found: dict[str, list[tuple[str, Path]]] = {"cropped": [], "raw": [], "long": []}
    for folder, folders, _ in walk(root, _DEPTH, prune=_CLIP):
        clips = [(_clip_name(match), path) for path in folders if (match := _CLIP.fullmatch(path.name))]
        if clips:
            tokens = set(re.split(r"[^a-z]+", f"{root.name}/{relative(root, folder)}".lower()))
            if camera in tokens:
                kind = "cropped" if tokens & {"cropped", "crop"} else "long" if tokens & {"long", "e"} else "raw"
                found[kind] += clips
    return {kind: sorted(clips) for kind, clips in found.items() if clips}


def _choose(
    variant: str | None, found: Mapping[str, list[tuple[str, Path]]], root: Path
) -> tuple[str, list[tuple[str, Path]]]:
    kind, _ = choose_variant(variant, {kind: clips[0][1] for kind, clips in found.items()}, root, LAYOUT)
    return kind, found[kind]


def _clip_name(match: re.Match[str]) -> str:
    return f"s{int(match[1]):02d}_{match[2].lower()}_{int(match[3]):02d}"
