"""The databases by name: how each one is recognised in a folder, scanned and opened."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mer_lightning.datasets import casme2, ckplus, fer2013, samm, smic
from mer_lightning.datasets.paths import children, walk
from mer_lightning.datasets.releases import get_release
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from mer_lightning.datasets.frames import FrameDataset, Scan


@dataclass(frozen=True, slots=True)
class Database:
    """One supported database.

    Attributes:
        name: Short name, as in sample keys.
        title: Name for people.
        layout: Folders and files that are expected.
        obtain: How to obtain it.
        opener: Makes the Dataset from a root folder.
        scanner: Scans a root folder.
        options: Arguments that both always get.
        marks: File or folder names of which one is enough to recognise it.
        hints: Names that are enough where no other camera is recognised.
    """

    name: str
    title: str
    layout: str
    obtain: str
    opener: Callable[..., FrameDataset]
    scanner: Callable[..., Scan]
    options: Mapping[str, str]
    marks: re.Pattern[str]
    hints: re.Pattern[str] | None = None

    def open(self, root: Path | str, **options: object) -> FrameDataset:
        """Open the database; options are those of its class.

        Raises:
            DataError: There is no such option, or something is not as released.
        """
        self.check_options(options)
        return self.opener(root, **(dict(self.options) | options))

    def scan(self, root: Path | str, **options: object) -> Scan:
        """Collect what is there and every problem.

        Raises:
            DataError: There is no such option, or nothing to start from.
        """
        self.check_options(options)
        return self.scanner(root, **(dict(self.options) | options))

    def check_options(self, options: Iterable[str]) -> None:
        """Make sure that the database has such options.

        Raises:
            DataError: It lacks one.
        """
        known = inspect.signature(self.opener).parameters
        if strange := [option for option in options if option not in known]:
            raise DataError(f"{self.name}: there is no {strange[0]} to choose")


def _smic(camera: str, title: str) -> Database:
    tokens = rf"(?i:smic[_-]{camera}([_-]e)?|{camera}([_-]long)?"
    # the workbook that is named after HS has a sheet of VIS too
    tokens += ")" if camera == "hs" else rf"|.*smic[_-]{camera}.*annotation.*\.(xlsx?|csv))"
    hints = re.compile(r"(?i:.*smic.*annotation.*\.(xlsx?|csv)|smic[_-]crop(ped)?)") if camera == "hs" else None
    return Database(
        name="smic" if camera == "hs" else f"smic_{camera}",
        title=title,
        layout=smic.LAYOUT.replace("HS", camera.upper()),
        obtain="signed agreement with the University of Oulu, Center for Machine Vision and Signal Analysis",
        opener=smic.Smic,
        scanner=smic.scan,
        options={"camera": camera},
        marks=re.compile(tokens),
        hints=hints,
    )


DATABASES: dict[str, Database] = {
    database.name: database
    for database in (
        _smic("hs", "SMIC (high-speed camera)"),
        _smic("vis", "SMIC (visual camera)"),
        _smic("nir", "SMIC (near-infrared camera)"),
        Database(
            name="casme2",
            title="CASME II",
            layout=casme2.LAYOUT,
            obtain="signed agreement with the Institute of Psychology, Chinese Academy of Sciences",
            opener=casme2.Casme2,
            scanner=casme2.scan,
            options={},
            marks=re.compile(r"(?i:(\[.*\] ?)?CASME2[-_].*|CASME2\.(xlsx?|csv)|sub\d{1,2})"),
        ),
        Database(
            name="samm",
            title="SAMM",
            layout=samm.LAYOUT,
            obtain="signed agreement with Manchester Metropolitan University",
            opener=samm.Samm,
            scanner=samm.scan,
            options={},
            marks=re.compile(r"(?i:(.*SAMM.*Micro.*FACS.*|SAMM)\.(xlsx?|csv)|SAMM_CROP(PED)?)"),
        ),
        Database(
            name="ckplus",
            title="CK+",
            layout=ckplus.LAYOUT,
            obtain="signed agreement with the Affect Analysis Group, University of Pittsburgh",
            opener=ckplus.CkPlus,
            scanner=ckplus.scan,
            options={},
            marks=re.compile(r"(?i:cohn-kanade-images)"),
        ),
        Database(
            name="fer2013",
            title="FER2013",
            layout=fer2013.LAYOUT,
            obtain="Kaggle, challenges-in-representation-learning-facial-expression-recognition-challenge",
            opener=fer2013.Fer2013,
            scanner=fer2013.scan,
            options={},
            marks=re.compile(r"(?i:fer2013\.csv)"),
        ),
    )
}


def get_database(name: str) -> Database:
    """Find a database by name.

    Raises:
        DataError: No such database.
    """
    if name not in DATABASES:
        raise DataError(f"database '{name}' is unknown; expected one of {', '.join(DATABASES)}")
    return DATABASES[name]


def recognise(root: Path) -> tuple[str, ...]:
    """Names of the databases whose files lie under a folder, at most three levels down.

    Raises:
        DataError: No such folder, or a link in it leads out.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder")
    names = {root.name}
    # clips are not entered: what a database is shows above them
    for _, folders, files in walk(root, 3, prune=re.compile(r"(?i:s\d{1,2}|sub\d{1,2}|\d{3}|S\d{3})")):
        names.update(path.name for path in (*folders, *files))
    marked = [one.name for one in DATABASES.values() if any(map(one.marks.fullmatch, names))]
    families = {name.split("_")[0] for name in marked}
    return tuple(
        one.name
        for one in DATABASES.values()
        if one.name in marked
        or (one.hints is not None and one.name not in families and any(map(one.hints.fullmatch, names)))
    )


def find_databases(data_root: Path) -> list[tuple[str, Path]]:
    """Databases under a data root: in each of its folders, or in the root itself if it holds a single one.

    Returns:
        ``(name, folder)`` in the order of the folders.

    Raises:
        DataError: No such folder, or a link in it leads out.
    """
    if not data_root.is_dir():
        raise DataError(f"{data_root}: no such data root")
    itself = recognise(data_root)
    if len({name.split("_")[0] for name in itself}) == 1:
        # one database (with its cameras): its own folder, or a root that holds nothing else
        return [(name, data_root) for name in itself]
    return [
        (name, folder) for folder in children(data_root, data_root) if folder.is_dir() for name in recognise(folder)
    ]


def open_database(name: str, root: Path | str, **options: object) -> FrameDataset:
    """Open a database by name; options are those of its class, e.g. ``variant`` or ``partial``.

    Raises:
        DataError: No such database, or something is not as released.
    """
    release = options.get("release")
    if isinstance(release, str) and get_release(release).database != name:
        raise DataError(f"release {release} is not one of {name}")
    return get_database(name).open(root, **options)
