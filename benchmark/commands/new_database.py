"""``mer-bench new database``: a suite and a protocol of a user's own clips, which work at once."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.files import fill, yaml_text
from benchmark.places import workspace
from mer_lightning.files import write_text
from mer_lightning.types import DataError, one_line

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands
    from mer_lightning.datasets.clips import ClipTable
    from mer_lightning.types import Sample

METHODS = ("majority", "linear-svm", "ststnet", "off-apexnet")


def add_new_database(parts: Commands) -> None:
    """Register ``database`` under ``new``; it sets ``handler``."""
    database = parts.add_parser("database", help="write a suite and a protocol of clips of your own")
    database.add_argument("name", help="what database, suite and protocol are called")
    database.add_argument(
        "--data",
        type=Path,
        metavar="CSV",
        help="table of the clips, see mer-bench data index (default: clips.csv in the workspace)",
    )
    database.set_defaults(handler=_new_database)


def _new_database(arguments: argparse.Namespace) -> int:
    from mer_lightning.datasets.clips import CLIPS_FILE, find_table, read_clip_table
    from mer_lightning.datasets.problems import refuse

    suite, protocol = _new_places(arguments.name)
    path = find_table(arguments.data or workspace().root / CLIPS_FILE)
    table = read_clip_table(path, arguments.name)
    refuse(table.found.problems)
    samples = [row.sample for row in table.found.rows]
    _check_several_people(path, samples)
    texts = {protocol: _protocol_text(path, arguments.name, samples), suite: _suite_text(arguments.name, table)}
    for place, text in texts.items():
        write_text(place, text)
    _say_next(arguments.name, arguments.data, samples, (suite, protocol))
    return 0


def _new_places(name: str) -> tuple[Path, Path]:
    """Where suite and protocol of this name go."""
    from benchmark.methods.suite import suite_names
    from mer_lightning.protocols import OWN_NAME, PROTOCOLS
    from mer_lightning.types import DATABASE_NAME, RESERVED_DATABASES

    if not (re.fullmatch(OWN_NAME, name) and re.fullmatch(DATABASE_NAME, name)) or name in RESERVED_DATABASES:
        reserved = ", ".join(RESERVED_DATABASES)
        raise DataError(f"'{name[:60]}': expected up to 40 of a-z, 0-9 and -, a letter first, and none of {reserved}")
    for what, known in (("suite", suite_names()), ("protocol", PROTOCOLS)):
        if name in known:
            raise DataError(f"'{name}': everybody has a {what} of this name; expected another one")
    home = workspace()
    places = (home.suites / f"{name}.yaml", home.protocols / f"{name}.yaml")
    if there := next((place for place in places if place.exists()), None):
        raise DataError(f"{there}: is there already; change it, remove it, or choose another name")
    return places


def _check_several_people(path: Path, samples: list[Sample]) -> None:
    people, labels = {sample.person for sample in samples}, {sample.emotion for sample in samples}
    if len(people) < 2 or len(labels) < 2:
        raise DataError(
            f"{path}: {len(people)} subjects and {len(labels)} labels; expected two of each at least, so that one "
            "subject can be held out and something told apart"
        )


def _protocol_text(path: Path, name: str, samples: list[Sample]) -> str:
    """The file of the protocol.

    Raises:
        DataError: The table has what no protocol can have, such as a label that cannot head a column.
    """
    from mer_lightning.protocols import Definition

    classes = sorted({sample.emotion for sample in samples})
    databases = sorted({sample.database for sample in samples})
    labels = {db: {one: one for one in sorted({s.emotion for s in samples if s.database == db})} for db in databases}
    expected: dict[str, Any] = {}
    for database in databases:
        own = [sample for sample in samples if sample.database == database]
        counted = Counter(sample.emotion for sample in own)
        expected[database] = {
            "clips": {one: counted[one] for one in classes},
            "subjects": len({sample.subject for sample in own}),
        }
    given = {"title": f"{name}, {len(classes)} classes", "version": 1}
    stated = {"classes": classes, "labels": labels, "expected": expected}
    fill(Definition, {"name": name, **given, **stated}, path)
    parts = (
        "# What it means to be scored on these clips; two scores compare only under the same protocol.",
        yaml_text(given),
        "# In the order of confusion matrices. Several labels may become one class.",
        yaml_text({"classes": classes}, together=True),
        "# Label -> class, by database; null leaves the clips of a label out.",
        yaml_text({"labels": labels}, together=True),
        "# Whom each fold leaves out: subject, or database. A fixed split instead: split: {test: [...]}.",
        yaml_text({"held_out": "subject"}),
        "# How much there must be; take this away where the clips still change.",
        yaml_text({"expected": expected}, together=True),
        "# What ranks.",
        yaml_text({"metric": "uf1"}),
    )
    return "\n".join(part.strip() for part in parts) + "\n"


def _suite_text(name: str, table: ClipTable) -> str:
    source: dict[str, Any] = {"name": "clips", "database": name}
    if any(row.sample.apex is None for row in table.found.rows):
        source["apex"] = "middle_frame"
    return yaml_text({"title": name, "summary": f"Clips of {name}."}) + yaml_text(
        {"source": source, "protocols": [name], "methods": list(METHODS), "seeds": [0]}, together=True
    )


def _say_next(name: str, data: Path | None, samples: list[Sample], written: tuple[Path, ...]) -> None:
    counted = ", ".join(f"{label} {count}" for label, count in sorted(Counter(s.emotion for s in samples).items()))
    people = len({sample.person for sample in samples})
    print(one_line(f"{name}: {len(samples)} clips of {people} subjects: {counted}"))
    for path in written:
        print(one_line(f"written: {path}"))
    flag = f"--data {shlex.quote(str(data))}" if data is not None else "--data clips.csv"
    print(one_line(f"next: mer-bench run --suite {name} {flag} --plan"))
    print(one_line(f"      mer-bench run --suite {name} {flag}"))
    print("      mer-bench leaderboards")
