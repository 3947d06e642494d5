"""What tables are made of: a user's records beside those that are shipped."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmark.records.run import load_runs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmark.records.run import RunRecord


def load_shown(records: Path, shipped: Path) -> list[RunRecord]:
    """Read a user's records, and those that are shipped, which come first.

    Args:
        records: Folder of the user's; it need not exist.
        shipped: Folder of those that are shipped; the same folder where the workspace is the project.

    Raises:
        DataError: A file is not a RunRecord, or lies in a place that is not its own.
    """
    found = load_runs(shipped)
    return found if records == shipped else [*found, *shown_beside(load_runs(records), found)]


def shown_beside(records: Sequence[RunRecord], shipped: Sequence[RunRecord]) -> list[RunRecord]:
    """A user's records as they are shown: on a shipped leaderboard where they are of its clips, else on one apart."""
    lists = {record.board: record.clip_list for record in shipped if record.complete}
    grouped: dict[str, list[RunRecord]] = defaultdict(list)
    for record in records:
        grouped[record.board].append(record)
    shown: list[RunRecord] = []
    for board, own in grouped.items():
        # rows of other names may have other content: what a leaderboard shares is its list of clips
        apart = board not in lists or any(replace(one.clip_list, entry="").differs(lists[board]) for one in own)
        shown += [one.as_mine(apart=apart and board in lists) for one in own]
    return shown
