"""SMIC: three cameras (HS 100 fps, VIS and NIR 25 fps), clips in folders, or the E release with a sheet.

No coding of SMIC is released with an apex; see `mer_lightning.datasets.apex` for the named ways to choose one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

from mer_lightning.datasets.apex import ApexChoice, check_apex, choose_apex, open_apexes
from mer_lightning.datasets.builder import Builder, choose_release, choose_variant
from mer_lightning.datasets.database import Database
from mer_lightning.datasets.frames import FrameDataset, Scan
from mer_lightning.datasets.manifest import read_twin
from mer_lightning.datasets.paths import children, existing_root, relative, walk
from mer_lightning.datasets.releases import get_release, releases_of
from mer_lightning.datasets.sheet_search import Form, Sheet, find_spreadsheets, none_found, only
from mer_lightning.datasets.sheets import Column, plain
from mer_lightning.types import DataError, Sample
from mer_lightning.video.reader import number_frames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mer_lightning.datasets.sheets import Table

Camera = Literal["hs", "vis", "nir"]
Variant = Literal["cropped", "raw", "long_cropped", "long"]
Clips = list[tuple[str, "Path"]]

LAYOUT = (
    "SMIC_all_raw/HS/s1/micro/negative/s1_ne_01/image*.bmp, SMIC_all_cropped/HS/..., or the E release: "
    "SMIC-HS-E_annotation.xlsx and HS_long/SMIC-HS-E/..."
)
_CLIP = re.compile(r"s(\d{1,2})_(ne|po|sur)_(\d{1,2})", re.IGNORECASE)
_EMOTIONS = {"ne": "negative", "po": "positive", "sur": "surprise"}
_DATABASES: dict[Camera, str] = {"hs": "smic", "vis": "smic_vis", "nir": "smic_nir"}
_FOLDER_RELEASES: dict[Camera, str] = {"hs": "smic-hs-164", "vis": "smic-vis-71", "nir": "smic-nir-71"}
_SHEET_RELEASES: dict[Camera, str] = {"hs": "smic-e-157", "vis": "smic-e-vis-71", "nir": "smic-e-nir-71"}
_LONG = ("long_cropped", "long")
_DEPTH = 8
_INNER = re.compile(r"s\d{1,2}")
_APEX = ("ApexF", "Apex1F", "ApexFrame", "Apex")
_FORM = Form(
    wanted="SMIC-HS-E_annotation.xlsx",
    names=re.compile(r".*SMIC.*annotation.*", re.IGNORECASE),
    columns=(
        Column("subject", ("Subject",), "subject"),
        Column("clip", ("Filename",), "text"),
        Column("onset", ("OnsetF", "Onset1F"), "frame"),
        Column("offset", ("OffsetF", "Offset1F"), "frame"),
        Column("emotion", ("Emotion",), "label"),
    ),
    clip=_CLIP,
)
# read only where it is asked for: its cells must not keep those from the sheet who do not want them
_APEX_COLUMN = Column("apex", _APEX, "frame", required=False, blank=True)


class Smic(FrameDataset):
    """SMIC in its official folders.

    Args:
        root: Folder that holds the camera's folders, and for the E release its sheet.
        camera: ``hs``, ``vis`` or ``nir``; the database is then called ``smic``, ``smic_vis`` or
            ``smic_nir``.
        release: One of the camera's releases; None for the clip folders where there are any, else the E
            sheet.
        variant: ``cropped`` or ``raw`` for clip folders, ``long_cropped`` or ``long`` for the E release; None for the
            first there is.
        apex: ``middle_frame``, ``spotted``, ``sheet`` (a column that others have added) or ``file`` for those of
            ``apexes.csv``.
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
        found = scan(root, camera=camera, release=release, variant=variant, apex=apex)
        super().__init__(found, partial=partial)


def scan(
    root: Path | str,
    *,
    camera: Camera = "hs",
    release: str | None = None,
    variant: Variant | None = None,
    apex: ApexChoice = "middle_frame",
) -> Scan:
    """Read the clip folders, or hold the E sheet against them, and collect every problem.

    Raises:
        DataError: There is no folder or sheet to start from.
    """
    if camera not in get_args(Camera):
        raise DataError(f"SMIC camera '{camera}' is unknown; expected one of {', '.join(get_args(Camera))}")
    check_apex(_DATABASES[camera], apex, get_args(ApexChoice))
    base = existing_root(root, LAYOUT)
    found = _clip_folders(base, camera)
    name = release and get_release(release).name
    long = [kind for kind in found if kind in _LONG]
    by_sheet = "-e-" in name if name else variant in _LONG or (bool(long) and len(long) == len(found))
    if by_sheet:
        scanned = _scan_sheet(base, camera, release, variant, found, apex)
    else:
        scanned = _scan_folders(base, camera, release, variant, found, apex)
    return replace(scanned, samples=choose_apex(scanned.samples, apex))


def _scan_folders(
    root: Path, camera: Camera, release: str | None, variant: str | None, found: Mapping[str, Clips], apex: ApexChoice
) -> Scan:
    database = _DATABASES[camera]
    chosen = choose_release(database, release, _FOLDER_RELEASES[camera])
    check_apex(f"{chosen.name}, which has no sheet", apex, ("middle_frame", "spotted", "file"))
    own, remarks = open_apexes(root, database, apex, _DEPTH, _CLIP)
    copies = {kind: clips for kind, clips in found.items() if kind not in _LONG}
    kind, clips = _choose(variant, copies, root)
    builder = Builder(database, root, chosen, kind, apexes=own)
    builder.remarks(remarks)
    for clip, folder in clips:
        _add_folder(builder, root, database, clip, folder)
    return builder.scan(read_twin(root), tuple(found), {"apex": apex})


def _add_folder(builder: Builder, root: Path, database: str, clip: str, folder: Path) -> None:
    where = relative(root, folder)
    emotion = _EMOTIONS[clip.split("_")[1]]
    named = folder.parent.name.lower()
    if named in _EMOTIONS.values() and named != emotion:
        builder.remark(where, None, f"of class {emotion} by its name; the class folder, {named}, decides")
        emotion = named
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
    root: Path, camera: Camera, release: str | None, variant: str | None, found: Mapping[str, Clips], apex: ApexChoice
) -> Scan:
    database, wanted = _DATABASES[camera], _SHEET_RELEASES[camera]
    table = _find_sheet(root, camera, apex)
    rows = len(table.rows) + len({problem.row for problem in table.problems})
    counts = {one.clips: one.name for one in releases_of(database) if "-e-" in one.name}
    chosen = choose_release(database, release, counts.get(rows, wanted))
    own, remarks = open_apexes(root, database, apex, _DEPTH, _CLIP)
    # a release that is asked for may lie in folders that do not call themselves long
    copies = {kind: clips for kind, clips in found.items() if kind in _LONG} or found
    kind, clips = _choose(variant, copies, root)
    builder = Builder(database, root, chosen, kind, apexes=own)
    builder.remarks(remarks)
    if apex != "sheet" and (unread := table.titles & {plain(title) for title in _APEX}):
        builder.remark(table.file, None, f"column {min(unread)} is not read; apex: sheet takes the apexes from it")
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
        settled = builder.name_class(table.file, row, name[:3], name, _EMOTIONS[match[2].lower()])
        expected = f"folder {name[:3]}/{name} of the {kind} frames"
        builder.add_row(table.file, settled, name[:3], name, folders.get(name), expected)
    builder.unnamed({f"{name[:3]}/{name}": path for name, path in clips})
    return builder.scan(read_twin(root), tuple(found), {"apex": apex})


def _find_sheet(root: Path, camera: Camera, apex: ApexChoice) -> Table:
    """Read the sheet of a camera: by its title, ``HS`` or ``VIS``, else by the names of its file and folders."""
    columns = (*_FORM.columns, _APEX_COLUMN) if apex == "sheet" else _FORM.columns
    form = replace(_FORM, columns=columns, wanted=f"SMIC-HS-E_annotation.xlsx with a sheet {camera.upper()}")
    sheets, others = find_spreadsheets(root, _DEPTH, _CLIP).of_form(form)
    cameras = [(sheet, _camera_of(root, sheet)) for sheet in sheets]
    mine = [sheet for sheet, of in cameras if of == camera] or [sheet for sheet, of in cameras if of is None]
    if not mine:
        raise none_found(root, form, {sheet.grid.name: f"is of {of}" for sheet, of in cameras} or others)
    table = only(mine, _SHEET_RELEASES[camera]).read()
    if apex == "sheet" and "apex" not in table.columns:
        raise DataError(
            f"{table.file}: no column ApexF, so apex: sheet does not apply; expected middle_frame, spotted or file"
        )
    return table


def _camera_of(root: Path, sheet: Sheet) -> Camera | None:
    folders = reversed(relative(root, sheet.path.parent).split("/"))
    for name in (sheet.grid.title, sheet.path.stem, *folders):
        tokens = set(re.split(r"[^a-z]+", name.lower()))
        if found := [camera for camera in get_args(Camera) if camera in tokens]:
            return found[0]
    return None


def _clip_folders(root: Path, camera: Camera) -> dict[str, Clips]:
    """Clip folders of one camera by variant, in the order of preference; without any camera's name it is HS."""
    found: dict[str, Clips] = {"cropped": [], "raw": [], "long_cropped": [], "long": []}
    for folder, folders, _ in walk(root, _DEPTH, prune=_CLIP):
        clips = [(_clip_name(match), path) for path in folders if (match := _CLIP.fullmatch(path.name))]
        if clips:
            tokens = set(re.split(r"[^a-z]+", f"{root.name}/{relative(root, folder)}".lower()))
            named = tokens & set(get_args(Camera)) or {"hs"}
            if camera in named:
                cropped, long = tokens & {"crop", "cropped"}, tokens & {"long", "e"}
                kind = ("long_cropped" if cropped else "long") if long else "cropped" if cropped else "raw"
                found[kind] += clips
    return {kind: sorted(clips) for kind, clips in found.items() if clips}


def _choose(variant: str | None, found: Mapping[str, Clips], root: Path) -> tuple[str, Clips]:
    """Choose the copy that is read; a clip that lies in it twice is a question to the user."""
    kind, clips = choose_variant(variant, found, root, LAYOUT)
    twice = [(one, other) for one, other in pairwise(clips) if one[0] == other[0]]
    if twice:
        (_, one), (_, other) = twice[0]
        more = f" (and {len(twice) - 1} more)" if len(twice) > 1 else ""
        raise DataError(
            f"{root}: {relative(root, one)} and {relative(root, other)}{more} are both {kind} frames of one clip; "
            "keep one of them in the folder"
        )
    return kind, clips


def _clip_name(match: re.Match[str]) -> str:
    return f"s{int(match[1]):02d}_{match[2].lower()}_{int(match[3]):02d}"


def _camera_entry(camera: Camera, title: str) -> Database:
    tokens = rf"(?i:smic[_-]{camera}([_-]e)?|{camera}([_-]long)?"
    # the workbook that is named after HS has a sheet of VIS too
    tokens += ")" if camera == "hs" else rf"|.*smic[_-]{camera}.*annotation.*\.(xlsx?|csv))"
    hints = re.compile(r"(?i:.*smic.*annotation.*\.(xlsx?|csv)|smic[_-]crop(ped)?)") if camera == "hs" else None
    return Database(
        name=_DATABASES[camera],
        title=title,
        layout=LAYOUT.replace("HS", camera.upper()),
        obtain="signed agreement with the University of Oulu, Center for Machine Vision and Signal Analysis",
        opener=Smic,
        scanner=scan,
        options={"camera": camera},
        marks=re.compile(tokens),
        hints=hints,
        top=re.compile(rf"(?i:smic[_-].*|{camera}([_-]long)?)"),
        short="SMIC" if camera == "hs" else f"SMIC-{camera.upper()}",
        inner=_INNER,
        year=2013,
        fps=100 if camera == "hs" else 25,
    )


DATABASES = (
    _camera_entry("hs", "SMIC (high-speed camera)"),
    _camera_entry("vis", "SMIC (visual camera)"),
    _camera_entry("nir", "SMIC (near-infrared camera)"),
)
