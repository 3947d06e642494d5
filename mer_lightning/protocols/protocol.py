"""What it means to be scored: samples, label scheme, folds, selection rule and pooling, frozen and versioned."""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from mer_lightning.types import DataError, person_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mer_lightning.datasets.base import Dataset
    from mer_lightning.protocols.schemes import LabelScheme
    from mer_lightning.types import Sample

Selection = Literal["last_epoch", "inner_subjects"]
HeldOut = Literal["subject", "database"]
INNER_FOLDS = 5
"""``inner_subjects`` holds out one of this many subject-grouped parts of the training subjects (fewer if few)."""
PARTS = {"fer2013": ("Training", ("PublicTest", "Test"))}
"""Databases that name nobody, whose subjects are parts: the one that trains, and those of which the first validates.

The same picture may lie in several parts, as it does in FER2013.
"""


@dataclass(frozen=True, slots=True)
class Fold:
    """Who is trained on, who selects and who is tested, as sample keys.

    Attributes:
        held_out: The tested subject, ``<database>/<subject>``, or the tested database.
        train: Keys to fit on.
        validation: Keys of training subjects that select the epoch; empty under ``last_epoch``.
        test: Keys of whoever is held out.

    Raises:
        DataError: A subject (and so a sample) is on two sides, or a side that must not be empty is.
    """

    held_out: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        sides = {name: {person_of(key) for key in getattr(self, name)} for name in ("train", "validation", "test")}
        for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
            if shared := sides[one] & sides[other]:
                raise DataError(f"fold {self.held_out}: subject {min(shared)} is in both {one} and {other}")
        self._check_held_out(sides)
        if not self.train:
            raise DataError(f"fold {self.held_out}: no training sample is left")

    def _check_held_out(self, sides: dict[str, set[str]]) -> None:
        strangers = {p for p in sides["test"] if self.held_out not in {p, p.split("/")[0]}}
        if strangers or not self.test:
            raise DataError(f"fold {self.held_out}: test must hold this subject alone, not {sorted(strangers)}")
        if {p for name in ("train", "validation") for p in sides[name] if p.startswith(f"{self.held_out}/")}:
            raise DataError(f"fold {self.held_out}: a sample of the held-out database is trained on")


@dataclass(frozen=True, slots=True)
class InnerFold(Fold):
    """A split of the training subjects of one fold, to choose settings by; it tests several subjects together.

    Attributes:
        held_out: Name of the split, ``<outside>#<part>``.
        outside: Whom the split fold holds out.

    Raises:
        DataError: Also when a sample of ``outside`` is on any side.
    """

    outside: str

    def _check_held_out(self, sides: dict[str, set[str]]) -> None:
        if any(self.outside in {p, p.split("/")[0]} for people in sides.values() for p in people):
            raise DataError(f"fold {self.held_out}: a sample of {self.outside}, who is held out, is in it")
        if not self.test:
            raise DataError(f"fold {self.held_out}: no test sample is left")


@dataclass(frozen=True, slots=True)
class PretrainingFold(Fold):
    """People of another database, who are only learnt from: some train, some say when to stop, none is tested.

    Attributes:
        held_out: Name of the database.
        repeated: Keys that do not validate, because what they hold is trained on; only of databases without people.

    Raises:
        DataError: Somebody is on two sides, or there is nobody to train on or to validate with.
    """

    repeated: tuple[str, ...] = ()

    def _check_held_out(self, sides: dict[str, set[str]]) -> None:
        if self.test or not self.validation:
            raise DataError(f"pre-training on {self.held_out}: expected validation and no test samples")
        if strangers := {p for people in sides.values() for p in people if p.split("/")[0] != self.held_out}:
            raise DataError(f"pre-training on {self.held_out}: {min(strangers)} is of another database")


@dataclass(frozen=True, slots=True)
class Labelled:
    """The samples that a protocol scores, with their classes, in key order."""

    samples: tuple[Sample, ...]
    labels: tuple[int, ...]
    table_hash: str = field(init=False)

    def __post_init__(self) -> None:
        rows = [[s.key, label] for s, label in zip(self.samples, self.labels, strict=True)]
        object.__setattr__(self, "table_hash", hashlib.sha256(json.dumps(rows).encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Protocol:
    """A frozen, versioned evaluation; two results compare only under the same one.

    Attributes:
        name: Short name, e.g. ``megc2019``.
        version: Raised whenever scores would change.
        title: Name for people.
        scheme: Label scheme.
        counts: Per database, the samples of each class that the official list has; the databases' order is
            the order of the per-database columns.
        subjects: Per database, the number of subjects (folds).
        selection: Which epoch predicts: ``last_epoch``, or ``inner_subjects`` (best UF1 on validation subjects
            that are drawn from the training subjects).
        held_out: Who is left out of a fold: one ``subject``, or a whole ``database``.
        left_out: Keys of a kept class that the official list does not have, with the reason.
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
    def hash(self) -> str:
        """SHA-256 of everything that decides a score; what is left out shows in the counts."""
        parts: dict[str, object] = {
            "name": self.name,
            "version": self.version,
            "classes": self.scheme.classes,
            "scheme": {db: dict(emotions) for db, emotions in self.scheme.table.items()},
            "counts": {db: list(n) for db, n in self.counts.items()},
            "subjects": dict(self.subjects),
            "selection": self.selection,
        }
        if self.held_out != "subject":
            parts["held_out"] = self.held_out
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def label(self, dataset: Dataset) -> Labelled:
        """Pick and label the samples that this protocol scores.

        Raises:
            DataError: A real dataset does not have the official counts, so its scores would not compare;
                or a database of the protocol is missing.
        """
        listed = (s for s in dataset.samples if s.database in self.counts and s.key not in self.left_out)
        rows = [(s, self.scheme.label(s)) for s in listed]
        kept = sorted(((s, label) for s, label in rows if label is not None), key=lambda row: row[0].key)
        for database in self.counts:
            found = [(s, label) for s, label in kept if s.database == database]
            if not found:
                raise DataError(f"protocol {self.name}: {dataset.name} has no sample of {database}")
            per_class = tuple(sum(label == c for _, label in found) for c in range(len(self.scheme.classes)))
            people = len({s.subject for s, _ in found})
            if not dataset.synthetic and (per_class, people) != (
                self.counts[database],
                self.subjects[database],
            ):
                raise DataError(
                    f"protocol {self.name}: {database} must have {_say(self.scheme.classes, self.counts[database])}"
                    f" from {self.subjects[database]} subjects; found {_say(self.scheme.classes, per_class)}"
                    f" from {people} in {dataset.name}"
                )
        return Labelled(tuple(s for s, _ in kept), tuple(label for _, label in kept))

    def folds(self, labelled: Labelled, seed: int = 0) -> tuple[Fold, ...]:
        """Leave one subject (or one database) out, each once, in order.

        Args:
            labelled: Samples and classes from ``label``.
            seed: Draws the validation subjects of ``inner_subjects``; unused otherwise.

        Raises:
            DataError: Fewer than two subjects, or too few training subjects to draw validation from.
        """
        from sklearn.model_selection import LeaveOneGroupOut  # a second to import, and tables make no folds

        people = np.array([s.person for s in labelled.samples])
        keys = np.array([s.key for s in labelled.samples])
        labels = np.array(labelled.labels)
        groups = people if self.held_out == "subject" else np.array([s.database for s in labelled.samples])
        if len(set(groups)) < 2:
            raise DataError(f"protocol {self.name}: leaving one {self.held_out} out needs at least two of them")
        folds: list[Fold] = []
        for train, test in LeaveOneGroupOut().split(keys, labels, groups):
            held_out = str(groups[test[0]])
            fit, validation = train, train[:0]
            if self.selection == "inner_subjects":
                fit, validation = _draw_validation(train, labels, people, fold_seed(seed, held_out))
            folds.append(Fold(held_out, *(tuple(keys[side].tolist()) for side in (fit, validation, test))))
        return tuple(folds)

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
        label_of = {s.key: label for s, label in zip(labelled.samples, labelled.labels, strict=True)}
        return split_inside(fold, label_of, parts, seed, validate=self.selection == "inner_subjects")


def split_inside(
    fold: Fold, label_of: Mapping[str, int], parts: int, seed: int = 0, *, validate: bool = False
) -> tuple[InnerFold, ...]:
    """Split the training (and validation) subjects of a fold into parts; see ``Protocol.inner_folds``.

    Args:
        fold: What is split; nothing of its test side is looked at.
        label_of: Class of each of their samples, and maybe of others, by key; their order decides the split too.
        parts: Number of parts.
        seed: Seed of the run.
        validate: Draw validation subjects in each part, as under ``inner_subjects``.

    Raises:
        DataError: Fewer than two parts, or too few training subjects for two.
    """
    own = {*fold.train, *fold.validation}
    rows = [(key, label) for key, label in label_of.items() if key in own]
    keys, labels = np.array([key for key, _ in rows]), np.array([label for _, label in rows])
    people = np.array([person_of(key) for key, _ in rows])
    splits = _grouped_splits(np.arange(len(rows)), labels, people, parts, fold_seed(seed, fold.held_out))
    folds: list[InnerFold] = []
    for part, (train, test) in enumerate(splits, start=1):
        name = f"{fold.held_out}#{part}"
        fit, validation = train, train[:0]
        if validate:
            fit, validation = _draw_validation(train, labels, people, fold_seed(seed, name))
        sides = (tuple(keys[side].tolist()) for side in (fit, validation, test))
        folds.append(InnerFold(name, *sides, outside=fold.held_out))
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
    database = labelled.samples[0].database
    keys = np.array([s.key for s in labelled.samples])
    people = np.array([s.person for s in labelled.samples])
    if database in PARTS:
        return _fold_of_parts(database, labelled, contents)
    rows = np.arange(len(keys))
    train, validation = _draw_validation(rows, np.array(labelled.labels), people, fold_seed(seed, database))
    return PretrainingFold(database, tuple(keys[train].tolist()), tuple(keys[validation].tolist()), ())


def _fold_of_parts(database: str, labelled: Labelled, contents: Sequence[bytes]) -> PretrainingFold:
    trains, validates = PARTS[database]
    there = {sample.subject for sample in labelled.samples}
    part = next((part for part in validates if part in there), validates[0])
    known = contents or [sample.key.encode() for sample in labelled.samples]
    rows = list(zip(labelled.samples, known, strict=True))
    train = {sample.key: content for sample, content in rows if sample.subject == trains}
    trained = set(train.values())
    validation = {sample.key: content in trained for sample, content in rows if sample.subject == part}
    kept = tuple(key for key, repeats in validation.items() if not repeats)
    return PretrainingFold(
        database, tuple(train), kept, (), repeated=tuple(key for key, repeats in validation.items() if repeats)
    )


def fold_seed(seed: int, held_out: str) -> int:
    """Seed of one fold, 0..2^32-1: a hash of the run's seed and the held-out subject, so order never matters."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{held_out}".encode()).digest()[:4], "big")


def _draw_validation(
    train: np.ndarray, labels: np.ndarray, people: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    # the first part has about a fifth of the clips and, as far as whole subjects allow, of each class
    return _grouped_splits(train, labels, people, INNER_FOLDS, seed)[0]


def _grouped_splits(
    train: np.ndarray, labels: np.ndarray, people: np.ndarray, parts: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import StratifiedGroupKFold

    groups = people[train]
    # a split that stratifies needs as many clips of some class and as many subjects as it has parts
    parts = int(min(parts, len(set(groups)), np.bincount(labels[train]).max()))
    if parts < 2:
        raise DataError(f"{len(set(groups))} training subjects are too few to split once more")
    splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # stratified as far as possible
        return [(train[fit], train[test]) for fit, test in splitter.split(train, labels[train], groups)]


def _say(classes: Sequence[str], counts: Sequence[int]) -> str:
    return " / ".join(f"{n} {name}" for name, n in zip(classes, counts, strict=True))
