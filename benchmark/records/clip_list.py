"""What results are of: a leaderboard is one list of clips, and a method stands on it with one content of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmark.records.board_names import is_synthetic
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    Clips = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ClipList:
    """What one result, recorded or still to be made, is of: the clips that it tests.

    Attributes:
        board: Leaderboard.
        entry: Its row there.
        source: Name and release of the data.
        content_hash: SHA-256 of keys, labels and content.
        clips: Clips of each class by tested subject.
        whole: False while folds are missing, whose subjects are not in ``clips`` then.
    """

    board: str
    entry: str
    source: str
    content_hash: str
    clips: Clips
    whole: bool = True

    def __str__(self) -> str:
        clips = sum(map(sum, self.clips.values()))
        return f"{self.source} ({len(self.clips)} subjects, {clips} clips, content {self.content_hash[:10]})"

    def differs(self, other: ClipList) -> str:
        """Why the two cannot stand on one leaderboard; empty where they can."""
        for person in sorted({*self.clips, *other.clips}):
            ours, theirs = self.clips.get(person), other.clips.get(person)
            if ours == theirs or (ours is None and not self.whole) or (theirs is None and not other.whole):
                continue
            return f"{person} has other clips per class" if ours and theirs else f"only one of them tests {person}"
        # machines may render invented clips a grey level apart; their release says how they are made
        same = self.source == other.source if is_synthetic(self.board) else self.content_hash == other.content_hash
        return "" if same or self.entry != other.entry else "the clips of one method have another content"


def check_matrices(confusion: Mapping[str, Sequence[Sequence[int]]], classes: int, key: str) -> None:
    """Make sure that every matrix is of so many classes.

    Raises:
        ValueError: One is not; the message begins with the key and its subject.
    """
    for person, rows in confusion.items():
        if [len(row) for row in rows] != [classes] * classes:
            raise ValueError(f"{key}.{person}: expected {classes} x {classes} counts")


def clips_per_person(people: Iterable[str], labels: Iterable[int], classes: int) -> dict[str, tuple[int, ...]]:
    """Clips of each class by subject, of samples that are not tested yet."""
    clips: dict[str, list[int]] = {}
    for person, label in zip(people, labels, strict=True):
        clips.setdefault(person, [0] * classes)[label] += 1
    return {person: tuple(counts) for person, counts in clips.items()}


def clips_of(confusion: Mapping[str, Sequence[Sequence[int]]]) -> dict[str, tuple[int, ...]]:
    """Clips of each class by tested subject."""
    return {person: tuple(map(sum, rows)) for person, rows in confusion.items()}


def check_one_list(found: Iterable[tuple[Path, ClipList]]) -> None:
    """Make sure that the results of each leaderboard are of one list of clips.

    Args:
        found: Records, by file.

    Raises:
        DataError: Two are not; the message names both files.
    """
    first: dict[tuple[str, ...], tuple[Path, ClipList]] = {}
    # those that are whole first, since only they say who is on the list
    for path, one in sorted(found, key=lambda pair: not pair[1].whole):
        for place in ((one.board,), (one.board, one.entry)):
            beside, other = first.setdefault(place, (path, one))
            if reason := one.differs(other):
                raise DataError(
                    f"{path} and {beside} cannot stand on one leaderboard: {reason}; the first is of {one}, the second "
                    f"of {other}; move one of them to another folder"
                )


def check_free(wanted: Iterable[ClipList], records: Path, load: Callable[[Path], ClipList]) -> None:
    """Make sure that results may be recorded beside those that are there, before anything is trained.

    Args:
        wanted: What is going to be recorded.
        records: Folder ``<board>/<entry>/seed<k>.json``.
        load: Reads one of its files.

    Raises:
        DataError: A record there is of another list of clips, or of the same method on other data, which must not be
            replaced unasked.
    """
    boards: dict[str, dict[str, ClipList]] = {}
    for one in wanted:
        boards.setdefault(one.board, {})[one.entry] = one
    for board, entries in boards.items():
        for path in sorted(records.glob(f"{board}/*/*.json")):
            there = load(path)
            for one in entries.values():
                if reason := one.differs(there):
                    ours = path.parent if there.entry == one.entry else path.parent.parent
                    # under a name of their own they can stand beside each other
                    named = "" if replace(one, entry="").differs(there) else "name yours with --edition, "
                    raise DataError(
                        f"{path} is of {there}; this run of {one.entry} is of {one}: {reason}; {named}choose another "
                        f"folder with --records, or remove {ours} to replace what is in it"
                    )
