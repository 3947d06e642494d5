"""The databases by name: how each one is recognised in a folder, scanned and opened."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mer_lightning.datasets import casme2, ckplus, elsewhere, fer2013, fer2013_folders, samm, smic
from mer_lightning.datasets.paths import children, walk
from mer_lightning.datasets.releases import get_release
from mer_lightning.datasets.unsupported import unsupported
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
        top: Names of what lies at the top of it: its sheet, or folders that it is divided into.
        spread: True where its folders are released side by side, without one around them.
        shows: Whether folders that lie side by side are it, where no name tells.
    """

    name: str
    title: str
    layout: str
    obtain: str
    opener: Callable[..., FrameDataset]
    scanner: Callable[..., Scan]
    options: Mapping[str, str]
    marks: re.Pattern[str]
    top: re.Pattern[str]
    hints: re.Pattern[str] | None = None
    spread: bool = False
    shows: Callable[[Path, Iterable[Path]], bool] = lambda root, folders: False  # noqa: ARG005

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
        top=re.compile(rf"(?i:smic[_-].*|{camera}([_-]long)?)"),
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
            top=re.compile(r"(?i:.*CASME2.*\.(xlsx?|csv))"),
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
            top=re.compile(r"(?i:SAMM.*\.(xlsx?|csv))"),
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
            top=re.compile(r"(?i:(extended-)?cohn-kanade-images|emotion(_labels)?)"),
            spread=True,
        ),
        Database(
            name="fer2013",
            title="FER2013",
            layout=fer2013.LAYOUT,
            obtain="Kaggle, challenges-in-representation-learning-facial-expression-recognition-challenge",
            opener=fer2013.Fer2013,
            scanner=fer2013.scan,
            options={},
            marks=fer2013.FILE,
            top=fer2013.FILE,
            shows=fer2013_folders.shows,
        ),
    )
}


_CLIPS = re.compile(r"(?i:s\d{1,2}|sub\d{1,2}|\d{3}|S\d{3})|" + fer2013_folders.CLASS.pattern)


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
    names, shown = {root.name}, set[str]()
    # clips are not entered: what a database is shows above them
    for _, folders, files in walk(root, 3, prune=_CLIPS):
        names.update(path.name for path in (*folders, *files))
        shown.update(name for name, database in DATABASES.items() if database.shows(root, folders))
    marked = [one.name for one in DATABASES.values() if one.name in shown or any(map(one.marks.fullmatch, names))]
    families = {name.split("_")[0] for name in marked}
    return tuple(
        one.name
        for one in DATABASES.values()
        if one.name in marked
        or (one.hints is not None and one.name not in families and any(map(one.hints.fullmatch, names)))
    )


def find_databases(data_root: Path) -> list[tuple[str, Path]]:
    """Databases under a data root: in each of its folders, or in the root itself.

    The root is a database's folder if it holds a single one, or that database's sheet or folders lie directly in it.

    Returns:
        ``(name, folder)`` in the order of the folders, the root first.

    Raises:
        DataError: No such folder, or a link in it leads out.
    """
    if not data_root.is_dir():
        raise DataError(f"{data_root}: no such data root")
    itself = recognise(data_root)
    if len({name.split("_")[0] for name in itself}) == 1:
        # one database (with its cameras): its own folder, or a root that holds nothing else
        return [(name, data_root) for name in itself]
    inside = children(data_root, data_root)
    loose = [name for name in itself if _lies_open(DATABASES[name], data_root, inside)]
    return [(name, data_root) for name in loose] + [
        (name, folder) for folder in inside if folder.is_dir() for name in recognise(folder) if name not in loose
    ]


def _lies_open(database: Database, root: Path, inside: list[Path]) -> bool:
    parts = [path for path in inside if path.is_file() or database.spread]
    folders = [path for path in inside if path.is_dir()]
    return any(database.top.fullmatch(path.name) for path in parts) or database.shows(root, folders)


def where_else(root: Path, names: Iterable[str] = ()) -> str:
    """What to say of databases that are not where somebody looked.

    Args:
        root: Where that was.
        names: The databases; none for any, which are then not looked for beside the folder.

    Returns:
        ``"; "`` and a sentence: that it is another database, or where it lies; empty where nothing is near.
    """
    if strange := unsupported(root):
        supported = ", ".join(database.title for database in DATABASES.values())
        return f"; {strange} is not supported yet; supported are {supported}"
    named = [DATABASES[name] for name in names]
    wanted = named or list(DATABASES.values())
    for database in wanted:
        if place := elsewhere.below(root, partial(_holds, database), _CLIPS):
            return f"; {elsewhere.say(database.title, place[0], 'below', place[1])}"
    for database in wanted:
        if place := elsewhere.above(root, partial(_holds, database)):
            return f"; {elsewhere.say(database.title, place[0], 'above', place[1])}"
    for database in named:
        if folder := elsewhere.beside(root, partial(_holds, database)):
            return f"; {database.title} lies beside it: {folder}"
    return ""


def _holds(database: Database, folder: Path, names: list[str]) -> bool:
    try:
        return any(database.top.fullmatch(name) for name in names) or database.shows(
            folder, [folder / name for name in names if (folder / name).is_dir()]
        )
    except (DataError, OSError):
        return False


def open_database(name: str, root: Path | str, **options: object) -> FrameDataset:
    """Open a database by name; options are those of its class, e.g. ``variant`` or ``partial``.

    Raises:
        DataError: No such database, or something is not as released.
    """
    release = options.get("release")
    if isinstance(release, str) and get_release(release).database != name:
        raise DataError(f"release {release} is not one of {name}")
    database = get_database(name)
    try:
        return database.open(root, **options)
    except DataError as error:
        raise DataError(f"{error}{_missed(database, Path(root))}") from None


def _missed(database: Database, root: Path) -> str:
    try:
        database.scan(root)
    except DataError:
        # nothing to start from; else something is there, and not as it should be
        return where_else(root, [database.name])
    return ""
