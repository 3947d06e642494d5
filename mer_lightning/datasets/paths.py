"""Names that come from a sheet or a folder are untrusted: nothing outside the root is ever opened."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from mer_lightning.types import DataError
from mer_lightning.video.reader import natural_key

if TYPE_CHECKING:
    from collections.abc import Iterator

# the last range stands for bytes that are not UTF-8
_FORBIDDEN = re.compile(r'[\\/:*?"<>|\x00-\x1f\ud800-\udfff]')
_LONGEST_NAME = 120
_MOST_FOLDERS = 20_000


def safe_name(name: str, what: str) -> str:
    """Check that a name from a sheet is one plain path component.

    Args:
        name: The name as released.
        what: What it names, for the message, e.g. ``Filename``.

    Returns:
        The name without surrounding blanks.

    Raises:
        DataError: Empty, too long, ``.`` or ``..``, absolute, or with a separator or control character.
    """
    plain = name.strip()
    if not plain or len(plain) > _LONGEST_NAME or set(plain) == {"."} or _FORBIDDEN.search(plain):
        raise DataError(f"{what} {name[:_LONGEST_NAME]!r} is not a plain name; expected one folder or file name")
    return plain


def folded(name: str, *, zeros: bool = True) -> str:
    """What names have in common that differ in case, Unicode form, kind of digits, or with ``zeros`` in those alone."""
    same = unicodedata.normalize("NFKC", name).casefold()
    ascii_digits = (str(unicodedata.decimal(one)) if one.isdecimal() else one for one in same)
    same = unicodedata.normalize("NFKC", "".join(ascii_digits))
    return re.sub(r"(?<!\d)0+(?=\d)", "", same) if zeros else same


def inside(root: Path, path: Path) -> Path:
    """Follow links and check that the path stays under the root.

    Returns:
        The resolved path.

    Raises:
        DataError: The path leads out of the root, or round in a circle.
    """
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError):
        raise DataError(f"{relative(root, path)}: the link leads in a circle") from None
    if not resolved.is_relative_to(root.resolve()):
        raise DataError(f"{relative(root, path)}: leads out of the root folder; links must stay inside it")
    return resolved


def relative(root: Path, path: Path) -> str:
    """The path as messages name it: from the root on, with forward slashes."""
    try:
        return path.relative_to(root).as_posix() or "."
    except ValueError:
        return path.as_posix()


def children(root: Path, folder: Path) -> list[Path]:
    """What a folder holds, in natural order, hidden entries left out.

    Raises:
        DataError: The folder, or a link in it, leads out of the root; the folder cannot be listed; or it holds what is
            neither file nor folder, such as a pipe.
    """
    inside(root, folder)
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{relative(root, folder)}: cannot be listed ({error.strerror})") from None
    paths: list[Path] = []
    for entry in sorted(found, key=lambda entry: natural_key(entry.name)):
        path = folder / entry.name
        if entry.is_symlink():
            inside(root, path)
        # whoever opens a pipe waits until somebody writes
        if not (entry.is_file() or entry.is_dir()) and path.exists():
            raise DataError(f"{relative(root, path)}: neither file nor folder; expected only those")
        paths.append(path)
    return paths


def walk(root: Path, depth: int, prune: re.Pattern[str] | None = None) -> Iterator[tuple[Path, list[Path], list[Path]]]:
    """Walk the folders under a root, parents first, in natural order.

    Args:
        root: Where to start; given first.
        depth: How many levels below the root are entered.
        prune: Folders whose name matches are listed but not entered.

    Yields:
        Folder, its sub-folders, its files. Links are followed only inside the root and never twice.

    Raises:
        DataError: As `children`; or more than 20 000 folders.
    """
    seen: set[Path] = set()
    stack = [(root, 0)]
    while stack:
        folder, level = stack.pop()
        real = folder.resolve()
        if real in seen:
            continue
        seen.add(real)
        if len(seen) > _MOST_FOLDERS:
            raise DataError(f"{root}: more than {_MOST_FOLDERS} folders; point at the folder of one database")
        folders: list[Path] = []
        files: list[Path] = []
        for path in children(root, folder):
            (folders if path.is_dir() else files).append(path)
        yield folder, folders, files
        if level < depth:
            stack += [
                (path, level + 1) for path in reversed(folders) if prune is None or not prune.fullmatch(path.name)
            ]


def folders_with(root: Path, pattern: re.Pattern[str], depth: int = 3) -> list[Path]:
    """Folders that hold at least one sub-folder whose whole name matches.

    Raises:
        DataError: As `walk`.
    """
    return [
        folder
        for folder, folders, _ in walk(root, depth, prune=pattern)
        if any(pattern.fullmatch(path.name) for path in folders)
    ]


def files_like(
    root: Path, pattern: re.Pattern[str], depth: int = 3, prune: re.Pattern[str] | None = None
) -> list[Path]:
    """Files whose whole name matches, in natural order of their folders.

    Raises:
        DataError: As `walk`.
    """
    return [path for _, _, files in walk(root, depth, prune) for path in files if pattern.fullmatch(path.name)]


def expanded(path: Path) -> Path:
    """The path with ``~`` spelt out; as it is where there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def existing_root(root: Path | str, what: str) -> Path:
    """Check that the folder that a user pointed at exists.

    Raises:
        DataError: No such folder; the message names the database that was expected in it.
    """
    path = expanded(Path(root))
    if not path.is_dir():
        raise DataError(f"{path}: no such folder; expected {what} in it")
    return path.resolve()
