"""What looking at the held-out subject is worth: the field's habits, each beside the same thing done honestly.

Nothing here is a result. A habit has no row in any leaderboard, its records lie in a folder of their own, and it is
only ever shown beside its honest counterpart, which for choosing and pooling is the very same training run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator

from benchmark.files import load_signed, signed, write_json
from benchmark.records.clip_list import check_matrices, check_one_list, clips_of
from benchmark.records.fold import Matrix  # noqa: TC001 - a field
from benchmark.records.run import RunRecord, record_path
from mer_lightning.metrics import METRICS, confusion_matrix, uf1
from mer_lightning.settings import Settings
from mer_lightning.types import DataError, person_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmark.records.fold import FoldRecord

HONEST = "honest"
NUMBERS: tuple[int, ...] = (1, 2, 5, 10, 20, 50, 100, 200, 400, 800)
"""Numbers of candidates on a curve."""
REPEATS = 20
_DIGIT = 36

Pooling = Literal["pooled", "fold_mean"]
Kind = Literal["epoch", "C"]


@dataclass(frozen=True, slots=True)
class Habit:
    """One habit of published code, as a named variant that is never ranked.

    Attributes:
        name: Name in records and on the command line.
        title: What is done.
        outcome: Whose predictions it scores, in ``LeakRecord.outcomes``; ``honest`` are those of the run itself.
        beside: Whose predictions the honest counterpart scores.
        pooling: ``pooled`` scores one matrix of all folds, ``fold_mean`` averages a score per fold.
    """

    name: str
    title: str
    outcome: str
    beside: str = HONEST
    pooling: Pooling = "pooled"


HABITS = (
    Habit("test_oracle", "candidate that is best on each held-out subject", "test_oracle"),
    Habit("best_common", "one candidate for all folds, best on their reported score", "best_common"),
    Habit("fold_mean", "mean of the folds' own scores, absent classes dropped", HONEST, pooling="fold_mean"),
    Habit(
        "test_oracle_fold_mean",
        "best on each held-out subject, then the mean of folds",
        "test_oracle",
        pooling="fold_mean",
    ),
    Habit("scaled_together", "standardised over all subjects", "scaled_together", "scaled_apart"),
    Habit("random_split", "ten random parts of the clips instead of subjects", "random_split"),
    Habit(
        "augmented_before_split",
        "shifted copies made before a random split",
        "augmented_before_split",
        "augmented_inside",
    ),
)
"""Every habit; random guessing with many candidates is ``noise_curve``."""

OUTCOMES = frozenset({habit.outcome for habit in HABITS} | {habit.beside for habit in HABITS}) - {HONEST}


class BestOf(Settings):
    """What remains when each held-out subject keeps its best of the last ``number`` candidates; pooled matrix."""

    number: int = Field(ge=1)
    confusion: Matrix


class LeakRecord(Settings):
    """One leak study: an honest run, and what habits make of the same method, protocol, data and seed.

    Attributes:
        honest: The run; its provenance is that of everything else here.
        candidates: What was chosen from: ``epoch`` of a network, value of ``C``; None where there is no choice.
        number: How many of them.
        outcomes: Name of predictions -> confusion matrix of each tested subject, rows truth.
        best_of: Scores under ``test_oracle`` by number of candidates.
    """

    schema_version: Literal[1] = 1
    honest: RunRecord
    candidates: Kind | None = None
    number: int = Field(default=0, ge=0)
    outcomes: dict[str, dict[str, Matrix]] = Field(default_factory=dict)
    best_of: tuple[BestOf, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> LeakRecord:
        if not self.honest.complete:
            raise ValueError(f"honest: incomplete {self.honest.finished}/{self.honest.folds}")
        classes = len(self.honest.classes)
        for name, confusion in self.outcomes.items():
            if name not in OUTCOMES:
                raise ValueError(f"outcomes.{name}: expected one of {', '.join(sorted(OUTCOMES))}")
            check_matrices(confusion, classes, f"outcomes.{name}")
            if clips_of(confusion) != clips_of(self.honest.confusion):
                raise ValueError(f"outcomes.{name}: other clips than those of the honest run")
        check_matrices({str(place): best.confusion for place, best in enumerate(self.best_of)}, classes, "best_of")
        return self

    def confusion(self, outcome: str) -> dict[str, Matrix] | None:
        """Matrix of each subject under some predictions; None where they were not made."""
        return self.honest.confusion if outcome == HONEST else self.outcomes.get(outcome)


@dataclass(frozen=True, slots=True)
class Gap:
    """Honest and leaky scores of one habit, by metric."""

    habit: Habit
    honest: dict[str, float]
    leaky: dict[str, float]


def gaps(record: LeakRecord) -> list[Gap]:
    """Score every habit that a study has tried beside its honest counterpart, which is always pooled."""
    found: list[Gap] = []
    for habit in HABITS:
        leaky, honest = record.confusion(habit.outcome), record.confusion(habit.beside)
        if leaky is not None and honest is not None:
            scores = pooled_scores(leaky) if habit.pooling == "pooled" else fold_mean(record, leaky)
            found.append(Gap(habit, pooled_scores(honest), scores))
    return found


def fold_mean(record: LeakRecord, confusion: Mapping[str, Matrix]) -> dict[str, float]:
    """Mean of the folds' own scores, as code that calls scikit-learn fold by fold has it.

    Each drops the classes that a fold does not have, so every fold is a mean over other classes.
    """
    folds = _by_fold(record, confusion)
    return {metric.name: float(np.mean([metric.of_one_fold(matrix) for matrix in folds])) for metric in METRICS}


def _by_fold(record: LeakRecord, confusion: Mapping[str, Matrix]) -> NDArray[np.int64]:
    """Confusion matrix of each fold, ``(F, C, C)``: of each subject, database or split, whatever is held out."""
    folds: dict[str, NDArray[np.int64]] = {}
    protocol = record.honest.evaluation
    for person, rows in confusion.items():
        fold = protocol.fold_of(person)
        folds[fold] = folds.get(fold, np.zeros((), np.int64)) + np.array(rows)
    return np.array(list(folds.values()))


def pooled_scores(confusion: Mapping[str, Matrix]) -> dict[str, float]:
    """Scores of the pooled matrix."""
    matrix = np.array(list(confusion.values())).sum(0)
    return {metric.name: float(metric.pooled(matrix)) for metric in METRICS}


@dataclass(frozen=True, slots=True)
class Guesses:
    """What every candidate predicts in one fold.

    Attributes:
        people: Subject of each sample.
        labels: True classes, ``(n,)``.
        guesses: Predicted classes, ``(n, E)`` for E candidates in order.
    """

    people: tuple[str, ...]
    labels: NDArray[np.int64]
    guesses: NDArray[np.int64]


def read_guesses(folds: Iterable[FoldRecord]) -> list[Guesses]:
    """Take the candidates of fold records apart.

    Raises:
        DataError: A fold has none, or not as many as the others.
    """
    found: list[Guesses] = []
    for fold in folds:
        lengths = {len(row) for row in fold.candidates}
        if len(fold.candidates) != len(fold.predictions) or len(lengths) != 1:
            raise DataError(f"{fold.held_out}: expected the predictions of every candidate for each of its clips")
        found.append(
            Guesses(
                tuple(person_of(p.key) for p in fold.predictions),
                np.array([p.label for p in fold.predictions]),
                np.array([[int(digit, _DIGIT) for digit in row] for row in fold.candidates]),
            )
        )
    numbers = {one.guesses.shape[1] for one in found}
    if len(numbers) > 1:
        raise DataError(f"the folds have {' or '.join(map(str, sorted(numbers)))} candidates; expected one number")
    return found


def oracle_per_fold(folds: Sequence[Guesses], last: int | None = None) -> list[NDArray[np.int64]]:
    """Predictions of each fold by the candidate with most hits on it, the first of equals.

    Args:
        folds: What candidates predict.
        last: Only so many last candidates are looked at; all when None.
    """
    chosen: list[NDArray[np.int64]] = []
    for fold in folds:
        guesses = fold.guesses[:, -last:] if last else fold.guesses
        chosen.append(guesses[:, int((guesses == fold.labels[:, None]).sum(0).argmax())])
    return chosen


def best_common(folds: Sequence[Guesses], classes: int) -> tuple[int, list[NDArray[np.int64]]]:
    """The candidate (from 0) with the highest pooled UF1 over all folds, the first of equals, and its predictions."""
    labels = np.concatenate([fold.labels for fold in folds])
    guesses = np.concatenate([fold.guesses for fold in folds])
    scores = [float(uf1(confusion_matrix(labels, column, classes))) for column in guesses.T]
    best = int(np.argmax(scores))
    return best, [fold.guesses[:, best] for fold in folds]


def confusion_by_person(
    folds: Sequence[Guesses], predictions: Sequence[NDArray[np.int64]], classes: int
) -> dict[str, Matrix]:
    """Confusion matrix of each tested subject, sorted."""
    people = np.array([person for fold in folds for person in fold.people])
    labels = np.concatenate([fold.labels for fold in folds])
    guesses = np.concatenate(predictions)
    return {
        str(person): as_matrix(confusion_matrix(labels[people == person], guesses[people == person], classes))
        for person in np.unique(people)
    }


def as_matrix(matrix: NDArray[np.int64]) -> Matrix:
    """A confusion matrix as it is recorded."""
    return tuple(map(tuple, matrix.tolist()))


def best_of_last(folds: Sequence[Guesses], classes: int) -> tuple[BestOf, ...]:
    """``test_oracle`` by number of candidates: the last one alone, the last two, and so on up to all."""
    total = folds[0].guesses.shape[1]
    labels = np.concatenate([fold.labels for fold in folds])
    return tuple(
        BestOf(
            number=number,
            confusion=as_matrix(confusion_matrix(labels, np.concatenate(oracle_per_fold(folds, number)), classes)),
        )
        for number in sorted({*(n for n in NUMBERS if n < total), total})
    )


def noise_curve(truth: NDArray[np.int64], numbers: Sequence[int] = NUMBERS, seed: int = 0) -> list[float]:
    """UF1 of guessing at random where each fold keeps the best of n guesses: what choosing gives with nothing learnt.

    Guesses follow the shares of the classes in the truth, independently for every clip and candidate; epochs of one
    training resemble each other, so the same number of them gives less. Mean over ``REPEATS`` draws.

    Args:
        truth: True clips of each class in each fold, ``(F, C)``.
        numbers: Numbers n of candidates, rising.
        seed: Seed of the draws.
    """
    rng, classes = np.random.default_rng(seed), truth.shape[1]
    shares, most = truth.sum(0) / truth.sum(), max(numbers)
    pooled = np.zeros((len(numbers), REPEATS, classes, classes), np.int64)
    for counts in truth:
        # rows truth, columns guesses, of every candidate in every repeat
        drawn = np.stack([rng.multinomial(count, shares, (REPEATS, most)) for count in counts], 2)
        hits = np.trace(drawn, axis1=2, axis2=3)
        for place, number in enumerate(numbers):
            pooled[place] += drawn[np.arange(REPEATS), hits[:, :number].argmax(1)]
    return uf1(pooled).mean(1).tolist()


def noise_of(record: LeakRecord, numbers: Sequence[int] = NUMBERS) -> list[float]:
    """``noise_curve`` of the clips of a study."""
    return noise_curve(_by_fold(record, record.honest.confusion).sum(2), numbers)


def save_leaks(folder: Path, record: LeakRecord) -> Path:
    """Write a study to ``<folder>/<board>/<method>/seed<k>.json``, unless the same result is already there."""
    path = record_path(folder, record.honest)
    if not path.exists() or _result(load_leak(path)) != _result(record):
        write_json(path, signed(record.model_dump()))
    return path


def load_leak(path: Path) -> LeakRecord:
    """Read the record of a study.

    Raises:
        DataError: The file is not one.
    """
    record, _ = load_signed(path, LeakRecord)
    record.honest.register(path)
    return record


def load_leaks(folder: Path) -> list[LeakRecord]:
    """Read every committed study, in path order.

    Raises:
        DataError: A file is not a study or lies in a place that is not its own, or two of one leaderboard are not of
            one list of clips.
    """
    found: dict[Path, LeakRecord] = {}
    for path in sorted(folder.glob("*/*/*.json")):
        record = load_leak(path)
        if record_path(folder, record.honest) != path:
            raise DataError(f"{path}: holds the study of {record_path(folder, record.honest)}")
        found[path] = record
    check_one_list((path, record.honest.clip_list) for path, record in found.items())
    return list(found.values())


def _result(record: LeakRecord) -> tuple[object, object]:
    return record.honest.result(), record.model_dump(exclude={"honest"})
