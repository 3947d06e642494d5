"""The DataModule of many folds at once: per step one index tensor, a row of it for each replica."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import torch
from lightning import LightningDataModule

from mer_lightning.datamodules.loso import IndexLoader

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from torch import Tensor, nn

    from mer_lightning.datamodules.loso import LOSODataModule
    from mer_lightning.datamodules.table import Table


class Rows(NamedTuple):
    """Row numbers for K replicas.

    Attributes:
        rows: ``(K, B)``, int64; behind a replica's own rows its first one is repeated.
        sizes: How many of them are real, per replica.
    """

    rows: Tensor
    sizes: tuple[int, ...]


class FoldsBatch(NamedTuple):
    """What K replicas train on in one step.

    Attributes:
        inputs: Representation, ``(K, B, C, ...)``, float32.
        labels: Class indices, ``(K, B)``, int64.
        sizes: Real samples of each replica; what follows them is padding.
    """

    inputs: Tensor
    labels: Tensor
    sizes: tuple[int, ...]


class Stream:
    """The random numbers of one replica: those that torch's default generators would give it if it ran alone.

    Args:
        seed: Seed of the replica.
        state: State of the default CPU generator when the replica's model had been built.
    """

    def __init__(self, seed: int, state: Tensor) -> None:
        self._seed, self._cpu = seed, torch.Generator()
        self._cpu.set_state(state)
        self.generator = self._cpu
        """Source on the device of the batches."""

    def to(self, device: torch.device) -> None:
        """Choose the device of the batches."""
        self.generator = self._cpu if device.type == "cpu" else torch.Generator(device).manual_seed(self._seed)

    @contextmanager
    def active(self) -> Generator[None]:
        """Make it the default source of everything random."""
        device = self.generator.device
        on_cuda = device.type == "cuda"
        saved = torch.get_rng_state(), torch.cuda.get_rng_state(device) if on_cuda else None
        torch.set_rng_state(self._cpu.get_state())
        if on_cuda:
            torch.cuda.set_rng_state(self.generator.get_state(), device)
        try:
            yield
        finally:
            self._cpu.set_state(torch.get_rng_state())
            torch.set_rng_state(saved[0])
            if saved[1] is not None:
                self.generator.set_state(torch.cuda.get_rng_state(device))
                torch.cuda.set_rng_state(saved[1], device)


class StackedLoader:
    """Several index loaders side by side; one that ends early goes on with no rows.

    Args:
        loaders: One per replica.
    """

    def __init__(self, loaders: Sequence[IndexLoader]) -> None:
        self._loaders = loaders
        # on the CPU: one small copy to the device per step instead of one per replica
        self._first = [loader.rows[:1].cpu() for loader in loaders]

    def __len__(self) -> int:
        return max(map(len, self._loaders))

    def __iter__(self) -> Iterator[Rows]:
        for own in zip_longest(*self._loaders):
            parts = [first[:0] if rows is None else rows.cpu() for rows, first in zip(own, self._first, strict=True)]
            sizes = tuple(map(len, parts))
            padded = [
                torch.cat((rows, first.expand(max(sizes) - len(rows))))
                for rows, first in zip(parts, self._first, strict=True)
            ]
            yield Rows(torch.stack(padded), sizes)


class FoldsDataModule(LightningDataModule):
    """Many folds of a protocol side by side; each replica gets exactly the batches that it would get alone.

    Args:
        table: All samples of the protocol.
        parts: The DataModule that each replica would have alone.
        augmentation: Module from inputs to inputs, or None.
        nine_positions: As ``LOSODataModule``.
        streams: What each replica's augmentation draws from.
    """

    def __init__(
        self,
        table: Table,
        parts: Sequence[LOSODataModule],
        *,
        augmentation: nn.Module | None,
        nine_positions: int,
        streams: Sequence[Stream],
    ) -> None:
        super().__init__()
        self._table, self._parts, self._streams = table, parts, streams
        self._augmentation, self._nine_positions = augmentation, nine_positions

    def setup(self, stage: str) -> None:
        """Move the table, the augmentation and the random streams to the trainer's device."""
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            self._table = self._table.to(device)
            if self._augmentation is not None:
                self._augmentation.to(device)
            if stage == "fit":
                for stream in self._streams:
                    stream.to(device)

    def train_dataloader(self) -> StackedLoader:
        """Batches of each replica's training samples."""
        return StackedLoader([part.train_dataloader() for part in self._parts])

    def val_dataloader(self) -> StackedLoader | list[StackedLoader]:
        """Batches of each replica's validation subjects; no loader when the protocol does not select."""
        loaders = [loader for part in self._parts if isinstance(loader := part.val_dataloader(), IndexLoader)]
        return StackedLoader(loaders) if loaders else []

    def predict_dataloader(self) -> StackedLoader:
        """Batches of each replica's held-out subject, in the fold's order."""
        return StackedLoader([part.predict_dataloader() for part in self._parts])

    def test_batches(self) -> Iterator[FoldsBatch]:
        """The batches of the held-out subjects as prediction sees them, while training goes on too."""
        for rows, sizes in self.predict_dataloader():
            yield self._gather(Rows(rows.to(self._table.inputs.device), sizes), augmented=False)

    def on_after_batch_transfer(self, batch: Rows, dataloader_idx: int) -> FoldsBatch:
        """Gather the rows of a batch and, in training, augment each replica's from its own stream."""
        del dataloader_idx
        return self._gather(batch, augmented=self.trainer is not None and bool(self.trainer.training))

    def _gather(self, batch: Rows, *, augmented: bool) -> FoldsBatch:
        table, (drawn, sizes) = self._table, batch
        position, rows = drawn // len(table.keys), drawn % len(table.keys)
        if augmented and self._nine_positions:
            inputs = table.at(rows.flatten(), position.flatten(), self._nine_positions).unflatten(0, rows.shape)
        else:
            inputs = table.inputs[rows]
        if augmented and self._augmentation is not None:
            for own, size, stream in zip(inputs, sizes, self._streams, strict=True):
                with stream.active():
                    own[:size] = self._augmentation(own[:size])
        if table.holds == "frames":
            maps = table.representation.maps(inputs.flatten(0, 1))
            inputs = maps.view(*inputs.shape[:2], *maps.shape[1:])
        return FoldsBatch(inputs, table.labels[rows], sizes)
