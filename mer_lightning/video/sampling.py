"""Which frames of a clip are used, and clips resampled to a fixed number of frames.

Indices are chosen by functions that know only counts; resampling is one product with a small matrix along time.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def all_frames(length: int) -> list[int]:
    """Indices of all frames of a clip of ``length`` frames."""
    _check_counts(length, 1)
    return list(range(length))


def onset_apex(apex: int, length: int) -> list[int]:
    """Indices of the onset, which is the first frame, and of the apex.

    Raises:
        ValueError: The apex is not a frame of the clip.
    """
    if not 0 <= apex < length:
        raise ValueError(f"the apex must be one of 0..{length - 1}, got {apex}")
    return [0, apex]


def equally_spaced(first: int, last: int, count: int) -> list[int]:
    """Indices of ``count`` frames at equal distances from ``first`` to ``last``, both included.

    Distances are rounded to whole frames; where there are fewer frames than asked for, some are repeated.

    Raises:
        ValueError: ``count`` is below 2 or ``last`` lies before ``first``.

    Source: paper S1 (N = 11 from onset to apex).
    """
    if count < 2 or not 0 <= first <= last:
        raise ValueError(f"expected 0 <= first <= last and count >= 2, got {first}, {last}, {count}")
    # halves are rounded up, which Python's round does not do
    return [first + (2 * step * (last - first) + count - 1) // (2 * (count - 1)) for step in range(count)]


def around_apex(apex: int, length: int, count: int) -> list[int]:
    """Indices of ``count`` frames of a clip with the apex in the middle, at equal distances on each side of it.

    Args:
        apex: Index of the apex.
        length: Frames of the clip; its first and last are taken.
        count: Frames wanted, an odd number; some are repeated where there are fewer.

    Raises:
        ValueError: The apex is not a frame of the clip, or ``count`` is even or below 3.
    """
    if not 0 <= apex < length or count < 3 or count % 2 == 0:
        raise ValueError(f"expected an apex in 0..{length - 1} and an odd count from 3, got {apex} and {count}")
    half = (count + 1) // 2
    # distances from the apex on both sides, so that a clip played backwards gives the same frames
    before = [apex - step for step in equally_spaced(0, apex, half)]
    after = [apex + step for step in equally_spaced(0, length - 1 - apex, half)]
    return [*reversed(before), *after[1:]]


def symmetric(length: int, count: int) -> list[int]:
    """Indices that trim a clip to ``count`` frames at both ends, or repeat its first and last frame.

    A short clip so stands still at both ends: ``ends_again`` repeats what moves. An odd number of frames to trim or
    repeat takes the larger half from the end.

    Raises:
        ValueError: A count is not positive.
    """
    _check_counts(length, count)
    start = (length - count) // 2 if length >= count else -((count - length) // 2)
    return [min(max(start + step, 0), length - 1) for step in range(count)]


def ends_again(length: int, count: int) -> list[int]:
    """Indices that trim a clip to ``count`` frames at both ends, or put its first and last frames before and after it.

    A clip that lacks 2 k frames begins with its first k frames and ends with its last k ones once more: 11 become 20
    as 0..3, 0..10, 6..10. One of fewer than a third of the frames is put before and after itself until they suffice.
    An odd number of frames to trim or to add takes the larger half from the end.

    Raises:
        ValueError: A count is not positive.

    Source: paper S0, section 3.2 (X = 20).
    """
    _check_counts(length, count)
    if length >= count:
        return symmetric(length, count)
    found = list(range(length))
    while len(found) < count:
        missing = count - len(found)
        first, last = min(missing // 2, length), min(missing - missing // 2, length)
        found = [*range(first), *found, *range(length - last, length)]
    return found


def segments_of(length: int, count: int, segments: int) -> list[int]:
    """Indices of several segments of ``count`` frames, one after the other, from the first to the last frame.

    Their beginnings are equally spaced, so that segments overlap where the clip is short; one that has no more frames
    than a segment gives the same segment each time, completed as ``ends_again`` does.

    Raises:
        ValueError: A count is not positive, or there are fewer than two segments.

    Source: paper S0, section 3.2 ("each sequence is divided"), beside its rule for one segment a clip.
    """
    _check_counts(length, count)
    if length <= count:
        return ends_again(length, count) * segments
    return [start + step for start in equally_spaced(0, length - count, segments) for step in range(count)]


def linear_resample(frames: Tensor, count: int) -> Tensor:
    """Resample a clip to ``count`` frames by linear interpolation between neighbours.

    Args:
        frames: ``(T, ...)``.
        count: Frames wanted; the first and the last are those of the clip.

    Returns:
        ``(count, ...)``, float32.

    Raises:
        ValueError: The clip is empty or ``count`` is not positive.
    """
    _check_counts(len(frames), count)
    return _along_time(_linear_matrix(len(frames), count), frames)


def temporal_interpolation(frames: Tensor, count: int) -> Tensor:
    """Resample a clip with the temporal interpolation model (TIM).

    TIM embeds the frames as a path graph, on a curve whose coordinates are ``cos(pi k (t + 1/2) / T)``, and maps
    points of that curve back to frames. The way there and back is linear in the frames and depends on nothing
    but the counts, so that no decomposition of the frames is needed.

    Args:
        frames: ``(T, ...)``.
        count: Frames wanted; the first and the last are those of the clip.

    Returns:
        ``(count, ...)``, float32; values may leave the range of the frames a little.

    Raises:
        ValueError: The clip is empty or ``count`` is not positive.

    Source: Zhou, Zhao and Pietikainen, Towards a Practical Lipreading System, CVPR 2011.
    """
    _check_counts(len(frames), count)
    return _along_time(_tim_matrix(len(frames), count), frames)


def _check_counts(length: int, count: int) -> None:
    if length < 1 or count < 1:
        raise ValueError(f"the numbers of frames must be positive, got {length} and {count}")


def _along_time(weights: Tensor, frames: Tensor) -> Tensor:
    # the weights of a new frame sum to one; taking only differences through them keeps a still clip exactly still
    flat = frames.float().reshape(len(frames), -1)
    return (flat[:1] + weights.to(frames.device) @ (flat - flat[:1])).view(len(weights), *frames.shape[1:])


def _positions(length: int, count: int) -> Tensor:
    """Times of the new frames in old frames, ``(count,)``; a single frame is taken from the middle."""
    if count == 1:
        return torch.tensor([(length - 1) / 2], dtype=torch.float64)
    return torch.linspace(0, length - 1, count, dtype=torch.float64)


@cache
def _linear_matrix(length: int, count: int) -> Tensor:
    distance = _positions(length, count)[:, None] - torch.arange(length, dtype=torch.float64)
    return (1 - distance.abs()).clamp_min(0).float()


@cache
def _tim_matrix(length: int, count: int) -> Tensor:
    order = torch.arange(length, dtype=torch.float64)[:, None]

    def curve(time: Tensor) -> Tensor:
        return torch.cos(math.pi / length * order * (time + 0.5))

    # the curve at the frames is an orthogonal basis; its first coordinate is the mean
    known = curve(torch.arange(length, dtype=torch.float64)) * (2 / length)
    known[0] /= 2
    return (curve(_positions(length, count)).T @ known).float()
