"""How sure a score is: intervals, tests and ranks from RunRecords alone, with the subject as the unit of chance.

Clips of one person resemble each other, so what is drawn again, swapped or left out is always a whole subject: its
confusion matrix. Everything works on a stack ``(K, S, C, C)`` of K seeds, S subjects and C classes, rows truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from benchmark.methods.recipe import depends_on_seed
from mer_lightning.metrics import METRICS, uf1
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from benchmark.records.run import RunRecord

RESAMPLES = 10_000
LEVEL = 0.95
_SAME = 1e-12
"""Two differences this close are the same one, summed in another order."""


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
class Paired:
    """The runs of two methods, matched seed by seed.

    Attributes:
        one, other: Stacks of equal shape.
        seeds: Seeds of both, pair by pair.
        unmatched: Seeds, ``<method> s<seed>``, that have no partner and stay out.
    """

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    seeds: tuple[tuple[int, int], ...]
    unmatched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Pooled UF1 of one method minus that of another.

    Attributes:
        difference: Mean over the paired seeds.
        interval: Of the difference, both methods drawn on the same subjects.
        p: Two-sided probability of a difference at least this large, were the two exchangeable in every subject.
        exact: True when all swaps were counted instead of drawn.
    """

    difference: float
    interval: Interval
    p: float
    exact: bool


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
    matrices = _seeds_first(stacked)
    scores = _resampled(matrices, _draws(matrices.shape[1], resamples, seed))
    return {name: _interval(values.mean(-1), level, matrices.shape[1]) for name, values in scores.items()}


def pair_seeds(one: Sequence[RunRecord], other: Sequence[RunRecord]) -> Paired:
    """Match the runs of two methods by seed.

    A method that is not trained by gradient steps is the same under every seed and therefore run under one only: its
    run pairs with each run of the other. So does one that others contributed, of which there is no second.

    Args:
        one: Runs of a method.
        other: Runs of another under the same protocol.

    Raises:
        DataError: No seed in common, or not the same samples.
    """
    first, second = ({run.seed: run for run in runs} for runs in (one, other))
    if len(first) == 1 and _seedless(one[0]):
        pairs = [(next(iter(first)), seed) for seed in sorted(second)]
    elif len(second) == 1 and _seedless(other[0]):
        pairs = [(seed, next(iter(second))) for seed in sorted(first)]
    else:
        pairs = [(seed, seed) for seed in sorted(first.keys() & second.keys())]
    if not pairs:
        raise DataError(
            f"{one[0].entry} has seeds {_list_seeds(first)}, {other[0].entry} has {_list_seeds(second)}: "
            "no seed in common"
        )
    both = stack_runs([first[a] for a, _ in pairs] + [second[b] for _, b in pairs])
    left = [(one[0].entry, seed) for seed in sorted(first.keys() - {a for a, _ in pairs})]
    left += [(other[0].entry, seed) for seed in sorted(second.keys() - {b for _, b in pairs})]
    return Paired(both[: len(pairs)], both[len(pairs) :], tuple(pairs), tuple(f"{name} s{seed}" for name, seed in left))


def compare(
    one: ArrayLike, other: ArrayLike, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> Comparison:
    """Compare two methods on pooled UF1 by swapping the matrices of whole subjects between them.

    Were there no difference, it would not matter which of the two predicted a subject. Up to ``resamples`` swaps are
    all counted, more are drawn. A subject swaps in all seeds together.

    Args:
        one: ``(S, C, C)`` or ``(K, S, C, C)``.
        other: The same subjects and paired seeds of the other method.
        resamples: Draws of the test and of the interval.
        level: Of the interval of the difference.
        seed: Of the draws.

    Raises:
        DataError: Shapes differ, or fewer than two subjects.
    """
    a, b = _seeds_first(one), _seeds_first(other)
    if a.shape != b.shape:
        raise DataError(f"two methods compare on the same subjects and seeds; found stacks {a.shape} and {b.shape}")
    subjects = a.shape[1]
    exact = 2**subjects <= resamples
    if exact:
        swaps = (np.arange(2**subjects)[:, None] >> np.arange(subjects)) & 1
    else:
        swaps = np.random.default_rng([seed, 1]).integers(0, 2, (resamples, subjects))
    both = (a + b).sum(1)
    swapped = a.sum(1) + _pool(b - a, swaps)
    differences = (uf1(swapped) - uf1(both - swapped)).mean(-1)
    found = float((uf1(a.sum(1)) - uf1(b.sum(1))).mean())
    as_large = int((np.abs(differences) >= abs(found) - _SAME).sum())
    draws = _draws(subjects, resamples, seed)
    drawn = (uf1(_pool(a, draws)) - uf1(_pool(b, draws))).mean(-1)
    return Comparison(
        found,
        _interval(drawn, level, subjects),
        # the differences that were found are one of the possible swaps
        as_large / len(differences) if exact else (as_large + 1) / (len(differences) + 1),
        exact,
    )


def holm(p: Sequence[float]) -> list[float]:
    """Adjust the p values of one table, so that the chance of any false difference in it stays at the level.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted.tolist()


def over_seeds(stacked: ArrayLike) -> dict[str, Score]:
    """Every metric of the pooled matrix of each seed, over seeds."""
    pooled = _seeds_first(stacked).sum(1)
    return {metric.name: Score.over(metric.pooled(pooled)) for metric in METRICS}


def influence(stacked: ArrayLike, people: Sequence[str], largest: int = 6) -> list[Influence]:
    """Scores without each of the largest subjects, mean over seeds; largest first.

    Args:
        stacked: ``(S, C, C)`` or ``(K, S, C, C)``.
        people: Subject of each matrix, ``(S,)``.
        largest: How many subjects.
    """
    matrices = _seeds_first(stacked)
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


def _seeds_first(stacked: ArrayLike) -> NDArray[np.int64]:
    matrices = np.asarray(stacked, dtype=np.int64)
    matrices = matrices[None] if matrices.ndim == 3 else matrices
    if matrices.shape[1] < 2:
        raise DataError(f"chance is judged over subjects and needs at least two; found {matrices.shape[1]}")
    return matrices


@lru_cache(maxsize=16)
def _draws(subjects: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """How often each subject is drawn, ``(resamples, S)``, read-only; the same for every method of a table."""
    draws = np.random.default_rng([seed, 0]).multinomial(subjects, np.full(subjects, 1 / subjects), resamples)
    draws.flags.writeable = False
    return draws


def _pool(matrices: NDArray[np.int64], weights: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weighted sums over subjects, ``(R, K, C, C)``, of ``(K, S, C, C)`` and ``(R, S)``."""
    seeds, subjects, classes, _ = matrices.shape
    flat = matrices.transpose(1, 0, 2, 3).reshape(subjects, -1)
    # counts stay far below 2^53, and floats multiply much faster than whole numbers
    return (weights.astype(np.float64) @ flat.astype(np.float64)).reshape(-1, seeds, classes, classes)


def _resampled(matrices: NDArray[np.int64], draws: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    pooled = _pool(matrices, draws)
    return {metric.name: metric.pooled(pooled) for metric in METRICS}


def _interval(values: NDArray[np.float64], level: float, subjects: int) -> Interval:
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(np.sqrt(subjects / (subjects - 1)) * stdtrit(subjects - 1, (1 - level) / 2)))
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _seedless(run: RunRecord) -> bool:
    if run.contributed:
        # nobody knows its seed, and there is no other run of it
        return True
    trained = run.recipe.get("parts", {}).values() or [run.recipe]
    rule = run.recipe.get("ensemble", {}).get("rule")
    return not depends_on_seed(rule, ((part.get("training"), part.get("estimator")) for part in trained))


def _list_seeds(seeds: Mapping[int, RunRecord]) -> str:
    return ", ".join(map(str, sorted(seeds)))
