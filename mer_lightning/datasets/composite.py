"""The MEGC2019 composite: 442 (or 441) clips of SMIC-HS, CASME II and SAMM, by the rules of the challenge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mer_lightning.datasets.base import Dataset
from mer_lightning.datasets.problems import Problem, refuse
from mer_lightning.datasets.releases import get_release
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.datasets.base import Kind
    from mer_lightning.types import Sample

CLASSES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "smic": {"negative": ("negative",), "positive": ("positive",), "surprise": ("surprise",)},
    "casme2": {
        "negative": ("disgust", "repression"),
        "positive": ("happiness",),
        "surprise": ("surprise",),
    },
    "samm": {
        "negative": ("anger", "contempt", "disgust", "fear", "sadness"),
        "positive": ("happiness",),
        "surprise": ("surprise",),
    },
}
"""Which native emotions the composite takes, by database and class; everything else is left out."""

COUNTS: Mapping[str, tuple[int, int, int]] = {
    "smic": (70, 51, 43),
    "casme2": (88, 32, 25),
    "samm": (92, 26, 15),
}
"""Clips per database that are negative, positive, surprise, in the list of 442."""

SUBJECTS: Mapping[str, int] = {"smic": 16, "casme2": 24, "samm": 28}

LEFT_OUT: Mapping[str, str] = {
    "casme2/sub04/EP12_01f": "the official list leaves it out; the sheet has no apex for it",
    "casme2/sub05/EP09_05f": "the official list leaves it out; its apex is its onset",
    "casme2/sub24/EP02_07": "the official list leaves it out; only the 2019 sheet has it",
}
"""Clips of a kept emotion that the official list does not have, with the reason."""


class Part(Dataset, Protocol):
    """One database of the composite.

    Attributes:
        complete: True if its samples are all of the release.
    """

    @property
    def complete(self) -> bool: ...  # noqa: D102 - an attribute, described above


class Composite:
    """The MEGC2019 composite of three databases.

    Args:
        smic: SMIC, high-speed camera, 164 clips.
        casme2: CASME II, either sheet.
        samm: SAMM, estimated emotions.
        release: ``megc2019-442`` or ``megc2019-441``.

    Attributes:
        name: Always ``megc2019``.
        kind: Always ``frames``.
        complete: True if the counts are those of the release; they are checked unless one of the three
            databases is itself a subset or a twin of another size.

    Raises:
        DataError: A database is not what it should be, or the counts are not those of the release.
    """

    name = "megc2019"
    kind: Kind = "frames"

    def __init__(self, smic: Part, casme2: Part, samm: Part, *, release: str = "megc2019-442") -> None:
        annotation = get_release(release)
        if annotation.database != self.name:
            raise DataError(f"release {release} is not one of {self.name}; expected megc2019-442 or megc2019-441")
        self._parts = {part.name: part for part in (smic, casme2, samm)}
        if list(self._parts) != list(CLASSES):
            raise DataError(f"the composite takes {', '.join(CLASSES)}, in this order, not {', '.join(self._parts)}")
        for part in self._parts.values():
            if part.release.endswith(("-objective", "-objective-partial")):
                raise DataError(f"{part.name}: the composite takes estimated emotions, not objective classes")
        left_out = set(LEFT_OUT) | {f"samm/{key}" for key in annotation.absent}
        samples = select(sample for part in self._parts.values() for sample in part.samples)
        self.samples = tuple(sample for sample in samples if sample.key not in left_out)
        self.complete = all(part.complete for part in self._parts.values())
        self.synthetic = any(part.synthetic for part in self._parts.values())
        self.annotation = annotation
        self.choices = {
            f"{part.name} {choice}": value for part in self._parts.values() for choice, value in part.choices.items()
        }
        self.release = release if self.complete else f"{release}-partial"
        if self.complete:
            refuse(
                [
                    *class_problems(self.samples, absent=len(annotation.absent)),
                    *annotation.compare(self.samples, "."),
                ]
            )

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read the frames onset..offset of one sample from its database.

        Returns:
            ``(T, H, W, C)``, uint8.

        Raises:
            DataError: The files are missing, unreadable or not what the table says.
        """
        return self.part_of(sample).read(sample)

    def part_of(self, sample: Sample) -> Part:
        """The database that a sample belongs to.

        Raises:
            DataError: It belongs to none of them.
        """
        if sample.database not in self._parts:
            raise DataError(f"{sample.key}: the composite has {', '.join(self._parts)}")
        return self._parts[sample.database]


def select(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """Samples whose emotion the composite keeps, sorted by key.

    Raises:
        DataError: A sample is of another database.
    """
    kept: list[Sample] = []
    for sample in samples:
        if sample.database not in CLASSES:
            raise DataError(f"{sample.key}: the composite has {', '.join(CLASSES)}")
        if any(sample.emotion in emotions for emotions in CLASSES[sample.database].values()):
            kept.append(sample)
    return tuple(sorted(kept, key=lambda one: one.key))


def class_problems(samples: Iterable[Sample], *, absent: int = 0) -> list[Problem]:
    """Compare clips per database and class, and subjects per database, with the official list.

    Args:
        samples: The samples of the composite.
        absent: Negative SAMM clips that the release leaves out (one for the 441-clip list).
    """
    found = list(samples)
    problems: list[Problem] = []
    for database, classes in CLASSES.items():
        for (name, emotions), stated in zip(classes.items(), COUNTS[database], strict=True):
            expected = stated - (absent if (database, name) == ("samm", "negative") else 0)
            count = sum(one.database == database and one.emotion in emotions for one in found)
            if count != expected:
                problems.append(
                    Problem(database, None, f"{name}: found {count} clips, the official list has {expected}")
                )
        subjects = len({one.subject for one in found if one.database == database})
        if subjects != SUBJECTS[database]:
            problems.append(
                Problem(database, None, f"found {subjects} subjects, the official list has {SUBJECTS[database]}")
            )
    return problems
