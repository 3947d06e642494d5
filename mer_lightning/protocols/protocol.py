"""What it means to be scored: samples, label scheme, folds, selection rule and pooling, frozen and versioned."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from mer_lightning.metrics import UF1
from mer_lightning.protocols.fold import (
    Fold,
    InnerFold,
    People,
    PretrainingFold,
    SplitFold,
    fold_seed,
    rows_of,
)
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mer_lightning.protocols.fold import Rows
    from mer_lightning.protocols.schemes import LabelScheme
    from mer_lightning.types import Dataset, Sample

Selection = Literal["last_epoch", "inner_subjects"]
HeldOut = Literal["subject", "database", "split"]
SPLIT_FOLD = "test"
"""Name of the one fold of a fixed split."""
INNER_FOLDS = 5
"""``inner_subjects`` holds out one of this many subject-grouped parts of the training subjects (fewer if few)."""
PARTS = {"fer2013": ("Training", ("PublicTest", "Test"))}
"""Databases that name nobody, whose subjects are parts: the one that trains, and those of which the first validates.

The same picture may lie in several parts, as it does in FER2013.
"""


@dataclass(frozen=True)
class Labelled:
    """The samples that a protocol scores, with their classes, in key order: the rows of its folds and tables."""

    samples: tuple[Sample, ...]
    labels: tuple[int, ...]

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Key of each sample."""
        return tuple(sample.key for sample in self.samples)

    @cached_property
    def people(self) -> People:
        """Whose sample is in which row."""
        return People.of(sample.person for sample in self.samples)

    @cached_property
    def table_hash(self) -> str:
        """SHA-256 of keys and labels."""
        rows = [[key, label] for key, label in zip(self.keys, self.labels, strict=True)]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Protocol:
    """A frozen, versioned evaluation; two results compare only under the same one.

    Attributes:
        name: Short name, e.g. ``megc2019``.
        version: Raised whenever scores would change.
        title: Name for people.
        scheme: Label scheme.
        counts: Per database, the samples of each class that the official list has; the databases' order is
            the order of the per-database columns. Empty where nothing is expected: then the databases are the scheme's.
        subjects: Per database, the number of subjects (folds).
        selection: Which epoch predicts: ``last_epoch``, or ``inner_subjects`` (best UF1 on validation subjects
            that are drawn from the training subjects).
        held_out: Who is left out of a fold: one ``subject``, a whole ``database``, or those whom a ``split`` tests.
        left_out: Keys of a kept class that the official list does not have, with the reason.
        tested: Of a split: whom its one fold tests, ``<database>/<subject>``.
        validating: Of a split: who never trains; under ``inner_subjects`` they select the epoch, and nobody is drawn.
        metric: Name of the score that ranks.
        own: True for one that a user defined, whose records say how.
    """

    name: str
    version: int
    title: str
    scheme: LabelScheme
    counts: Mapping[str, tuple[int, ...]]
    subjects: Mapping[str, int]
    selection: Selection = "last_epoch"
    held_out: HeldOut = "subject"
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    tested: tuple[str, ...] = ()
    validating: tuple[str, ...] = ()
    metric: str = UF1.name
    own: bool = False

    def __post_init__(self) -> None:
        if self.selection not in get_args(Selection):
            raise DataError(
                f"protocol {self.name}: selection '{self.selection}' is unknown; "
                f"expected one of {', '.join(get_args(Selection))}"
            )

    @property
    def id(self) -> str:
        """Name of its leaderboard: ``<name>`` under the default selection, else ``<name>+<selection>``."""
        return self.name if self.selection == "last_epoch" else f"{self.name}+{self.selection}"

    @property
    def databases(self) -> tuple[str, ...]:
        """Databases that are scored, in the order of the per-database columns."""
        return tuple(self.counts or self.scheme.table)

    @property
    def tested_databases(self) -> tuple[str, ...]:
        """Those in which somebody is tested: all, but for a split."""
        people = {database_of(person) for person in self.tested}
        return tuple(name for name in self.databases if name in people or not people)

    @property
    def draws_validation(self) -> bool:
        """Whether each fold has validation subjects that are drawn by the seed of the run."""
        return self.selection == "inner_subjects" and not self.validating

    def fold_of(self, person: str) -> str:
        """Name of the fold that tests a subject, given as ``<database>/<subject>``."""
        return {"subject": person, "database": database_of(person), "split": SPLIT_FOLD}[self.held_out]

    def only(self, database: str) -> Protocol:
        """The same for one of its databases alone, to count what there is of it."""
        table = {database: self.scheme.table[database]}
        kept = {name: {database: found[database]} for name in ("counts", "subjects") if (found := getattr(self, name))}
        return replace(self, scheme=replace(self.scheme, table=table), **kept)

    @property
    def hash(self) -> str:
        """SHA-256 of everything that decides a score; what the suite's leave out shows in the counts."""
        parts: dict[str, object] = {
            "name": self.name,
            "version": self.version,
            "classes": self.scheme.classes,
            "scheme": {db: dict(emotions) for db, emotions in self.scheme.table.items()},
            "selection": self.selection,
        }
        if self.counts:
            parts |= {"counts": {db: list(n) for db, n in self.counts.items()}, "subjects": dict(self.subjects)}
        if self.held_out != "subject":
            parts["held_out"] = self.held_out
        if self.tested:
            parts["split"] = {"test": sorted(self.tested), "validation": sorted(self.validating)}
        if self.own and self.left_out:
            parts["left_out"] = sorted(self.left_out)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def label(self, dataset: Dataset) -> Labelled:
        """Pick and label the samples that this protocol scores.

        Raises:
            DataError: A real dataset does not have the official counts, so its scores would not compare, or not a clip
                that a user's own protocol leaves out; or a database of the protocol is missing.
        """
        listed = (s for s in dataset.samples if s.database in self.databases and s.key not in self.left_out)
        rows = [(s, self.scheme.label(s)) for s in listed]
        there = {sample.key for sample in dataset.samples}
        # the suite's leave out what some copies lack; a user's own are of the clips that he has
        if self.own and not dataset.synthetic and (gone := sorted({*self.left_out} - there)):
            raise DataError(f"protocol {self.name}: left_out.{gone[0]}: {dataset.name} has no such clip")
        kept = sorted(((s, label) for s, label in rows if label is not None), key=lambda row: row[0].key)
        for database in self.databases:
            found = [(s, label) for s, label in kept if s.database == database]
            if not found:
                raise DataError(f"protocol {self.name}: {dataset.name} has no sample of {database}")
            per_class = tuple(sum(label == c for _, label in found) for c in range(len(self.scheme.classes)))
            people = len({s.subject for s, _ in found})
            expected = (self.counts[database], self.subjects[database]) if self.counts else (per_class, people)
            if not dataset.synthetic and (per_class, people) != expected:
                raise DataError(
                    f"protocol {self.name}: {database} must have {_say(self.scheme.classes, self.counts[database])}"
                    f" from {self.subjects[database]} subjects; found {_say(self.scheme.classes, per_class)}"
                    f" from {people} in {dataset.name}"
                )
        return Labelled(tuple(s for s, _ in kept), tuple(label for _, label in kept))

    def folds(self, labelled: Labelled, seed: int = 0) -> tuple[Fold, ...]:
        """Leave one subject (or one database) out, each once, in order; of a split all that it tests.

        Args:
            labelled: Samples and classes from ``label``.
            seed: Draws the validation subjects of ``inner_subjects``; unused otherwise.

        Raises:
            DataError: Fewer than two subjects, too few training subjects to draw validation from, or a split names
                somebody of whom nothing is scored.
        """
        labels, people = np.array(labelled.labels), labelled.people
        if self.held_out == "split":
            return (self._split(labels, people, seed),)
        groups = people if self.held_out == "subject" else People.of(s.database for s in labelled.samples)
        if len(groups.names) < 2:
            raise DataError(f"protocol {self.name}: leaving one {self.held_out} out needs at least two of them")
        folds: list[Fold] = []
        for code, held_out in enumerate(groups.names):
            tested = groups.codes == code
            validation = rows_of([])
            if self.draws_validation:
                train = rows_of(~tested)
                _, validation = _draw_validation(train, labels, people, fold_seed(seed, held_out))
            folds.append(Fold(held_out, people, rows_of(tested), validation))
        return tuple(folds)

    def _split(self, labels: NDArray[np.int64], people: People, seed: int) -> Fold:
        """The one fold of a fixed split; validation subjects that select nothing are on no side."""
        where = {"test": self.tested, "validation": self.validating}
        for side, names in where.items():
            if strangers := sorted({*names} - {*people.names}):
                raise DataError(f"protocol {self.name}: split.{side}: nothing of {strangers[0]} is scored")
        owners = np.array(people.at(np.arange(len(labels), dtype=np.int32)))
        test, given = np.isin(owners, self.tested), np.isin(owners, self.validating)
        validation, unused = rows_of([]), rows_of(given)
        if self.selection == "inner_subjects":
            validation, unused = rows_of(given), rows_of([])
        if self.draws_validation:
            _, validation = _draw_validation(rows_of(~test), labels, people, fold_seed(seed, SPLIT_FOLD))
        return SplitFold(SPLIT_FOLD, people, rows_of(test), validation, unused, tested=self.tested)

    def inner_folds(self, fold: Fold, labelled: Labelled, parts: int, seed: int = 0) -> tuple[InnerFold, ...]:
        """Split the training (and validation) subjects of a fold into parts, each tested once.

        Args:
            fold: What is split; nothing of its test side is looked at.
            labelled: Samples and classes from ``label``.
            parts: Number of parts (fewer if subjects are few); stratified as far as whole subjects allow.
            seed: Seed of the run; the split follows from it and the held-out subject.

        Raises:
            DataError: Fewer than two parts, or too few training subjects for two.
        """
        labels = np.array(labelled.labels)
        # also where a split names those who select: they are not in every part
        validate = self.selection == "inner_subjects"
        return split_inside(fold, labels, labelled.people, parts, seed, validate=validate)


def database_of(person: str) -> str:
    """Database of a subject ``<database>/<subject>``."""
    return person.split("/", maxsplit=1)[0]


def split_inside(
    fold: Fold, labels: NDArray[np.int64], people: People, parts: int, seed: int = 0, *, validate: bool = False
) -> tuple[InnerFold, ...]:
    """Split the training (and validation) subjects of a fold into parts; see ``Protocol.inner_folds``.

    Args:
        fold: What is split; nothing of its test side is looked at.
        labels: Class of every row of the fold, ``(N,)``.
        people: Who is in which row.
        parts: Number of parts.
        seed: Seed of the run.
        validate: Draw validation subjects in each part, as under ``inner_subjects``.

    Returns:
        Folds of the rows of ``fold.known`` alone.

    Raises:
        DataError: Fewer than two parts, or too few training subjects for two.
    """
    tested = frozenset(people.at(fold.test))
    labels, people = labels[fold.known], People.of(people.at(fold.known))
    rows = np.arange(len(labels), dtype=np.int32)
    splits = _grouped_splits(rows, labels, people, parts, fold_seed(seed, fold.held_out))
    folds: list[InnerFold] = []
    for part, (train, test) in enumerate(splits, start=1):
        name = f"{fold.held_out}#{part}"
        validation = train[:0]
        if validate:
            _, validation = _draw_validation(train, labels, people, fold_seed(seed, name))
        folds.append(InnerFold(name, people, test, validation, outside=fold.held_out, tested=tested))
    return tuple(folds)


def pretraining_fold(labelled: Labelled, seed: int = 0, contents: Sequence[bytes] = ()) -> PretrainingFold:
    """Split a database that is only learnt from into training and validation people.

    A fifth of the people validates, stratified as far as whole people allow; of FER2013, which names nobody, its
    part PublicTest does (Test, where the release has one test part), without what is in Training too, and PrivateTest
    is left alone.

    Args:
        labelled: Samples and classes of one database.
        seed: Seed of the run.
        contents: By what each sample is known again, as in a ``Table``; without it, nothing counts as repeated.

    Raises:
        DataError: Too few people, or no part to validate with.
    """
    database, people = labelled.samples[0].database, labelled.people
    if database in PARTS:
        return _fold_of_parts(database, labelled, contents)
    rows = np.arange(len(labelled.samples), dtype=np.int32)
    _, validation = _draw_validation(rows, np.array(labelled.labels), people, fold_seed(seed, database))
    return PretrainingFold(database, people, rows_of([]), validation)


def _fold_of_parts(database: str, labelled: Labelled, contents: Sequence[bytes]) -> PretrainingFold:
    trains, validates = PARTS[database]
    part_of = np.array([sample.subject for sample in labelled.samples])
    part = next((part for part in validates if part in part_of), validates[0])
    known = contents or [key.encode() for key in labelled.keys]
    train, validation = part_of == trains, part_of == part
    trained = {known[row] for row in np.flatnonzero(train).tolist()}
    repeated = validation & np.array([content in trained for content in known])
    return PretrainingFold(
        database,
        labelled.people,
        rows_of([]),
        rows_of(validation & ~repeated),
        rows_of(repeated | ~(train | validation)),
        repeated=rows_of(repeated),
    )


def _draw_validation(train: Rows, labels: NDArray[np.int64], people: People, seed: int) -> tuple[Rows, Rows]:
    # the first part has about a fifth of the clips and, as far as whole subjects allow, of each class
    return _grouped_splits(train, labels, people, INNER_FOLDS, seed)[0]


def _grouped_splits(
    train: Rows, labels: NDArray[np.int64], people: People, parts: int, seed: int
) -> list[tuple[Rows, Rows]]:
    from sklearn.model_selection import StratifiedGroupKFold  # a second to import, and tables make no folds

    groups, own = people.codes[train], labels[train]
    count = len(np.unique(groups))
    # a split that stratifies needs as many clips of some class and as many subjects as it has parts
    parts = int(min(parts, count, np.bincount(own).max()))
    if parts < 2:
        raise DataError(f"{count} training subjects are too few to split once more")
    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # stratified as far as possible
        return [(train[fit], train[test]) for fit, test in splitter.split(train, own, groups)]


def _say(classes: Sequence[str], counts: Sequence[int]) -> str:
    return " / ".join(f"{n} {name}" for name, n in zip(classes, counts, strict=True))
