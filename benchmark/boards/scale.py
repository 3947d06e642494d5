"""The part of 0..1 that a picture of scores shows: what the scores span, out to the next tenth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mer_lightning.metrics import UF1

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmark.boards.board import BoardRow, ReportedRow

REFERENCE = "majority"
"""The recipe that always guesses the most frequent class. It is far below all others and would squeeze them together,
so it does not widen a scale; where it lies outside, a picture points to it."""
_MOST_TENTHS = 5
_MARGIN = 1e-6


@dataclass(frozen=True, slots=True)
class Scale:
    """Part of 0..1.

    Attributes:
        low: First score that is shown, in tenths of 1.
        high: Last one, at least a tenth above.
    """

    low: float
    high: float

    def place(self, value: float) -> float:
        """Where a score lies, 0 at the low end and 1 at the high one; at an end when it lies beyond."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def holds(self, value: float) -> bool:
        """Whether a score lies on it."""
        return self.low <= value <= self.high

    @property
    def ticks(self) -> tuple[float, ...]:
        """Scores to label: every tenth, every second one on a long scale."""
        first, last = round(10 * self.low), round(10 * self.high)
        step = 1 if last - first <= _MOST_TENTHS else 2
        return tuple(tenth / 10 for tenth in range(first, last + 1) if tenth % step == 0)


def scale_of(values: Iterable[float]) -> Scale:
    """The scale on which all of these scores lie; 0 to 1 when there are none.

    Args:
        values: Scores and ends of intervals, 0..1.
    """
    found = list(values)
    if not found:
        return Scale(0.0, 1.0)
    # 0.7 is a tenth, whatever the last bit of 10 * 0.7 says
    low, high = math.floor(10 * min(found) + _MARGIN), math.ceil(10 * max(found) - _MARGIN)
    low = min(max(low, 0), 9)
    return Scale(low / 10, max(min(high, 10), low + 1) / 10)


def board_scale(rows: Iterable[BoardRow], reported: Iterable[ReportedRow], part: str) -> Scale:
    """The scale of a column of UF1: every score, interval and published figure but those of ``REFERENCE``.

    Args:
        rows: Measured methods with scores.
        reported: Published figures.
        part: ``all`` or a database.
    """
    scored = [row for row in rows if row.scores]
    values: list[float] = []
    for row in [row for row in scored if row.method != REFERENCE] or scored:
        values += row_values(row, part)
    values += [figure for row in reported if (figure := row.scores.get(part, {}).get(UF1.name)) is not None]
    return scale_of(values)


def row_values(row: BoardRow, part: str) -> list[float]:
    """The UF1 of a measured method and, where it has one, the ends of its interval."""
    interval = row.intervals.get(part, {}).get(UF1.name)
    return [row.scores[part][UF1.name].mean, *((interval.low, interval.high) if interval else ())]
