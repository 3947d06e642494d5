"""The one DataModule: a fold of a protocol as loaders whose batches are gathered and augmented on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from lightning import LightningDataModule

from mer_lightning.augmentation.pool import POSITIONS, balanced_indices
from mer_lightning.types import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from mer_lightning.datamodules.table import Table
    from mer_lightning.protocols import Fold


def batch_sizes(rows: int, batch_size: int) -> list[int]:
    """How rows are divided into batches: the last one may be smaller, but one row left over joins those before it.

    Batch normalisation has nothing to normalise by where a batch is a single value per channel, as it is at the end of
    a network on small maps.
    """
    full, left = divmod(rows, batch_size)
    sizes = [batch_size] * full
    if left == 1 and full:
        sizes[-1] += 1
    elif left:
        sizes.append(left)
    return sizes


class IndexLoader:
    """Batches of row numbers; a new order each epoch when shuffled.

    Args:
        rows: Rows to draw from, ``(n,)``, int64.
        batch_size: Rows per batch, see ``batch_sizes``.
        generator: Source of the order (on the CPU), or None to keep the rows in order.
    """

    def __init__(self, rows: Tensor, batch_size: int, generator: torch.Generator | None = None) -> None:
        self._rows, self._sizes, self._generator = rows, batch_sizes(len(rows), batch_size), generator
        self._given = self._skipped = 0
        self._before = generator.get_state() if generator is not None else torch.empty(0)

    @property
    def rows(self) -> Tensor:
        """What is drawn from."""
        return self._rows

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[Tensor]:
        rows, skipped = self._rows, self._skipped
        self._given, self._skipped = skipped, 0
        if self._generator is not None:
            self._before = self._generator.get_state()
            rows = rows[torch.randperm(len(rows), generator=self._generator).to(rows.device)]
        # drawn with the first batch, not before: Lightning also asks for an iterator only to see that there is one
        for batch in rows.split(self._sizes)[skipped:]:
            self._given += 1
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """How far it is: where the order of the epoch was drawn from, and how many batches of it were given."""
        if self._given < len(self._sizes):
            return {"before": self._before, "given": self._given}
        # the next epoch draws its own order
        return {"before": self._generator.get_state() if self._generator else self._before, "given": 0}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the batch after those that were given."""
        self._skipped = self._given = int(state_dict["given"])
        if self._generator is not None:
            self._before = state_dict["before"]
            self._generator.set_state(self._before)


class LOSODataModule(LightningDataModule):
    """One fold of a protocol.

    The whole table stays on the device, loaders give row numbers, and ``on_after_batch_transfer`` gathers the
    rows and, in training only, augments them: no Python work per sample. Of a table of frames, maps are computed
    then, in training after the augmentation.

    Args:
        table: All samples of the protocol.
        fold: Which of them train, select and are tested.
        batch_size: Samples per training batch.
        shuffle: Draw a new order of the training samples each epoch.
        augmentation: Module from inputs to inputs, or None.
        nine_positions: Shift in pixels of eight more copies of every training sample, see ``Table.at``; 0 has none.
        samples_per_class: Training samples of each class that are drawn for all epochs; None takes all.
        seed: Seed of the order and of what is drawn.
    """

    def __init__(
        self,
        table: Table,
        fold: Fold,
        *,
        batch_size: int,
        shuffle: bool = True,
        augmentation: nn.Module | None = None,
        nine_positions: int = 0,
        samples_per_class: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._table, self._fold = table, fold
        self._batch_size, self._shuffle, self._seed = batch_size, shuffle, seed
        self._augmentation = augmentation
        self._nine_positions, self._samples_per_class = nine_positions, samples_per_class

    def setup(self, stage: str) -> None:
        """Move the table (and the augmentation) to the trainer's device."""
        del stage
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            self._table = self._table.to(device)
            if self._augmentation is not None:
                self._augmentation.to(device)

    def train_dataloader(self) -> IndexLoader:
        """Batches of the training samples; a row number says the position too, ``row + position * len(table)``."""
        generator = torch.Generator().manual_seed(self._seed) if self._shuffle else None
        return IndexLoader(self._pool(), self._batch_size, generator)

    def _pool(self) -> Tensor:
        rows, total = self._table.rows(self._fold.train), len(self._table.keys)
        if self._nine_positions:
            rows = (rows + total * torch.arange(POSITIONS, device=rows.device)[:, None]).flatten()
        if self._samples_per_class is not None:
            generator = torch.Generator().manual_seed(self._seed)
            drawn = balanced_indices(self._table.labels[rows % total], self._samples_per_class, generator)
            rows = rows[drawn.to(rows.device)]
        return rows

    def val_dataloader(self) -> IndexLoader | list[IndexLoader]:
        """Batches of the validation subjects; no loader when the protocol does not select."""
        if not len(self._fold.validation):
            return []
        return IndexLoader(self._table.rows(self._fold.validation), self._batch_size)

    def predict_dataloader(self) -> IndexLoader:
        """Batches of the held-out subject, in the fold's order."""
        return IndexLoader(self._table.rows(self._fold.test), self._batch_size)

    def test_batches(self) -> Iterator[Batch]:
        """The batches of the held-out subject as prediction sees them, while training goes on too."""
        for rows in self.predict_dataloader():
            yield self._gather(rows, augmented=False)

    def on_after_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> Batch:
        """Gather the rows of a batch and, in training, augment them."""
        del dataloader_idx
        return self._gather(batch, augmented=self.trainer is not None and bool(self.trainer.training))

    def _gather(self, batch: Tensor, *, augmented: bool) -> Batch:
        table = self._table
        position, rows = batch // len(table.keys), batch % len(table.keys)
        # only training rows have positions
        moved = augmented and bool(self._nine_positions)
        inputs = table.at(rows, position, self._nine_positions) if moved else table.inputs[rows]
        if augmented and self._augmentation is not None:
            inputs = self._augmentation(inputs)
        if table.holds == "frames":
            inputs = table.representation.maps(inputs)
        return Batch(inputs, table.labels[rows], rows)
