"""All samples of a protocol as tensors, so that a batch is an index and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from mer_lightning.datasets.base import Dataset
    from mer_lightning.motion import Representation
    from mer_lightning.protocols import Labelled


@dataclass(frozen=True)
class Table:
    """Every sample of a protocol in one representation, on one device.

    Attributes:
        keys: Sample keys, one per row, sorted.
        inputs: ``(N, C, H, W)`` or ``(N, C, T, H, W)``, float32, in ``representation.value_range``.
        labels: Class indices, ``(N,)``, int64.
        classes: Number of classes.
        representation: What the inputs are.
        content_hash: SHA-256 over keys, labels and every byte that was read.
    """

    keys: tuple[str, ...]
    inputs: Tensor
    labels: Tensor
    classes: int
    representation: Representation
    content_hash: str

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(self.keys)}

    def rows(self, keys: Iterable[str]) -> Tensor:
        """Rows of these keys, ``(n,)``, int64, on the table's device."""
        return torch.tensor([self._row_of[key] for key in keys], dtype=torch.int64, device=self.labels.device)

    def to(self, device: torch.device) -> Table:
        """The same table on another device; itself when it is already there."""
        if self.inputs.device == device:
            return self
        return replace(self, inputs=self.inputs.to(device), labels=self.labels.to(device))


def load_table(dataset: Dataset, labelled: Labelled, classes: int, representation: Representation) -> Table:
    """Read every sample once and compute its representation.

    Raises:
        DataError: A sample cannot be read, the representation needs another kind of dataset, or two subjects
            share a sample with the same content, which no leave-one-subject-out fold could keep apart.
    """
    if representation.kind != dataset.kind:
        raise DataError(
            f"representation {representation.name} needs {representation.kind}, {dataset.name} has {dataset.kind}"
        )
    clips = [dataset.read(sample) for sample in labelled.samples]
    digest = hashlib.sha256(labelled.table_hash.encode())
    owners: dict[bytes, str] = {}
    for sample, clip in zip(labelled.samples, clips, strict=True):
        content = hashlib.sha256(clip.tobytes()).digest()
        digest.update(content)
        owner = owners.setdefault(content, sample.key)
        if owner.rsplit("/", 1)[0] != sample.person:
            raise DataError(f"{sample.key}: same content as {owner}, a clip of another subject")
    return Table(
        keys=tuple(sample.key for sample in labelled.samples),
        inputs=representation(clips),
        labels=torch.tensor(labelled.labels, dtype=torch.int64),
        classes=classes,
        representation=representation,
        content_hash=digest.hexdigest(),
    )
