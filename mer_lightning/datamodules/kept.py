"""What is kept of the clips of a table instead of being computed in every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class KeptOutputs:
    """One tensor per number that a loader may give; a batch of them is an index.

    A batch lies in memory as ``like`` does, so that what goes on from it computes as it would without.

    Args:
        numbers: What may be asked for, rising, ``(n,)``, int64.
        like: What is kept of one clip, ``(1, ...)``: shape, type, device and memory order of all.
    """

    def __init__(self, numbers: Tensor, like: Tensor) -> None:
        strides = like.stride()[1:]
        order = sorted(range(len(strides)), key=lambda axis: -strides[axis])
        self._back = [order.index(axis) for axis in range(len(order))]
        self._order = order
        self._places = torch.full((int(numbers[-1]) + 1,), -1, device=like.device)
        self._places[numbers.to(like.device)] = torch.arange(len(numbers), device=like.device)
        size = (len(numbers), *(like.shape[1 + axis] for axis in order))
        self._values = torch.empty(size, dtype=like.dtype, device=like.device)
        self._filled = torch.zeros(int(numbers[-1]) + 1, dtype=torch.bool)

    @property
    def nbytes(self) -> int:
        """Memory of all of it, bytes; on a CPU the system gives it as it is filled."""
        return self._values.nbytes

    def missing(self, numbers: Tensor) -> list[int]:
        """Which of some numbers are not filled yet."""
        numbers = numbers.cpu()
        return numbers[~self._filled[numbers]].tolist()

    def put(self, numbers: list[int], values: Tensor) -> None:
        """Fill some numbers with their tensors, ``(n, ...)``."""
        values = values.permute(0, *(1 + axis for axis in self._order))
        self._values[self._places[numbers]] = values
        self._filled[numbers] = True

    def at(self, numbers: Tensor) -> Tensor:
        """What is kept of some numbers of any shape, on the device; their axes come first.

        Raises:
            IndexError: Nothing is kept of one of them; on a GPU nobody looks, since it would have to be waited for.
        """
        if numbers.device.type == "cpu" and not bool(self._filled[numbers].all()):
            raise IndexError("a clip is asked for of which nothing is kept")
        values = self._values[self._places[numbers]]
        lead = range(numbers.ndim)
        return values.permute(*lead, *(numbers.ndim + axis for axis in self._back))


@dataclass(frozen=True)
class Instead:
    """What batches hold instead of inputs.

    Attributes:
        kept: By the numbers that loaders give.
        sizes: Batches of these sizes are taken from it.
        compute: Gives it of the inputs of the others, for which the processor has another kernel that rounds otherwise.
    """

    kept: KeptOutputs
    sizes: frozenset[int]
    compute: Callable[[Tensor], Tensor]
