"""What would be predicted for the held-out subject after every epoch: for studies of leaks, never for a score."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

import torch
from lightning import Callback

from mer_lightning.datamodules import FoldsDataModule, LOSODataModule

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lightning import LightningModule, Trainer
    from torch import Tensor

DIGITS = string.digits + string.ascii_lowercase
"""One character per class."""


class EveryEpoch(Callback):
    """Predict the held-out subject at the end of every epoch, and leave no trace of it in training.

    The model is in evaluation mode meanwhile, so that dropout draws nothing and batch normalisation learns nothing;
    then every part is put back into the mode that it was in, and random numbers go on where they were.

    Args:
        classes: Number of classes.

    Raises:
        ValueError: There are more classes than digits.
    """

    def __init__(self, classes: int) -> None:
        if classes > len(DIGITS):
            raise ValueError(f"predictions of every epoch are kept for {len(DIGITS)} classes at most, not {classes}")
        self._guesses: list[Tensor] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the predicted class of every test sample, on the device."""
        modes = [(part, part.training) for part in pl_module.modules()]
        cuda = [pl_module.device] if pl_module.device.type == "cuda" else []
        pl_module.eval()
        with torch.random.fork_rng(cuda), torch.inference_mode(), trainer.precision_plugin.forward_context():
            data = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
            self._guesses.append(_guesses_of(pl_module, data))
        for part, training in modes:
            part.training = training

    @property
    def candidates(self) -> tuple[str, ...]:
        """For each test sample in the fold's order, the class after every epoch, one digit each."""
        table = torch.stack(self._guesses, 1).cpu().tolist()
        return tuple("".join(DIGITS[guess] for guess in row) for row in table)


class AtEpochs(EveryEpoch):
    """Predict the held-out side at the end of some epochs and tell somebody, who may end the training by an exception.

    Tuning does so on inner folds, whose held-out side is of training subjects. Where several folds are trained as one,
    it looks at all of them.

    Args:
        classes: Number of classes.
        wanted: True for an epoch, counted from 1, that is looked at.
        tell: Given the epoch and the predicted class of every test sample in the fold's order, fold after fold.
    """

    def __init__(self, classes: int, wanted: Callable[[int], bool], tell: Callable[[int, Sequence[int]], None]) -> None:
        super().__init__(classes)
        self._wanted, self._tell = wanted, tell

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Predict and tell, if the epoch is wanted."""
        epoch = trainer.current_epoch + 1
        if self._wanted(epoch):
            super().on_train_epoch_end(trainer, pl_module)
            self._tell(epoch, self._guesses.pop().cpu().tolist())


def _guesses_of(module: LightningModule, data: object) -> Tensor:
    """Predicted class of each test sample, fold after fold."""
    if isinstance(data, LOSODataModule):
        return torch.cat([module(batch.inputs).float().argmax(1) for batch in data.test_batches()])
    assert isinstance(data, FoldsDataModule)
    found = [(module(batch.inputs, batch.sizes).float().argmax(2), batch.sizes) for batch in data.test_batches()]
    replicas = range(len(found[0][1]))
    return torch.cat([guesses[k, : sizes[k]] for k in replicas for guesses, sizes in found])
