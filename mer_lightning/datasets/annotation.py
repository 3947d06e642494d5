"""What an annotation release is: a named coding of a database, what it counts to, what is corrected and why."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from mer_lightning.datasets.problems import Problem
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mer_lightning.types import Sample

Field = Literal["apex", "emotion", "frames"]
When = Literal["slash", "equals onset", "equals offset", "impossible", "differs from the name", "missing"]


@dataclass(frozen=True, slots=True)
class Correction:
    """One change to the released coding, applied only where the released value is what ``when`` says.

    Attributes:
        name: Short name; switches it on and off.
        subject: Subject, ``*`` for every one.
        clip: Clip, ``*`` for every one.
        field: Which annotation changes; ``frames`` lets the nearest existing frame stand in for a missing
            one.
        when: ``slash`` (the cell is ``/``), ``equals onset``, ``impossible`` (no frame number, or out of
            onset..offset), ``missing`` (frames are not in the folder).
        value: What takes its place, None for not annotated.
        reason: Why, and who says so.
        row: Row of the sheet where the source names a row only; None otherwise.
        default: True if it is on unless switched off.
    """

    name: str
    subject: str
    clip: str
    field: Field
    when: When
    value: int | str | None
    reason: str
    released: str = ""
    default: bool = True

    def concerns(self, subject: str, clip: str) -> bool:
        """Whether it is about this clip."""
        return self.subject in ("*", subject) and self.clip in ("*", clip)


@dataclass(frozen=True, slots=True)
class AnnotationRelease:
    """A named, counted, hashed version of a database's coding.

    Attributes:
        name: E.g. ``casme2-2014``.
        database: Short name of the database.
        source: Where the coding and its counts are stated.
        file: The files in which the coding is distributed.
        counts: Samples per native emotion; empty where not stated.
        clips: Samples in all.
        subjects: Subjects, None where not stated.
        emotions: Native emotions where ``counts`` is empty.
        objective: Samples per objective class ``I`` to ``VII``, empty where not stated.
        parts: Samples per subject where the release states them (FER2013's three parts).
        corrections: Every correction there is for it.
        active: Names of those that are on.
        unlabelled: Clips ``<subject>/<clip>`` whose folder may exist without a row, with the reason.
        absent: Clips ``<subject>/<clip>`` of the full list that the release leaves out.
        notes: What else is odd in it, and what is done about it.
    """

    name: str
    database: str
    source: str
    file: str
    counts: Mapping[str, int]
    clips: int
    subjects: int | None = None
    emotions: tuple[str, ...] = ()
    objective: Mapping[str, int] = field(default_factory=dict[str, int])
    parts: Mapping[str, int] = field(default_factory=dict[str, int])
    corrections: tuple[Correction, ...] = ()
    active: frozenset[str] = frozenset()
    unlabelled: Mapping[str, str] = field(default_factory=dict[str, str])
    absent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Every native emotion that may occur."""
        return tuple(self.counts) or self.emotions

    @property
    def expected(self) -> Mapping[str, int]:
        """Samples per native emotion with the corrections of emotions that are on."""
        counts = dict(self.counts)
        for one in self.corrections:
            if one.field == "emotion" and one.name in self.active and counts:
                counts[one.released] -= 1
                counts[str(one.value)] += 1
        return counts

    @property
    def hash(self) -> str:
        """Identity of the release with its switches, 12 hex digits."""
        body = asdict(self) | {"active": sorted(self.active)}
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """Name, with the switches that differ from the default, e.g. ``casme2-2014-no:<correction>``."""
        off = sorted(one.name for one in self.corrections if one.default and one.name not in self.active)
        on = sorted(one.name for one in self.corrections if not one.default and one.name in self.active)
        return "".join([self.name, *(f"-no:{name}" for name in off), *(f"-with:{name}" for name in on)])

    def switch(self, *, on: Iterable[str] = (), off: Iterable[str] = ()) -> AnnotationRelease:
        """The same release with corrections switched.

        Raises:
            DataError: No such correction, or one is switched both ways.
        """
        on, off = set(on), set(off)
        known = {correction.name for correction in self.corrections}
        for name in (*on, *off):
            if name not in known:
                names = ", ".join(sorted(known)) or "none"
                raise DataError(f"{self.name}: correction '{name}' is unknown; expected one of {names}")
        if both := sorted(on & off):
            raise DataError(f"{self.name}: correction '{both[0]}' is switched both on and off; expected one of them")
        return replace(self, active=(self.active | on) - off)

    def corrections_for(self, subject: str, clip: str) -> tuple[Correction, ...]:
        """Corrections that are on and concern a clip, those of one clip before those of all."""
        found = [one for one in self.corrections if one.name in self.active and one.concerns(subject, clip)]
        return tuple(sorted(found, key=lambda one: one.clip == "*"))

    def remarks_for(self, subject: str, clip: str) -> tuple[Correction, ...]:
        """Corrections of this one clip that are off unless switched on, and are off."""
        off = (one for one in self.corrections if not one.default and one.name not in self.active)
        return tuple(one for one in off if one.clip != "*" and one.concerns(subject, clip))

    def compare(self, samples: Iterable[Sample], file: str, *, objective: bool = False) -> list[Problem]:
        """Compare what was found with what the release must count to.

        Args:
            samples: What was found.
            file: Where, as the problems should name it.
            objective: True if the samples carry objective classes instead of emotions.
        """
        found = list(samples)
        problems: list[Problem] = []

        def check(what: str, count: int, expected: int) -> None:
            if count != expected:
                problems.append(Problem(file, None, f"{what}: found {count}, release {self.name} has {expected}"))

        counts = self.objective if objective else self.expected
        names = [one.emotion for one in found]
        for name in dict.fromkeys([*counts, *sorted(set(names))]) if counts else ():
            check(f"clips of class {name}", names.count(name), counts.get(name, 0))
        for part, expected in self.parts.items():
            check(f"clips of {part}", sum(one.subject == part for one in found), expected)
        check("clips", len(found), self.clips)
        if self.subjects is not None:
            check("subjects", len({one.person for one in found}), self.subjects)
        return problems


def lenient_frames(database: str) -> Correction:
    """The correction, off unless switched on, that lets an incomplete copy of a database be read."""
    return Correction(
        name=f"{database}-any-frames",
        subject="*",
        clip="*",
        field="frames",
        when="missing",
        value=None,
        reason="for incomplete copies: the nearest existing frame stands in for a missing one",
        default=False,
    )
