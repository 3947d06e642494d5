"""A Trainer that says nothing and writes nothing, Ctrl-C while it trains, and the memory of what it trained."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import lightning
import torch

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from mer_lightning.settings import Training

# after the import of lightning: it sets the level of this logger itself
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module=r"lightning\..*")
# deterministic algorithms would also fill every new tensor with NaN, a fifth of an epoch for nothing
torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]


def make_trainer(
    training: Training,
    callbacks: Sequence[lightning.Callback],
    *,
    accelerator: str,
    validates: bool,
) -> lightning.Trainer:
    """A Trainer that says nothing and writes nothing, the same for one fold and for many at once.

    Args:
        training: How long and how precisely it trains.
        callbacks: What looks on.
        accelerator: Lightning's accelerator.
        validates: Whether there is validation after every epoch.
    """
    return lightning.Trainer(
        accelerator=accelerator,
        devices=1,
        max_epochs=training.epochs,
        precision=training.precision,
        deterministic="warn",
        callbacks=[*callbacks],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=False,
        num_sanity_val_steps=0,
        limit_val_batches=1.0 if validates else 0,
    )


@contextmanager
def ctrl_c_raises() -> Generator[None]:
    """Undo what Lightning makes of Ctrl-C: it ends the program with status 1 and leaves further signals ignored.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed within.
    """
    # only the main thread has signals
    alone = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if alone else None
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        if alone:
            signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from error


def let_go(trainer: lightning.Trainer, task: lightning.LightningModule, *, weights: bool = True) -> None:
    """Empty the weights of a task and what its optimisers remember of them.

    A Trainer and its task refer to each other. Python finds such rings when many objects have come, however large they
    are: without this, the networks of ten folds with 40 million weights lie in memory at once.

    Args:
        trainer: What trained the task.
        task: Not used again.
        weights: Whether its weights go too; those of a part are also the whole's.
    """
    for optimizer in trainer.optimizers:
        optimizer.state.clear()
    for weight in task.parameters():
        weight.grad = None
        if weights:
            weight.data = weight.new_empty(0)
