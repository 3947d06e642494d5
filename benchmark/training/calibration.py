"""How fast this machine is: some steps of a network, a fit of an estimator, the reading of a few clips; kept."""

from __future__ import annotations

import hashlib
import platform
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import lightning
import torch
from pydantic import Field

from benchmark.files import load_signed, signed, write_json
from mer_lightning.augmentation.pool import POSITIONS
from mer_lightning.datamodules import Table, load_table
from mer_lightning.datamodules.loso import batch_sizes
from mer_lightning.protocols import Labelled
from mer_lightning.settings import Settings
from mer_lightning.tasks import Fit, fit_estimator, fit_network
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from mer_lightning.datamodules.table import Holds
    from mer_lightning.motion import Representation
    from mer_lightning.protocols import Fold
    from mer_lightning.settings import Component, Training
    from mer_lightning.tasks import Start
    from mer_lightning.types import Dataset, Sample

SECONDS = 5.0
"""How long the steps of one network are watched."""
_FEWEST_STEPS = 3
CLIPS = 8
"""Clips that are read to know how long one takes."""
PICTURES = 400
"""As many, where a clip is a single picture."""
READING_SECONDS = 20.0
"""The most that reading clips is watched."""
_LARGEST_TABLE = 2**30


class Pace(Settings):
    """What a fold of a method takes.

    Attributes:
        step: Seconds of a training step.
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


class Reading(Settings):
    """What a clip takes before anything is trained on it.

    Attributes:
        read: Seconds to read its frames, or to draw them.
        represent: Seconds to compute what a method sees.
        size: Bytes of that.
        measured: When, seconds since 1970.
    """

    read: float = Field(ge=0)
    represent: float = Field(ge=0)
    size: int = Field(ge=0)
    measured: float


class _Kept(Settings):
    paces: dict[str, Pace] = Field(default_factory=dict)
    readings: dict[str, Reading] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What methods see of some samples, as far as it takes to measure them.

    Attributes:
        dataset: Where they are read.
        labelled: The samples and their classes.
        classes: Number of classes.
        representation: What is computed of each.
        holds: As of ``Table``.
    """

    dataset: Dataset
    labelled: Labelled
    classes: int
    representation: Representation
    holds: Holds = "maps"

    @property
    def key(self) -> str:
        """What decides how long reading takes."""
        return f"{self.dataset.name} {self.dataset.release}|{self.holds}|{self.representation.cache_key()}"


class Calibration:
    """Measurements of this machine: each made when it is first asked for, and kept in a file.

    Args:
        folder: Folder of the files, one per machine.
        say: Told what is measured.
        accelerator: Lightning's accelerator.
        anew: Forget what was measured before.
    """

    def __init__(
        self, folder: Path, say: Callable[[str], None], accelerator: str = "auto", *, anew: bool = False
    ) -> None:
        self._path, self._say, self._accelerator = folder / f"{machine(accelerator)}.json", say, accelerator
        self._kept, self._warm = _Kept(), False
        self._tables: dict[str, Table] = {}
        self.oldest = time.time()
        """When the oldest of the measurements that were asked for was made."""
        if self._path.exists() and not anew:
            try:
                self._kept, _ = load_signed(self._path, _Kept)
            except DataError as error:
                say(f"{error}; measured again")

    def reading(self, seen: Seen) -> Reading:
        """What a clip takes to read and to represent.

        Raises:
            DataError: A clip cannot be read.
        """
        key = _short(seen.key)
        if key not in self._kept.readings:
            self._say(f"measuring: {seen.representation.name} of {seen.dataset.name}")
            self._kept.readings[key] = self._read(seen)
            self._save()
        found = self._kept.readings[key]
        self.oldest = min(self.oldest, found.measured)
        return found

    def pace(self, name: str, seen: Seen, fold: Fold, fitted: Fitted) -> Pace:
        """What a fold takes.

        Args:
            name: What is said to be measured.
            seen: What is fitted on.
            fold: A fold of usual size.
            fitted: What is fitted.

        Raises:
            DataError: A clip cannot be read.
        """
        sides = [len(fold.train), len(fold.validation), len(fold.test)]
        key = _short(f"{seen.key}|{seen.classes}|{sides}|{fitted.key}")
        if key not in self._kept.paces:
            self._say(f"measuring: {name}")
            table = self._table(seen)
            with _threads(fitted.threads):
                if fitted.training and not self._warm:
                    _measure(Fit(table, fold, accelerator=self._accelerator, start=fitted.start), fitted, 0.0)
                    self._warm = True
                fit = Fit(table, fold, accelerator=self._accelerator, start=fitted.start, select=fitted.select)
                self._kept.paces[key] = _measure(fit, fitted, SECONDS)
            self._save()
        found = self._kept.paces[key]
        self.oldest = min(self.oldest, found.measured)
        return found

    def _save(self) -> None:
        write_json(self._path, signed(self._kept.model_dump()))

    def _read(self, seen: Seen) -> Reading:
        samples = _spread(seen.labelled, CLIPS)
        read = _seconds_a_clip(seen)
        again = sum(_timed(seen.dataset, sample) for sample in samples)
        self._tables.clear()
        began = time.perf_counter()
        table = self._table(seen)
        represent = max(time.perf_counter() - began - again, 0.0)
        size = table.inputs[0].numel() * table.inputs.element_size()
        return Reading(read=read, represent=represent / len(samples), size=size, measured=time.time())

    def _table(self, seen: Seen) -> Table:
        """A table of the real size, of a few real clips that repeat; one is kept."""
        if seen.key not in self._tables:
            self._tables = {seen.key: _tiled(seen)}
        return replace(
            self._tables[seen.key], labels=torch.tensor(seen.labelled.labels, dtype=torch.int64), classes=seen.classes
        )


@dataclass(frozen=True, slots=True)
class Fitted:
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


def machine(accelerator: str) -> str:
    """A word for this machine, its processor, its cores, its torch and its accelerator."""
    from benchmark.training.executors.executor import cores

    said = [platform.node(), platform.machine(), platform.processor(), str(cores()), torch.__version__]
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        said.append(next(line for line in lines if line.startswith("model name")))
    if accelerator != "cpu" and torch.cuda.is_available():
        said.append(torch.cuda.get_device_name())
    return _short("|".join(said))


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _spread(labelled: Labelled, most: int) -> list[Sample]:
    """Clips of every length, from the short to the long ones."""
    ordered = sorted(labelled.samples, key=lambda s: (s.offset or 0) - (s.onset or 0))
    number = min(most, len(ordered))
    return [ordered[int((place + 0.5) * len(ordered) / number)] for place in range(number)]


def _timed(dataset: Dataset, sample: Sample) -> float:
    began = time.perf_counter()
    dataset.read(sample)
    return time.perf_counter() - began


def _seconds_a_clip(seen: Seen) -> float:
    """Mean over all clips; what the first ones have opened or drawn, later ones may find."""
    dataset, total = seen.dataset, len(seen.labelled.samples)
    pictures = all(sample.onset == sample.offset for sample in seen.labelled.samples[:CLIPS])
    taken: list[float] = []
    for sample in _spread(seen.labelled, PICTURES if pictures else CLIPS):
        taken.append(_timed(dataset, sample))
        if sum(taken) > READING_SECONDS and len(taken) >= CLIPS:
            break
    if not pictures:
        return sum(taken) / len(taken)
    late = taken[-max(len(taken) // 4, 1) :]
    return (sum(taken) + (total - len(taken)) * sum(late) / len(late)) / total


def _tiled(seen: Seen) -> Table:
    known = dict(zip(seen.labelled.keys, seen.labelled.labels, strict=True))
    few = sorted(_spread(seen.labelled, CLIPS), key=lambda sample: sample.key)
    part = Labelled(tuple(few), tuple(known[sample.key] for sample in few))
    if seen.holds == "maps":
        inputs = load_table(seen.dataset, part, seen.classes, seen.representation).inputs
    else:
        from mer_lightning.datamodules import PlannedTable

        inputs = PlannedTable(seen.dataset, part, seen.classes, seen.representation, seen.holds).read().inputs
    total, keys = len(seen.labelled.samples), seen.labelled.keys
    if total * inputs[0].numel() * inputs.element_size() > _LARGEST_TABLE:
        whole = inputs[:1].expand(total, *inputs.shape[1:])
    else:
        whole = inputs[torch.arange(total) % len(inputs)]
        # no two alike: an estimator would be done at once
        torch.manual_seed(0)
        whole = whole + 0.05 * inputs.std() * torch.randn(whole.shape)
    return Table(
        keys=keys,
        inputs=whole,
        labels=torch.tensor(seen.labelled.labels, dtype=torch.int64),
        classes=seen.classes,
        representation=seen.representation,
        content_hash="measured",
        contents=tuple(key.encode() for key in keys),
        holds=seen.holds,
    )


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
            self.sample = _seconds_a_sample(pl_module, batch.inputs)
            raise _EnoughError


def _seconds_a_sample(module: lightning.LightningModule, inputs: torch.Tensor) -> float:
    module.eval()
    began = time.perf_counter()
    with torch.inference_mode():
        module(inputs)
    return (time.perf_counter() - began) / len(inputs)


def _measure(fit: Fit, fitted: Fitted, seconds: float) -> Pace:
    """Fit on a fold, as far as it takes to know."""
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
    largest = max(size for size, _ in watch.steps)
    times = [taken for size, taken in watch.steps if size == largest]
    step = median(times[1:] or times)
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
def _threads(number: int | None) -> Generator[None]:
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
