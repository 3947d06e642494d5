"""What tables are made of: a user's records beside those that are shipped, and what others contributed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmark.records.board_names import contributed
from benchmark.records.contributed import UNCHECKED, contributed_path, load_contributed
from benchmark.records.provenance import DataProvenance
from benchmark.records.run import RunRecord, load_runs
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmark.records.contributed import ContributedRecord

_ELSEWHERE = "another machine"


def load_shown(records: Path, shipped: Path, others: Sequence[Path] = ()) -> list[RunRecord]:
    """Read a user's records, and those that are shipped, which come first; then what others contributed.

    Args:
        records: Folder of the user's; it need not exist.
        shipped: Folder of those that are shipped; the same folder where the workspace is the project.
        others: Folders of what others contributed, shipped ones first; they need not exist.

    Raises:
        DataError: A file is not a record, or lies in a place that is not its own; or a contribution is of another list
            of clips than the runs of its leaderboard, or of one name with another.
    """
    found = load_runs(shipped)
    found += [] if records == shipped else shown_beside(load_runs(records), found)
    return found + _contributions(others, found)


def shown_beside(records: Sequence[RunRecord], shipped: Sequence[RunRecord]) -> list[RunRecord]:
    """A user's records as they are shown: on a shipped leaderboard where they are of its clips, else on one apart.

    Where no leaderboard of the protocol is shipped, they have it to themselves, under their own names.
    """
    boards = {record.board for record in shipped}
    lists = {record.board: record.clip_list for record in shipped if record.complete}
    grouped: dict[str, list[RunRecord]] = defaultdict(list)
    for record in records:
        grouped[record.board].append(record)
    shown: list[RunRecord] = []
    for board, own in grouped.items():
        # rows of other names may have other content: what a leaderboard shares is its list of clips
        apart = board in lists and any(replace(one.clip_list, entry="").differs(lists[board]) for one in own)
        # under a protocol of the user's own, nothing is there that they could be mistaken for
        shown += [one.as_mine(apart=apart, beside=board in boards and not apart) for one in own]
    return shown


def _contributions(folders: Sequence[Path], runs: Sequence[RunRecord]) -> list[RunRecord]:
    lists = {run.shown_on: run.clip_list for run in reversed(runs) if run.complete}
    places: dict[tuple[str, str], Path] = {}
    shown: list[RunRecord] = []
    for folder in dict.fromkeys(folders):
        for record in load_contributed(folder):
            path = contributed_path(folder, record)
            there = places.setdefault((record.board, record.about.name), path)
            if there != path:
                raise DataError(
                    f"{path}: '{record.about.name}' stands on {record.board} already, by {there}; rename one"
                )
            run = as_run(record)
            if record.board in lists and (reason := run.clip_list.differs(lists[record.board])):
                raise DataError(f"{path}: cannot stand on {record.board} any more: {reason}; contribute it anew")
            shown.append(run)
    return shown


def as_run(record: ContributedRecord) -> RunRecord:
    """What others contributed as tables, pages and comparisons take it: a run that has no place in a table."""
    about, protocol = record.about, record.evaluation
    method = contributed(about.name)
    folds = len({protocol.fold_of(person) for person in record.confusion})
    run = RunRecord(
        run=f"{method}--{record.board}",
        method=method,
        title=f"{about.title} (contributed)",
        board=record.board,
        protocol=record.protocol,
        protocol_version=record.protocol_version,
        protocol_hash=record.protocol_hash,
        definition=record.definition,
        selection=protocol.selection,
        recipe_hash=record.predictions_hash,
        recipe={"deviations": list(record.said), "unranked": UNCHECKED},
        data=DataProvenance(
            source="contributed",
            release=about.input,
            synthetic=False,
            table_hash=record.table_hash,
            content_hash=record.predictions_hash,
        ),
        seed=0,
        classes=record.classes,
        databases=record.databases,
        folds=folds,
        finished=folds,
        confusion=record.confusion,
        versions={},
        device=_ELSEWHERE,
        seconds=0.0,
    )
    return run.as_contributed(about)
