"""``mer-bench data export``: clips and maps as files, so that other people's code sees exactly these inputs."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.commands.options import local_records, plan_inputs, suite_options
from benchmark.commands.output import open_console
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands
    from mer_lightning.datamodules import Exported
    from mer_lightning.motion import Representation

_FRAMES = "frames"


def add_export_command(parts: Commands) -> None:
    """Register ``export`` among the commands of ``data``; it sets ``handler``."""
    export = parts.add_parser(
        "export", parents=[suite_options(), local_records()], help="write what methods see into files, for other code"
    )
    export.add_argument("out", type=Path, metavar="OUT", help="folder to write into; one that was begun goes on")
    export.add_argument("--protocol", help="whose samples and classes (default: the first of the suite)")
    export.add_argument(
        "--representation",
        default=_FRAMES,
        metavar="NAME",
        help="what is written, e.g. flow_map; frames for the crops, or aligned faces, of the suite (default: frames)",
    )
    export.add_argument(
        "--argument",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="of the representation, e.g. size=[56,56]; repeatable",
    )
    export.add_argument(
        "--layout",
        choices=["plain", "ststnet"],
        default="plain",
        help="DATABASE/SUBJECT/CLIP and labels.csv, or SUBJECT/u_test/CLASS/SUBJECT_CLIP.png (default: plain)",
    )
    export.add_argument(
        "--format", choices=["png", "npz", "safetensors"], help="(default: npz; png for frames and layout ststnet)"
    )
    export.add_argument(
        "--train",
        choices=["none", "links", "copies"],
        default="none",
        help="also write the u_train of layout ststnet, the maps of everybody else, once per subject (default: none)",
    )
    export.add_argument("--json", action="store_true", help="for programs")
    export.set_defaults(handler=_export)


def _export(arguments: argparse.Namespace) -> int:
    from benchmark.methods.protocol_files import find_protocol
    from benchmark.methods.suite import load_suite
    from mer_lightning.datamodules import Export, ExportFolder, write_export
    from mer_lightning.devices import device_of
    from mer_lightning.motion.cache import Cache

    console = open_console()
    suite = load_suite(arguments.suite)
    protocol = find_protocol(arguments.protocol or suite.protocols[0])
    shown = _chosen_representation(arguments)
    dataset = suite.source.open(arguments.data)
    inputs = plan_inputs(arguments, console)
    export = Export(
        dataset=dataset,
        labelled=protocol.label(dataset),
        classes=protocol.scheme.classes,
        representation=shown,
        layout=arguments.layout,
        form=arguments.format or ("png" if shown is None or arguments.layout == "ststnet" else "npz"),
        train=arguments.train,
        cache=Cache(inputs.cache) if inputs.cache else None,
        device=device_of(inputs.accelerator),
        given={
            "suite": suite.name,
            "edition": suite.source.edition,
            "protocol": {"id": protocol.id, "version": protocol.version, "hash": protocol.hash},
        },
    )
    assert inputs.progress is not None
    with inputs.progress(len(export.labelled.samples)) as advance:
        done = write_export(ExportFolder(arguments.out), export, advance)
    if arguments.json:
        print(
            json.dumps({"out": str(arguments.out), "samples": done.samples, "written": done.written, "kept": done.kept})
        )
    else:
        _say_exported(arguments, export, done)
    return 0


def _say_exported(arguments: argparse.Namespace, export: Any, done: Exported) -> None:  # noqa: ANN401 - torch is not in memory yet
    console = open_console()
    console.print(
        f"{arguments.out}: {done.samples} samples of {export.dataset.name}, {done.written} files written, {done.kept} "
        "were there"
    )
    if done.planes and done.planes.error:
        console.print(
            f"  pixels of 8 bits: values differ by up to {done.planes.error:.3g}; npz and safetensors hold them"
        )
    if export.dataset.synthetic:
        console.print("  nobody was recorded; manifest.json and SYNTHETIC.json say so")
    if arguments.layout == "ststnet":
        console.print(f"  to train on it: {_how_to_read(arguments.out, export)}")
        if arguments.train == "none":
            console.print("  without u_train, which programs of the community read: --train links adds it")


def _how_to_read(out: Path, export: Any) -> str:  # noqa: ANN401 - torch is not in memory yet
    """The command that reads exported maps, with the source of the suite where there is none for them."""
    from mer_lightning.datasets.flow_folders import COMPOSITE
    from mer_lightning.protocols import PROTOCOLS

    data, protocol = f"--data {shlex.quote(str(out))}", export.given["protocol"]["id"]
    if protocol.partition("+")[0] in PROTOCOLS and export.classes == tuple(COMPOSITE.labels.values()):
        return f"mer-bench run --suite megc2019-flow {data} --protocol {protocol} --edition mine"
    labels = ", ".join(f"{index}: {name}" for index, name in enumerate(export.classes))
    databases = sorted({sample.database for sample in export.labelled.samples})
    whose = f"database: {databases[0]}" if len(databases) == 1 else f"subjects: by database ({', '.join(databases)})"
    return f"mer-bench run {data}, --suite with source: {{name: flow-folders, labels: {{{labels}}}, {whose}}}"


def _chosen_representation(arguments: argparse.Namespace) -> Representation | None:
    from benchmark.methods.recipe import RepresentationChoice
    from benchmark.methods.recipe_check import chosen_representation
    from mer_lightning.motion import REPRESENTATIONS

    given = dict(_argument(text) for text in arguments.argument)
    if arguments.representation == _FRAMES:
        if given:
            raise DataError(f"--argument: {_FRAMES} has none; leave it out")
        return None
    if arguments.representation not in REPRESENTATIONS and "." not in arguments.representation:
        raise DataError(
            f"--representation {arguments.representation}: expected {_FRAMES} or one of {', '.join(REPRESENTATIONS)}"
        )
    return chosen_representation(RepresentationChoice(name=arguments.representation, arguments=given))


def _argument(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise DataError(f"--argument {text}: expected KEY=VALUE, e.g. size=[56,56]")
    try:
        return key, json.loads(value)
    except ValueError:
        # a word, which JSON wants in quotes
        return key, value
