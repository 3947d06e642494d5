"""The databases by name: how each one is recognised in a folder and opened."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mer_lightning.datasets import elsewhere
from mer_lightning.datasets.database import registered
from mer_lightning.datasets.paths import children, walk
from mer_lightning.datasets.releases import get_release
from mer_lightning.datasets.unsupported import unsupported
from mer_lightning.mistakes import unknown
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mer_lightning.datasets.database import Database
    from mer_lightning.datasets.frames import FrameDataset


def databases() -> Mapping[str, Database]:
    """Every database by name: those of micro-expressions by year, then those for pre-training."""
    return registered().databases


def get_database(name: str) -> Database:
    """Find a database by name.

    Raises:
        DataError: No such database.
    """
    known = databases()
    if name not in known:
        raise DataError(unknown("database", name, known))
    return known[name]


def recognise(root: Path) -> tuple[str, ...]:
    """Names of the databases whose files lie under a folder, at most three levels down.

    Raises:
        DataError: No such folder, or a link in it leads out.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder")
    names, shown = {root.name}, set[str]()
    # clips are not entered: what a database is shows above them
    for _, folders, files in walk(root, 3, prune=_inner()):
        names.update(path.name for path in (*folders, *files))
        shown.update(name for name, database in databases().items() if database.shows(root, folders))
    marked = [one.name for one in databases().values() if one.name in shown or any(map(one.marks.fullmatch, names))]
    families = {name.split("_")[0] for name in marked}
    return tuple(
        one.name
        for one in databases().values()
        if one.name in marked
        or (one.hints is not None and one.name not in families and any(map(one.hints.fullmatch, names)))
    )


def _inner() -> re.Pattern[str]:
    """Names of the folders of any database's people or classes."""
    patterns = [database.inner for database in databases().values() if database.inner is not None]
    return re.compile("|".join(f"(?i:{one.pattern})" if one.flags & re.IGNORECASE else one.pattern for one in patterns))


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
    loose = [name for name in itself if _lies_open(databases()[name], data_root, inside)]
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
        supported = ", ".join(database.title for database in databases().values())
        return f"; {strange} is not supported yet; supported are {supported}"
    named = [databases()[name] for name in names]
    wanted = named or list(databases().values())
    for database in wanted:
        if place := elsewhere.below(root, partial(_holds, database), _inner()):
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
    """Open a database by name.

    Args:
        name: One of ``databases()``, e.g. ``casme2``.
        root: Its folder, or one above that holds no other database.
        options: Those of its class, e.g. ``release``, ``variant`` or ``partial``.

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
