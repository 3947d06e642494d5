"""``mer-bench data landmarks`` and ``units``: points and action units that somebody else's program has found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.commands.output import open_console
from mer_lightning.datasets.registry import databases, get_database, recognise
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands
    from mer_lightning.datasets.frames import FrameDataset

_SHOWN = 10


def add_landmarks_command(parts: Commands) -> None:
    """Register ``landmarks`` among the commands of ``data``; it sets ``handler``."""
    landmarks = parts.add_parser("landmarks", help="import the landmarks and action units that OpenFace has found")
    landmarks.add_argument("path", type=Path, help="folder of a database")
    landmarks.add_argument(
        "--openface",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with OpenFace's CSV files, SUBJECT/CLIP.csv or SUBJECT_CLIP.csv",
    )
    landmarks.add_argument("--database", choices=list(databases()), help="do not guess which database it is")
    landmarks.add_argument("--release", help="annotation release")
    landmarks.add_argument("--variant", help="which copy of the frames OpenFace has seen, e.g. raw")
    landmarks.add_argument(
        "--out", type=Path, help="landmark file (CSV) to write (default: landmarks-<variant>.csv in the folder)"
    )
    landmarks.add_argument("--partial", action="store_true", help="the folder is a deliberate subset of the database")
    landmarks.set_defaults(handler=_landmarks)

    units = parts.add_parser("units", help="write what OpenFace's action units rise by from onset to apex, per clip")
    units.add_argument("path", type=Path, help="folder of a database, with the units that `data landmarks` has kept")
    units.add_argument("--database", choices=list(databases()), help="do not guess which database it is")
    units.add_argument("--release", help="annotation release")
    units.add_argument("--variant", help="which copy of the frames OpenFace has seen, e.g. raw")
    units.add_argument(
        "--units", type=Path, metavar="FILE", help="what was kept (default: units-<variant>.csv in the folder)"
    )
    units.add_argument("--apex", help="where apexes come from, e.g. sheet, or file for apexes.csv")
    units.add_argument("--out", type=Path, required=True, metavar="FILE", help="table (CSV) to write")
    units.add_argument("--replace", action="store_true", help="take the place of a file that is there")
    units.add_argument("--partial", action="store_true", help="the folder is a deliberate subset of the database")
    units.set_defaults(handler=_unit_changes)


def _landmarks(arguments: argparse.Namespace) -> int:
    from mer_lightning.faces.aligned import landmark_file
    from mer_lightning.faces.openface import import_openface
    from mer_lightning.faces.units import units_file

    dataset = open_frames(arguments)
    out = arguments.out or landmark_file(arguments.path, dataset.variant)
    units = units_file(out.parent, dataset.variant)
    prepared = import_openface(dataset.samples, arguments.path.resolve(), arguments.openface, out, units)
    console = open_console()
    console.print(f"{out}: landmarks of {prepared.frames} frames of {len(dataset.samples)} clips")
    if prepared.units:
        console.print(f"{units}: {len(prepared.units)} columns of action units, {prepared.units[0]} and others")
    for line in prepared.several_faces[:_SHOWN]:
        console.print(f"  several faces in {line}; the one with the highest confidence was taken")
    if len(prepared.several_faces) > _SHOWN:
        console.print(f"  and in {len(prepared.several_faces) - _SHOWN} more frames")
    for line in prepared.without_face:
        console.print(f"  no face in {line}")
    return 1 if prepared.without_face else 0


def _unit_changes(arguments: argparse.Namespace) -> int:
    from mer_lightning.faces.units import read_units, unit_changes, units_file, write_unit_changes

    if arguments.out.exists() and not arguments.replace:
        raise DataError(f"{arguments.out}: is there already; expected another place with --out, or --replace")
    dataset = open_frames(arguments)
    units = read_units(arguments.units or units_file(arguments.path, dataset.variant))
    changes = unit_changes(units, dataset.samples)
    write_unit_changes(arguments.out, units.names, changes)
    console = open_console()
    console.print(f"{arguments.out}: {len(units.names)} action units at onset and apex of {len(changes)} clips")
    without = [one.sample.key for one in changes if one.onset is None or one.apex is None]
    for key in without[:_SHOWN]:
        console.print(f"  no face at onset or apex of {key}")
    if len(without) > _SHOWN:
        console.print(f"  nor of {len(without) - _SHOWN} more clips")
    if left := len(dataset.samples) - len(changes):
        console.print(f"  {left} clips without an apex are left out; mer-bench data apexes spots them for --apex file")
    return 1 if without else 0


def open_frames(arguments: argparse.Namespace) -> FrameDataset:
    """Open the one database of a folder, as whoever finds landmarks in its frames needs it.

    Raises:
        DataError: Not one database is recognised, or something is not as released.
    """
    name = arguments.database or recognise_one(arguments.path)
    options: dict[str, object] = {"partial": arguments.partial}
    wanted = {key: getattr(arguments, key, None) for key in ("release", "variant", "apex")}
    options |= {key: value for key, value in wanted.items() if value is not None}
    if name == "ckplus":
        # clips are aligned by their first frame, and those of pre-training are whole sequences
        options["frames"] = "sequence"
    return get_database(name).open(arguments.path, **options)


def recognise_one(path: Path) -> str:
    """The one database that a folder holds.

    Raises:
        DataError: It holds none, or several.
    """
    found = recognise(path)
    if len(found) != 1:
        raise DataError(f"{path}: {', '.join(found) or 'no database'} recognised; name one with --database")
    return found[0]
