"""Can printed scores be true? Scores of a few hundred clips are fractions of small whole numbers.

Most pairs of four-digit figures belong to no confusion matrix with given class counts at all, so figures can be checked
without data, code or predictions.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmark.evidence.claims.precision import search_precision
from benchmark.evidence.claims.printed import PrintedScore
from benchmark.evidence.claims.search import EFFORT, find_matrices, uf1_range, whole_range
from mer_lightning.metrics import macro_precision, shown_metrics
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmark.evidence.claims.search import FoundMatrices

    Ints = NDArray[np.int64]

Answer = Literal["possible", "macro-precision", "impossible", "undecided"]
Matrix = tuple[tuple[int, ...], ...]

EXAMPLES = 10
MOST_SAMPLES = 100_000
GIVEN = ("method", "samples", "counts", "accuracy", "uf1", "uar", "source", "note")
FOUND = ("verdict", "detail")


@dataclass(frozen=True, slots=True)
class Claim:
    """Printed figures and the class counts that they are said to come from; a figure that was not printed is None."""

    counts: tuple[int, ...]
    uf1: PrintedScore | None = None
    uar: PrintedScore | None = None
    accuracy: PrintedScore | None = None

    def __str__(self) -> str:
        printed = {"UF1": self.uf1, "UAR": self.uar, "accuracy": self.accuracy}
        figures = ", ".join(f"{name} {figure.text}" for name, figure in printed.items() if figure)
        return f"{figures} over {' / '.join(map(str, self.counts))} samples"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out about a claim.

    Attributes:
        answer: ``possible``; ``macro-precision`` when a matrix exists only if the UAR is one; ``impossible``;
            ``undecided`` when the search was given up.
        matrices: Matrices found; of four and more classes, one for each pattern.
        patterns: Diagonals with column sums among them, which is all that the scores depend on.
        complete: False when there may be more than were found.
        examples: Some of them, rows truth.
        uf1_range: Smallest and largest UF1 of any matrix with the printed UAR.
        exact: False when the range is only the bound that was reached.
        accuracy_range: Smallest and largest accuracy of the matrices that fit when the printed one is left aside.
        reasons: Lines for people.
        examined: Candidates looked at.
    """

    answer: Answer
    matrices: int
    patterns: int
    complete: bool
    examples: tuple[Matrix, ...]
    uf1_range: tuple[float, float] | None
    exact: bool
    accuracy_range: tuple[float, float] | None
    reasons: tuple[str, ...]
    examined: int


def check_claim(claim: Claim, effort: int = EFFORT) -> Verdict:
    """Decide whether a confusion matrix with the class counts gives the printed figures.

    Args:
        claim: Its counts are above 0; one number, the clips, is enough for an accuracy alone.
        effort: Candidates to look at before giving up.

    Raises:
        DataError: No figure, or counts that are none.
    """
    counts = claim.counts
    if claim.uf1 is None and claim.uar is None and claim.accuracy is None:
        raise DataError("a claim needs a figure: UF1, UAR or accuracy")
    if not counts or min(counts) < 1 or (len(counts) == 1 and (claim.uf1 or claim.uar)):
        raise DataError(
            f"counts {','.join(map(str, counts))}: expected the samples of two or more classes, all above 0"
        )
    if sum(counts) > MOST_SAMPLES:
        raise DataError(f"counts of {MOST_SAMPLES} samples in all at most, which is more than any database has")
    reasons = _not_a_fraction(claim.accuracy, sum(counts))
    if len(counts) == 1:
        return Verdict("impossible" if reasons else "possible", 0, 0, True, (), None, True, None, tuple(reasons), 0)
    found = find_matrices(counts, claim.uf1, claim.uar, claim.accuracy, effort)
    if len(found.diagonals):
        return _verdict("possible", counts, found)
    return _explain_misfit(claim, found, reasons, effort)


def _explain_misfit(claim: Claim, found: FoundMatrices, reasons: list[str], effort: int) -> Verdict:
    """Say why nothing was found, how far the figures are from what is possible, and which other reading is."""
    counts, uf1, uar = claim.counts, claim.uf1, claim.uar
    examined, accuracies, ranged, exact = found.examined, None, None, True
    loose = find_matrices(counts, uf1, uar, None, effort) if claim.accuracy and (uf1 or uar) else None
    if loose is not None and len(loose.diagonals):
        examined += loose.examined
        right = loose.diagonals.sum(1) / sum(counts)
        accuracies = (float(right.min()), float(right.max()))
        reasons.append(
            f"without the accuracy {_say_matrices(counts, loose)} would fit, with accuracy {_range(accuracies)}"
        )
    elif uar:
        ranged, exact, whole, more = uf1_range(counts, uar, effort)
        examined += more
        reasons += _say_range(uar, uf1, ranged, exact, whole)
    if not found.complete:
        reasons.append(f"given up after {found.examined:,} candidates")
    elif uf1 and uar and len(counts) == 3:
        precise = search_precision(counts, uf1, uar, claim.accuracy, effort)
        examined += precise.examined
        if len(precise.diagonals):
            reasons.append(f"read as macro-precision, {uar.text} fits {_say_matrices(counts, precise)}")
            return _verdict("macro-precision", counts, precise, reasons, examined, ranged, exact, accuracies)
        if not precise.complete:
            reasons.append("whether it is a macro-precision was not searched to the end")
    answer: Answer = "impossible" if found.complete else "undecided"
    return _verdict(answer, counts, found, reasons or ["no matrix gives it"], examined, ranged, exact, accuracies)


def _say_range(
    uar: PrintedScore, uf1: PrintedScore | None, ranged: tuple[float, float] | None, exact: bool, whole: bool
) -> list[str]:
    if ranged is None:
        return [f"no diagonal gives UAR {uar.text}"] if whole else []
    bound = "" if exact else " at the widest" if whole else " at the widest, among the diagonals looked at"
    return [f"UAR {uar.text} goes with UF1 {_range(ranged)}{bound}"] if uf1 else []


def _verdict(
    answer: Answer,
    counts: Sequence[int],
    found: FoundMatrices,
    reasons: Sequence[str] = (),
    examined: int = 0,
    ranged: tuple[float, float] | None = None,
    exact: bool = True,
    accuracies: tuple[float, float] | None = None,
) -> Verdict:
    matrices, complete = _count_matrices(counts, found)
    return Verdict(
        answer=answer,
        matrices=matrices,
        patterns=len(found.diagonals),
        complete=complete,
        examples=_examples(counts, found),
        uf1_range=ranged,
        exact=exact,
        accuracy_range=accuracies,
        reasons=tuple(reasons),
        examined=examined or found.examined,
    )


def _not_a_fraction(accuracy: PrintedScore | None, samples: int) -> list[str]:
    if accuracy is None:
        return []
    low, high = whole_range(accuracy, samples)
    if low <= high:
        return []
    below, above = high, low
    near = " and ".join(f"{k}/{samples} = {k / samples:.4f}" for k in (below, above) if 0 <= k <= samples)
    return [f"accuracy {accuracy.text} is no fraction of {samples} samples, the nearest are {near}"]


def _count_matrices(counts: Sequence[int], found: FoundMatrices) -> tuple[int, bool]:
    """Number of matrices with the diagonals and column sums found, and whether that is all there are.

    Of three classes one more number decides a matrix; of more classes each pattern counts once.
    """
    if len(counts) != 3:
        return len(found.diagonals), found.complete and len(counts) == 2
    low, high = _free_entry(np.array(counts, dtype=np.int64), found.diagonals, found.columns)
    return int((high - low + 1).sum()), found.complete


def _free_entry(sizes: Ints, diagonals: Ints, columns: Ints) -> tuple[Ints, Ints]:
    """Of three classes one entry, row 0 column 1, decides the others: its smallest and largest value."""
    errors, wrong = sizes - diagonals, columns - diagonals
    low = np.maximum.reduce(
        [np.zeros(len(errors), dtype=np.int64), wrong[:, 1] - errors[:, 2], errors[:, 0] - wrong[:, 2]]
    )
    high = np.minimum.reduce([errors[:, 0], wrong[:, 1], wrong[:, 0] + wrong[:, 1] - errors[:, 2]])
    return low, high


def _examples(counts: Sequence[int], found: FoundMatrices) -> tuple[Matrix, ...]:
    sizes = np.array(counts, dtype=np.int64)
    chosen: list[Matrix] = []
    for diagonal, columns in zip(found.diagonals[:EXAMPLES], found.columns[:EXAMPLES], strict=True):
        if len(counts) != 3:
            chosen.append(_one_matrix(sizes, diagonal, columns))
            continue
        errors, wrong = (sizes - diagonal).tolist(), (columns - diagonal).tolist()
        low, high = _free_entry(sizes, diagonal[None], columns[None])
        d = diagonal.tolist()
        for t in range(int(low[0]), int(high[0]) + 1):
            back = errors[2] - wrong[1] + t
            over = wrong[0] - back
            chosen.append(((d[0], t, errors[0] - t), (over, d[1], errors[1] - over), (back, wrong[1] - t, d[2])))
    return tuple(chosen[:EXAMPLES])


def _one_matrix(sizes: Ints, diagonal: Ints, columns: Ints) -> Matrix:
    """A matrix with this diagonal and these sums: a transport problem, whose corners are whole numbers."""
    from scipy.optimize import linprog

    classes = len(sizes)
    rows, cols = np.kron(np.eye(classes), np.ones(classes)), np.kron(np.ones(classes), np.eye(classes))
    bounds = [(0, 0 if i == j else None) for i in range(classes) for j in range(classes)]
    solved = linprog(
        np.zeros(classes**2),
        A_eq=np.concatenate([rows, cols]),
        b_eq=np.concatenate([sizes - diagonal, columns - diagonal]),
        bounds=bounds,
        integrality=np.ones(classes**2),
    )
    matrix = np.rint(solved.x).astype(np.int64).reshape(classes, classes) + np.diag(diagonal)
    return tuple(map(tuple, matrix.tolist()))


def example_scores(matrix: Matrix) -> dict[str, float]:
    """Scores of an example, to be shown beside it; ``macro_precision`` among them."""
    scores = {metric.name: float(metric.pooled(matrix)) for metric in shown_metrics()}
    return scores | {"macro_precision": float(macro_precision(matrix))}


def _say_matrices(counts: Sequence[int], found: FoundMatrices) -> str:
    matrices, complete = _count_matrices(counts, found)
    return f"{'' if complete else 'at least '}{matrices:,} {'matrix' if matrices == 1 else 'matrices'}"


def _range(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.4f}" if ends[0] == ends[1] else f"{ends[0]:.4f} – {ends[1]:.4f}"


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A published claim and what became of it.

    Attributes:
        given: Cells of the columns ``GIVEN``, as they stand in the file.
        verdict: The answer; ``not checked`` where the source does not say how many clips there are.
        detail: Why, or how many matrices fit.
    """

    given: dict[str, str]
    verdict: str
    detail: str


def judge_claims(path: Path) -> list[ClaimRow]:
    """Read a table of published claims and check each of them anew, whatever verdict it says there.

    Where ``counts`` is one number, the clips, the accuracy alone can be checked.

    Args:
        path: CSV with the columns ``GIVEN`` and then ``FOUND``; ``counts`` as ``92 26 15``.

    Raises:
        DataError: Names file and line.
    """
    rows: list[ClaimRow] = []
    try:
        opened = path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    with opened as file:
        reader = csv.DictReader(file, strict=True)
        try:
            if tuple(reader.fieldnames or ()) != GIVEN + FOUND:
                raise DataError(f"expected the columns {','.join(GIVEN + FOUND)}")
            for cells in reader:
                if None in cells or None in cells.values():
                    raise DataError(f"expected {len(GIVEN + FOUND)} cells")
                if not cells["source"]:
                    raise DataError(f"{cells['method']}: a figure needs a source")
                rows.append(_judge({name: cells[name] for name in GIVEN}))
        except (DataError, csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path}: line {reader.line_num}: {error}") from error
    return rows


def claims_csv(rows: Sequence[ClaimRow]) -> str:
    """The table of claims as text, verdicts filled in."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(GIVEN + FOUND)
    writer.writerows([*row.given.values(), row.verdict, row.detail] for row in rows)
    return text.getvalue()


def _judge(given: dict[str, str]) -> ClaimRow:
    figures = {name: PrintedScore.parse(given[name]) for name in ("uf1", "uar", "accuracy") if given[name]}
    numbers = given["counts"].split()
    if not all(re.fullmatch(r"\d{1,9}", number) for number in numbers):
        raise DataError(f"counts '{given['counts']}': expected whole numbers and blanks, e.g. 92 26 15")
    if len(numbers) < 2:
        figures = {name: figure for name, figure in figures.items() if name == "accuracy"}
    if not numbers or not figures:
        return ClaimRow(given, "not checked", "the source does not say of how many clips")
    verdict = check_claim(Claim(tuple(map(int, numbers)), **figures))
    detail = "; ".join(verdict.reasons)
    if verdict.answer == "possible":
        number = f"{'' if verdict.complete else 'at least '}{verdict.matrices:,}"
        detail = "accuracy alone" if len(numbers) < 2 else f"{number} {'matrix' if number == '1' else 'matrices'}"
    return ClaimRow(given, verdict.answer, detail)
