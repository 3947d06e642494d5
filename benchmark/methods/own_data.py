"""Data of a user's own as a suite reads it: a table of clips, or folders of flow maps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmark.methods.data_root import data_root
from mer_lightning.datasets.registry import databases
from mer_lightning.types import DATABASE_NAME, RESERVED_DATABASES, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mer_lightning.datasets.clips import ClipApex, ClipTable
    from mer_lightning.types import Dataset


def read_own_clips(data: Path | None, database: str) -> ClipTable:
    """Read the table of clips that is named by ``--data``, or that lies in the data root.

    Args:
        data: The table, or a folder with ``clips.csv`` in it.
        database: Database of rows that name none; empty for the table's own name.

    Raises:
        DataError: There is no such table, or it is not readable as one.
    """
    from mer_lightning.datasets.clips import find_table, read_clip_table

    place = data if data is not None else data_root()
    if place is None:
        raise DataError("--data: clips needs a table of clips, a .csv file; `mer-bench data index FOLDER` drafts one")
    return read_clip_table(find_table(place), database)


def open_own_clips(table: ClipTable, apex: ClipApex | None, *, aligned: bool) -> Dataset:
    """Open the clips of a table.

    Args:
        table: From ``read_own_clips``.
        apex: What takes the place of an apex that is not annotated; the middle frame when None.
        aligned: Warp every clip by the landmarks that its row names.

    Raises:
        DataError: Something is wrong with the table, or a clip has no landmarks to be aligned by.
    """
    from mer_lightning.datasets.clips import OwnClips

    clips = OwnClips(table, apex or "middle_frame")
    if not aligned:
        return clips
    from mer_lightning.faces.aligned import AlignedFrames
    from mer_lightning.faces.clip_points import clip_points

    return AlignedFrames(clips, clip_points(clips))


def own_clip_problems(table: ClipTable, *, aligned: bool) -> list[str]:
    """Everything that is wrong with a table of clips, one line each."""
    problems = [str(problem) for problem in table.found.problems]
    if aligned:
        from mer_lightning.faces.clip_points import clip_landmark_problems

        problems += [str(problem) for problem in clip_landmark_problems(table)]
    return problems


def check_subjects(subjects: Mapping[str, str], database: str) -> Mapping[str, str]:
    """The regular expression of subjects' folders by database.

    Args:
        subjects: As a suite gives them; empty where all are of one database.
        database: That one; empty where ``subjects`` are given.

    Raises:
        ValueError: They are not what they should be, or it is not one of the two.
    """
    if bool(subjects) == bool(database):
        raise ValueError(
            "subjects: expected a regular expression by database, or else database: <name> for all folders"
        )
    for name, form in subjects.items():
        check_own_database(name)
        try:
            re.compile(form)
        except re.error as error:
            raise ValueError(f"subjects.{name}: expected a regular expression ({error})") from None
    return subjects or {database: ".*"}


def check_own_database(name: str) -> None:
    """Make sure that a database may be called so.

    Raises:
        ValueError: It may not.
    """
    if not re.fullmatch(DATABASE_NAME, name) or name in RESERVED_DATABASES:
        reserved = ", ".join(RESERVED_DATABASES)
        raise ValueError(
            f"database '{name[:60]}': expected up to 40 of a-z, 0-9, _ and -, a letter first, and none of {reserved}"
        )


def registered_among(names: Mapping[str, str]) -> list[str]:
    """Those of some databases that the suite reads itself."""
    return [name for name in names if name in databases()]


def open_own_maps(data: Path | None, labels: Mapping[str, str], subjects: Mapping[str, str]) -> Dataset:
    """Open folders of flow maps.

    Args:
        data: Folder of the subjects' folders.
        labels: Label by the name of its folder.
        subjects: Regular expression of subjects' folders by database.

    Raises:
        DataError: The folder is not named, or not what it should be.
    """
    from mer_lightning.datasets.flow_folders import FlowFolders, FlowLayout

    layout = FlowLayout(name="+".join(subjects), labels=labels, subjects=subjects)
    if data is None:
        raise DataError(f"--data: flow-folders needs the folder with {layout.place}")
    return FlowFolders(data, layout)
