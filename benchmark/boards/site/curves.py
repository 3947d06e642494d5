"""Pictures of learning curves, one or two on nearly every page: written as SVG at once, in the colours of the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmark.records.curves import MeanCurve

_DASHES = ("", "5.6 2.4", "9.6 2.4 1.5 2.4", "1.5 2.5", "9 1.5 1.5 1.5 1.5 1.5", "1.5 1.5")
SERIES = len(_DASHES)
_PANELS = (("loss", "Training loss", 40), ("accuracy", "Training accuracy", 405))
"""Curves ``train_<kind>`` and ``val_<kind>``, the title, and where the panel begins."""
_WIDTH, _PANEL_WIDTH, _PANEL_HEIGHT, _TOP, _ROW = 730, 318, 163, 24, 16  # pixels of the page
_LETTER = 5.4
"""Pixels of a letter of a key, about."""
_MARGIN = 0.05
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MOST_TICKS = 6
_LARGEST = 1e100
"""What lies beyond is drawn there, so that no difference is without bounds."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a picture of learning curves."""

    title: str
    curve: MeanCurve


@dataclass(frozen=True, slots=True)
class _Axis:
    """Numbers and the pixels that they are drawn at."""

    low: float
    high: float
    first: float
    last: float

    def at(self, value: float) -> float:
        """Where a number is drawn; at an end when it lies beyond."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.first + (self.last - self.first) * share, 1)

    def ticks(self, *, whole: bool = False) -> list[float]:
        """Round numbers to label, at most ``_MOST_TICKS`` and one."""
        least = (self.high - self.low) / _MOST_TICKS
        power = 10.0 ** math.floor(math.log10(least))
        step = next(step * power for step in _STEPS if step * power >= least * (1 - 1e-9))
        step = max(1.0, round(step)) if whole else step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def curve_picture(lines: Sequence[Curve]) -> str:
    """Training loss and accuracy over epochs, one line each, mean over folds.

    Args:
        lines: At most ``SERIES``.
    """
    longest = max(len(line.title) for line in lines)
    columns = max(1, min(3, int(_WIDTH / (58 + 7.2 * longest))))
    rows = math.ceil(len(lines) / columns)
    below = _TOP + _PANEL_HEIGHT + 62
    height = below + _ROW * rows
    wide = 50 + _LETTER * longest
    first = (_WIDTH - wide * columns) / 2
    keys = [
        _key(number, line.title, x=round(first + wide * (number // rows)), y=below + _ROW * (number % rows))
        for number, line in enumerate(lines)
    ]
    return (
        f'<svg class="chart curves" role="img" aria-label="{escape(_describe(lines))}" viewBox="0 0 {_WIDTH} {height}" '
        f'style="max-width: {_WIDTH}px" font-size="12">'
        f"{''.join(_curve_panel(lines, *panel) for panel in _PANELS)}{''.join(keys)}</svg>"
    )


def _curve_panel(lines: Sequence[Curve], kind: str, title: str, left: int) -> str:
    bottom = _TOP + _PANEL_HEIGHT
    across = _axis(chain.from_iterable(line.curve.epochs for line in lines), left, left + _PANEL_WIDTH)
    names = (f"train_{kind}", f"val_{kind}")
    shown = [(number, name, line.curve) for number, line in enumerate(lines) for name in names]
    shown = [(number, name, curve) for number, name, curve in shown if name in curve.values]
    up = _axis(chain.from_iterable(curve.values[name] for _, name, curve in shown), bottom, _TOP)
    if kind == "accuracy":
        up = _Axis(0, 1.02, bottom, _TOP)
    parts = [f'<text x="{left}" y="{_TOP - 9}" font-weight="bold">{title}</text>']
    for y, label in _tick_labels(up):
        parts.append(f'<path d="M{left} {y}h{_PANEL_WIDTH}" stroke="var(--line)"/>')
        parts.append(f'<text x="{left - 5}" y="{y + 4:g}" text-anchor="end">{label}</text>')
    ticks = _tick_labels(across, whole=True)
    parts += [f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{label}</text>' for x, label in ticks]
    parts.append(f'<text x="{left + _PANEL_WIDTH / 2:g}" y="{bottom + 32}" text-anchor="middle">epoch</text>')
    for number, name, curve in shown:
        pairs = zip(curve.epochs, curve.values[name], strict=True)
        points = " ".join(f"{across.at(epoch):g},{up.at(value):g}" for epoch, value in pairs)
        look = _look(number) if name == names[0] else _look(number, width=1.4, dash="1.5 2.5")
        parts.append(f'<polyline points="{points}" {look}/>')
    return "".join(parts)


def _axis(values: Iterable[float], first: float, last: float) -> _Axis:
    """One on which all of these numbers lie, with a margin at both ends."""
    within = [min(max(value, -_LARGEST), _LARGEST) for value in values] or [0.0]
    low, high = min(within), max(within)
    # one number alone, or as good as one, stands in the middle
    margin = max(_MARGIN * (high - low), _MARGIN * abs(high) * 1e-6) or 0.5
    return _Axis(low - margin, high + margin, first, last)


def _look(number: int, width: float = 2, dash: str | None = None) -> str:
    dashes = _DASHES[number] if dash is None else dash
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'fill="none" stroke="var(--series-{number + 1})" stroke-width="{width:g}"{dashed}'


def _key(number: int, title: str, x: int, y: int) -> str:
    """What a line is called, right of a piece of it."""
    piece = f'<path d="M{x} {y - 4}h22" {_look(number)}/>'
    return f'{piece}<text x="{x + 29}" y="{y}" font-size="10.7">{escape(title)}</text>'


def _tick_labels(axis: _Axis, *, whole: bool = False) -> list[tuple[float, str]]:
    """Where the ticks of an axis are, and what they are called: all to the digit that the finest of them needs."""
    ticks = axis.ticks(whole=whole)
    if max(map(abs, ticks), default=0) >= 1e6:
        return [(axis.at(tick), f"{tick:.3g}") for tick in ticks]
    digits = max((len(f"{tick:.6g}".partition(".")[2]) for tick in ticks), default=0)
    return [(axis.at(tick), f"{tick:.{digits}f}") for tick in ticks]


def _describe(lines: Sequence[Curve]) -> str:
    said: list[str] = []
    for line in lines:
        last = {name: values[-1] for name, values in line.curve.values.items()}
        figures = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in sorted(last.items()))
        said.append(f"{line.title} ends after {line.curve.epochs[-1]} epochs with {figures}")
    return f"Learning curves: {'; '.join(said)}."
