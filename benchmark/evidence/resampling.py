"""Subjects drawn again and swapped, thousands of times: to the last digit what one draw after the other would give.

Scores depend on hits, clips and predictions of each class. Those are whole numbers, so that they may be added in any
order, and are pooled by one product of matrices for a block of draws; what is divided is added up as numpy does it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.metrics import METRICS, Margins, mean_rows
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

RESAMPLES = 10_000
_NEAR = 8_000
"""Scores at a time, so that what is calculated of them stays near the processor."""
_WHOLE = 2**24
"""Below it every whole number is one of 32 bits, too."""


def seeds_first(stacked: ArrayLike) -> Ints:
    """A stack ``(K, S, C, C)`` of one with or without seeds.

    Raises:
        DataError: Fewer than two subjects.
    """
    matrices = np.asarray(stacked, dtype=np.int64)
    matrices = matrices[None] if matrices.ndim == 3 else matrices
    if matrices.shape[1] < 2:
        raise DataError(f"chance is judged over subjects and needs at least two; found {matrices.shape[1]}")
    return matrices


@lru_cache(maxsize=16)
def draw_subjects(subjects: int, resamples: int, seed: int) -> NDArray[np.float32]:
    """How often each subject is drawn, ``(S, resamples)``, read-only; the same for every method of a table."""
    drawn = np.random.default_rng([seed, 0]).multinomial(subjects, np.full(subjects, 1 / subjects), resamples)
    return _weights(drawn)


@lru_cache(maxsize=2)
def draw_swaps(subjects: int, resamples: int, seed: int) -> tuple[NDArray[np.float32], bool]:
    """Which subjects are swapped, 0 or 1, ``(S, swaps)``, read-only, and whether these are all there are.

    Up to ``resamples`` swaps are all counted, more are drawn.
    """
    if 2**subjects <= resamples:
        return _weights((np.arange(2**subjects)[:, None] >> np.arange(subjects)) & 1), True
    return _weights(np.random.default_rng([seed, 1]).integers(0, 2, (resamples, subjects))), False


def _weights(drawn: Ints) -> NDArray[np.float32]:
    weights = np.ascontiguousarray(drawn.T, dtype=np.float32)
    weights.flags.writeable = False
    return weights


def subject_margins(matrices: Ints) -> tuple[Ints, Ints, Ints]:
    """Hits, clips and predictions of each subject, ``(C, K, S)``; clips that all seeds share ``(C, 1, S)``."""
    hits, truth, guessed = (
        part.transpose(2, 0, 1)
        for part in (np.diagonal(matrices, axis1=-2, axis2=-1), matrices.sum(-1), matrices.sum(-2))
    )
    return hits, truth[:, :1] if (truth == truth[:, :1]).all() else truth, guessed


def pooled(parts: tuple[Ints, ...], weights: NDArray[np.float32], seeds: int) -> Iterator[tuple[Floats, ...]]:
    """Weighted sums over subjects of numbers ``(C, K, S)`` each: ``(C, K, R)``, some draws at a time.

    Args:
        parts: Whole numbers, none below 0.
        weights: Whole numbers, ``(S, R)``; those of one draw add up to S at most.
        seeds: How many lie near each other, which decides how many draws go with them.
    """
    subjects = len(weights)
    flat = np.concatenate([part.reshape(-1, subjects) for part in parts])
    # whole numbers stay exact in 32 bits while they are small, and in 64 always: a database has few clips
    exact = np.float32 if int(flat.max(initial=0)) * subjects < _WHOLE else np.float64
    numbers = flat.astype(exact)
    ends = np.cumsum([part.shape[0] * part.shape[1] for part in parts])[:-1]
    block = max(100, _NEAR // seeds)
    for start in range(0, weights.shape[1], block):
        sums = (numbers @ weights[:, start : start + block].astype(exact, copy=False)).astype(np.float64)
        yield tuple(found.reshape(*part.shape[:2], -1) for found, part in zip(np.split(sums, ends), parts, strict=True))


def resampled(matrices: Ints, weights: NDArray[np.float32]) -> dict[str, Floats]:
    """Every metric of every draw, mean over seeds, ``(R,)``.

    Args:
        matrices: ``(K, S, C, C)``.
        weights: How often each subject is drawn, ``(S, R)``.
    """
    found: dict[str, list[Floats]] = {metric.name: [] for metric in METRICS}
    for block in pooled(subject_margins(matrices), weights, len(matrices)):
        margins = Margins(*block)
        for metric in METRICS:
            if metric.margins is not None:
                found[metric.name].append(mean_rows(metric.margins(margins)))
    for metric in METRICS:
        if metric.margins is None:
            found[metric.name] = [metric.pooled(sums).mean(-1) for sums in _pooled_matrices(matrices, weights)]
    return {name: np.concatenate(values) for name, values in found.items()}


def _pooled_matrices(matrices: Ints, weights: NDArray[np.float32]) -> Iterator[Floats]:
    """Weighted sums of whole matrices, ``(R, K, C, C)``, some draws at a time."""
    seeds, subjects, classes, _ = matrices.shape
    entries = matrices.transpose(2, 3, 0, 1).reshape(classes * classes, seeds, subjects)
    for (sums,) in pooled((entries,), weights, seeds):
        shaped = sums.reshape(classes, classes, seeds, -1)
        yield np.ascontiguousarray(shaped.transpose(3, 2, 0, 1))
