"""One measured speed, and how to measure it fairly."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Literal

from mer_lightning.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable


class Measurement(Settings):
    """Ours beside a reference, both from one run on one machine.

    Attributes:
        name: What was measured.
        ours: Our figure, None where it was skipped.
        reference: Figure of the reference named in ``against``; None where there is none.
        unit: Of both figures.
        better: Whether a ``lower`` or a ``higher`` figure is better.
        against: What the reference is.
        goal: What was aimed at, in words.
        note: Why it was skipped, or what a reader must know.
    """

    name: str
    ours: float | None
    reference: float | None = None
    unit: str
    better: Literal["lower", "higher"]
    against: str = ""
    goal: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours divided by the reference."""
        return None if self.ours is None or not self.reference else self.ours / self.reference


def best_seconds(work: Callable[[], object], rounds: int = 1) -> float:
    """Shortest of several runs; a GPU has finished what it was given before each and after it."""
    seconds: list[float] = []
    for _ in range(rounds):
        _wait_for_gpu()
        start = time.perf_counter()
        work()
        _wait_for_gpu()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def alternate(ours: Callable[[], object], reference: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of both, run in turns so that a busy moment of the machine hits both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for values, work in zip(seconds, (ours, reference), strict=True):
            start = time.perf_counter()
            work()
            values.append(time.perf_counter() - start)
    return median(seconds[0]), median(seconds[1])


def _wait_for_gpu() -> None:
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
