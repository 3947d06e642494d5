"""Median filter of flow fields as a short program of minima and maxima over whole planes.

Sorting 25 values per pixel costs more than the rest of a flow iteration. Here each column of the window is
sorted once for all windows that contain it, neighbouring columns are merged by Batcher's odd-even merge, and
only what the middle value depends on is computed.

Source: Knuth, The Art of Computer Programming 3, section 5.3.4 (algorithm M).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class _Step(NamedTuple):
    """``values[result] = smaller or larger of values[left] and values[right]``."""

    larger: bool
    left: int
    right: int
    result: int


class _Program:
    """Minima and maxima over numbered values; the first numbers are the inputs."""

    def __init__(self, inputs: int) -> None:
        self.steps: list[_Step] = []
        self.count = inputs

    def _emit(self, larger: bool, left: int, right: int) -> int:
        self.steps.append(_Step(larger, left, right, self.count))
        self.count += 1
        return self.count - 1

    def merge(self, a: Sequence[int], b: Sequence[int]) -> list[int]:
        """Merge two ascending lists of any length into one."""
        if not a or not b:
            return [*a, *b]
        if len(a) == len(b) == 1:
            return [self._emit(False, a[0], b[0]), self._emit(True, a[0], b[0])]
        even, odd = self.merge(a[::2], b[::2]), self.merge(a[1::2], b[1::2])
        merged = even[:1]
        for low, high in zip(odd, even[1:], strict=False):
            merged += [self._emit(False, low, high), self._emit(True, low, high)]
        return merged + even[len(odd) + 1 :] + odd[max(len(even) - 1, 0) :]

    def sort(self, values: Sequence[int]) -> list[int]:
        """Sort a list."""
        half = len(values) // 2
        if not half:
            return list(values)
        return self.merge(self.sort(values[:half]), self.sort(values[half:]))

    def pruned(self, wanted: Sequence[int]) -> tuple[_Step, ...]:
        """Steps that the wanted values depend on, in order."""
        needed, kept = set(wanted), list[_Step]()
        for step in reversed(self.steps):
            if step.result in needed:
                kept.append(step)
                needed |= {step.left, step.right}
        return tuple(reversed(kept))


_Compiled = tuple[tuple[_Step, ...], tuple[int, ...]]


@cache
def _column_program(size: int) -> _Compiled:
    """Sort one column of the window."""
    program = _Program(size)
    wanted = program.sort(range(size))
    return program.pruned(wanted), tuple(wanted)


@cache
def _pair_program(size: int) -> _Compiled:
    """Merge two sorted columns."""
    program = _Program(2 * size)
    wanted = program.merge(range(size), range(size, 2 * size))
    return program.pruned(wanted), tuple(wanted)


@cache
def _middle_program(size: int) -> _Compiled:
    """Median of ``size // 2`` merged pairs of columns and one sorted column."""
    program = _Program(size * size)
    merged: list[int] = []
    for pair in range(size // 2):
        merged = program.merge(merged, range(2 * size * pair, 2 * size * (pair + 1)))
    wanted = (program.merge(merged, range(size * (size - 1), size * size))[size * size // 2],)
    return program.pruned(wanted), wanted


class _Machine:
    """Runs programs on flat planes; buffers go back to a pool, so that the same few stay in the cache."""

    def __init__(self, like: Tensor, length: int) -> None:
        self.like, self.length = like, length
        self.buffers: list[Tensor] = []
        self.pool: list[Tensor] = []

    def restart(self) -> None:
        """Take every buffer back, also those that hold results."""
        self.pool = list(self.buffers)

    def _buffer(self) -> Tensor:
        if self.pool:
            return self.pool.pop()
        self.buffers.append(self.like.new_empty(self.length))
        return self.buffers[-1]

    def run(self, program: _Compiled, inputs: Sequence[Tensor], length: int) -> list[Tensor]:
        steps, wanted = program
        last = {number: index for index, step in enumerate(steps) for number in (step.left, step.right)}
        last |= dict.fromkeys(wanted, len(steps))
        values = dict(enumerate(inputs))
        owned: dict[int, Tensor] = {}
        for index, step in enumerate(steps):
            buffer = self._buffer()
            choose = torch.maximum if step.larger else torch.minimum
            values[step.result] = choose(values[step.left], values[step.right], out=buffer[:length])
            owned[step.result] = buffer
            for number in {step.left, step.right} & owned.keys():
                if last[number] == index:
                    self.pool.append(owned.pop(number))
        return [values[number] for number in wanted]


# values of one buffer: all buffers of a run are a few MB, which the last cache level of a CPU holds
_CHUNK = 1 << 16


def median_filter(planes: Tensor, size: int) -> Tensor:
    """Median over a square window; the border is continued with its nearest pixel.

    Args:
        planes: ``(..., H, W)``, at least three dimensions.
        size: Odd side of the window; 1 changes nothing.

    Returns:
        Same shape; a new tensor.

    Raises:
        ValueError: The size is even or not positive.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"the side of a median window must be odd and positive, got {size}")
    if size == 1:
        return planes.clone()
    height, width = planes.shape[-2:]
    padded = functional.pad(planes.flatten(0, -3)[None], (size // 2,) * 4, mode="replicate")[0]
    # in one flat vector a window is a set of constant offsets; what runs over the end of a row is padding
    pitch, reach = padded.shape[-1], (size - 1) * (padded.shape[-1] + 1)
    flat = padded.flatten()
    result = torch.empty_like(flat)
    chunk = flat.numel() if flat.is_cuda else _CHUNK
    machine = _Machine(flat, min(chunk, flat.numel()) + size)
    for start in range(0, flat.numel() - reach, chunk):
        length = min(chunk, flat.numel() - reach - start)
        wide = length + size - 1
        rows = [flat[start + row * pitch :][:wide] for row in range(size)]
        columns = machine.run(_column_program(size), rows, wide)
        pairs = machine.run(_pair_program(size), [c[shift:][: wide - 1] for shift in (0, 1) for c in columns], wide - 1)
        inputs = [p[shift:][:length] for shift in range(0, size - 1, 2) for p in pairs]
        inputs += [c[size - 1 :][:length] for c in columns]
        (middle,) = machine.run(_middle_program(size), inputs, length)
        result[start : start + length] = middle
        machine.restart()
    return result.view(padded.shape)[:, :height, :width].reshape(planes.shape)
