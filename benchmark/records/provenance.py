"""What a run saw, what it started from, and what tuning it spent."""

from __future__ import annotations

from pydantic import Field

from benchmark.records.fold import SearchRecord, Share
from mer_lightning.settings import Settings


class TuningRecord(SearchRecord):
    """What all studies of a run spent, and what they promised.

    Attributes:
        studies: Number of studies; trials, epochs and seconds are of all of them.
        inner_uf1: UF1 that the chosen values had in the studies, mean over folds.
        optimism: That minus the UF1 of the run; None while folds are missing, and under ``global``, whose study has
            seen the tested subjects, so that there is nothing to compare with.
    """

    studies: int = Field(ge=1)
    inner_uf1: Share
    optimism: float | None = None


class DataProvenance(Settings):
    """Which data a run saw.

    Attributes:
        source: Name of the dataset.
        release: Annotation release.
        choices: What the annotation leaves open and was chosen, e.g. SMIC's apex.
        synthetic: True when no real person was recorded.
        table_hash: SHA-256 of keys and labels.
        content_hash: SHA-256 of keys, labels and content.
    """

    source: str
    release: str
    synthetic: bool
    choices: dict[str, str] = Field(default_factory=dict)
    table_hash: str
    content_hash: str


class PretrainingRecord(Settings):
    """What the folds of a run started from.

    Attributes:
        source: Name of the dataset.
        release: Its annotation release.
        synthetic: True when no real person was recorded.
        hash: SHA-256 of model, training, data and seed.
        choices: As of ``DataProvenance``, e.g. how faces were cut.
        samples: Number of samples that trained and validated, and under ``repeated``, where there are any, of those
            that did not validate because the same content is trained on.
        epoch: Epoch whose weights were kept.
        validation_accuracy: Of that epoch, on people who were not trained on.
    """

    source: str
    release: str
    synthetic: bool
    hash: str
    choices: dict[str, str] = Field(default_factory=dict)
    samples: dict[str, int]
    epoch: int = Field(ge=0)
    validation_accuracy: Share
