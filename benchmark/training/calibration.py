"""How fast this machine is: some steps of a network, a fit of an estimator, the reading of a few clips; kept."""

from __future__ import annotations

import hashlib
import platform
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pydantic import Field

from benchmark.files import load_signed, signed, write_json
from benchmark.training import pace as watched
from benchmark.training.pace import Pace, Timed, threads_of, time_fold
from mer_lightning.datamodules import PlannedTable, Table
from mer_lightning.protocols import Labelled
from mer_lightning.settings import Settings
from mer_lightning.tasks import Fit
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mer_lightning.datamodules.table import Holds
    from mer_lightning.motion import Representation
    from mer_lightning.protocols import Fold
    from mer_lightning.types import Dataset, Sample

CLIPS = 8
"""Clips that are read to know how long one takes."""
PICTURES = 400
"""As many, where a clip is a single picture."""
READING_SECONDS = 20.0
"""The most that reading clips is watched."""
_LARGEST_TABLE = 2**30


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


class _Calibrated(Settings):
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
        distance: As of ``Table``.
    """

    dataset: Dataset
    labelled: Labelled
    classes: int
    representation: Representation
    holds: Holds = "maps"
    distance: int = 0

    @property
    def key(self) -> str:
        """What decides how long reading takes."""
        return (
            f"{self.dataset.name} {self.dataset.release}|{self.holds}|{self.distance}|{self.representation.cache_key()}"
        )


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
        self._kept, self._warm = _Calibrated(), False
        self._tables: dict[str, Table] = {}
        self.oldest = time.time()
        """When the oldest of the measurements that were asked for was made."""
        if self._path.exists() and not anew:
            try:
                self._kept, _ = load_signed(self._path, _Calibrated)
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
            self._kept.readings[key] = self._measured(seen)
            self._save()
        found = self._kept.readings[key]
        self.oldest = min(self.oldest, found.measured)
        return found

    def pace(self, name: str, seen: Seen, fold: Fold, fitted: Timed) -> Pace:
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
            table = self._made(seen)
            with threads_of(fitted.threads):
                if fitted.training and not self._warm:
                    time_fold(Fit(table, fold, accelerator=self._accelerator, start=fitted.start), fitted, 0.0)
                    self._warm = True
                fit = Fit(table, fold, accelerator=self._accelerator, start=fitted.start, select=fitted.select)
                self._kept.paces[key] = time_fold(fit, fitted, watched.SECONDS)
            self._save()
        found = self._kept.paces[key]
        self.oldest = min(self.oldest, found.measured)
        return found

    def _save(self) -> None:
        write_json(self._path, signed(self._kept.model_dump()))

    def _measured(self, seen: Seen) -> Reading:
        samples = _of_every_length(seen.labelled, CLIPS)
        read = _seconds_a_clip(seen)
        again = sum(_timed(seen.dataset, sample) for sample in samples)
        self._tables.clear()
        began = time.perf_counter()
        table = self._made(seen)
        represent = max(time.perf_counter() - began - again, 0.0)
        held = table.inputs if table.positions is None else table.positions
        size = held[0].numel() * held.element_size()
        return Reading(read=read, represent=represent / len(samples), size=size, measured=time.time())

    def _made(self, seen: Seen) -> Table:
        """A table of the real size, of a few real clips that repeat; one is kept."""
        # other protocols have other rows of the same dataset
        key = f"{seen.key}|{seen.labelled.table_hash}"
        if key not in self._tables:
            self._tables = {key: _tiled(seen)}
        return replace(self._tables[key], classes=seen.classes)


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


def _of_every_length(labelled: Labelled, most: int) -> list[Sample]:
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
    for sample in _of_every_length(seen.labelled, PICTURES if pictures else CLIPS):
        taken.append(_timed(dataset, sample))
        if sum(taken) > READING_SECONDS and len(taken) >= CLIPS:
            break
    if not pictures:
        return sum(taken) / len(taken)
    late = taken[-max(len(taken) // 4, 1) :]
    return (sum(taken) + (total - len(taken)) * sum(late) / len(late)) / total


def _tiled(seen: Seen) -> Table:
    known = dict(zip(seen.labelled.keys, seen.labelled.labels, strict=True))
    few = sorted(_of_every_length(seen.labelled, CLIPS), key=lambda sample: sample.key)
    part = Labelled(tuple(few), tuple(known[sample.key] for sample in few))
    planned = PlannedTable(
        seen.dataset, part, seen.classes, seen.representation, seen.holds, distance=seen.distance
    ).read()
    inputs = planned.inputs if planned.positions is None else planned.positions
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
        inputs=whole[:, 0] if seen.distance else whole,
        positions=whole if seen.distance else None,
        distance=seen.distance,
        labels=torch.tensor(seen.labelled.labels, dtype=torch.int64),
        classes=seen.classes,
        representation=seen.representation,
        content_hash="measured",
        contents=tuple(key.encode() for key in keys),
        holds=seen.holds,
    )
