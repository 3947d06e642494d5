"""The nouns that every room shares: what was recorded, what is trained on, what was predicted."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


Kind = Literal["frames", "flow_maps"]
DATABASE_NAME = r"[a-z][a-z0-9_-]{0,39}"
"""What a database may be called."""
RESERVED_DATABASES = ("all", "test")
"""No database is called so: columns of tables and folds of fixed splits are."""
NO_CHOICES: Mapping[str, str] = MappingProxyType({})


class DataError(ValueError):
    """Something the user gave (file, folder, sheet, table) is not what it should be.

    The message is one line and names the file, row or key and what was expected there.
    """

    def __str__(self) -> str:
        return one_line(super().__str__())


def one_line(text: str) -> str:
    """The text with what would break a line, or command the terminal that shows it, spelt out: a cell may hold both."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


class DivergedError(ArithmeticError):
    """A training ended in numbers that are not finite: it predicts nothing."""


def lies_at_an_end(onset: int | None, apex: int | None, offset: int | None) -> str:
    """Which end of a clip its apex is, ``onset`` or ``offset``; empty where it lies between, or is not annotated."""
    if apex is None or onset == offset or apex not in {onset, offset}:
        return ""
    return "onset" if apex == onset else "offset"


@dataclass(frozen=True, slots=True)
class Sample:
    """One annotated clip of one subject.

    Attributes:
        database: Short database name, e.g. ``smic``, ``casme2``, ``samm``.
        subject: Subject as the database writes it, e.g. ``s01``, ``sub01``, ``006``.
        clip: Clip name; unique within a subject only.
        emotion: Native label of the database, before any label scheme.
        path: File or folder that holds the clip, None when it is generated.
        onset: First frame of the expression, numbered as in the database; None if not annotated.
        apex: Frame of the strongest expression; None if not annotated.
        offset: Last frame of the expression; None if not annotated.
        action_units: FACS action units as released, e.g. ``4+L10``; empty if not annotated.
        fps: Frames per second of the camera; None if it is not known.
    """

    database: str
    subject: str
    clip: str
    emotion: str
    path: Path | None = None
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    action_units: str = ""
    fps: float | None = None

    @property
    def key(self) -> str:
        """Identity of the sample, ``<database>/<subject>/<clip>``."""
        return f"{self.database}/{self.subject}/{self.clip}"

    @property
    def person(self) -> str:
        """Identity of the subject across databases, ``<database>/<subject>``."""
        return f"{self.database}/{self.subject}"


def person_of(key: str) -> str:
    """``person`` of the sample with this ``key``."""
    return key.rsplit("/", 1)[0]


class Dataset(Protocol):
    """A database as a table of samples plus a reader; knows nothing of folds, classes or models.

    Attributes:
        name: Short name, e.g. ``casme2``; a composite has a name of its own.
        release: Annotation release that the table follows, e.g. ``megc2019-442``.
        kind: ``frames`` when ``read`` gives video frames, ``flow_maps`` when it gives one precomputed map.
        synthetic: True when no real person was recorded; every table made from it says so.
        samples: All samples, sorted by key.
        choices: What the release leaves open and was chosen, e.g. SMIC's apex; part of every record.
    """

    @property
    def name(self) -> str: ...
    @property
    def release(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def synthetic(self) -> bool: ...
    @property
    def samples(self) -> tuple[Sample, ...]: ...
    @property
    def choices(self) -> Mapping[str, str]: ...

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read one sample.

        Returns:
            ``(T, H, W, C)``, uint8: the frames onset..offset in order, or one map (T = 1) whose channels
            are horizontal flow, vertical flow and optical strain, each scaled to 0..255.

        Raises:
            DataError: The files of the sample are missing, unreadable or not what the table says.
        """
        ...


class Batch(NamedTuple):
    """What a task trains on.

    Attributes:
        inputs: Representation, ``(B, C, H, W)`` or ``(B, C, T, H, W)``, float32.
        labels: Class indices, ``(B,)``, int64.
        rows: Row of each sample in the table that the batch was drawn from, ``(B,)``, int64.
    """

    inputs: Tensor
    labels: Tensor
    rows: Tensor


@dataclass(frozen=True, slots=True)
class Prediction:
    """One prediction for one held-out sample.

    Attributes:
        key: Key of the sample.
        label: True class index.
        prediction: Predicted class index.
        scores: Class probabilities in class order, rounded to six digits; empty if the method has none.
    """

    key: str
    label: int
    prediction: int
    scores: tuple[float, ...] = ()
