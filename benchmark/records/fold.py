"""What a fold gave, in a file of this machine: its predictions, and how it was trained."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from mer_lightning.metrics import confusion_matrix
from mer_lightning.settings import Settings
from mer_lightning.types import DataError, person_of

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA_VERSION = 1
Count = Annotated[int, Field(ge=0, lt=2**31)]


@lru_cache(maxsize=100_000)
def _one_object(rows: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same object for equal ones: most people have few clips, and a board holds thousands of their matrices."""
    return rows


Matrix = Annotated[tuple[Annotated[tuple[Count, ...], AfterValidator(_one_object)], ...], AfterValidator(_one_object)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class PredictionRecord(Settings):
    """One held-out prediction; stays on the machine that made it."""

    key: str
    label: int = Field(ge=0)
    prediction: int = Field(ge=0)
    scores: tuple[float, ...] = ()


class SideAudit(Settings):
    """One side of a fold without its keys.

    Attributes:
        samples: Number of samples.
        keys: Sum of the SHA-256 of their keys modulo 2^128, 32 hexadecimal digits, so that the sides of a fold add up.
        contents: The same of what was read of them.
    """

    samples: int = Field(ge=0)
    keys: str = Field(pattern="^[0-9a-f]{32}$")
    contents: str = Field(pattern="^[0-9a-f]{32}$")


class FoldAudit(Settings):
    """Who was on which side of a fold when it was trained.

    Attributes:
        train, validation, test: The sides.
        overlap: Number of ``subject``, ``clip`` and ``content`` on more than one side; any is a leak.
    """

    train: SideAudit
    validation: SideAudit
    test: SideAudit
    overlap: dict[Literal["subject", "clip", "content"], int]


class SearchRecord(Settings):
    """What a study spent, and how.

    Attributes:
        mode: ``nested`` and ``holdout`` see training subjects alone; ``global`` sees the tested folds.
        sampler, pruner: Of Optuna, by their short names.
        trials: Trials that were completed or pruned.
        pruned: Those of them that were ended early.
        epochs: Epochs of all trials and inner folds together; 0 for an estimator.
        seconds: Wall time of the trials, summed.
    """

    mode: Literal["nested", "holdout", "global"]
    sampler: str
    pruner: str
    trials: int = Field(ge=1)
    pruned: int = Field(ge=0)
    epochs: int = Field(ge=0)
    seconds: Seconds


class FoldRecord(Settings):
    """One trained fold.

    Attributes:
        held_out: The tested subject, ``<database>/<subject>``.
        predictions: One per sample of the subject.
        samples: Number of training and validation samples.
        seconds: Wall time.
        curve: Values per epoch, by name.
        epoch: Epoch that predicted, from 1.
        tuned: Values that tuning chose for this fold, by key of the recipe; empty where nothing was tuned.
        inner_uf1: Pooled UF1 of the inner folds that they were chosen by.
        search: What the study of this fold spent; under ``global`` it is the same for all.
        audit: Hashes and overlaps of the sides; None in records from before it existed.
        candidates: For each prediction, the class that every candidate (epoch, or value of C) gives, one digit each;
            only where ``mer-bench leak-study`` asked for it.
    """

    # half precision skips a step whose loss is not finite, and the curve shows it
    model_config = ConfigDict(allow_inf_nan=True)

    schema_version: Literal[1] = SCHEMA_VERSION
    held_out: str
    predictions: tuple[PredictionRecord, ...]
    samples: dict[str, int]
    seconds: Seconds
    curve: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    epoch: int | None = None
    tuned: dict[str, Any] = Field(default_factory=dict)
    inner_uf1: Share | None = None
    search: SearchRecord | None = None
    audit: FoldAudit | None = None
    candidates: tuple[str, ...] = ()


def confusion_of(folds: Iterable[FoldRecord], classes: int) -> dict[str, Matrix]:
    """Confusion matrix of each tested subject, by ``<database>/<subject>``, sorted.

    Raises:
        DataError: A prediction is of a class that there is not.
    """
    tested: dict[str, list[PredictionRecord]] = {}
    for fold in folds:
        for prediction in fold.predictions:
            if max(prediction.label, prediction.prediction) >= classes:
                raise DataError(f"fold {fold.held_out}: {prediction.key}: expected classes in 0..{classes - 1}")
            tested.setdefault(person_of(prediction.key), []).append(prediction)
    return {
        person: tuple(
            map(
                tuple,
                confusion_matrix([p.label for p in found], [p.prediction for p in found], classes).tolist(),
            )
        )
        for person, found in sorted(tested.items())
    }
