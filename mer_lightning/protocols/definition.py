"""A protocol of a user's own, as a YAML file or a record spells it out."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from mer_lightning.metrics import get_metric
from mer_lightning.protocols.protocol import Protocol, database_of
from mer_lightning.protocols.schemes import LabelScheme
from mer_lightning.settings import Settings, Title
from mer_lightning.types import DATABASE_NAME, RESERVED_DATABASES

OWN_NAME = r"^[a-z0-9][a-z0-9-]*$"
"""What a protocol or a suite of a user's own may be called: also the name of a folder of records."""
_TAKEN = ("synthetic-", "mine-")
_FILES = ("claims", "leakage", "papers", "readme")
"""What lies beside the tables of boards, and is none."""
_LARGEST = 1_000_000


class Expected(Settings):
    """How much there must be of a database.

    Attributes:
        clips: Clips of each class.
        subjects: Subjects of these clips.
    """

    clips: dict[str, int]
    subjects: int = Field(ge=1, le=_LARGEST)


class Split(Settings):
    """A fixed split by subjects; whoever is not named trains.

    Attributes:
        test: Whom the one fold tests, ``<database>/<subject>``; the subject alone where there is one database.
        validation: Who never trains; under ``+inner_subjects`` they select the epoch.
    """

    test: tuple[str, ...] = Field(min_length=1)
    validation: tuple[str, ...] = ()


class Definition(Settings):
    """A protocol of a user's own.

    Attributes:
        name: The file's own name.
        title: Name for people.
        version: Raised whenever scores would change.
        classes: Class names in index order.
        labels: Per database, label -> class, or null where clips of the label are left out.
        held_out: Whom each fold leaves out: one ``subject``, or a whole ``database``.
        split: Instead of that, one fold that tests the same subjects always.
        expected: Per database, how much there must be; nothing is counted when absent.
        metric: Score that ranks.
        left_out: Keys ``<database>/<subject>/<clip>`` of clips that are not scored, with the reason.
        source: Where the classes are stated.
    """

    name: str = Field(pattern=OWN_NAME, max_length=60)
    title: Title
    version: int = Field(default=1, ge=1)
    classes: tuple[str, ...] = Field(min_length=2)
    labels: dict[str, dict[str, str | None]] = Field(min_length=1)
    held_out: Literal["subject", "database"] = "subject"
    split: Split | None = None
    expected: dict[str, Expected] = Field(default_factory=dict)
    metric: str = "uf1"
    left_out: dict[str, str] = Field(default_factory=dict)
    source: str = ""

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if taken := next((start for start in _TAKEN if name.startswith(start)), None):
            raise ValueError(f"expected a name that does not begin with {taken}, which boards do")
        if name in _FILES:
            raise ValueError(f"expected another name than {', '.join(_FILES)}, which are no boards")
        return name

    @field_validator("title")
    @classmethod
    def _check_title(cls, title: str) -> str:
        return _check_heading(title)

    @field_validator("metric")
    @classmethod
    def _check_metric(cls, metric: str) -> str:
        return get_metric(metric).name

    @field_validator("classes")
    @classmethod
    def _check_classes(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        for name in classes:
            _check_heading(name)
        if len({name.casefold() for name in classes}) < len(classes):
            raise ValueError("expected names that differ by more than case")
        return classes

    @model_validator(mode="after")
    def _check(self) -> Definition:
        for database, labels in self.labels.items():
            self._check_labels(database, labels)
        given = {name for labels in self.labels.values() for name in labels.values()}
        if missing := [name for name in self.classes if name not in given]:
            raise ValueError(f"classes: no label becomes '{missing[0]}'")
        for database, expected in self.expected.items():
            if database not in self.labels or {*expected.clips} != {*self.classes}:
                classes = ", ".join(self.classes)
                raise ValueError(f"expected.{database}: expected a database of labels and clips of {classes}")
            if not all(0 <= count <= _LARGEST for count in expected.clips.values()):
                raise ValueError(f"expected.{database}.clips: expected numbers from 0 to {_LARGEST}")
        if self.expected and (missing := [name for name in self.labels if name not in self.expected]):
            raise ValueError(f"expected: {missing[0]} is missing; expected every database or none")
        for key in self.left_out:
            if key.count("/") != 2 or database_of(key) not in self.labels:
                raise ValueError(f"left_out.{key}: expected <database>/<subject>/<clip>, the database one of labels")
        if self.split:
            self._check_split(self.split)
        return self

    def _check_labels(self, database: str, labels: dict[str, str | None]) -> None:
        if not re.fullmatch(DATABASE_NAME, database) or database in RESERVED_DATABASES:
            raise ValueError(
                f"labels: database '{database[:60]}': expected up to 40 of a-z, 0-9, _ and -, a letter first, and none "
                f"of {', '.join(RESERVED_DATABASES)}"
            )
        for label, name in labels.items():
            if label != label.strip() or not label:
                raise ValueError(f"labels.{database}: label '{label}': expected some text, without blanks around")
            if name is not None and name not in self.classes:
                raise ValueError(f"labels.{database}.{label}: expected null or one of {', '.join(self.classes)}")

    def _check_split(self, split: Split) -> None:
        if "held_out" in self.model_fields_set:
            raise ValueError("held_out: a split says who is held out; leave it out")
        people = [*self._people(split.test), *self._people(split.validation)]
        for person in people:
            if person.count("/") != 1 or database_of(person) not in self.labels:
                known = ", ".join(self.labels)
                raise ValueError(f"split: '{person}': expected <database>/<subject>, the database one of {known}")
            if people.count(person) > 1:
                raise ValueError(f"split: {person} is named twice")

    def _people(self, names: tuple[str, ...]) -> tuple[str, ...]:
        alone = next(iter(self.labels)) if len(self.labels) == 1 else ""
        return tuple(name if "/" in name or not alone else f"{alone}/{name}" for name in names)

    def protocol(self) -> Protocol:
        """The protocol that it defines.

        Raises:
            DataError: Two of its parts do not fit together.
        """
        split = self.split or Split.model_construct(test=(), validation=())
        return Protocol(
            name=self.name,
            version=self.version,
            title=self.title,
            scheme=LabelScheme(
                self.name, self.classes, {db: dict(own) for db, own in self.labels.items()}, self.source
            ),
            counts={db: tuple(own.clips[name] for name in self.classes) for db, own in self._expected.items()},
            subjects={db: own.subjects for db, own in self._expected.items()},
            held_out="split" if self.split else self.held_out,
            left_out=dict(self.left_out),
            tested=self._people(split.test),
            validating=self._people(split.validation),
            metric=self.metric,
            own=True,
        )

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        defaults = {
            name: field.get_default(call_default_factory=True) for name, field in type(self).model_fields.items()
        }
        return {name: value for name, value in handler(self).items() if getattr(self, name) != defaults[name]}

    @property
    def _expected(self) -> dict[str, Expected]:
        """In the order of the databases."""
        return {db: self.expected[db] for db in self.labels if db in self.expected}


def _check_heading(text: str) -> str:
    """What stands in the head of a table."""
    if not text.isprintable() or text != text.strip() or not text or "|" in text:
        raise ValueError(f"expected a line of text without | and without blanks around, found {text[:60]!r}")
    return text


def definition_of(protocol: Protocol) -> Definition | None:
    """How a user's protocol is defined, None for one of the suite's."""
    if not protocol.own:
        return None
    held_out = {} if protocol.held_out == "split" else {"held_out": protocol.held_out}
    split = Split(test=protocol.tested, validation=protocol.validating) if protocol.tested else None
    return Definition(
        name=protocol.name,
        title=protocol.title,
        version=protocol.version,
        classes=protocol.scheme.classes,
        labels={database: dict(labels) for database, labels in protocol.scheme.table.items()},
        split=split,
        expected={
            database: Expected(
                clips=dict(zip(protocol.scheme.classes, counts, strict=True)), subjects=protocol.subjects[database]
            )
            for database, counts in protocol.counts.items()
        },
        metric=protocol.metric,
        left_out=dict(protocol.left_out),
        source=protocol.scheme.source,
        **held_out,  # pyright: ignore[reportArgumentType]
    )


def difference(one: Protocol, other: Protocol) -> str:
    """What keeps two protocols of one name from being one; empty where nothing that counts differs."""
    parts = {
        "version": (one.version, other.version),
        "classes": (one.scheme.classes, other.scheme.classes),
        "labels": (one.scheme.table, other.scheme.table),
        "expected": ((one.counts, one.subjects), (other.counts, other.subjects)),
        "held_out": (one.held_out, other.held_out),
        "split": ({*one.tested}, {*other.tested})
        if {*one.tested} != {*other.tested}
        else ({*one.validating}, {*other.validating}),
        "left_out": ({*one.left_out}, {*other.left_out}),
        "metric": (one.metric, other.metric),
    }
    return ", ".join(name for name, (ours, theirs) in parts.items() if ours != theirs)
