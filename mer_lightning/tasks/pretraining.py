"""Train a network on a database of other people, for every fold to start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mer_lightning.protocols import fold_seed
from mer_lightning.tasks.fold import fit_network
from mer_lightning.tasks.letting_go import let_go

if TYPE_CHECKING:
    from torch import Tensor

    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import PretrainingFold
    from mer_lightning.settings import Component, Training

Keep = Literal["best_epoch", "last_epoch"]


@dataclass(frozen=True, slots=True)
class Pretrained:
    """What pre-training gave.

    Attributes:
        state: Weights and buffers of the model, on the CPU.
        epoch: Epoch that they are of, from 1.
        accuracy: Of that epoch, on people who were not trained on, 0..1.
        curve: Values per epoch, by name.
    """

    state: dict[str, Tensor]
    epoch: int
    accuracy: float
    curve: dict[str, tuple[float, ...]]


def pretrain(
    table: Table,
    fold: PretrainingFold,
    model: Component,
    training: Training,
    *,
    keep: Keep = "best_epoch",
    seed: int = 0,
    accelerator: str = "auto",
) -> Pretrained:
    """Fit a network to all classes of another database.

    Args:
        table: All samples of the database.
        fold: Who trains and who validates.
        model: A class of ``mer_lightning.models``.
        training: How it is fitted.
        keep: Weights of the epoch with the best validation accuracy (the first of equals), or of the last one.
        seed: Seed of the run.
        accelerator: Lightning's accelerator.
    """
    fitted = fit_network(
        table,
        fold,
        model,
        training,
        seed=fold_seed(seed, fold.held_out),
        accelerator=accelerator,
        select="val_accuracy" if keep == "best_epoch" else None,
    )
    curve = fitted.task.curve
    state = {name: value.detach().cpu().contiguous() for name, value in fitted.task.model.state_dict().items()}
    let_go(fitted.trainer, fitted.task)
    return Pretrained(state, fitted.epoch, curve["val_accuracy"][fitted.epoch - 1], curve)
