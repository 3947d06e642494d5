"""The other reading of a printed UAR: mean precision, as a transposed confusion matrix gives it; three classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmark.evidence.claims.search import (
    BLOCK,
    MOST_FOUND,
    SLOP,
    Allowance,
    FoundMatrices,
    blocks,
    holds,
    whole_range,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmark.evidence.claims.printed import PrintedScore

    Ints = NDArray[np.int64]


def search_precision(
    counts: Sequence[int], uf1: PrintedScore, precision: PrintedScore, accuracy: PrintedScore | None, effort: int
) -> FoundMatrices:
    """Every (diagonal, column sums) of three classes that gives the UF1 and the macro-precision.

    For given column sums both are linear in the diagonal, so that two entries follow from the third.
    """
    order = np.argsort(counts, kind="stable")
    sizes = np.array(counts, dtype=np.int64)[order]
    samples = int(sizes.sum())
    hits = whole_range(accuracy, samples)
    allowance, kept = Allowance(effort, 3), 0
    diagonals: list[Ints] = []
    columns: list[Ints] = []
    for first in range(samples + 1) if hits[0] <= hits[1] else ():
        for rows, sums in _precise_with(sizes, first, uf1, precision, allowance):
            right = rows.sum(1)
            keep = (right >= hits[0]) & (right <= hits[1])
            diagonals.append(rows[keep])
            columns.append(sums[keep])
            kept += int(keep.sum())
            if kept >= MOST_FOUND:
                break
        if allowance.spent or kept >= MOST_FOUND:
            allowance.spent = True
            break
    back = np.argsort(order)
    empty = [np.empty((0, 3), dtype=np.int64)]
    return FoundMatrices(
        np.concatenate(diagonals or empty)[:, back],
        np.concatenate(columns or empty)[:, back],
        not allowance.spent,
        allowance.used,
    )


def _precise_with(
    sizes: Ints, first: int, uf1: PrintedScore, precision: PrintedScore, allowance: Allowance
) -> Iterator[tuple[Ints, Ints]]:
    """The fitting diagonals and column sums whose first column sum is given."""
    seconds, hits = int(sizes.sum()) - first + 1, np.arange(min(int(sizes[0]), first) + 1)
    step = max(1, BLOCK // len(hits))
    for start in range(0, seconds, step):
        grid = np.meshgrid(np.arange(start, min(start + step, seconds)), hits, indexing="ij")
        if not allowance.use(grid[0].size):
            return
        yield from _precise_grid(sizes, first, grid[0].ravel(), grid[1].ravel(), uf1, precision, allowance)


def _precise_grid(
    sizes: Ints, first: int, second: Ints, hit: Ints, uf1: PrintedScore, precision: PrintedScore, allowance: Allowance
) -> Iterator[tuple[Ints, Ints]]:
    """Those of them with these pairs of a second column sum and a first entry of the diagonal."""
    samples = int(sizes.sum())
    m2, m3 = second.astype(np.float64), (samples - first - second).astype(np.float64)
    u2, u3 = (np.divide(1.0, m, out=np.zeros_like(m), where=m > 0) for m in (m2, m3))
    w2, w3 = 2 / (sizes[1] + m2), 2 / (sizes[2] + m3)
    most2, most3 = np.minimum(m2, sizes[1]), np.minimum(m3, sizes[2])
    done_p, done_f = hit / max(first, 1), 2 * hit / (sizes[0] + first)
    p_low, p_high = 3 * float(precision.low) - done_p - 3 * SLOP, 3 * float(precision.high) - done_p + 3 * SLOP
    f_low, f_high = 3 * float(uf1.low) - done_f - 3 * SLOP, 3 * float(uf1.high) - done_f + 3 * SLOP
    # the third entry eliminated from both equations leaves factor * d2 between two bounds
    ratio = w3 * m3
    factor = w2 - u2 * ratio
    ends = np.stack([f_low - p_high * ratio, f_high - p_low * ratio])
    steep = np.abs(factor) > 1e-9
    ends = np.sort(ends / np.where(steep, factor, 1.0), axis=0)
    low, high = np.where(steep, ends[0], 0.0), np.where(steep, ends[1], most2)
    low = np.maximum.reduce([low, np.zeros_like(low), (f_low - w3 * most3) / w2, (p_low - u3 * most3) * m2])
    high = np.minimum.reduce([high, most2, f_high / w2, np.where(m2 > 0, p_high * m2, 0.0)])
    high = np.where((p_high < 0) | (f_high < 0), -1.0, high)
    for pick, d2 in blocks(np.ceil(low - 1e-6), np.floor(high + 1e-6), 3):
        if not allowance.use(len(pick)):
            return
        low = np.maximum(0, np.ceil((f_low[pick] - w2[pick] * d2) / w3[pick] - 1e-6))
        high = np.minimum(most3[pick], np.floor((f_high[pick] - w2[pick] * d2) / w3[pick] + 1e-6))
        for again, d3 in blocks(low, high, 3):
            rows = pick[again]
            diagonals = np.column_stack([hit[rows], d2[again], d3])
            columns = np.column_stack([np.full(len(rows), first), second[rows], samples - first - second[rows]])
            errors, wrong = sizes - diagonals, columns - diagonals
            fits = (wrong >= 0).all(1) & (errors + wrong <= errors.sum(1, keepdims=True)).all(1)
            diagonals, columns = diagonals[fits], columns[fits]
            precisions = np.divide(diagonals, columns, out=np.zeros(columns.shape), where=columns > 0).sum(1)
            fits = holds(precision, precisions, [(diagonals, columns)])
            fits &= holds(uf1, (2 * diagonals / (sizes + columns)).sum(1), [(2 * diagonals, sizes + columns)])
            if fits.any():
                yield diagonals[fits], columns[fits]
