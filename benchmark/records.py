"""What was recorded: one FoldRecord per fold (local), one RunRecord per run (committed)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field

from benchmark.curves import MeanCurve  # noqa: TC001 - a field
from benchmark.json_files import load_json, write_json
from mer_lightning.metrics import confusion_matrix
from mer_lightning.settings import Settings
from mer_lightning.types import DataError, person_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SCHEMA_VERSION = 1
SEEN = "Its values were chosen by looking at people who are tested here."
Matrix = tuple[tuple[int, ...], ...]


class PredictionRecord(Settings):
    """One held-out prediction; stays on the machine that made it."""

    key: str
    label: int
    prediction: int
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
    seconds: float = Field(ge=0)


class TuningRecord(SearchRecord):
    """What all studies of a run spent, and what they promised.

    Attributes:
        studies: Number of studies; trials, epochs and seconds are of all of them.
        inner_uf1: UF1 that the chosen values had in the studies, mean over folds.
        optimism: That minus the UF1 of the run; None while folds are missing, and under ``global``, whose study has
            seen the tested subjects, so that there is nothing to compare with.
    """

    studies: int = Field(ge=1)
    inner_uf1: float
    optimism: float | None = None


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
    seconds: float
    curve: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    epoch: int | None = None
    tuned: dict[str, Any] = Field(default_factory=dict)
    inner_uf1: float | None = None
    search: SearchRecord | None = None
    audit: FoldAudit | None = None
    candidates: tuple[str, ...] = ()


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
        samples: Number of samples that trained and validated.
        epoch: Epoch whose weights were kept.
        validation_accuracy: Of that epoch, on people who were not trained on.
    """

    source: str
    release: str
    synthetic: bool
    hash: str
    samples: dict[str, int]
    epoch: int
    validation_accuracy: float


class RunRecord(Settings):
    """One method under one protocol with one seed: what a leaderboard is made of. No per-sample label is in it.

    Attributes:
        board: Id of the protocol, with ``synthetic-`` before it when the data is.
        edition: Which of several inputs of the protocol the method had, e.g. ``aligned``; mostly empty.
        confusion: Confusion matrix of each tested subject, rows truth.
        folds: Number of folds of the protocol.
        finished: Number of folds that are in; fewer make the run incomplete.
        failed: Held-out subjects whose fold ended in an error.
        recipe: The recipe as it was run.
        versions: Versions of the packages that decide a result.
        seconds: Sum of the folds' wall times.
        tuning: What tuning spent and promised; None for a method that was not tuned.
        audit: Audit of each fold by whom it held out; folds from before it existed are not in it.
        curve: Learning curves, mean over folds; None for methods without epochs and in records from before it existed.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    run: str
    method: str
    title: str
    board: str
    edition: str = ""
    protocol: str
    protocol_version: int
    protocol_hash: str
    selection: str
    recipe_hash: str
    recipe: dict[str, Any]
    data: DataProvenance
    pretraining: PretrainingRecord | None = None
    seed: int
    classes: tuple[str, ...]
    databases: tuple[str, ...]
    folds: int = Field(gt=0)
    finished: int = Field(ge=0)
    failed: tuple[str, ...] = ()
    confusion: dict[str, Matrix]
    versions: dict[str, str]
    device: str
    seconds: float
    tuning: TuningRecord | None = None
    audit: dict[str, FoldAudit] = Field(default_factory=dict)
    curve: MeanCurve | None = None

    @property
    def complete(self) -> bool:
        """True when every fold of the protocol is in."""
        return self.finished == self.folds

    @property
    def entry(self) -> str:
        """What has a row of its own in a leaderboard: the method, and the edition of its input if it has one."""
        return f"{self.method}@{self.edition}" if self.edition else self.method

    @property
    def unranked(self) -> str:
        """Why the method has no place in a table; empty for what competes."""
        # records from before these settings existed lack them
        if {*(self.recipe.get("chosen_on") or {}).get("databases", ())} & {*self.databases}:
            return SEEN
        return self.recipe.get("unranked", "")

    def matrices(self, database: str | None = None) -> NDArray[np.int64]:
        """Confusion matrices of the subjects (of one database), ``(S, C, C)``, in subject order."""
        chosen = [
            self.confusion[person]
            for person in sorted(self.confusion)
            if database is None or person.startswith(f"{database}/")
        ]
        return np.array(chosen, dtype=np.int64).reshape(-1, len(self.classes), len(self.classes))

    def result(self) -> dict[str, Any]:
        """Everything but times, device, versions and how training went: equal results mean equal science."""
        left_out = {"seconds": True, "device": True, "versions": True, "curve": True, "tuning": {"seconds"}}
        # what decides a score is in the recipe's hash, where a setting that came later and is not used does not count
        hashed = {"representation", "model", "training", "transfer", "estimator", "ensemble", "parts"}
        return self.model_dump(exclude=left_out | {"recipe": hashed})


def confusion_of(folds: Iterable[FoldRecord], classes: int) -> dict[str, Matrix]:
    """Confusion matrix of each tested subject, by ``<database>/<subject>``, sorted."""
    tested: dict[str, list[PredictionRecord]] = {}
    for fold in folds:
        for prediction in fold.predictions:
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


def tuning_of(folds: Sequence[FoldRecord], uf1: float | None) -> TuningRecord | None:
    """What the studies of a run spent and promised.

    Args:
        folds: Those of its folds that are in.
        uf1: Pooled UF1 of the run; None while folds are missing.

    Returns:
        None where nothing was tuned.
    """
    pairs = [(fold.search, fold.inner_uf1) for fold in folds]
    known = [(search, inner) for search, inner in pairs if search is not None and inner is not None]
    if not known:
        return None
    first = known[0][0]
    studies = [first] if first.mode == "global" else [search for search, _ in known]
    inner = float(np.mean([value for _, value in known]))
    return TuningRecord(
        mode=first.mode,
        sampler=first.sampler,
        pruner=first.pruner,
        trials=sum(study.trials for study in studies),
        pruned=sum(study.pruned for study in studies),
        epochs=sum(study.epochs for study in studies),
        seconds=round(sum(study.seconds for study in studies), 3),
        studies=len(studies),
        inner_uf1=round(inner, 6),
        optimism=None if uf1 is None or first.mode == "global" else round(inner - uf1, 6),
    )


def record_path(records: Path, record: RunRecord) -> Path:
    """Where a RunRecord is committed: ``<records>/<board>/<method>[@<edition>]/seed<k>.json``."""
    return records / record.board / record.entry / f"seed{record.seed}.json"


def save_run(records: Path, record: RunRecord) -> Path:
    """Write a RunRecord, unless the same result, or a complete one instead of an incomplete, is already there.

    Of the same result only a learning curve that is missing there is added.
    """
    path = record_path(records, record)
    if path.exists():
        old = load_run(path)
        # an audit that is there already does not go because it was made again without one
        audited = record if len(record.audit) >= len(old.audit) else record.model_copy(update={"audit": old.audit})
        same = old.result() == audited.result()
        if (same and (old.curve or not record.curve)) or (old.complete and not record.complete):
            return path
        if same:
            record = old.model_copy(update={"curve": record.curve})
    write_json(path, record.model_dump())
    return path


def load_run(path: Path) -> RunRecord:
    """Read a RunRecord.

    Raises:
        DataError: The file is not a RunRecord.
    """
    return load_json(path, RunRecord)


def load_runs(records: Path) -> list[RunRecord]:
    """Read every committed RunRecord, in path order.

    Raises:
        DataError: A file is not a RunRecord or lies in a place that is not its own.
    """
    found: list[RunRecord] = []
    for path in sorted(records.glob("*/*/*.json")):
        record = load_run(path)
        if record_path(records, record) != path:
            raise DataError(f"{path}: holds the record of {record_path(records, record)}")
        found.append(record)
    return found
