"""The small picture in a row of a table: a score, its interval and what was published, on the scale of its column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.boards.scale import scale_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmark.boards.scale import Scale

_MARGIN = 10  # half of a label of the axis


@dataclass(frozen=True, slots=True)
class Strip:
    """The strips of one column.

    Attributes:
        scale: What they show.
        width: In pixels of the page.
    """

    scale: Scale
    width: int = 190

    def x(self, value: float) -> float:
        """Where a score lies, in pixels; at an end of the scale when it lies beyond."""
        return round(_MARGIN + (self.width - 2 * _MARGIN) * self.scale.place(value), 1)

    @property
    def track(self) -> str:
        """Line and ticks, as an SVG path."""
        ticks = "".join(f"M{self.x(tick):g} 6v6" for tick in self.scale.ticks)
        return f"M{_MARGIN} 9H{self.width - _MARGIN}{ticks}"

    @property
    def labels(self) -> tuple[tuple[float, str], ...]:
        """Place and text of each label of the axis."""
        return tuple((self.x(tick), f"{tick:.1f}") for tick in self.scale.ticks)


def strip_of(values: Iterable[float], width: int = 190) -> Strip:
    """Strips on which all of these scores lie.

    Args:
        values: Scores and ends of intervals, 0..1.
        width: In pixels of the page.
    """
    return Strip(scale_of(values), width)
