"""Trained networks leave memory when they are done with, not when Python happens to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import lightning


def let_go(trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
    """Empty the weights of a task and what its optimisers remember of them.

    A Trainer and its task refer to each other. Python finds such rings when many objects have come, however large they
    are: without this, the networks of ten folds with 40 million weights lie in memory at once.

    Args:
        trainer: What trained the task.
        task: Not used again.
    """
    for optimizer in trainer.optimizers:
        optimizer.state.clear()
    for weight in task.parameters():
        weight.grad = None
        weight.data = weight.new_empty(0)
