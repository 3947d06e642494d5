"""How sure a score is: intervals and ranks from RunRecords alone, with the subject as the unit of chance.

Clips of one person resemble each other, so what is drawn again, swapped or left out is always a whole subject: its
confusion matrix. Everything works on a stack ``(K, S, C, C)`` of K seeds, S subjects and C classes, rows truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmark.evidence.resampling import RESAMPLES, draw_subjects, resampled, seeds_first
from mer_lightning.metrics import METRICS
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from benchmark.records.run import RunRecord

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a score would lie for other subjects; ``low`` and ``high`` as the score itself."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.4f} – {self.high:.4f}"


@dataclass(frozen=True, slots=True)
class Score:
    """A metric over seeds: mean and sample standard deviation (None for one seed)."""

    mean: float
    spread: float | None

    @classmethod
    def over(cls, values: ArrayLike) -> Score:
        """Mean and spread of one value per seed."""
        found = np.asarray(values, dtype=np.float64)
        return cls(float(found.mean()), float(found.std(ddof=1)) if len(found) > 1 else None)

    def __str__(self) -> str:
        return f"{self.mean:.4f}" + ("" if self.spread is None else f" ± {self.spread:.4f}")


@dataclass(frozen=True, slots=True)
class Influence:
    """Scores without one subject; ``clips`` is how many it has, ``share`` of all clips."""

    subject: str
    clips: int
    share: float
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ranks:
    """Average ranks of methods over protocols; 1 is the best.

    Attributes:
        average: One rank per method.
        p: Friedman's probability of ranks this unequal, were all methods alike.
        critical_difference: Nemenyi: two average ranks that lie closer cannot be told apart.
        protocols: Number of protocols.
    """

    average: tuple[float, ...]
    p: float
    critical_difference: float
    protocols: int


def stack_runs(runs: Sequence[RunRecord], database: str | None = None) -> NDArray[np.int64]:
    """Matrices per subject of runs that are to be read together, ``(K, S, C, C)``, subjects in order.

    Args:
        runs: Complete runs over the same samples.
        database: Only its subjects.

    Raises:
        DataError: A run is incomplete, or two runs did not test the same clips of the same subjects.
    """
    first = runs[0]
    for run in runs:
        if not run.complete:
            raise DataError(f"{run.run}: incomplete {run.finished}/{run.folds}; only complete runs have a score")
        if sorted(run.confusion) != sorted(first.confusion):
            odd = min(set(run.confusion) ^ set(first.confusion))
            raise DataError(f"{run.run} and {first.run}: not the same subjects, {odd} is in one of them only")
    stacked = np.stack([run.matrices(database) for run in runs])
    clips = stacked.sum(-1)
    if different := np.argwhere(clips != clips[0]).tolist():
        k, s = different[0][:2]
        people = [person for person in sorted(first.confusion) if database in {None, person.split("/")[0]}]
        raise DataError(f"{runs[k].run} and {first.run}: not the same clips per class of subject {people[s]}")
    return stacked


def bootstrap(
    stacked: ArrayLike, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> dict[str, Interval]:
    """Interval of every metric, by drawing subjects with replacement.

    The expanded percentile interval of Hesterberg, "What teachers should know about the bootstrap", The American
    Statistician 69, 2015, section 5.3: the percentiles move outwards as if a Student t interval had been corrected,
    because plain percentiles of few subjects are too narrow. Of several seeds the mean is the score, and a drawn
    subject is drawn in all of them: the interval speaks of other subjects, the spread over seeds of other seeds.

    Args:
        stacked: ``(S, C, C)`` or ``(K, S, C, C)``.
        resamples: Draws.
        level: How often the interval is to cover the score of the population, 0..1.
        seed: Of the draws; the same for all methods, so that tables are the same every time.

    Raises:
        DataError: Fewer than two subjects.
    """
    matrices = seeds_first(stacked)
    scores = resampled(matrices, draw_subjects(matrices.shape[1], resamples, seed))
    return {name: interval_of(values, level, matrices.shape[1]) for name, values in scores.items()}


def over_seeds(stacked: ArrayLike) -> dict[str, Score]:
    """Every metric of the pooled matrix of each seed, over seeds."""
    pooled = seeds_first(stacked).sum(1)
    return {metric.name: Score.over(metric.pooled(pooled)) for metric in METRICS}


def influence(stacked: ArrayLike, people: Sequence[str], largest: int = 6) -> list[Influence]:
    """Scores without each of the largest subjects, mean over seeds; largest first.

    Args:
        stacked: ``(S, C, C)`` or ``(K, S, C, C)``.
        people: Subject of each matrix, ``(S,)``.
        largest: How many subjects.
    """
    matrices = seeds_first(stacked)
    clips = matrices[0].sum((-1, -2))
    without = matrices.sum(1, keepdims=True) - matrices
    scores = {metric.name: metric.pooled(without).mean(0) for metric in METRICS}
    found: list[Influence] = []
    order: list[int] = np.argsort(-clips, kind="stable")[:largest].tolist()
    for s in order:
        own = {name: float(values[s]) for name, values in scores.items()}
        found.append(Influence(people[s], int(clips[s]), float(clips[s] / clips.sum()), own))
    return found


def average_ranks(scores: ArrayLike, *, level: float = LEVEL) -> Ranks:
    """Rank methods within each protocol and average over protocols.

    Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006: Friedman's test and the
    critical difference of Nemenyi. Both take protocols for independent, and Friedman's p is an approximation that is
    rough below ten of them.

    Args:
        scores: ``(protocols, methods)``, larger is better; equal scores share a rank.
        level: Confidence of the critical difference.

    Raises:
        DataError: Fewer than two protocols or three methods.
    """
    from scipy import stats  # slow to import, and most tables do not rank

    table = np.asarray(scores, dtype=np.float64)
    protocols, methods = table.shape
    if protocols < 2 or methods < 3:
        raise DataError(f"ranks need three methods under two protocols; found {methods} under {protocols}")
    ranks = stats.rankdata(-table, axis=1)
    alike = bool((ranks == ranks[0, 0]).all())
    p = 1.0 if alike else float(stats.friedmanchisquare(*table.T).pvalue)
    quantile = float(stats.studentized_range.ppf(level, methods, np.inf)) / np.sqrt(2)
    difference = quantile * np.sqrt(methods * (methods + 1) / (6 * protocols))
    return Ranks(tuple(ranks.mean(0).tolist()), p, float(difference), protocols)


def interval_of(values: NDArray[np.float64], level: float, subjects: int) -> Interval:
    """The expanded percentile interval of ``bootstrap`` of scores that were drawn, ``(R,)``."""
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(np.sqrt(subjects / (subjects - 1)) * stdtrit(subjects - 1, (1 - level) / 2)))
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))
