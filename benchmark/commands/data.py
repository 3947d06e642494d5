"""``mer-bench data``: what is there, whether it is what it should be, twins of it, landmarks for it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.commands.apexes import add_apexes_command
from benchmark.commands.data_index import add_index_command
from benchmark.commands.export import add_export_command
from benchmark.commands.landmarks import add_landmarks_command, open_frames
from benchmark.commands.options import seed
from benchmark.methods.data_root import VARIABLE, config_file, data_root
from mer_lightning.datasets.registry import databases, find_databases
from mer_lightning.datasets.releases import get_release, releases_of
from mer_lightning.datasets.verify import Verification, verify, verify_all
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmark.commands.options import Commands


def add_data_commands(commands: Commands) -> None:
    """Register ``data`` with its commands; every one sets ``handler``."""
    parser = commands.add_parser("data", help="databases: list, verify, write twins, prepare landmarks")
    parts = parser.add_subparsers(dest="data_command", required=True, metavar="COMMAND")

    listed = parts.add_parser("list", help="show the supported databases and those that are there")
    listed.add_argument(
        "--data", type=Path, metavar="DIR", help=f"data root (default: {VARIABLE}, then the user config)"
    )
    listed.add_argument("--json", action="store_true", help="print JSON")
    listed.set_defaults(handler=_list)

    verified = parts.add_parser("verify", help="hold a folder against its annotation release")
    verified.add_argument(
        "path",
        type=Path,
        nargs="?",
        help="folder of a database, or a table of clips (default: every database in the data root)",
    )
    verified.add_argument("--data", type=Path, metavar="DIR", help="data root, where no path is given")
    verified.add_argument("--database", help="do not guess which database it is; of a table of clips, its name")
    verified.add_argument("--release", help="annotation release (default: by the files)")
    verified.add_argument("--variant", help="which copy of the frames, e.g. raw or cropped")
    verified.add_argument("--apex", help="where apexes come from, e.g. sheet, or file for apexes.csv")
    verified.add_argument("--quick", action="store_true", help="check that frames are there, do not decode them")
    verified.add_argument("--json", action="store_true", help="print JSON")
    verified.set_defaults(handler=_verify)

    synth = parts.add_parser("synth", help="write a synthetic twin of a database")
    synth.add_argument("out", type=Path, help="folder to write into; must be empty or not exist")
    synth.add_argument("--database", choices=list(databases()), required=True)
    synth.add_argument("--release", help="annotation release that the sheets follow")
    synth.add_argument("--subjects", type=int, help="only so many subjects (default: all)")
    synth.add_argument("--seed", type=seed, default=0)
    synth.add_argument("--size", type=_size, metavar="HxW", help="rows and columns of a frame (default: the camera's)")
    synth.add_argument("--frames", type=float, default=1.0, metavar="FACTOR", help="factor on the frames per clip")
    synth.set_defaults(handler=_synth)

    prepared = parts.add_parser("prepare", help="detect landmarks with an installed detector")
    prepared.add_argument("path", type=Path, help="folder of a database")
    prepared.add_argument("--database", choices=list(databases()), help="do not guess which database it is")
    prepared.add_argument("--release", help="annotation release")
    prepared.add_argument("--variant", help="which copy of the frames, e.g. raw")
    prepared.add_argument("--detector", required=True, help="face-alignment, mediapipe or yunet")
    prepared.add_argument("--model", type=Path, required=True, help="model file or folder of the detector")
    prepared.add_argument(
        "--out", type=Path, help="landmark file (CSV) to write (default: landmarks-<variant>.csv in the folder)"
    )
    prepared.add_argument("--device", help="of face-alignment, e.g. cuda (default: cpu)")
    prepared.add_argument("--partial", action="store_true", help="the folder is a deliberate subset of the database")
    prepared.set_defaults(handler=_prepare)
    add_landmarks_command(parts)
    add_apexes_command(parts)
    add_export_command(parts)
    add_index_command(parts)


def _list(arguments: argparse.Namespace) -> int:
    root = data_root(arguments.data)
    found = [] if root is None else find_databases(root)
    if arguments.json:
        body = {
            "data_root": None if root is None else str(root),
            "found": [{"database": name, "path": str(path)} for name, path in found],
            "databases": [
                {
                    "database": database.name,
                    "title": database.title,
                    "releases": [release.name for release in releases_of(database.name)],
                    "layout": database.layout,
                    "obtain": database.obtain,
                }
                for database in databases().values()
            ],
        }
        _print(json.dumps(body, indent=2))
        return 0
    if root is None:
        _print(f"no data root: give --data, set {VARIABLE}, or write 'data: <folder>' into {config_file()}")
    else:
        _print(f"data root {root}")
    for database in databases().values():
        paths = [str(path) for name, path in found if name == database.name]
        releases = ", ".join(release.name for release in releases_of(database.name))
        _print(f"{database.name:9} {database.title:28} {'; '.join(paths) or 'not found'}")
        _print(f"{'':9} releases {releases}")
        if not paths:
            _print(f"{'':9} expected {database.layout}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    reports = _verify_reports(arguments)
    if arguments.json:
        _print(json.dumps([report.to_json() for report in reports], indent=2))
    else:
        for report in reports:
            _print_report(report)
    return 0 if reports and all(report.clean for report in reports) else 1


def _verify_reports(arguments: argparse.Namespace) -> list[Verification]:
    if arguments.path is not None and arguments.data is not None:
        raise DataError(f"--data {arguments.data}: the path {arguments.path} is given; expected one of the two")
    frames = not arguments.quick
    wanted = {"variant": arguments.variant, "apex": arguments.apex}
    options = {name: value for name, value in wanted.items() if value is not None}
    if arguments.path is not None:
        if _is_table(arguments.path):
            return [_verify_clips(arguments, options)]
        if arguments.database is None:
            return list(verify_all(arguments.path, release=arguments.release, frames=frames, **options))
        return [verify(arguments.path, arguments.database, release=arguments.release, frames=frames, **options)]
    root = data_root(arguments.data)
    if root is None:
        raise DataError(f"no folder given and no data root: give a path, --data or {VARIABLE}")
    wanted = arguments.database or (get_release(arguments.release).database if arguments.release else None)
    found = [(name, path) for name, path in find_databases(root) if wanted in (None, name)]
    if not found:
        raise DataError(f"{root}: no database recognised in it")
    return [verify(path, name, release=arguments.release, frames=frames, **options) for name, path in found]


def _is_table(path: Path) -> bool:
    """Whether a table of clips is meant: a file, or a folder that holds one and is no database's."""
    from mer_lightning.datasets.clips import CLIPS_FILE
    from mer_lightning.datasets.registry import recognise

    return path.is_file() or ((path / CLIPS_FILE).is_file() and not recognise(path))


def _verify_clips(arguments: argparse.Namespace, options: Mapping[str, str]) -> Verification:
    from mer_lightning.datasets.clips import find_table, read_clip_table, verify_clips

    given = [*options, *["release"] * bool(arguments.release)]
    if given:
        raise DataError(f"--{given[0]}: does not apply to a table of clips")
    table = read_clip_table(find_table(arguments.path), arguments.database or "")
    report = verify_clips(table, frames=not arguments.quick)
    if any(row.landmarks for row in table.found.rows):
        from mer_lightning.faces.clip_points import clip_landmark_problems

        report = replace(report, problems=(*report.problems, *clip_landmark_problems(table)))
    return report


def _print_report(report: Verification) -> None:
    kind = "synthetic twin, " if report.synthetic else ""
    others = [name for name in report.variants if name != report.variant]
    also = f" (there are {', '.join(others)} frames too)" if others else ""
    _print(
        f"{report.database} in {report.root}: {kind}release {report.release or '?'} ({report.release_hash}), "
        f"{report.variant} frames{also}, {report.clips} clips of {report.subjects} subjects"
    )
    _print_counts("", report.counts, report.expected)
    if report.objective:
        _print_counts("objective ", report.objective, report.expected_objective)
    for key, names in report.corrections.items():
        _print(f"  corrected {key}: {', '.join(names)}")
    for remark in report.remarks:
        _print(f"  remark {remark}")
    for problem in report.problems:
        _print(f"  problem {problem}")
    _print(f"  {len(report.problems)} problems" if report.problems else "  clean")


def _print_counts(what: str, counts: Mapping[str, int], expected: Mapping[str, int]) -> None:
    for name in dict.fromkeys([*expected, *counts]):
        of = f" of {expected[name]}" if name in expected else ""
        _print(f"  {what + name:12} {counts.get(name, 0)}{of}")


def _synth(arguments: argparse.Namespace) -> int:
    # rendering needs torch, which the other commands do without
    from mer_lightning.faces.prepare import write_true_landmarks
    from mer_lightning.synthetic.twins import write_twin

    truth = write_twin(
        arguments.out,
        arguments.database,
        release=arguments.release,
        subjects=arguments.subjects,
        seed=arguments.seed,
        size=arguments.size,
        frames=arguments.frames,
    )
    write_true_landmarks(truth)
    samples = len(truth.takes) or len(truth.stills)
    _print(f"{truth.root}: synthetic twin of {truth.database}, release {truth.release}, {samples} samples")
    return 0


def _prepare(arguments: argparse.Namespace) -> int:
    from mer_lightning.faces.aligned import landmark_file
    from mer_lightning.faces.landmarks import load_detector
    from mer_lightning.faces.prepare import prepare_landmarks

    dataset = open_frames(arguments)
    if arguments.device is not None and arguments.detector != "face-alignment":
        raise DataError(f"--device: {arguments.detector} runs on the CPU; only face-alignment has one")
    detector = load_detector(arguments.detector, arguments.model, arguments.device or "cpu")
    out = arguments.out or landmark_file(arguments.path, dataset.variant)
    prepared = prepare_landmarks(dataset.samples, dataset.read, detector, out)
    _print(f"{out}: landmarks of {prepared.frames} frames of {len(dataset.samples)} clips")
    for line in prepared.without_face:
        _print(f"  no face in {line}")
    return 1 if prepared.without_face else 0


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise argparse.ArgumentTypeError(f"'{text}': expected rows x columns, e.g. 240x320")
    return int(height), int(width)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
