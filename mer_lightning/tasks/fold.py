"""Train one fold: the one thing that this library knows how to do."""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - a field of a data class
from typing import TYPE_CHECKING, Literal

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from mer_lightning.augmentation import BatchAugmentation
from mer_lightning.backbones import load_kept
from mer_lightning.datamodules import LOSODataModule
from mer_lightning.descriptors.estimator import TrainingSide
from mer_lightning.memory import keep_freed_memory
from mer_lightning.models.transfer import freeze, load_body
from mer_lightning.protocols import fold_seed
from mer_lightning.tasks.classifier import ClassifierTask
from mer_lightning.tasks.every_epoch import EveryEpoch
from mer_lightning.tasks.interrupts import ctrl_c_raises
from mer_lightning.tasks.letting_go import let_go
from mer_lightning.tasks.losses import loss_weights
from mer_lightning.types import DivergedError, Prediction, person_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from mer_lightning.datamodules import Table
    from mer_lightning.descriptors.estimator import Estimator
    from mer_lightning.protocols import Fold
    from mer_lightning.settings import Component, Training

# after the import of lightning: it sets the level of this logger itself
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module=r"lightning\..*")
# deterministic algorithms would also fill every new tensor with NaN, a fifth of an epoch for nothing
torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
_MODES = {"default": None, "cuda_graphs": "reduce-overhead"}


@dataclass(frozen=True, slots=True)
class FoldResult:
    """What training one fold gave.

    Attributes:
        predictions: One per sample of the held-out subject, in the fold's order.
        seconds: Wall time of fitting and predicting.
        curve: Values per epoch, by name; empty for methods without epochs.
        epoch: Epoch (from 1) whose weights predicted; None for methods without epochs.
        candidates: For each prediction, the class after every epoch, one digit each; empty unless asked for.
    """

    predictions: tuple[Prediction, ...]
    seconds: float
    curve: dict[str, tuple[float, ...]] = field(default_factory=dict)
    epoch: int | None = None
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """Pre-trained weights that the model of every fold starts from; its head stays new.

    Attributes:
        weights: File in the safetensors format, see ``mer_lightning.tasks.pretraining``.
        freeze: Keep what the model's paper does not fine-tune, see ``mer_lightning.models.transfer``.
    """

    weights: Path
    freeze: bool = False


def train_network(
    table: Table,
    fold: Fold,
    model: Component,
    training: Training,
    *,
    seed: int = 0,
    accelerator: str = "auto",
    start: Start | None = None,
    every_epoch: bool = False,
    callbacks: Sequence[lightning.Callback] = (),
) -> FoldResult:
    """Fit a fresh model, optimiser, DataModule and Trainer on one fold and predict the held-out subject.

    Args:
        table: All samples of the protocol.
        fold: Which of them train, select and are tested; with validation keys, the epoch of the best validation
            UF1 predicts (the first of equals), else the last one.
        model: A class of ``mer_lightning.models``.
        training: How it is fitted.
        seed: Seed of the run; weights, order, dropout and augmentation follow from it and the held-out subject.
        accelerator: Lightning's accelerator, e.g. ``auto``, ``cpu``, ``gpu``.
        start: What the model starts from; None for weights drawn by its constructor.
        every_epoch: Also keep what would be predicted after every epoch, for studies of leaks; changes nothing else.
        callbacks: What looks on; an exception of theirs ends the training.

    Raises:
        ValueError: The table does not hold what the augmentation acts on, or has more classes than digits.
        DataError: The pre-trained weights do not fit.
        DivergedError: The trained network gives scores that are not finite.
    """
    began = time.perf_counter()
    watch = EveryEpoch(table.classes) if every_epoch else None
    looking_on = (*callbacks, watch) if watch else callbacks
    fitted = fit_fold(
        table, fold, model, training, seed=seed, accelerator=accelerator, start=start, callbacks=looking_on
    )
    with ctrl_c_raises():
        batches = fitted.trainer.predict(fitted.task, fitted.data)
    assert batches is not None
    scores = torch.cat([torch.as_tensor(batch) for batch in batches]).cpu()
    seconds = time.perf_counter() - began
    let_go(fitted.trainer, fitted.task)
    return FoldResult(
        predictions_of(table, fold, scores),
        seconds,
        fitted.task.curve,
        fitted.epoch,
        watch.candidates if watch else (),
    )


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model after training.

    Attributes:
        task: Holds the weights of the epoch that counts.
        data: What it was trained on.
        trainer: What trained it.
        epoch: That epoch, from 1.
    """

    task: ClassifierTask
    data: LOSODataModule
    trainer: lightning.Trainer
    epoch: int


def fit_fold(
    table: Table,
    fold: Fold,
    model: Component,
    training: Training,
    *,
    seed: int = 0,
    accelerator: str = "auto",
    start: Start | None = None,
    callbacks: Sequence[lightning.Callback] = (),
) -> Fitted:
    """The network that predicts the held-out subject of a fold; see ``train_network``."""
    return fit_network(
        table,
        fold,
        model,
        training,
        seed=fold_seed(seed, fold.held_out),
        accelerator=accelerator,
        start=start,
        select="val_uf1" if fold.validation else None,
        callbacks=callbacks,
    )


def fit_network(
    table: Table,
    fold: Fold,
    model: Component,
    training: Training,
    *,
    seed: int,
    accelerator: str,
    start: Start | None = None,
    select: Literal["val_uf1", "val_accuracy"] | None = None,
    callbacks: Sequence[lightning.Callback] = (),
) -> Fitted:
    """Fit a fresh model; see ``train_network``.

    Args:
        table: All samples.
        fold: Its training and validation sides are used; with the latter, every epoch is scored on it.
        model: A class of ``mer_lightning.models``.
        training: How it is fitted.
        seed: Seed of weights, order, dropout and augmentation.
        accelerator: Lightning's accelerator.
        start: What the model starts from.
        select: Validation score whose best epoch counts (the first of equals); None for the last epoch.
        callbacks: What looks on.

    Raises:
        ValueError: The table does not hold what the augmentation acts on.
        DataError: The pre-trained weights do not fit.
    """
    if training.acts_on != table.holds:
        raise ValueError(f"augmentation acts on {training.acts_on}, the table holds {table.holds}")
    augmentation = training.augmentation
    keep_freed_memory()
    lightning.seed_everything(seed, verbose=False)
    task = ClassifierTask(
        _arranged(build_model(table, model, start), training),
        training.optimizer,
        table.classes,
        loss_weights(training, torch.bincount(table.labels[table.rows(fold.train)], minlength=table.classes)),
        training.loss,
        training.schedule,
    )
    data = LOSODataModule(
        table,
        fold,
        batch_size=training.batch_size,
        shuffle=training.shuffle,
        augmentation=augmentation and BatchAugmentation(augmentation, table.representation),
        nine_positions=augmentation.nine_positions if augmentation else 0,
        samples_per_class=training.samples_per_class,
        seed=seed,
    )
    with tempfile.TemporaryDirectory() as folder:
        best = ModelCheckpoint(folder, monitor=select, mode="max", save_weights_only=True, filename="{epoch}")
        trainer = make_trainer(
            training,
            [*callbacks, best] if select else callbacks,
            accelerator=accelerator,
            validates=bool(fold.validation),
            keeps_best=bool(select),
        )
        with ctrl_c_raises():
            trainer.fit(task, data)
        epoch = training.epochs
        if select:
            state = torch.load(best.best_model_path, weights_only=True, map_location="cpu")
            task.load_state_dict(state["state_dict"])
            epoch = int(state["epoch"]) + 1
    return Fitted(task, data, trainer, epoch)


def make_trainer(
    training: Training,
    callbacks: Sequence[lightning.Callback],
    *,
    accelerator: str,
    validates: bool,
    keeps_best: bool = False,
) -> lightning.Trainer:
    """A Trainer that says nothing and writes nothing, the same for one fold and for many at once.

    Args:
        training: How long and how precisely it trains.
        callbacks: What looks on.
        accelerator: Lightning's accelerator.
        validates: Whether there is validation after every epoch.
        keeps_best: Whether one of the callbacks keeps the weights of the best epoch.
    """
    return lightning.Trainer(
        accelerator=accelerator,
        devices=1,
        max_epochs=training.epochs,
        precision=training.precision,
        deterministic="warn",
        callbacks=[*callbacks],
        enable_checkpointing=keeps_best,
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=False,
        num_sanity_val_steps=0,
        limit_val_batches=1.0 if validates else 0,
    )


def build_model(table: Table, model: Component, start: Start | None = None) -> nn.Module:
    """A fresh model for a table's classes and channels, with pre-trained weights in all but its head.

    Raises:
        DataError: The weights are not readable, or are those of another model.
    """
    built: nn.Module = model.build(
        "mer_lightning.models", classes=table.classes, in_channels=len(table.representation.channels)
    )
    if start is not None:
        load_body(built, load_kept(start.weights))
        if start.freeze:
            freeze(built, getattr(built, "frozen_in_transfer", ()))
    return built


def _arranged(model: nn.Module, training: Training) -> nn.Module:
    """The model as the training settings want its weights to lie and its steps to run."""
    if training.memory_format == "channels_last":
        for weight in model.parameters():
            # a convolution takes over the order of its weights
            if weight.ndim in _CHANNELS_LAST:
                weight.data = weight.data.contiguous(memory_format=_CHANNELS_LAST[weight.ndim])
    if training.compile != "no":
        model.compile(mode=_MODES[training.compile])
    return model


def fit_estimator(table: Table, fold: Fold, estimator: Component) -> FoldResult:
    """Fit a fresh estimator on one fold and predict the held-out subject.

    Args:
        table: All samples of the protocol.
        fold: Which of them train and are tested; validation samples train too, since an estimator selects inside.
        estimator: A class of ``mer_lightning.descriptors``, see its ``estimator.Estimator``.
    """
    start = time.perf_counter()
    built: Estimator = estimator.build("mer_lightning.descriptors", in_channels=len(table.representation.channels))
    keys = (*fold.train, *fold.validation)
    inputs, labels = table.inputs.cpu().numpy(), table.labels.cpu().numpy()
    train, test = table.rows(keys).cpu().numpy(), table.rows(fold.test).cpu().numpy()
    people = [person_of(key) for key in keys]
    known = TrainingSide(inputs[train], labels[train], people, table.classes)
    built.fit(known)
    scores = torch.from_numpy(built.predict(inputs[test]))
    return FoldResult(predictions_of(table, fold, scores), time.perf_counter() - start)


def predictions_of(table: Table, fold: Fold, scores: torch.Tensor) -> tuple[Prediction, ...]:
    """Predictions for the held-out subject from class probabilities ``(n, C)`` in the fold's order.

    Raises:
        DivergedError: A probability is not finite; its largest would be the first class, often the most frequent one.
    """
    if not scores.isfinite().all():
        raise DivergedError(f"{fold.held_out}: class scores are not finite; the training diverged")
    labels = table.labels[table.rows(fold.test)].tolist()
    return tuple(
        Prediction(key, label, guess, tuple(round(score, 6) for score in row))
        for key, label, guess, row in zip(fold.test, labels, scores.argmax(1).tolist(), scores.tolist(), strict=True)
    )
