"""Databases that are known by their sheets and cannot be read yet, so that a user is not told of an empty folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mer_lightning.datasets.paths import files_like, relative
from mer_lightning.datasets.sheets import Column, read_table
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

TITLES: dict[str, tuple[str, ...]] = {
    "CAS(ME)^3 part A": ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"),
    "DFME": ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId", "Fps"),
}
"""By the name of a database, columns that only its sheet has together."""
_MOST_SHEETS = 20


def unsupported(root: Path) -> str:
    """The database whose sheet lies under a folder, with the sheet; empty if there is none that is known.

    Args:
        root: Its folder; sheets are looked for three levels down.
    """
    try:
        sheets = files_like(root, re.compile(r"[^~].*\.xlsx", re.IGNORECASE))[:_MOST_SHEETS]
    except DataError:
        return ""
    for path in sheets:
        for database, titles in TITLES.items():
            columns = [Column(title, (title,), "text", blank=True) for title in titles]
            try:
                read_table(root, path, columns)
            except DataError:
                continue
            return f"{database} ({relative(root, path)}: the sheet's columns say so)"
    return ""
