"""``mer-bench data landmarks``: points that somebody else's program has found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.commands.options import open_console
from mer_lightning.datasets.registry import databases, get_database, recognise
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands
    from mer_lightning.datasets.frames import FrameDataset

_SHOWN = 10


def add_landmarks_command(parts: Commands) -> None:
    """Register ``landmarks`` among the commands of ``data``; it sets ``handler``."""
    landmarks = parts.add_parser("landmarks", help="import the landmarks that OpenFace has found")
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


def _landmarks(arguments: argparse.Namespace) -> int:
    from mer_lightning.faces.aligned import landmark_file
    from mer_lightning.faces.openface import import_openface

    dataset = open_frames(arguments)
    out = arguments.out or landmark_file(arguments.path, dataset.variant)
    prepared = import_openface(dataset.samples, arguments.path.resolve(), arguments.openface, out)
    console = open_console()
    console.print(f"{out}: landmarks of {prepared.frames} frames of {len(dataset.samples)} clips")
    for line in prepared.several_faces[:_SHOWN]:
        console.print(f"  several faces in {line}; the one with the highest confidence was taken")
    if len(prepared.several_faces) > _SHOWN:
        console.print(f"  and in {len(prepared.several_faces) - _SHOWN} more frames")
    for line in prepared.without_face:
        console.print(f"  no face in {line}")
    return 1 if prepared.without_face else 0


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
