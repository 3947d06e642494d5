"""The weights of the epoch that is best on the validating people, kept in memory until the training ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from lightning import Callback

if TYPE_CHECKING:
    from lightning import LightningModule, Trainer
    from torch import Tensor


class BestEpoch(Callback):
    """Keep the weights after the epoch with the highest score, the first of equals.

    They lie on the CPU, and are part of what a training keeps of itself, so that one that goes on after a stop knows
    the best epoch of before.

    Args:
        score: Name under which the task logs it; a score that is no number is below all others.
    """

    def __init__(self, score: str) -> None:
        self._score, self._highest = score, -math.inf
        self.epoch = 0
        """Epoch of the weights, from 1; 0 before the first validation."""
        self.state: dict[str, Tensor] = {}
        """Weights and buffers of the task."""

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare the epoch that was validated with the best one."""
        score = float(trainer.callback_metrics[self._score])
        score = -math.inf if math.isnan(score) else score
        if self.epoch and score <= self._highest:
            return
        self._highest, self.epoch = score, trainer.current_epoch + 1
        self.state = {name: value.detach().to("cpu", copy=True) for name, value in pl_module.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """What a training that goes on needs."""
        return {"epoch": self.epoch, "highest": self._highest, "state": self.state}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what was kept."""
        self.epoch, self._highest = int(state_dict["epoch"]), float(state_dict["highest"])
        self.state = {name: torch.as_tensor(value) for name, value in state_dict["state"].items()}
