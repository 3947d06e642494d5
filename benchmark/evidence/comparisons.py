"""Whether two methods differ: on pooled UF1, by swapping and drawing whole subjects, all methods of a table at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from benchmark.evidence.resampling import RESAMPLES, draw_subjects, draw_swaps, pooled, seeds_first, subject_margins
from benchmark.evidence.statistics import LEVEL, Interval, interval_of, stack_runs
from benchmark.methods.recipe import depends_on_seed
from mer_lightning.metrics import mean_rows, uf1
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from benchmark.records.run import RunRecord

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_SAME = 1e-12
"""Two differences this close are the same one, summed in another order."""


@dataclass(frozen=True, slots=True)
class Paired:
    """The runs of two methods, matched seed by seed.

    Attributes:
        one, other: Stacks of equal shape.
        seeds: Seeds of both, pair by pair.
        unmatched: Seeds, ``<method> s<seed>``, that have no partner and stay out.
    """

    one: Ints
    other: Ints
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
    pairs, unmatched = _match_seeds(one, other)
    first, second = ({run.seed: run for run in runs} for runs in (one, other))
    both = stack_runs([first[a] for a, _ in pairs] + [second[b] for _, b in pairs])
    return Paired(both[: len(pairs)], both[len(pairs) :], pairs, unmatched)


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
    stacks = seeds_first(one), seeds_first(other)
    a, b = stacks
    if a.shape != b.shape:
        raise DataError(f"two methods compare on the same subjects and seeds; found stacks {a.shape} and {b.shape}")
    every = np.arange(len(a))
    return _compare_stacks(stacks, [_Pair(0, 1, every, every)], resamples=resamples, level=level, seed=seed)[0]


def compare_methods(
    methods: Mapping[str, Sequence[RunRecord]],
) -> dict[tuple[str, str], tuple[Paired, Comparison]]:
    """Compare every method with every other, as ``pair_seeds`` and ``compare`` do it one by one.

    Args:
        methods: Complete runs of each under one protocol, by seed.

    Raises:
        DataError: No seed in common, or not the same samples.
    """
    stacks = {name: stack_runs(runs) for name, runs in methods.items()}
    stack_runs([runs[0] for runs in methods.values()])
    rows = {name: {run.seed: row for row, run in enumerate(runs)} for name, runs in methods.items()}
    place = {name: number for number, name in enumerate(methods)}
    found: dict[tuple[str, str], Paired] = {}
    pairs: list[_Pair] = []
    for a, b in combinations(methods, 2):
        seeds, unmatched = _match_seeds(methods[a], methods[b])
        first, second = (np.array([rows[name][pair[i]] for pair in seeds]) for i, name in enumerate((a, b)))
        found[a, b] = Paired(stacks[a][first], stacks[b][second], seeds, unmatched)
        pairs.append(_Pair(place[a], place[b], first, second))
    compared = _compare_stacks([seeds_first(stack) for stack in stacks.values()], pairs)
    return {names: (found[names], one) for names, one in zip(found, compared, strict=True)}


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


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two of several stacks, and which of their seeds meet."""

    one: int
    other: int
    first: Ints
    second: Ints


def _compare_stacks(
    stacks: Sequence[Ints],
    pairs: Sequence[_Pair],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> list[Comparison]:
    """Compare pairs of stacks ``(K, S, C, C)``; what a draw makes of a stack is calculated once for all its pairs."""
    subjects = stacks[0].shape[1]
    swaps, exact = draw_swaps(subjects, resamples, seed)
    parts = [_hits_and_sums(stack) for stack in stacks]
    scores = [uf1(stack.sum(1)) for stack in stacks]
    found = [float((scores[pair.one][pair.first] - scores[pair.other][pair.second]).mean()) for pair in pairs]
    as_large, most = [0] * len(pairs), max(map(len, stacks))
    for given in zip(*(pooled(own, swaps, most) for own in parts), strict=True):
        kept = [
            tuple(part.sum(-1, keepdims=True) - away for part, away in zip(own, gone, strict=True))
            for own, gone in zip(parts, given, strict=True)
        ]
        for place, pair in enumerate(pairs):
            one = _swapped(kept[pair.one], pair.first, given[pair.other], pair.second)
            other = _swapped(kept[pair.other], pair.second, given[pair.one], pair.first)
            differences = mean_rows(one - other)
            as_large[place] += int(np.count_nonzero(np.abs(differences) >= abs(found[place]) - _SAME))
    drawn = [_drawn_uf1(own, draw_subjects(subjects, resamples, seed)) for own in parts]
    number = swaps.shape[1]
    return [
        Comparison(
            found[place],
            interval_of(mean_rows(drawn[pair.one][pair.first] - drawn[pair.other][pair.second]), level, subjects),
            # the differences that were found are one of the possible swaps
            as_large[place] / number if exact else (as_large[place] + 1) / (number + 1),
            exact,
        )
        for place, pair in enumerate(pairs)
    ]


def _hits_and_sums(matrices: Ints) -> tuple[Ints, Ints]:
    """Parts of F1 for each subject, ``(C, K, S)``: twice the hits, and clips and predictions together."""
    hits, truth, guessed = subject_margins(matrices)
    return 2 * hits, truth + guessed


def _swapped(kept: tuple[Floats, ...], first: Ints, given: tuple[Floats, ...], second: Ints) -> Floats:
    """UF1 of a method, ``(K, R)``, that keeps some subjects and is given the other method's for the rest."""
    hits, sums = (_seeds(own, first) + _seeds(more, second) for own, more in zip(kept, given, strict=True))
    return _uf1_of(hits, sums)


def _drawn_uf1(parts: tuple[Ints, ...], draws: NDArray[np.float32]) -> Floats:
    """UF1 of each seed in every draw, ``(K, R)``."""
    return np.concatenate([_uf1_of(hits, sums) for hits, sums in pooled(parts, draws, parts[0].shape[1])], axis=1)


def _uf1_of(hits: Floats, sums: Floats) -> Floats:
    # whole numbers: where there is no clip of a class, there is no hit, and 0 / 1 is as good as 0 / 0 that counts as 0
    return mean_rows(hits / np.maximum(sums, 1.0))


def _seeds(numbers: Floats, chosen: Ints) -> Floats:
    """Some seeds of ``(C, K, R)``; nothing is copied where they are all in order, as they mostly are."""
    whole = len(chosen) == numbers.shape[1] and (chosen == np.arange(len(chosen))).all()
    return numbers if whole else numbers[:, chosen]


def _match_seeds(
    one: Sequence[RunRecord], other: Sequence[RunRecord]
) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...]]:
    """Which seeds meet, and which have no partner, as of ``Paired``."""
    first, second = ({run.seed for run in runs} for runs in (one, other))
    if len(first) == 1 and _seedless(one[0]):
        pairs = [(min(first), seed) for seed in sorted(second)]
    elif len(second) == 1 and _seedless(other[0]):
        pairs = [(seed, min(second)) for seed in sorted(first)]
    else:
        pairs = [(seed, seed) for seed in sorted(first & second)]
    if not pairs:
        raise DataError(
            f"{one[0].entry} has seeds {_list_seeds(first)}, {other[0].entry} has {_list_seeds(second)}: "
            "no seed in common"
        )
    left = [(one[0].entry, seed) for seed in sorted(first - {a for a, _ in pairs})]
    left += [(other[0].entry, seed) for seed in sorted(second - {b for _, b in pairs})]
    return tuple(pairs), tuple(f"{name} s{seed}" for name, seed in left)


def _seedless(run: RunRecord) -> bool:
    if run.contributed:
        # nobody knows its seed, and there is no other run of it
        return True
    trained = run.recipe.get("parts", {}).values() or [run.recipe]
    rule = run.recipe.get("ensemble", {}).get("rule")
    return not depends_on_seed(rule, ((part.get("training"), part.get("estimator")) for part in trained))


def _list_seeds(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))
