"""A training that keeps its state and, after it was killed, goes on to the same weights to the bit."""

from __future__ import annotations

import hashlib
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning import Callback

from mer_lightning.files import replacing, temporary_folder
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from lightning import LightningModule, Trainer

SECONDS = 180.0
"""Between two states that are kept."""
_SUM = 64
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is.

    Attributes:
        epoch: The epoch that is trained, from 1.
        epochs: How many there are.
        seconds_left: About how long the rest takes, going by what this process has trained.
    """

    epoch: int
    epochs: int
    seconds_left: float


@dataclass(frozen=True, slots=True)
class StateFile:
    """Where a training keeps its state.

    Attributes:
        path: The file; gone or not is the caller's business when the training has ended.
        identity: Whose state it has to be; that of another training is refused.
        every: Seconds between two states; ``SECONDS`` where nothing is said.
        tell: Told how far the training is, after every step.
    """

    path: Path
    identity: str
    every: float | None = None
    tell: Callable[[Progress], None] | None = None

    def check(self) -> bool:
        """Whether there is a state to go on from.

        Raises:
            DataError: There is a file that is not the state of this training as it was written.
        """
        if not self.path.exists():
            return False
        try:
            size = self.path.stat().st_size - _SUM
            with self.path.open("rb") as file:
                digest, left = hashlib.sha256(self.identity.encode()), max(size, 0)
                while left and (piece := file.read(min(_PIECE, left))):
                    digest.update(piece)
                    left -= len(piece)
                given = file.read()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror})") from error
        if size <= 0 or given != digest.hexdigest().encode():
            raise DataError(
                f"{self.path}: its checksum does not fit; it was changed since it was written, or is another's"
            )
        return True

    @contextmanager
    def checkpoint(self) -> Generator[Path | None]:
        """What Lightning goes on from, as a file; None where nothing is kept.

        Raises:
            DataError: As ``check``.
        """
        if not self.check():
            yield None
            return
        with temporary_folder("state") as folder:
            body = folder / "state.ckpt"
            body.write_bytes(self.path.read_bytes()[:-_SUM])
            yield body


class KeepState(Callback):
    """Keep everything that a training needs to go on, whole or not at all: weights, optimiser, order, random numbers.

    Args:
        file: Where, how often, and who is told.
    """

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._random: dict[str, Any] = {}
        self._starts = False
        self._kept = self._began = time.monotonic()
        self._done_before = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let random numbers go on where they were."""
        del pl_module
        if self._random:
            _set_random_state(self._random)
        self._kept = self._began = time.monotonic()
        self._done_before = _epochs_done(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the state if it is time to."""
        del pl_module
        self._starts = True
        self._keep(trainer)
        self._starts = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Say how far it is, and keep the state if it is time to."""
        del pl_module, outputs, batch
        # at the end of an epoch validation comes first, and the next epoch keeps what it gave
        if batch_idx + 1 < trainer.num_training_batches:
            self._keep(trainer)
        if self._file.tell is not None:
            done, epochs = _epochs_done(trainer, batch_idx + 1), trainer.max_epochs or 1
            each = (time.monotonic() - self._began) / max(done - self._done_before, 1e-9)
            self._file.tell(Progress(trainer.current_epoch + 1, epochs, each * (epochs - done)))

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """At the start of an epoch say that none of its batches is done."""
        del trainer, pl_module
        if self._starts:
            # Lightning would go on after the last batch of the epoch before
            batches = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
            batches["current"] = dict.fromkeys(batches["current"], 0)
            batches["is_last_batch"] = False

    def state_dict(self) -> dict[str, Any]:
        """Where random numbers are."""
        return _random_state()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember where they were; what is set up meanwhile may draw some."""
        self._random = state_dict

    def _keep(self, trainer: Trainer) -> None:
        if time.monotonic() - self._kept < (SECONDS if self._file.every is None else self._file.every):
            return
        with replacing(self._file.path) as part:
            trainer.save_checkpoint(part)
            digest = hashlib.sha256(self._file.identity.encode())
            with part.open("rb") as file:
                while piece := file.read(_PIECE):
                    digest.update(piece)
            with part.open("ab") as file:
                file.write(digest.hexdigest().encode())
        self._kept = time.monotonic()


def _epochs_done(trainer: Trainer, batches: int | None = None) -> float:
    """Epochs that are trained, the part of one that is under way among them."""
    if batches is None:
        batches = trainer.fit_loop.epoch_loop.batch_progress.current.completed
    return trainer.current_epoch + min(batches / max(float(trainer.num_training_batches), 1.0), 1.0)


def _random_state() -> dict[str, Any]:
    """Where every source of random numbers is, in plain values and tensors alone."""
    name, keys, *rest = np.random.get_state(legacy=True)
    state: dict[str, Any] = {"torch": torch.get_rng_state()}
    state["numpy"] = [str(name), torch.from_numpy(np.array(keys)), *rest]
    state["python"] = random.getstate()
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy(), *rest))
    version, numbers, following = state["python"]
    random.setstate((version, tuple(numbers), following))
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
