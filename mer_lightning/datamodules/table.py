"""All samples of a protocol as tensors, so that a batch is an index and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

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

    def table(self, labelled: Labelled, classes: int) -> Table:
        """Pick the samples of a protocol.

        Args:
            labelled: Samples, all of which were read, and their classes.
            classes: Number of classes.

        Raises:
            DataError: Two subjects share a sample with the same content, which no leave-one-subject-out fold could
                keep apart.
        """
        row_of = {sample.key: row for row, sample in enumerate(self.samples)}
        rows = [row_of[sample.key] for sample in labelled.samples]
        digest = hashlib.sha256(labelled.table_hash.encode())
        owners: dict[bytes, Sample] = {}
        for sample, row in zip(labelled.samples, rows, strict=True):
            content = self.contents[row]
            digest.update(content)
            if owners.setdefault(content, sample).person != sample.person:
                raise DataError(f"{sample.key}: same content as {owners[content].key}, a clip of another subject")
        return Table(
            keys=tuple(sample.key for sample in labelled.samples),
            inputs=self.inputs[rows],
            labels=torch.tensor(labelled.labels, dtype=torch.int64),
            classes=classes,
            representation=self.representation,
            content_hash=digest.hexdigest(),
            contents=tuple(self.contents[row] for row in rows),
            holds=self.holds,
        )


def read_samples(
    dataset: Dataset,
    samples: Sequence[Sample],
    representation: Representation,
    *,
    holds: Holds = "maps",
    cache: Cache | None = None,
    progress: Callable[[int], None] | None = None,
) -> Readings:
    """Read every sample once and compute its representation, a few clips at a time.

    Args:
        dataset: Where the samples are read.
        samples: What to read.
        representation: What is computed of each.
        holds: ``frames`` stops at the frames that the representation samples.
        cache: Where representations of frames are kept; None computes them anew.
        progress: Told the number of samples after each batch of them.

    Raises:
        DataError: A sample cannot be read, or the representation or its frames need another kind of dataset.
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
    contents: list[bytes] = []
    parts: list[torch.Tensor] = []
    for start in range(0, len(samples), _CLIPS_AT_ONCE):
        batch = samples[start : start + _CLIPS_AT_ONCE]
        clips = [dataset.read(sample) for sample in batch]
        if dataset.kind == "frames":
            apexes = [_apex_index(sample, len(clip)) for sample, clip in zip(batch, clips, strict=True)]
            marks = [repr(apex).encode() for apex in apexes]
            parts.append(_represent(representation, clips, apexes, holds, cache))
        else:
            marks = [b""] * len(clips)
            parts.append(representation(clips))
        contents += [hashlib.sha256(clip.tobytes() + mark).digest() for clip, mark in zip(clips, marks, strict=True)]
        if progress is not None:
            progress(len(batch))
    return Readings(tuple(samples), torch.cat(parts), tuple(contents), representation, holds)


def load_table(dataset: Dataset, labelled: Labelled, classes: int, representation: Representation) -> Table:
    """Read the samples of one protocol; see ``read_samples`` and ``Readings.table``."""
    return read_samples(dataset, labelled.samples, representation).table(labelled, classes)


def _apex_index(sample: Sample, frames: int) -> int | None:
    """Where the annotated apex lies in the frames onset..offset; None where it has to be spotted."""
    if sample.apex is None or sample.onset is None:
        return None
    return min(sample.apex - sample.onset, frames - 1)


def _represent(
    representation: Representation,
    clips: Sequence[NDArray[np.uint8]],
    apexes: Sequence[int | None],
    holds: Holds,
    cache: Cache | None,
) -> torch.Tensor:
    compute = representation if holds == "maps" else representation.sample
    if cache is None:
        return compute(clips, apexes)
    computation = representation.cache_key() + ("" if holds == "maps" else f"|{holds}")
    marks = [f"spotted {SPOTTING_VERSION}" if apex is None else str(apex) for apex in apexes]
    keys = [content_key(clip, f"{computation}|{mark}") for clip, mark in zip(clips, marks, strict=True)]
    known = [cache.get(key) for key in keys]
    missing = [i for i, array in enumerate(known) if array is None]
    if missing:
        computed = compute([clips[i] for i in missing], [apexes[i] for i in missing])
        for i, tensor in zip(missing, computed, strict=True):
            known[i] = tensor.numpy()
            cache.put(keys[i], tensor.numpy())
    return torch.stack([torch.tensor(array) for array in known])
