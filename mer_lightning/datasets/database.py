"""What a database is to the registry, and which ones the files of this folder define."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from mer_lightning.datasets.annotation import AnnotationRelease
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from mer_lightning.datasets.frames import FrameDataset, Scan
    from mer_lightning.datasets.problems import Problem

_FOLDER = "mer_lightning.datasets"


@dataclass(frozen=True, slots=True)
class Database:
    """One supported database.

    Attributes:
        name: Short name, as in sample keys.
        title: Name for people.
        layout: Folders and files that are expected.
        obtain: How to obtain it.
        year: When it was published; databases are listed in this order.
        opener: Makes the Dataset from a root folder.
        scanner: Scans a root folder.
        marks: File or folder names of which one is enough to recognise it.
        top: Names of what lies at the top of it: its sheet, or folders that it is divided into.
        options: Arguments that opener and scanner always get.
        short: Name in the columns of tables; the title when empty.
        hints: Names that are enough where no other camera is recognised.
        inner: Names of the folders of its people or classes: above them lies all that tells which database it is.
        spread: True where its folders are released side by side, without one around them.
        shows: Whether folders that lie side by side are it, where no name tells.
        check_frames: Reads everything of a scan and lists what is wrong, where frames are no files of their clip.
        fps: Frames per second of its camera; None where there are no clips, or of several cameras.
        pretraining: True where it has no micro-expressions and methods are pre-trained on it; listed last.
    """

    name: str
    title: str
    layout: str
    obtain: str
    year: int
    opener: Callable[..., FrameDataset]
    scanner: Callable[..., Scan]
    marks: re.Pattern[str]
    top: re.Pattern[str]
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    short: str = ""
    hints: re.Pattern[str] | None = None
    inner: re.Pattern[str] | None = None
    spread: bool = False
    shows: Callable[[Path, Iterable[Path]], bool] = lambda root, folders: False  # noqa: ARG005
    check_frames: Callable[[Scan], list[Problem]] | None = None
    fps: float | None = None
    pretraining: bool = False

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


@dataclass(frozen=True, slots=True)
class Registered:
    """What the files of this folder define, in order.

    Attributes:
        databases: By name: those of micro-expressions by year, then those for pre-training.
        releases: By name, in the order of their databases.
    """

    databases: Mapping[str, Database]
    releases: Mapping[str, AnnotationRelease]


@cache
def registered() -> Registered:
    """What the files of this folder define; they are looked through once, when it is first asked for."""
    return find_registered()


def find_registered() -> Registered:
    """Look through the files of this folder for ``DATABASE``, ``DATABASES`` and ``RELEASES``.

    Raises:
        DataError: Two databases or releases are of one name, or a release is of no database.
    """
    databases: dict[str, Database] = {}
    releases: dict[str, AnnotationRelease] = {}
    files = [info.name for info in iter_modules(import_module(_FOLDER).__path__) if not info.ispkg]
    for file in sorted(files):
        own = vars(import_module(f"{_FOLDER}.{file}"))
        for database in _values(own, "DATABASE", "DATABASES", of=Database):
            if databases.setdefault(database.name, database) is not database:
                raise DataError(f"datasets/{file}.py: a database is called {database.name} already")
        for release in _values(own, "RELEASES", of=AnnotationRelease):
            if releases.setdefault(release.name, release) is not release:
                raise DataError(f"datasets/{file}.py: a release is called {release.name} already")
    for release in releases.values():
        if release.database not in databases:
            known = ", ".join(databases)
            raise DataError(
                f"release {release.name}: database '{release.database}' is unknown; expected one of {known}"
            )
    ordered = sorted(databases.values(), key=_listed_at)
    coded = sorted(releases.values(), key=lambda release: _listed_at(databases[release.database]))
    return Registered({one.name: one for one in ordered}, {one.name: _switched(one) for one in coded})


def _values(own: Mapping[str, Any], *names: str, of: type) -> Iterator[Any]:
    for name in names:
        value = own.get(name, ())
        yield from (one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, of))


def _listed_at(database: Database) -> tuple[bool, int]:
    return database.pretraining, database.year


def _switched(release: AnnotationRelease) -> AnnotationRelease:
    """The release with the corrections on that are so by default."""
    return replace(release, active=frozenset(one.name for one in release.corrections if one.default))
