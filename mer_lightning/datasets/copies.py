"""Copies of a database's frames, raw or cropped: a folder per subject, in it a folder or a video file per clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_lightning.datasets.builder import choose_variant
from mer_lightning.datasets.paths import children, folders_with, relative
from mer_lightning.types import DataError
from mer_lightning.video.reader import VIDEO_SUFFIXES

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mer_lightning.datasets.builder import Builder

Copies = dict[str, list["Path"]]


def find_copies(root: Path, subject: re.Pattern[str], kind: Callable[[str], str], order: Sequence[str]) -> Copies:
    """Find the folders that hold subjects' folders.

    Args:
        root: Root of the database; its name counts too, since a user may point at one copy.
        subject: What a subject's folder is called.
        kind: Variant of a folder by its path from the root's name on, in lower case.
        order: Variants in the order of preference.

    Returns:
        Folders by variant, in that order; variants without a folder are left out.

    Raises:
        DataError: As `walk`.
    """
    found: Copies = {}
    for folder in folders_with(root, subject):
        found.setdefault(kind(f"{root.name}/{relative(root, folder)}".lower()), []).append(folder)
    return {name: found[name] for name in order if name in found}


def choose_copy(variant: str | None, copies: Copies, root: Path, wanted: str) -> tuple[str, Path]:
    """Choose the copy that is read, see `choose_variant`.

    Raises:
        DataError: It is not there, or there are two of the same variant, and only the user can know which is meant.
    """
    kind, folders = choose_variant(variant, copies, root, wanted)
    if len(folders) > 1:
        one, other = (relative(root, folder) for folder in folders[:2])
        raise DataError(f"{root}: {kind} frames lie in {one} and in {other}; keep one of them in the folder")
    return kind, folders[0]


def find_clips(
    builder: Builder, root: Path, frames: Path, subject: re.Pattern[str], name: Callable[[re.Match[str]], str]
) -> tuple[set[str], dict[str, Path]]:
    """Find the clips of one copy; ``sub1`` and ``sub01`` are one subject.

    Args:
        builder: Notes a clip that lies in two of a subject's folders.
        root: Root of the database.
        frames: Folder of the subjects.
        subject: What a subject's folder is called.
        name: Subject as samples name it.

    Returns:
        The subjects, and folders or video files by ``<subject>/<clip>``.

    Raises:
        DataError: As `children`.
    """
    subjects: set[str] = set()
    clips: dict[str, Path] = {}
    for folder in children(root, frames):
        match = subject.fullmatch(folder.name)
        if match is None or not folder.is_dir():
            continue
        subjects.add(name(match))
        for path in children(root, folder):
            if not (path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES):
                continue
            key = f"{name(match)}/{path.name if path.is_dir() else path.stem}"
            if key in clips:
                builder.problem(relative(root, path), None, f"{key} lies in {relative(root, clips[key])} too")
            clips.setdefault(key, path)
    return subjects, clips


def expected_clip(root: Path, frames: Path, subject: str, clip: str, subjects: set[str]) -> str:
    """What a row without frames lacks, for its message."""
    return relative(root, frames / subject / clip) if subject in subjects else f"folder of subject {subject}"
