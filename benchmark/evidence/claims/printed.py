"""Scores as papers print them: what rounds to a figure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from mer_lightning.types import DataError

_FIGURE = re.compile(r"(?P<whole>[01]?)(?:\.(?P<digits>\d{1,15}))?|(?P<percent>\d{1,3}(?:\.\d{1,15})?)\s*%")


@dataclass(frozen=True, slots=True)
class PrintedScore:
    """A printed score.

    Attributes:
        text: As printed.
        low, high: What rounds to it, half up or half to even; both ends belong to it.
    """

    text: str
    low: Fraction
    high: Fraction

    @classmethod
    def parse(cls, text: str) -> PrintedScore:
        """Read ``0.6831``, ``.6831`` or ``68.31%``.

        Raises:
            DataError: Not a fraction of 1 in one of these forms.
        """
        found = _FIGURE.fullmatch(text.strip())
        if found is None or not text.strip() or text.strip() == ".":
            raise DataError(f"figure '{text}': expected a score of 0..1 as printed, e.g. 0.6831 or 68.31%")
        percent = found["percent"]
        plain = percent or text.strip()
        digits = len(plain.partition(".")[2]) + (2 if percent else 0)
        value = Fraction(plain if not plain.startswith(".") else f"0{plain}") / (100 if percent else 1)
        if not 0 <= value <= 1:
            raise DataError(f"figure '{text}': expected a score of 0..1 as printed, e.g. 0.6831 or 68.31%")
        half = Fraction(1, 2 * 10**digits)
        return cls(text.strip(), value - half, value + half)

    def holds(self, value: Fraction) -> bool:
        """Whether a score rounds to the figure."""
        return self.low <= value <= self.high
