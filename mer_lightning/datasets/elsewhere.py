"""Where data lies that is not in the folder that somebody pointed at: above, below or beside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mer_lightning.datasets.paths import walk
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from pathlib import Path

    Holds = Callable[[Path, list[str]], bool]  # told of a folder and of the names in it

_LEVELS = ("", "one level", "two levels", "three levels", "four levels", "five levels", "six levels")
_UP = 4
_SEEN = 3
_DOWN = 6
_MOST_SIBLINGS = 100


def above(root: Path, holds: Holds) -> tuple[int, Path] | None:
    """The outermost folder above that holds what is looked for; what the root is called counts for nothing.

    Args:
        root: Where somebody looked.
        holds: What is looked for.

    Returns:
        How many levels above, at most four, and the folder; None if there is none.
    """
    way = root.resolve()
    found: tuple[int, Path] | None = None
    for level, parent in enumerate(way.parents[:_UP], start=1):
        names = [name for name in _names(parent) if level > 1 or name != way.name]
        if holds(parent, names):
            found = level, parent
    return found


def below(root: Path, holds: Holds, prune: re.Pattern[str]) -> tuple[int, Path] | None:
    """The nearest folder below that holds what is looked for, deeper than loaders look.

    Args:
        root: Where somebody looked.
        holds: What is looked for.
        prune: Folders of this name are not entered.

    Returns:
        How many levels below, at most six, and the folder; None if there is none, or too much to look through.
    """
    found: list[tuple[int, Path]] = []
    try:
        for folder, folders, files in walk(root, _DOWN, prune=prune):
            level = len(folder.relative_to(root).parts)
            if level >= _SEEN and holds(folder, [path.name for path in (*folders, *files)]):
                found.append((level, folder))
    except DataError:
        return None
    return min(found, default=None)


def beside(root: Path, holds: Holds) -> Path | None:
    """The first folder beside the root that holds what is looked for; None if there is none."""
    way = root.resolve()
    siblings = [way.parent / name for name in _names(way.parent)[:_MOST_SIBLINGS] if name != way.name]
    return next((folder for folder in siblings if folder.is_dir() and holds(folder, _names(folder))), None)


def say(what: str, level: int, where: str, folder: Path) -> str:
    """The sentence, e.g. ``CASME II lies one level above: /data/CASME2``."""
    return f"{what} lies {_LEVELS[level]} {where}: {folder}"


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)
    except OSError:
        return []
