"""``mer-bench data apexes``: the frame of the strongest expression of every clip, as spotting finds it."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress
from rich.table import Table as Columns

from benchmark.commands.landmarks import open_frames, recognise_one
from benchmark.commands.output import open_console, print_table
from mer_lightning.datasets.apex import APEX_FILE
from mer_lightning.datasets.registry import databases, get_database
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rich.console import Console

    from benchmark.commands.options import Commands
    from mer_lightning.motion.apexes import Agreement, SpottedApex


def add_apexes_command(parts: Commands) -> None:
    """Register ``apexes`` among the commands of ``data``; it sets ``handler``."""
    apexes = parts.add_parser("apexes", help="spot the apex of every clip, and hold it against the annotated one")
    apexes.add_argument("path", type=Path, help="folder of a database")
    apexes.add_argument("--database", choices=list(databases()), help="do not guess which database it is")
    apexes.add_argument("--release", help="annotation release")
    apexes.add_argument("--variant", help="which copy of the frames, e.g. raw")
    apexes.add_argument("--aligned", action="store_true", help="spot in faces that are aligned by the landmark file")
    apexes.add_argument(
        "--how", choices=["strain", "flow", "texture"], default="strain", help="what is measured (default: strain)"
    )
    apexes.add_argument(
        "--out", type=Path, help=f"file to write (default: {APEX_FILE} in the folder, where apex: file reads it)"
    )
    apexes.add_argument("--replace", action="store_true", help="take the place of a file that is there")
    apexes.add_argument("--partial", action="store_true", help="the folder is a deliberate subset of the database")
    apexes.add_argument("--json", action="store_true", help="for programs")
    apexes.set_defaults(handler=_scan_apexes, apex=None)


def _scan_apexes(arguments: argparse.Namespace) -> int:
    from mer_lightning.datasets.apex import write_apexes
    from mer_lightning.faces.aligned import AlignedFrames, find_landmarks
    from mer_lightning.motion.apexes import agreement, spot_apexes

    out: Path = arguments.out or arguments.path / APEX_FILE
    if out.exists() and not arguments.replace:
        raise DataError(f"{out}: is there already; expected another place with --out, or --replace")
    arguments.database = arguments.database or recognise_one(arguments.path)
    if _is_chosen(arguments.database):
        # the middle frame is a choice of ours, and nobody's annotation
        arguments.apex = "spotted"
    frames = open_frames(arguments)
    dataset = AlignedFrames(frames, find_landmarks(frames, arguments.path)) if arguments.aligned else frames
    console = open_console()
    with Progress(console=console, transient=True, disable=arguments.json or not console.is_terminal) as bar:
        found = list(bar.track(spot_apexes(dataset, arguments.how), len(dataset.samples), description="spotting"))
    write_apexes(out, ((one.sample, one.frame) for one in found))
    agreed = agreement(found)
    if arguments.json:
        print(json.dumps(_say_apexes(out, found, agreed)))
    else:
        _print_apexes(console, out, found, agreed)
    return 0


def _is_chosen(database: str) -> bool:
    """Whether the loader makes an apex up where none is annotated."""
    apex = inspect.signature(get_database(database).scanner).parameters.get("apex")
    return apex is not None and apex.default == "middle_frame"


def _say_apexes(out: Path, found: Sequence[SpottedApex], agreed: Agreement | None) -> dict[str, object]:
    return {
        "file": str(out),
        "apexes": [
            {"clip": one.sample.key, "spotted": one.frame, "annotated": one.sample.apex, "distance": one.distance}
            for one in found
        ],
        "annotated": agreed
        and {"clips": agreed.clips, "mean": agreed.mean, "share_of_clip": agreed.share, "within_3": agreed.within},
    }


def _print_apexes(console: Console, out: Path, found: Sequence[SpottedApex], agreed: Agreement | None) -> None:
    table = Columns("clip", "onset", "offset", "spotted", "annotated", "distance")
    for one in found:
        frames = (one.sample.onset, one.sample.offset, one.frame, one.sample.apex)
        distance = "–" if one.distance is None else f"{one.distance:+d}"
        table.add_row(one.sample.key, *("–" if frame is None else str(frame) for frame in frames), distance)
    print_table(console, table)
    if agreed is None:
        console.print("no annotated apex to hold them against")
    else:
        console.print(
            f"of {agreed.clips} clips with an annotated apex: {agreed.mean:.1f} frames apart on average, "
            f"{agreed.share:.0%} of a clip; {agreed.within:.0%} within three frames"
        )
    console.print(f"{out}: {len(found)} apexes; apex: file reads them from {APEX_FILE} in the database's folder")
