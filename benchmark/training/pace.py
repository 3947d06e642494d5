"""What a fold takes: some steps of a network are watched, or one fit of an estimator."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, mode
from typing import TYPE_CHECKING, Any

import lightning
import torch
from pydantic import Field

from mer_lightning.augmentation.pool import POSITIONS
from mer_lightning.datamodules.loso import batch_sizes
from mer_lightning.settings import Settings
from mer_lightning.tasks import fit_estimator, fit_network

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from mer_lightning.protocols import Fold
    from mer_lightning.settings import Component, Training
    from mer_lightning.tasks import Fit, Start

SECONDS = 5.0
"""How long the steps of one network are watched."""
_FEWEST_STEPS = 3


class Pace(Settings):
    """What a fold of a method takes.

    Attributes:
        step: Seconds of a training step of a whole batch.
        epoch: Seconds of an epoch beside its steps, validation among them.
        sample: Seconds of a prediction.
        fold: Seconds beside epochs and predictions: to build a network, or all of an estimator.
        memory: Bytes that it took beside its table.
        measured: When, seconds since 1970.
    """

    step: float = Field(default=0.0, ge=0)
    epoch: float = Field(default=0.0, ge=0)
    sample: float = Field(default=0.0, ge=0)
    fold: float = Field(ge=0)
    memory: int = Field(ge=0)
    measured: float

    def of(self, fold: Fold, classes: int, training: Training | None) -> float:
        """Seconds of a fold."""
        if training is None:
            return self.fold
        each = steps_of(fold, classes, training) * self.step + self.epoch
        return self.fold + training.epochs * each + len(fold.test) * self.sample


@dataclass(frozen=True, slots=True)
class Timed:
    """What is fitted to be measured.

    Attributes:
        model: A network, with ``training``.
        training: How it is fitted.
        estimator: Instead of both, an estimator.
        start: What the network starts from.
        select: As of ``Fit``.
        threads: Threads of a worker; None leaves them as they are.
    """

    model: Component | None = None
    training: Training | None = None
    estimator: Component | None = None
    start: Start | None = None
    select: Any = "val_uf1"
    threads: int | None = None

    @property
    def key(self) -> str:
        """What decides how long it takes."""
        parts = [part and part.model_dump_json() for part in (self.model, self.training, self.estimator)]
        frozen = self.start is not None and self.start.freeze
        return "|".join(map(str, (*parts, frozen, self.threads or torch.get_num_threads())))


class _EnoughError(Exception):
    """The steps that were watched suffice."""


class _Watch(lightning.Callback):
    """Looks at steps and epochs for some seconds, and then ends the training."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = self._epoch = 0.0
        self.began = 0.0
        self.steps: list[tuple[int, float]] = []
        self.epochs: list[float] = []
        self.sample: float | None = None

    def end(self) -> None:
        """The last epoch is over, and the fold with it."""
        self.epochs.append(time.perf_counter() - self._epoch)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """The network is built."""
        del trainer, pl_module
        self.began = time.perf_counter()

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """An epoch begins, and the one before is over, its validation too."""
        del trainer, pl_module
        now = time.perf_counter()
        if self.steps:
            self.epochs.append(now - self._epoch)
        self._epoch = self._last = now

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: object,
        batch: Any,  # noqa: ANN401 - as Lightning has it
        batch_idx: int,
    ) -> None:
        """A step is over; the last one that is watched ends the training."""
        del outputs
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.steps.append((len(batch.labels), now - self._last))
        self._last = now
        fewest = _FEWEST_STEPS if self._seconds else 1
        # an epoch of a few steps is watched whole
        soon = not self.epochs and (trainer.num_training_batches - batch_idx) * (now - self._epoch) < self._seconds
        if now - self.began > self._seconds and len(self.steps) >= fewest and not soon:
            with trainer.precision_plugin.forward_context():
                self.sample = _seconds_a_sample(pl_module, batch.inputs)
            raise _EnoughError


def _seconds_a_sample(module: lightning.LightningModule, inputs: torch.Tensor) -> float:
    module.eval()
    began = time.perf_counter()
    with torch.inference_mode():
        module(inputs)
    return (time.perf_counter() - began) / len(inputs)


def time_fold(fit: Fit, fitted: Timed, seconds: float) -> Pace:
    """Fit on a fold, as far as it takes to know.

    Args:
        fit: On what.
        fitted: What.
        seconds: How long steps are watched.
    """
    before, began = _resident("VmRSS"), time.perf_counter()
    with _peak() as peak:
        if fitted.estimator is not None:
            fit_estimator(fit, fitted.estimator)
            return Pace(fold=time.perf_counter() - began, memory=max(peak() - before, 0), measured=time.time())
        assert fitted.model is not None and fitted.training is not None, "a method is a network or an estimator"
        watch = _Watch(seconds)
        try:
            fit_network(replace(fit, callbacks=(watch,)), fitted.model, fitted.training)
        except _EnoughError:
            pass
        else:
            watch.end()
        memory = max(peak() - before, 0)
    # what the network and its trainer held in a ring
    gc.collect()
    usual = mode(size for size, _ in watch.steps)
    times = [taken for size, taken in watch.steps if size == usual]
    step = median(times[1:] or times) * fitted.training.batch_size / usual
    epoch = len(fit.fold.validation) * (watch.sample or 0.0)
    # the first one also builds what the others find
    if whole := watch.epochs[1:] or watch.epochs:
        epoch = max(median(whole) - steps_of(fit.fold, fit.table.classes, fitted.training) * step, 0.0)
    return Pace(
        step=step,
        epoch=epoch,
        sample=watch.sample or 0.0,
        fold=watch.began - began,
        memory=memory,
        measured=time.time(),
    )


def steps_of(fold: Fold, classes: int, training: Training) -> float:
    """Steps of an epoch, a smaller batch counted by its size."""
    rows = fold.samples["train"]
    if training.samples_per_class is not None:
        rows = classes * training.samples_per_class
    elif training.augmentation and training.augmentation.nine_positions:
        rows *= POSITIONS
    return sum(size / training.batch_size for size in batch_sizes(rows, training.batch_size))


@contextmanager
def threads_of(number: int | None) -> Generator[None]:
    """So many threads within; None leaves them as they are."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _peak() -> Generator[Callable[[], int]]:
    """What gives the most memory, in bytes, that this process had within."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    yield lambda: _resident("VmHWM")


def _resident(kind: str) -> int:
    """Memory of this process in bytes; 0 where the system does not tell."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith(kind)).split()[1])
    return 0
