"""Who is trained on, who selects and who is tested, as row numbers, so that thousands of folds take little memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence  # noqa: TC003 - of initial values of data classes
from dataclasses import InitVar, dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mer_lightning.types import DataError

Rows: TypeAlias = NDArray[np.int32]
"""Row numbers ``(n,)``."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Who is in which row of a table.

    Attributes:
        names: Everybody once, ``<database>/<subject>``, sorted.
        codes: Place in ``names`` of whoever is in each row, ``(N,)``.
    """

    names: tuple[str, ...]
    codes: Rows

    @classmethod
    def of(cls, rows: Iterable[str]) -> People:
        """From whoever is in each row."""
        names, codes = np.unique(np.array(list(rows), dtype=np.str_), return_inverse=True)
        return cls(tuple(names.tolist()), codes.astype(np.int32))

    def among(self, rows: Rows) -> NDArray[np.bool_]:
        """For each name whether it is in one of these rows."""
        found = np.zeros(len(self.names), np.bool_)
        found[self.codes[rows]] = True
        return found

    def named(self, found: NDArray[np.bool_]) -> list[str]:
        """Names that were found, in order."""
        return [self.names[code] for code in np.flatnonzero(found)]

    def at(self, rows: Rows) -> list[str]:
        """Who is in each of these rows."""
        return [self.names[code] for code in self.codes[rows].tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Who is trained on, who selects and who is tested, as row numbers of a protocol's samples.

    Args:
        people: Who is in which row; checked when the fold is made, and not kept.

    Attributes:
        held_out: The tested subject, ``<database>/<subject>``, or the tested database.
        test: Rows of whoever is held out.
        validation: Rows of training subjects that select the epoch; empty under ``last_epoch``.
        unused: Rows that are on no side.
        total: Number of all rows; whatever is not named above trains.

    Raises:
        DataError: A subject (and so a sample) is on two sides, or a side that must not be empty is.
    """

    held_out: str
    people: InitVar[People]
    test: Rows
    validation: Rows = field(default_factory=lambda: np.empty(0, np.int32))
    unused: Rows = field(default_factory=lambda: np.empty(0, np.int32))
    total: int = field(init=False)

    def __post_init__(self, people: People) -> None:
        object.__setattr__(self, "total", len(people.codes))
        for name in ("test", "validation", "unused"):
            rows = np.array(getattr(self, name), np.int32)
            rows.setflags(write=False)
            object.__setattr__(self, name, rows)
        train = self.train
        sides = {
            "train": people.among(train),
            "validation": people.among(self.validation),
            "test": people.among(self.test),
        }
        for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
            if (shared := sides[one] & sides[other]).any():
                raise DataError(f"fold {self.held_out}: subject {people.named(shared)[0]} is in both {one} and {other}")
        self._check_held_out(people, sides["train"] | sides["validation"], sides["test"])
        if not len(train):
            raise DataError(f"fold {self.held_out}: no training sample is left")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Fold) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str | int | bytes, ...]:
        return self.held_out, self.total, *(rows.tobytes() for rows in (self.test, self.validation, self.unused))

    def _check_held_out(self, people: People, known: NDArray[np.bool_], tested: NDArray[np.bool_]) -> None:
        strangers = sorted(p for p in people.named(tested) if self.held_out not in {p, p.split("/")[0]})
        if strangers or not len(self.test):
            raise DataError(f"fold {self.held_out}: test must hold this subject alone, not {strangers}")
        if "/" not in self.held_out and any(p.startswith(f"{self.held_out}/") for p in people.named(known)):
            raise DataError(f"fold {self.held_out}: a sample of the held-out database is trained on")

    @property
    def train(self) -> Rows:
        """Rows to fit on, in order."""
        return self._all_but(self.test, self.validation, self.unused)

    @property
    def known(self) -> Rows:
        """Rows to fit on or to select by, in order: those of training subjects."""
        return self._all_but(self.test, self.unused)

    @property
    def samples(self) -> dict[str, int]:
        """How many train and how many validate."""
        train = self.total - len(self.test) - len(self.validation) - len(self.unused)
        return {"train": train, "validation": len(self.validation)}

    def _all_but(self, *sides: Rows) -> Rows:
        rest = np.ones(self.total, np.bool_)
        for side in sides:
            rest[side] = False
        return np.flatnonzero(rest).astype(np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class SplitFold(Fold):
    """The one fold of a fixed split, which tests several subjects together.

    Attributes:
        held_out: Name of the fold.
        tested: Whom it tests, ``<database>/<subject>``.

    Raises:
        DataError: Also when it tests others than these, or not all of them.
    """

    tested: Sequence[str] = field(kw_only=True)

    def _check_held_out(self, people: People, known: NDArray[np.bool_], tested: NDArray[np.bool_]) -> None:
        wanted = {*self.tested}
        wrong = ({*people.named(tested)} ^ wanted) | ({*people.named(known)} & wanted)
        if wrong:
            said = f"test must hold {', '.join(self.tested)}, and nothing else may; {min(wrong)} differs"
            raise DataError(f"fold {self.held_out}: {said}")


@dataclass(frozen=True, slots=True, eq=False)
class InnerFold(Fold):
    """A split of the training subjects of one fold, to choose settings by; it tests several subjects together.

    Its rows are those of the ``known`` samples of the fold that is split, and of a table ``only`` of these.

    Attributes:
        held_out: Name of the split, ``<outside>#<part>``.
        outside: Whom the split fold holds out.
        tested: Subjects whom the split fold tests.

    Raises:
        DataError: Also when a sample of ``outside`` is among the rows.
    """

    outside: str = field(kw_only=True)
    tested: frozenset[str] = field(default=frozenset(), kw_only=True)

    def _check_held_out(self, people: People, known: NDArray[np.bool_], tested: NDArray[np.bool_]) -> None:
        if any(p in self.tested or self.outside in {p, p.split("/")[0]} for p in people.named(known | tested)):
            raise DataError(f"fold {self.held_out}: a sample of {self.outside}, who is held out, is in it")
        if not len(self.test):
            raise DataError(f"fold {self.held_out}: no test sample is left")


@dataclass(frozen=True, slots=True, eq=False)
class PretrainingFold(Fold):
    """People of another database, who are only learnt from: some train, some say when to stop, none is tested.

    Attributes:
        held_out: Name of the database.
        repeated: Rows that do not validate, because what they hold is trained on; only of databases without people.

    Raises:
        DataError: Somebody is on two sides, or there is nobody to train on or to validate with.
    """

    repeated: Rows = field(default_factory=lambda: np.empty(0, np.int32), kw_only=True)

    def _check_held_out(self, people: People, known: NDArray[np.bool_], tested: NDArray[np.bool_]) -> None:
        if len(self.test) or not len(self.validation):
            raise DataError(f"pre-training on {self.held_out}: expected validation and no test samples")
        if strangers := [p for p in people.named(known | tested) if p.split("/")[0] != self.held_out]:
            raise DataError(f"pre-training on {self.held_out}: {strangers[0]} is of another database")


def fold_seed(seed: int, held_out: str) -> int:
    """Seed of one fold, 0..2^32-1: a hash of the run's seed and the held-out subject, so order never matters."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{held_out}".encode()).digest()[:4], "big")


def rows_of(chosen: Sequence[bool] | NDArray[np.bool_]) -> Rows:
    """Numbers of the rows that are chosen."""
    return np.flatnonzero(np.asarray(chosen)).astype(np.int32)
