"""A small database as an example: crops of faces in ``P01/smile/frame1.png`` ..., and ``ownlab.csv`` beside them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mer_lightning.datasets.annotation import AnnotationRelease
from mer_lightning.datasets.builder import Builder, choose_release
from mer_lightning.datasets.copies import expected_clip, find_clips
from mer_lightning.datasets.database import Database
from mer_lightning.datasets.frames import FrameDataset, Scan
from mer_lightning.datasets.paths import existing_root, files_like
from mer_lightning.datasets.sheets import Column, read_table
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = "P01/smile/frame1.png and ownlab.csv with the columns subject, clip, emotion, onset, offset"
_SUBJECT = re.compile(r"P\d{2}")
_TABLE = re.compile(r"ownlab\.csv")
_COLUMNS = (
    Column("subject", ("subject",), "subject"),
    Column("clip", ("clip",), "text"),
    Column("emotion", ("emotion",), "label"),
    Column("onset", ("onset",), "frame"),
    Column("offset", ("offset",), "frame"),
)


class OwnLab(FrameDataset):
    """The database in its folder.

    Args:
        root: Folder that holds the table with the subjects' folders beside it, at most three levels down.
        release: ``ownlab-12``.
        partial: True for a deliberate subset of the database.

    Raises:
        DataError: Something is not as released; `mer_lightning.datasets.verify` lists all of it.
    """

    def __init__(self, root: Path | str, *, release: str | None = None, partial: bool = False) -> None:
        super().__init__(scan(root, release=release), partial=partial)


def scan(root: Path | str, *, release: str | None = None) -> Scan:
    """Hold the table against the folders and collect every problem.

    Raises:
        DataError: There is no folder or table to start from.
    """
    base = existing_root(root, LAYOUT)
    tables = files_like(base, _TABLE, prune=_SUBJECT)
    if len(tables) != 1:
        raise DataError(f"{base}: expected one ownlab.csv, found {len(tables)}")
    table, folder = read_table(base, tables[0], _COLUMNS), tables[0].parent
    builder = Builder("ownlab", base, choose_release("ownlab", release, "ownlab-12"), "cropped")
    subjects, clips = find_clips(builder, base, folder, _SUBJECT, lambda match: match[0])
    for row, subject, clip in builder.names(table):
        expected = expected_clip(base, folder, subject, clip, subjects)
        builder.add_row(table.file, row, subject, clip, clips.get(f"{subject}/{clip}"), expected)
    builder.unnamed(clips)
    return builder.scan()


RELEASES = (
    AnnotationRelease(
        name="ownlab-12",
        database="ownlab",
        source="An example; nobody has recorded it",
        file="ownlab.csv",
        counts={"happiness": 4, "disgust": 4, "surprise": 4},
        clips=12,
        subjects=4,
    ),
)
DATABASE = Database(
    name="ownlab",
    title="Own laboratory",
    layout=LAYOUT,
    obtain="an example; there is nothing to obtain",
    year=2026,
    opener=OwnLab,
    scanner=scan,
    marks=_TABLE,
    top=_TABLE,
    inner=_SUBJECT,
)
