"""What was rendered into a folder: files of ours may be replaced and taken away there, those of others never."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mer_lightning.files import write_text
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_LIST = ".rendered.json"


def rendered(folder: Path) -> set[Path]:
    """Files that were rendered into a folder and are still there.

    Raises:
        DataError: The list of them is damaged, or names a file outside.
    """
    path = folder / _LIST
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable ({error}); remove it to render anew") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path}: expected a list of file names; remove it to render anew")
    root = folder.resolve()
    try:
        if strange := [name for name in names if not (folder / name).resolve().is_relative_to(root)]:
            raise DataError(f"{path}: {strange[0]} lies outside; remove it to render anew")
        return {folder / name for name in names if (folder / name).is_file()}
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: a name in it is none of a file; remove it to render anew") from error


def note_rendered(folder: Path, paths: Iterable[Path]) -> None:
    """Keep in mind which files of a folder are rendered."""
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    write_text(folder / _LIST, json.dumps(names, indent=0) + "\n")


def add_rendered(folder: Path, files: Mapping[Path, str]) -> None:
    """Write some files into a folder, beside what is rendered there already.

    Raises:
        DataError: As ``rendered``.
    """
    there = rendered(folder)
    for path, text in files.items():
        write_text(path, text)
    note_rendered(folder, there | files.keys())
