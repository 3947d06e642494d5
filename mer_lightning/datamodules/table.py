"""All samples of a protocol as tensors, so that a batch is an index and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from mer_lightning.motion.cache import content_key
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.datasets.base import Dataset
    from mer_lightning.motion import Representation
    from mer_lightning.motion.cache import Cache
    from mer_lightning.protocols import Labelled
    from mer_lightning.types import Sample

_CLIPS_AT_ONCE = 32
"""Clips held in memory together: a database of video does not fit, its representation does."""


@dataclass(frozen=True)
class Table:
    """Every sample of a protocol in one representation, on one device.

    Attributes:
        keys: Sample keys, one per row, sorted.
        inputs: ``(N, C, H, W)`` or ``(N, C, T, H, W)``, float32, in ``representation.value_range``.
        labels: Class indices, ``(N,)``, int64.
        classes: Number of classes.
        representation: What the inputs are.
        content_hash: SHA-256 over keys, labels, apexes and every byte that was read.
    """

    keys: tuple[str, ...]
    inputs: torch.Tensor
    labels: torch.Tensor
    classes: int
    representation: Representation
    content_hash: str

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
        return replace(self, keys=chosen, inputs=self.inputs[rows], labels=self.labels[rows])

    def to(self, device: torch.device) -> Table:
        """The same table on another device; itself when it is already there."""
        if self.inputs.device == device:
            return self
        return replace(self, inputs=self.inputs.to(device), labels=self.labels.to(device))


def load_table(
    dataset: Dataset,
    labelled: Labelled,
    classes: int,
    representation: Representation,
    *,
    cache: Cache | None = None,
    progress: Callable[[int], None] | None = None,
) -> Table:
    """Read every sample once and compute its representation, a few clips at a time.

    Args:
        dataset: Where the samples are read.
        labelled: The samples and their classes.
        classes: Number of classes.
        representation: What is computed of each.
        cache: Where representations of frames are kept; None computes them anew.
        progress: Told the number of samples after each batch of them.

    Raises:
        DataError: A sample cannot be read, the representation needs another kind of dataset, or two subjects
            share a sample with the same content, which no leave-one-subject-out fold could keep apart.
    """
    if dataset.kind not in representation.kinds:
        raise DataError(
            f"representation {representation.name} needs {' or '.join(representation.kinds)}, "
            f"{dataset.name} has {dataset.kind}"
        )
    digest = hashlib.sha256(labelled.table_hash.encode())
    owners: dict[bytes, Sample] = {}
    parts: list[torch.Tensor] = []
    for start in range(0, len(labelled.samples), _CLIPS_AT_ONCE):
        samples = labelled.samples[start : start + _CLIPS_AT_ONCE]
        clips = [dataset.read(sample) for sample in samples]
        for sample, clip in zip(samples, clips, strict=True):
            content = hashlib.sha256(clip.tobytes()).digest()
            digest.update(content)
            if owners.setdefault(content, sample).person != sample.person:
                raise DataError(f"{sample.key}: same content as {owners[content].key}, a clip of another subject")
        if dataset.kind == "frames":
            apexes = [_apex_index(sample, len(clip)) for sample, clip in zip(samples, clips, strict=True)]
            digest.update(repr(apexes).encode())
            parts.append(_represent(representation, clips, apexes, cache))
        else:
            parts.append(representation(clips))
        if progress is not None:
            progress(len(samples))
    return Table(
        keys=tuple(sample.key for sample in labelled.samples),
        inputs=torch.cat(parts),
        labels=torch.tensor(labelled.labels, dtype=torch.int64),
        classes=classes,
        representation=representation,
        content_hash=digest.hexdigest(),
    )


def _apex_index(sample: Sample, frames: int) -> int | None:
    """Where the annotated apex lies in the frames onset..offset; None where it has to be spotted."""
    if sample.apex is None or sample.onset is None:
        return None
    return min(sample.apex - sample.onset, frames - 1)


def _represent(
    representation: Representation,
    clips: Sequence[NDArray[np.uint8]],
    apexes: Sequence[int | None],
    cache: Cache | None,
) -> torch.Tensor:
    if cache is None:
        return representation(clips, apexes)
    keys = [content_key(clip, f"{representation.cache_key()}|{apex}") for clip, apex in zip(clips, apexes, strict=True)]
    known = [cache.get(key) for key in keys]
    missing = [i for i, array in enumerate(known) if array is None]
    if missing:
        computed = representation([clips[i] for i in missing], [apexes[i] for i in missing])
        for i, tensor in zip(missing, computed, strict=True):
            known[i] = tensor.numpy()
            cache.put(keys[i], tensor.numpy())
    return torch.stack([torch.tensor(array) for array in known])
