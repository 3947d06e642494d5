"""Go through the confusion matrices with given class counts for those that give printed scores.

UAR and accuracy depend on the diagonal alone, UF1 on the diagonal and the column sums. The search goes through the
diagonals that give the UAR, then through column sums, the last two of which are solved for. It misses nothing: what is
close to the edge of a figure is calculated again in whole numbers, and a search that was given up says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmark.evidence.claims.printed import PrintedScore

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

EFFORT = 60_000_000
"""Candidates that are looked at before a search is given up; a number and not a time, so that verdicts repeat."""
_USUAL, _DEARER = 7, 2.2
"""Of more classes a candidate counts as more, by this power of a third of them: it is chosen in many vain steps."""
MOST_FOUND = 100_000
BLOCK = 1_000_000
"""Candidates of up to three classes at a time, so that memory is never short."""
_LARGEST = 2**60
SLOP = 1e-9
"""What floats may be off."""


@dataclass(frozen=True, slots=True)
class FoundMatrices:
    """Result of one search: diagonals and column sums of every fitting matrix, ``(n, C)`` each, in class order."""

    diagonals: Ints
    columns: Ints
    complete: bool
    examined: int


def whole_range(accuracy: PrintedScore | None, samples: int) -> tuple[int, int]:
    """Smallest and largest number of hits that rounds to the accuracy; empty when the first is larger."""
    if accuracy is None:
        return 0, samples
    return max(0, -int(-(accuracy.low * samples) // 1)), min(samples, int(accuracy.high * samples // 1))


def find_matrices(
    counts: Sequence[int],
    uf1: PrintedScore | None,
    uar: PrintedScore | None,
    accuracy: PrintedScore | None,
    effort: int,
) -> FoundMatrices:
    """Every (diagonal, column sums) that gives the figures, in the caller's order of classes."""
    order = np.argsort(counts, kind="stable")  # the largest class is solved for, not enumerated
    sizes = np.array(counts, dtype=np.int64)[order]
    diagonals: list[Ints] = []
    columns: list[Ints] = []
    allowance, kept = Allowance(effort, len(sizes)), 0
    for block in _diagonals(sizes, uar, whole_range(accuracy, int(sizes.sum())), allowance):
        if uf1 is None:
            # any column sums will do; those where each class is taken for the next one always exist
            hits: Iterator[tuple[Ints, Ints]] = iter([(block, block + np.roll(sizes - block, 1, axis=-1))])
        else:
            hits = _columns(sizes, block, uf1, allowance)
        for rows, sums in hits:
            diagonals.append(rows)
            columns.append(sums)
            kept += len(rows)
            allowance.spent |= kept >= MOST_FOUND
        if allowance.spent:
            break
    empty = [np.empty((0, len(sizes)), dtype=np.int64)]
    found = np.stack([np.concatenate(part or empty) for part in (diagonals, columns)], axis=1)
    if math.prod((sizes[:-1] + 1).tolist()) > _LARGEST:
        found = np.unique(found, axis=0)  # what is drawn may be drawn again
    rows, sums = found[:, :, np.argsort(order)].transpose(1, 0, 2)
    # any other column sums would do as well where UF1 says nothing of them
    complete = not allowance.spent and (uf1 is not None or not diagonals)
    return FoundMatrices(rows, sums, complete, allowance.used)


class Allowance:
    """Candidates of so many classes that were looked at, and whether the search has to end."""

    def __init__(self, effort: int, classes: int) -> None:
        dearer = (classes / 3) ** _DEARER if classes > _USUAL else 1.0
        self.effort, self.used, self.spent = int(effort / dearer), 0, False

    def use(self, candidates: int) -> bool:
        """Count candidates; False when they are too many."""
        self.used += candidates
        self.spent |= self.used > self.effort
        return not self.spent


def _diagonals(sizes: Ints, uar: PrintedScore | None, hits: tuple[int, int], allowance: Allowance) -> Iterator[Ints]:
    """Blocks of diagonals ``(n, C)`` that give the UAR and the number of hits."""
    if hits[0] > hits[1]:
        return
    free, last, classes = sizes[:-1], int(sizes[-1]), len(sizes)
    total = math.prod(shape := tuple((free + 1).tolist()))
    step = block_size(classes) if uar else max(1, block_size(classes) // (last + 1))
    for start in range(0, total, step):
        if not allowance.use(min(step, total - start)):
            return
        rows = _walk(shape, start, min(start + step, total)) if total <= _LARGEST else _some_of(free, uar, start, step)
        low, high = np.zeros(len(rows)), np.full(len(rows), float(last))
        if uar:
            recalls = (rows / free).sum(1)
            low = np.ceil((classes * float(uar.low) - recalls) * last - SLOP * last)
            high = np.floor((classes * float(uar.high) - recalls) * last + SLOP * last)
        found = rows.sum(1)
        low, high = np.maximum(low, hits[0] - found), np.minimum(high, hits[1] - found)
        for pick, value in blocks(np.maximum(low, 0), np.minimum(high, last), classes):
            block = np.column_stack([rows[pick], value])
            if uar:
                block = block[holds(uar, (block / sizes).sum(1), [(block, np.broadcast_to(sizes, block.shape))])]
            if not allowance.use(len(block)):
                return
            if len(block):
                yield block


def _walk(shape: tuple[int, ...], start: int, stop: int) -> Ints:
    """Some steps of a walk through all diagonals of the enumerated classes."""
    total = math.prod(shape)
    return np.stack(np.unravel_index(np.arange(start, stop) * _stride(total) % total, shape), axis=1)


def _some_of(free: Ints, uar: PrintedScore | None, start: int, number: int) -> Ints:
    """Diagonals where there are too many to go through: always the same, about as good as the UAR says."""
    near = min(1.0, max(0.0, float(uar.low + uar.high) / 2)) if uar else 0.5
    ends = max(0.0, 2 * near - 1), min(1.0, 2 * near)
    return np.rint(np.random.default_rng(start).uniform(*ends, (number, len(free))) * free).astype(np.int64)


def _stride(total: int) -> int:
    """Step of a walk through ``0..total-1`` that visits each once and soon has been everywhere: hits come early."""
    stride = max(1, min(int(total * 0.618), 2**62 // total))
    while math.gcd(stride, total) > 1:
        stride -= 1
    return stride


def _columns(sizes: Ints, diagonals: Ints, uf1: PrintedScore, allowance: Allowance) -> Iterator[tuple[Ints, Ints]]:
    """Blocks of diagonals and column sums that give the UF1."""
    errors = sizes - diagonals
    total = errors.sum(1)
    jobs = _Jobs(sizes, diagonals, total[:, None] - errors, np.empty((len(diagonals), 0), dtype=np.int64), total)
    yield from _grow(jobs, uf1, allowance)


@dataclass(frozen=True, slots=True)
class _Jobs:
    """Partly chosen column sums: ``taken`` wrong predictions of the first classes, ``rest`` for the others.

    A class can wrongly receive at most the errors of the other classes, ``caps``; that this is enough for a matrix to
    exist follows from the cut theorem, because two or more rows reach every column.
    """

    sizes: Ints
    diagonals: Ints
    caps: Ints
    taken: Ints
    rest: Ints

    def pick(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> _Jobs:
        return _Jobs(self.sizes, self.diagonals[rows], self.caps[rows], self.taken[rows], self.rest[rows])

    def f1(self) -> Floats:
        """Sum of F1 over the chosen classes."""
        k = self.taken.shape[1]
        return (2 * self.diagonals[:, :k] / (self.sizes[:k] + self.diagonals[:, :k] + self.taken)).sum(1)

    def bounds(self) -> tuple[Floats, Floats]:
        """What the sum of F1 over all classes cannot leave, whatever is chosen for the others."""
        k = self.taken.shape[1]
        hits = 2.0 * self.diagonals[:, k:]
        base = (self.sizes[k:] + self.diagonals[:, k:]).astype(np.float64)
        # Cauchy and Schwarz: sum a/x >= (sum sqrt a)^2 / sum x
        low = np.sqrt(hits).sum(1) ** 2 / (base.sum(1) + self.rest)
        # the chord lies above a convex term, and each wrong prediction costs at least the flattest chord
        caps = np.minimum(self.caps[:, k:], self.rest[:, None])
        slope = (hits / (base * (base + caps))).min(1)
        high = (hits / base).sum(1) - slope * self.rest
        done = self.f1()
        return done + low, done + high


def _grow(jobs: _Jobs, uf1: PrintedScore, allowance: Allowance) -> Iterator[tuple[Ints, Ints]]:
    classes = len(jobs.sizes)
    if not allowance.use(len(jobs.rest)):
        return
    low, high = jobs.bounds()
    jobs = jobs.pick(
        (high >= classes * float(uf1.low) - classes * SLOP) & (low <= classes * float(uf1.high) + classes * SLOP)
    )
    if jobs.taken.shape[1] == classes - 2:
        if len(jobs.rest):
            yield from _solve(jobs, uf1, allowance)
        return
    for chunk in _expand(jobs):
        yield from _grow(chunk, uf1, allowance)
        if allowance.spent:
            return


def _expand(jobs: _Jobs) -> Iterator[_Jobs]:
    """Choose the next class's wrong predictions in every possible way, a block at a time."""
    k = jobs.taken.shape[1]
    others = jobs.caps[:, k + 1 :].sum(1)
    low, high = np.maximum(0, jobs.rest - others), np.minimum(jobs.caps[:, k], jobs.rest)
    for pick, value in blocks(low.astype(np.float64), high.astype(np.float64), len(jobs.sizes)):
        part = jobs.pick(pick)
        yield _Jobs(part.sizes, part.diagonals, part.caps, np.column_stack([part.taken, value]), part.rest - value)


def _solve(jobs: _Jobs, uf1: PrintedScore, allowance: Allowance) -> Iterator[tuple[Ints, Ints]]:
    """Find the last two column sums: their part of UF1 is convex in one of them, so it fits in two short ranges."""
    classes = len(jobs.sizes)
    hits = 2 * jobs.diagonals[:, -2:].astype(np.float64)
    base = (jobs.sizes[-2:] + jobs.diagonals[:, -2:]).astype(np.float64)
    rest = jobs.rest.astype(np.float64)
    done = jobs.f1()
    bottom, top = np.maximum(0, rest - jobs.caps[:, -1]), np.minimum(jobs.caps[:, -2], rest)
    outer = _below(hits, base, rest, classes * float(uf1.high) - done + classes * SLOP)
    inner = _below(hits, base, rest, classes * float(uf1.low) - done - classes * SLOP)
    left = np.maximum(np.ceil(outer[0] - 1e-6), bottom), np.minimum(np.floor(outer[1] + 1e-6), top)
    # what is too small is cut out of the middle; where nothing is, the left range is the whole one
    cut = inner[0] <= inner[1]
    middle = np.where(cut, np.floor(inner[0] + 1e-6), left[1])
    right = np.maximum(np.maximum(np.ceil(inner[1] - 1e-6), middle + 1), left[0]), left[1]
    for low, high, chosen in ((left[0], np.minimum(left[1], middle), None), (*right, cut)):
        if chosen is not None:
            low, high = np.where(chosen, low, 1.0), np.where(chosen, high, 0.0)  # noqa: PLW2901 - emptied here
        for pick, value in blocks(low, high, classes):
            part = jobs.pick(pick)
            wrong = np.column_stack([part.taken, value, part.rest - value])
            sums = part.sizes + part.diagonals + wrong
            values = (2 * part.diagonals / sums).sum(1)
            fits = holds(uf1, values, [(2 * part.diagonals, sums)])
            yield part.diagonals[fits], (part.diagonals + wrong)[fits]
            if allowance.spent:
                return


def _below(hits: Floats, base: Floats, rest: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Where ``a/(b+g) + c/(d+rest-g) <= target``: from the first to the second value; an empty range where nowhere."""
    a, c = hits.T
    b, d = base[:, 0], base[:, 1] + rest
    positive = target > 0
    t = np.where(positive, target, 1.0)
    half = (t * (d - b) + a - c) / (2 * t)
    disc = half**2 - (a * d + c * b - t * b * d) / t
    exists = positive & (disc >= 0)
    root = np.sqrt(np.where(exists, disc, 0.0))
    return np.where(exists, half - root, 1.0), np.where(exists, half + root, 0.0)


def _whole_numbers(low: Floats, high: Floats) -> tuple[Ints, Ints]:
    """Row and value of every whole number in the range of each row."""
    numbers = np.maximum(high - low + 1, 0).astype(np.int64)
    pick = np.repeat(np.arange(len(numbers)), numbers)
    starts = np.cumsum(numbers) - numbers
    return pick, low[pick].astype(np.int64) + np.arange(len(pick)) - starts[pick]


def block_size(classes: int) -> int:
    """Candidates at a time: those of many classes are long, and lie on as many levels of the search."""
    return max(1000, int(BLOCK / max(1.0, classes / 3) ** 2))


def blocks(low: Floats, high: Floats, classes: int) -> Iterator[tuple[Ints, Ints]]:
    """As ``_whole_numbers``, so many rows at a time that memory is never short."""
    size = block_size(classes)
    ends = np.cumsum(np.maximum(high - low + 1, 0))
    start = 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + size, side="right")))
        pick, value = _whole_numbers(low[start:stop], high[start:stop])
        if len(pick):
            yield pick + start, value
        start = stop


def holds(figure: PrintedScore, sums: Floats, parts: list[tuple[Ints, Ints]]) -> NDArray[np.bool_]:
    """Whether the mean over classes of ``part / whole`` rounds to the figure; close calls in whole numbers."""
    classes = parts[0][0].shape[1]
    values = sums / classes
    low, high = float(figure.low), float(figure.high)
    fits = (values > low + SLOP) & (values < high - SLOP)
    close = (np.abs(values - low) <= SLOP) | (np.abs(values - high) <= SLOP)
    for row in np.flatnonzero(close).tolist():
        part, whole = parts[0][0][row].tolist(), parts[0][1][row].tolist()
        exact = sum((Fraction(p, w) for p, w in zip(part, whole, strict=True) if w), Fraction(0)) / classes
        fits[row] = figure.holds(exact)
    return fits


def uf1_range(
    counts: Sequence[int], uar: PrintedScore, effort: int
) -> tuple[tuple[float, float] | None, bool, bool, int]:
    """Range of UF1 of the matrices with this UAR.

    Returns:
        Smallest and largest UF1, or None where no diagonal was found; whether both are reached; whether every diagonal
        was looked at; candidates looked at.
    """
    sizes = np.sort(np.array(counts, dtype=np.int64))
    # bounds of a tenth of the candidates tell a reader as much, where an exact range is out of reach
    classes = len(sizes)
    allowance = Allowance(effort if classes <= 3 else effort // 10, classes)
    lows: list[float] = []
    highs: list[float] = []
    for diagonals in _diagonals(sizes, uar, (0, int(sizes.sum())), allowance):
        errors = sizes - diagonals
        total = errors.sum(1)
        jobs = _Jobs(sizes, diagonals, total[:, None] - errors, np.empty((len(diagonals), 0), dtype=np.int64), total)
        for chunk in _expand(jobs) if classes == 3 else [jobs]:
            low, high = _extremes(chunk) if classes <= 3 else chunk.bounds()
            lows.append(float(low.min()))
            highs.append(float(high.max()))
            if not allowance.use(len(chunk.rest)):
                break
    whole = not allowance.spent
    if not lows:
        return None, whole, whole, allowance.used
    found = (max(0.0, min(lows) / classes), min(1.0, max(highs) / classes))
    return found, whole and classes <= 3, whole, allowance.used


def _extremes(jobs: _Jobs) -> tuple[Floats, Floats]:
    """Smallest and largest sum of F1 over the last two column sums: convex, so the largest lies at an end."""
    a, c = 2.0 * jobs.diagonals[:, -2:].T
    b, d = (jobs.sizes[-2:] + jobs.diagonals[:, -2:]).astype(np.float64).T
    rest = jobs.rest.astype(np.float64)
    bottom, top = np.maximum(0, rest - jobs.caps[:, -1]), np.minimum(jobs.caps[:, -2], rest)

    def part(g: Floats) -> Floats:
        return a / (b + g) + c / (d + rest - g)

    weight = np.sqrt(a) + np.sqrt(c)
    share = np.divide(np.sqrt(a), weight, out=np.zeros_like(a), where=weight > 0)
    lowest = share * (b + d + rest) - b
    near = [np.clip(value, bottom, top) for value in (np.floor(lowest), np.ceil(lowest))]
    done = jobs.f1()
    return done + np.minimum(part(near[0]), part(near[1])), done + np.maximum(part(bottom), part(top))
