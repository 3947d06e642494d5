"""All samples of a protocol as tensors, so that a batch is an index and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch

from mer_lightning.motion.cache import content_key
from mer_lightning.motion.spotting import SPOTTING_VERSION
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.datasets.base import Dataset
    from mer_lightning.motion import Representation
    from mer_lightning.motion.cache import Cache
    from mer_lightning.protocols import Labelled
    from mer_lightning.types import Sample

Holds = Literal["maps", "frames"]

_CLIPS_AT_ONCE = 32
"""Clips held in memory together: a database of video does not fit, its representation does."""


class Content(NamedTuple):
    """By what a sample is known again.

    Attributes:
        digest: SHA-256 of what was read, and of the apex in it for video.
        shape: Its shape, ``(T, H, W, C)``.
    """

    digest: bytes
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """Every sample of a protocol in one representation, on one device.

    Attributes:
        keys: Sample keys, one per row, sorted.
        inputs: ``(N, C, H, W)`` or ``(N, C, T, H, W)``, float32, in ``representation.value_range``; sampled frames
            ``(N, 1 or 3, T, H, W)`` in 0..1 where the table holds frames.
        labels: Class indices, ``(N,)``, int64.
        classes: Number of classes.
        representation: What the inputs are, or are computed into.
        content_hash: SHA-256 over keys, labels and everything that was read.
        contents: SHA-256 of what was read of each sample, one per row.
        holds: ``maps``, what a model sees, or ``frames``, of which the maps are computed for each batch.
        beside: The same samples as others see them, by method: what the members of an ensemble need.
    """

    keys: tuple[str, ...]
    inputs: torch.Tensor
    labels: torch.Tensor
    classes: int
    representation: Representation
    content_hash: str
    contents: tuple[bytes, ...]
    holds: Holds = "maps"
    beside: Mapping[str, Table] = field(default_factory=dict)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(self.keys)}

    def rows(self, keys: Iterable[str]) -> torch.Tensor:
        """Rows of these keys, ``(n,)``, int64, on the table's device."""
        return torch.tensor([self._row_of[key] for key in keys], dtype=torch.int64, device=self.labels.device)

    def only(self, keys: Iterable[str]) -> Table:
        """The table of these samples alone, under the whole one's hash; what is not in it cannot be looked at."""
        chosen = tuple(sorted(keys))
        rows = self.rows(chosen)
        contents = tuple(self.contents[self._row_of[key]] for key in chosen)
        return replace(
            self,
            keys=chosen,
            inputs=self.inputs[rows],
            labels=self.labels[rows],
            contents=contents,
            beside={method: table.only(chosen) for method, table in self.beside.items()},
        )

    def seen_by(self, method: str) -> Table:
        """The table as a method sees it; this one unless it says otherwise."""
        return self.beside.get(method, self)

    def content_of(self, key: str) -> bytes:
        """SHA-256 of what was read of a sample."""
        return self.contents[self._row_of[key]]

    def to(self, device: torch.device) -> Table:
        """The same table on another device; itself when it is already there."""
        if self.inputs.device == device:
            return self
        beside = {method: table.to(device) for method, table in self.beside.items()}
        return replace(self, inputs=self.inputs.to(device), labels=self.labels.to(device), beside=beside)


@dataclass(frozen=True)
class Readings:
    """What was read of a dataset, once for all protocols.

    Attributes:
        samples: The samples, in the order of the rows.
        inputs: Their representation, one row each.
        contents: SHA-256 of what was read of each sample (and of its apex, for video).
        representation: What the inputs are, or are computed into.
        holds: Whether the inputs are maps or the frames that maps are computed of.
    """

    samples: tuple[Sample, ...]
    inputs: torch.Tensor
    contents: tuple[bytes, ...]
    representation: Representation
    holds: Holds = "maps"

    def table(self, labelled: Labelled, classes: int, *, people: bool = True) -> Table:
        """Pick the samples of a protocol.

        Args:
            labelled: Samples, all of which were read, and their classes.
            classes: Number of classes.
            people: As of ``content_hash``.

        Raises:
            DataError: As ``content_hash``.
        """
        row_of = {sample.key: row for row, sample in enumerate(self.samples)}
        rows = [row_of[sample.key] for sample in labelled.samples]
        contents = tuple(self.contents[row] for row in rows)
        return Table(
            keys=tuple(sample.key for sample in labelled.samples),
            # a copy would take the memory twice where all samples count
            inputs=self.inputs if rows == [*range(len(self.samples))] else self.inputs[rows],
            labels=torch.tensor(labelled.labels, dtype=torch.int64),
            classes=classes,
            representation=self.representation,
            content_hash=content_hash(labelled, contents, people=people),
            contents=contents,
            holds=self.holds,
        )


class LateTable:
    """A table that is read when it is first asked for, and again after it was let go of.

    Args:
        content_hash: What the table's will be.
        read: Reads it.
    """

    def __init__(self, content_hash: str, read: Callable[[], Table]) -> None:
        self.content_hash, self._read = content_hash, read
        self._table: Table | None = None

    @classmethod
    def of(cls, table: Table) -> LateTable:
        """A table that is there already, and stays."""
        return cls(table.content_hash, lambda: table)

    @property
    def is_read(self) -> bool:
        """Whether the table is in memory."""
        return self._table is not None

    def get(self) -> Table:
        """The table, kept from now on.

        Raises:
            DataError: As ``read``.
        """
        if self._table is None:
            self._table = self.read()
        return self._table

    def read(self) -> Table:
        """The table, read now and not kept.

        Raises:
            DataError: A sample cannot be read, or is no longer what it was.
        """
        table = self._read()
        if table.content_hash != self.content_hash:
            raise DataError(f"representation {table.representation.name}: a sample was changed since it was planned")
        return table

    def let_go(self) -> None:
        """Give its memory back."""
        self._table = None


def content_hash(labelled: Labelled, contents: Iterable[bytes], *, people: bool = True) -> str:
    """SHA-256 over keys, labels and everything that was read of the samples of a protocol.

    Args:
        labelled: The samples and their classes.
        contents: SHA-256 of what was read of each.
        people: False where subjects are parts of a database that may repeat each other; whoever makes folds of it sees
            to it that nothing is on two sides.

    Raises:
        DataError: Two subjects share a sample with the same content, which no leave-one-subject-out fold could keep
            apart.
    """
    digest = hashlib.sha256(labelled.table_hash.encode())
    owners: dict[bytes, Sample] = {}
    for sample, content in zip(labelled.samples, contents, strict=True):
        digest.update(content)
        if people and owners.setdefault(content, sample).person != sample.person:
            raise DataError(f"{sample.key}: same content as {owners[content].key}, a clip of another subject")
    return digest.hexdigest()


def read_contents(
    dataset: Dataset, samples: Sequence[Sample], *, progress: Callable[[int], None] | None = None
) -> tuple[Content, ...]:
    """Read every sample once, and keep no more of it than by what it is known again.

    Args:
        dataset: Where the samples are read.
        samples: What to read.
        progress: Told of each sample that was read.

    Returns:
        Of each sample; the digests are the ``contents`` of ``Readings``.

    Raises:
        DataError: A sample cannot be read.
    """
    contents: list[Content] = []
    for sample in samples:
        contents.append(_content(dataset, sample, dataset.read(sample)))
        if progress is not None:
            progress(1)
    return tuple(contents)


def check_reading(dataset: Dataset, representation: Representation, holds: Holds) -> None:
    """Make sure that a representation can be computed of what a dataset has.

    Raises:
        DataError: It cannot.
    """
    if holds == "frames" and dataset.kind != "frames":
        raise DataError(
            f"training.augmentation.acts_on: expected a dataset of frames to augment, {dataset.name} has {dataset.kind}"
        )
    if dataset.kind not in representation.kinds:
        raise DataError(
            f"representation {representation.name} needs {' or '.join(representation.kinds)}, "
            f"{dataset.name} has {dataset.kind}"
        )


def read_samples(
    dataset: Dataset,
    samples: Sequence[Sample],
    representation: Representation,
    *,
    holds: Holds = "maps",
    cache: Cache | None = None,
    known: Sequence[Content] = (),
    progress: Callable[[int], None] | None = None,
    device: torch.device | None = None,
) -> Readings:
    """Read every sample at most once and compute its representation, a few clips at a time.

    Args:
        dataset: Where the samples are read.
        samples: What to read.
        representation: What is computed of each.
        holds: ``frames`` stops at the frames that the representation samples.
        cache: Where representations of frames are kept; None computes them anew.
        known: What ``read_contents`` has read of the samples; what the cache has of one is then not read again.
        progress: Told the number of samples after each batch of them.
        device: Where representations of frames are computed; None is the CPU. What is read lies on the CPU.

    Raises:
        DataError: A sample cannot be read, is not what is known of it, or the representation or its frames need
            another kind of dataset, or more memory than the device has for one clip.
    """
    check_reading(dataset, representation, holds)
    contents: list[bytes] = []
    inputs = torch.empty(0)
    for start in range(0, len(samples), _CLIPS_AT_ONCE):
        batch = _Batch(dataset, samples[start : start + _CLIPS_AT_ONCE], known[start : start + _CLIPS_AT_ONCE])
        if dataset.kind == "frames":
            part = _represent(representation, batch, holds, cache, device or torch.device("cpu"))
        else:
            part = representation(batch.clips(range(len(batch.samples))))
        if not start:
            # filled part by part: to join them in the end would take the memory twice
            inputs = part.new_empty((len(samples), *part.shape[1:]))
        inputs[start : start + len(part)] = part
        contents += [content.digest for content in batch.contents]
        if progress is not None:
            progress(len(part))
    # what the allocator keeps, other processes that train on the same GPU could not have
    torch.cuda.empty_cache()
    return Readings(tuple(samples), inputs, tuple(contents), representation, holds)


def load_table(dataset: Dataset, labelled: Labelled, classes: int, representation: Representation) -> Table:
    """Read the samples of one protocol; see ``read_samples`` and ``Readings.table``."""
    return read_samples(dataset, labelled.samples, representation).table(labelled, classes)


def _content(dataset: Dataset, sample: Sample, clip: NDArray[np.uint8]) -> Content:
    mark = repr(apex_index(sample, len(clip))).encode() if dataset.kind == "frames" else b""
    return Content(hashlib.sha256(clip.tobytes() + mark).digest(), clip.shape)


def apex_index(sample: Sample, frames: int) -> int | None:
    """Where the annotated apex lies in the frames onset..offset; None where it has to be spotted."""
    if sample.apex is None or sample.onset is None:
        return None
    return min(sample.apex - sample.onset, frames - 1)


class _Batch:
    """A few samples, of which no more is read than is asked for."""

    def __init__(self, dataset: Dataset, samples: Sequence[Sample], known: Sequence[Content]) -> None:
        self._dataset, self.samples = dataset, samples
        self._clips: dict[int, NDArray[np.uint8]] = {}
        if not known:
            self._clips = {i: dataset.read(sample) for i, sample in enumerate(samples)}
        self.contents = known or [_content(dataset, sample, self._clips[i]) for i, sample in enumerate(samples)]

    def clips(self, places: Sequence[int]) -> list[NDArray[np.uint8]]:
        """What is read of some of the samples."""
        for i in places:
            if i not in self._clips:
                self._clips[i] = self._dataset.read(self.samples[i])
                if _content(self._dataset, self.samples[i], self._clips[i]) != self.contents[i]:
                    raise DataError(f"{self.samples[i].key}: was changed since it was planned")
        return [self._clips[i] for i in places]

    def apexes(self) -> list[int | None]:
        """Where the annotated apexes lie in the clips."""
        return [apex_index(s, content.shape[0]) for s, content in zip(self.samples, self.contents, strict=True)]


def _represent(
    representation: Representation, batch: _Batch, holds: Holds, cache: Cache | None, device: torch.device
) -> torch.Tensor:
    compute = partial(_compute, representation if holds == "maps" else representation.sample, device=device)
    apexes = batch.apexes()
    if cache is None:
        return compute(batch.clips(range(len(apexes))), apexes)
    # another device rounds otherwise: what is found must not depend on who computed it first
    where = "" if device.type == "cpu" else f"|{device.type}"
    computation = representation.cache_key() + ("" if holds == "maps" else f"|{holds}") + where
    marks = [f"spotted {SPOTTING_VERSION}" if apex is None else str(apex) for apex in apexes]
    keys = [content_key(*content, f"{computation}|{m}") for content, m in zip(batch.contents, marks, strict=True)]
    found = [cache.get(key) for key in keys]
    missing = [i for i, array in enumerate(found) if array is None]
    if missing:
        computed = compute(batch.clips(missing), [apexes[i] for i in missing])
        for i, tensor in zip(missing, computed, strict=True):
            found[i] = tensor.numpy()
            cache.put(keys[i], tensor.numpy())
    return torch.stack([torch.tensor(array) for array in found])


def _compute(
    compute: Callable[..., torch.Tensor],
    clips: Sequence[NDArray[np.uint8]],
    apexes: Sequence[int | None],
    *,
    device: torch.device,
) -> torch.Tensor:
    """Compute on a device, in halves where its memory does not take all clips at once, and bring the result back."""
    try:
        # a GPU would round the products of convolutions to TF32, which leaves a flow three digits
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return compute(clips, apexes, device).cpu()
    except torch.OutOfMemoryError as error:
        if len(clips) == 1:
            raise DataError(f"the memory of {device} does not take one clip; expected --accelerator cpu") from error
    half = len(clips) // 2
    parts = ((clips[:half], apexes[:half]), (clips[half:], apexes[half:]))
    return torch.cat([_compute(compute, *part, device=device) for part in parts])
