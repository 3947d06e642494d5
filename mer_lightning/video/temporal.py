"""Temporal filters of magnification: which changes of a clip are amplified, as a matrix over its frames."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy import signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

TemporalFilter = Literal["iir", "butterworth", "zero_phase", "onset"]
"""How the change of a clip over time is taken.

``iir``: the difference of two first-order low-passes, scaled to 1 at its peak; past frames only. ``butterworth``: a
band-pass of one order at each edge; past frames only. ``zero_phase``: the band-pass of two orders, run forwards and
backwards: without delay, but it moves the first frame too. ``onset``: the difference to the first frame, which knows no
band: slow motion, drift and flicker are amplified as well. All but ``zero_phase`` leave the first frame as it is.
"""


def check_band(temporal: str, low: float | None, high: float | None, fps: float) -> None:
    """Make sure that a filter exists and has the edges that it needs.

    Args:
        temporal: Name of the filter.
        low: Lower edge of its band, Hz; None for ``onset``.
        high: Upper edge, Hz; None for ``onset``.
        fps: Frames per second; 1 where edges are in cycles a frame.

    Raises:
        ValueError: It does not.
    """
    if temporal not in get_args(TemporalFilter):
        raise ValueError(f"unknown temporal filter {temporal!r}, expected one of {', '.join(get_args(TemporalFilter))}")
    if temporal == "onset":
        if low is not None or high is not None:
            raise ValueError(f"onset has no band, expected no edges, got {low} and {high}")
    elif low is None or high is None or not 0 < low < high < fps / 2:
        raise ValueError(f"expected 0 < low < high < fps / 2, got {low}, {high}, {fps}")


@lru_cache(maxsize=32)
def temporal_matrix(
    length: int, low: float | None, high: float | None, temporal: TemporalFilter
) -> NDArray[np.float64]:
    """A filter as a matrix: what it makes of the impulse at each frame.

    Args:
        length: Frames.
        low: Lower edge of the pass band, cycles a frame; None for ``onset``.
        high: Upper edge, below 0.5; None for ``onset``.
        temporal: Which filter.

    Returns:
        ``(T, T)``; the change at each frame is its product with the clip. Every row sums to 0, so that what stays
        the same gives nothing.
    """
    impulses = np.eye(length)
    if length == 1:
        return np.zeros((1, 1))
    if temporal == "onset":
        return impulses - impulses[0]
    assert low is not None and high is not None, "checked"
    if temporal == "iir":
        rates = [1 - math.exp(-2 * math.pi * edge) for edge in (high, low)]
        passed = [_low_pass(impulses, rate) for rate in rates]
        at = np.exp(1j * np.linspace(0, np.pi, 2049))
        gain = np.abs(np.subtract(*(rate / (1 - (1 - rate) / at) for rate in rates))).max()
        return (passed[0] - passed[1]) / gain
    if temporal == "butterworth":
        sections = signal.butter(1, (low, high), btype="bandpass", output="sos", fs=1.0)
        # as if the clip had stood still on its first frame for ever
        rest = signal.sosfilt_zi(sections)[..., None] * impulses[:1]
        filtered, _ = signal.sosfilt(sections, impulses, axis=0, zi=rest)
        return filtered
    sections = signal.butter(2, (low, high), btype="bandpass", output="sos", fs=1.0)
    # beyond its ends a clip is continued point-mirrored, as far as it is long
    padding = min(length - 1, round(3 / low))
    return signal.sosfiltfilt(sections, impulses, axis=0, padtype="odd", padlen=padding)


def _low_pass(signals: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """First-order low-pass along the first axis that starts at rest on the first frame."""
    start = (1 - rate) * signals[:1]
    filtered, _ = signal.lfilter([rate], [1, rate - 1], signals, axis=0, zi=start)
    return filtered
