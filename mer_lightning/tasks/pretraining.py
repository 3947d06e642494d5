"""Train a network on a database of other people, for every fold to start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mer_lightning.tasks.fold import fit_network
from mer_lightning.tasks.trainer import let_go

if TYPE_CHECKING:
    from torch import Tensor

    from mer_lightning.settings import Component, Training
    from mer_lightning.tasks.fold import Fit
    from mer_lightning.tasks.going_on import StateFile


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


def pretrain(fit: Fit, model: Component, training: Training, kept: StateFile | None = None) -> Pretrained:
    """Fit a network to all classes of another database.

    Args:
        fit: On what; its fold is a ``PretrainingFold``, and ``select`` says whether the epoch counts that is best on
            the validating people, or the last one.
        model: A class of ``mer_lightning.models``.
        training: How it is fitted.
        kept: Where its state is kept meanwhile; one that is there is gone on from, to the same weights.

    Raises:
        DataError: The state that is there is not that of this training.
    """
    fitted = fit_network(fit, model, training, kept=kept)
    curve = fitted.task.curve
    state = {name: value.detach().cpu().contiguous() for name, value in fitted.task.model.state_dict().items()}
    let_go(fitted.trainer, fitted.task)
    return Pretrained(state, fitted.epoch, curve["val_accuracy"][fitted.epoch - 1], curve)
