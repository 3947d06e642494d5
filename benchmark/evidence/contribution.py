"""Hold predictions of others against the list of a leaderboard, and make the record that enters it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Literal

from benchmark.records.board_names import board_name
from benchmark.records.clip_list import clips_of
from benchmark.records.contributed import ContributedRecord
from mer_lightning.protocols import definition_of
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmark.evidence.scoring import Scoring
    from benchmark.records.contributed import About
    from benchmark.records.run import RunRecord
    from mer_lightning.protocols import Protocol


def make_contribution(
    path: Path, scoring: Scoring, about: About, protocol: Protocol, recorded: Sequence[RunRecord]
) -> ContributedRecord:
    """Make a record of predictions that are of the whole official list and of nothing else.

    What the list is, the counts of the protocol say, and the runs that are recorded under it: how many clips of each
    class every subject has, and, where one has the same keys, which they are.

    Args:
        path: The file of predictions.
        scoring: What is in it, read under the protocol.
        about: Who and how.
        protocol: Whose leaderboard it enters.
        recorded: Runs, of any leaderboard.

    Raises:
        DataError: The file is of another list, or is described as what it cannot be; or nobody says what the list is.
    """
    if scoring.differences:
        raise DataError(f"{path}: not the official list of {protocol.name}: {scoring.differences[0]}")
    if not scoring.has_people:
        raise DataError(f"{path}: it does not say whose each prediction is; expected a column subject")
    if scoring.best and about.selection != "test":
        raise DataError(
            f"{path}: of {scoring.best} subjects it has 'Best Predicted' alone, of the epoch that was best on them; "
            f"expected selection: test, found {about.selection}"
        )
    confusion = {person: tuple(map(tuple, matrix.tolist())) for person, matrix in scoring.matrices.items()}
    board = board_name(protocol.id, synthetic=False)
    runs = [run for run in recorded if run.complete and not run.contributed and run.shown_on == board]
    clips = clips_of(confusion)
    if not runs and (protocol.tested or not protocol.counts):
        raise DataError(
            f"{path}: how many clips {protocol.name} has is not stated, and no run is recorded on {board} to hold them "
            "against; run a method there first" + (", or state `expected`" if not protocol.tested else "")
        )
    if runs:
        _check_people(path, clips, clips_of(runs[0].confusion), protocol)
    table_hash = _table_hash(scoring)
    held_by: Literal["clips", "subjects", "counts"] = "subjects" if runs else "counts"
    if table_hash in {run.data.table_hash for run in runs}:
        held_by = "clips"
    return ContributedRecord(
        board=board,
        protocol=protocol.id,
        protocol_version=protocol.version,
        protocol_hash=protocol.hash,
        definition=definition_of(protocol),
        about=about,
        classes=scoring.classes,
        databases=protocol.tested_databases,
        confusion=confusion,
        predictions_hash=hashlib.sha256(path.read_bytes()).hexdigest(),
        table_hash=table_hash,
        held_by=held_by,
    )


def _check_people(
    path: Path, ours: Mapping[str, tuple[int, ...]], listed: Mapping[str, tuple[int, ...]], protocol: Protocol
) -> None:
    def said(counts: Sequence[int]) -> str:
        return " / ".join(f"{n} {name}" for n, name in zip(counts, protocol.scheme.classes, strict=True))

    for person in sorted({*ours, *listed}):
        if person not in listed:
            raise DataError(f"{path}: {person} is no subject of {protocol.name}; expected one like {min(listed)}")
        if person not in ours:
            raise DataError(f"{path}: no prediction of {person}; expected {said(listed[person])}")
        if ours[person] != listed[person]:
            raise DataError(f"{path}: {person} has {said(ours[person])}; expected {said(listed[person])}")


def _table_hash(scoring: Scoring) -> str:
    """As of ``Labelled``; empty where the file has no names of clips."""
    if not scoring.has_clips:
        return ""
    index = {name: i for i, name in enumerate(scoring.classes)}
    rows = sorted([f"{row.database}/{row.subject}/{row.clip}", index[row.label]] for row in scoring.rows)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
