"""All samples of a protocol as tensors, so that a batch is an index and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from mer_lightning.augmentation.pool import at_position
from mer_lightning.protocols import People
from mer_lightning.types import person_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mer_lightning.motion import Representation
    from mer_lightning.protocols import Rows

Holds = Literal["maps", "frames"]


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
        positions: The maps at nine positions of which ``inputs`` are the first, ``(N, 9, ...)``; None where they are
            made by shifting ``inputs``.
        distance: Pixels of the recording between these positions.
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
    positions: torch.Tensor | None = None
    distance: int = 0
    beside: Mapping[str, Table] = field(default_factory=dict)

    @cached_property
    def people(self) -> People:
        """Who is in which row."""
        return People.of(person_of(key) for key in self.keys)

    def rows(self, rows: Rows) -> torch.Tensor:
        """Row numbers of a fold as an index, ``(n,)``, int64, on the table's device."""
        return torch.from_numpy(rows.astype(np.int64)).to(self.labels.device)

    def only(self, rows: Rows) -> Table:
        """The table of these rows alone, under the whole one's hash; what is not in it cannot be looked at."""
        index = self.rows(rows)
        positions = None if self.positions is None else self.positions[index]
        return replace(
            self,
            keys=tuple(self.keys[row] for row in rows.tolist()),
            inputs=self.inputs[index] if positions is None else positions[:, 0],
            positions=positions,
            labels=self.labels[index],
            contents=tuple(self.contents[row] for row in rows.tolist()),
            beside={method: table.only(rows) for method, table in self.beside.items()},
        )

    def maps(self, index: torch.Tensor) -> torch.Tensor:
        """What a model sees of some rows, given by their numbers on any device."""
        inputs = self.inputs.to(index.device)[index]
        return self.representation.maps(inputs) if self.holds == "frames" else inputs

    def at(self, rows: torch.Tensor, positions: torch.Tensor, distance: int) -> torch.Tensor:
        """Inputs of some rows, each at one of the nine positions.

        Args:
            rows: Row numbers, ``(B,)``.
            positions: Of each row, ``(B,)``, see ``at_position``.
            distance: Between positions: pixels of the recording where they were cut out of it, else of ``inputs``.

        Raises:
            ValueError: They were cut out at another distance.
        """
        if self.positions is None:
            return at_position(self.inputs[rows], positions, distance)
        if distance != self.distance:
            raise ValueError(f"expected positions {self.distance} pixels apart, got {distance}")
        return self.positions[rows, positions]

    def seen_by(self, method: str) -> Table:
        """The table as a method sees it; this one unless it says otherwise."""
        return self.beside.get(method, self)

    def to(self, device: torch.device) -> Table:
        """The same table on another device; itself when it is already there."""
        if self.inputs.device == device:
            return self
        beside = {method: table.to(device) for method, table in self.beside.items()}
        positions = None if self.positions is None else self.positions.to(device)
        inputs = self.inputs.to(device) if positions is None else positions[:, 0]
        return replace(self, inputs=inputs, positions=positions, labels=self.labels.to(device), beside=beside)
