"""Train one fold: the one thing that this library knows how to do."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - a field of a data class
from typing import TYPE_CHECKING, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping

from mer_lightning.augmentation import BatchAugmentation, cut_distance
from mer_lightning.backbones import load_kept
from mer_lightning.datamodules import LOSODataModule
from mer_lightning.descriptors.estimator import TrainingSide
from mer_lightning.devices import keep_freed_memory
from mer_lightning.models.transfer import freeze, load_body, parts_of
from mer_lightning.protocols import fold_seed
from mer_lightning.tasks.best_epoch import BestEpoch
from mer_lightning.tasks.classifier import ClassifierTask
from mer_lightning.tasks.every_epoch import EveryEpoch
from mer_lightning.tasks.going_on import KeepState
from mer_lightning.tasks.losses import loss_weights
from mer_lightning.tasks.trainer import ctrl_c_raises, let_go, make_trainer
from mer_lightning.types import DivergedError, Prediction

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mer_lightning.datamodules import Table
    from mer_lightning.descriptors.estimator import Estimator
    from mer_lightning.protocols import Fold
    from mer_lightning.settings import Component, Training
    from mer_lightning.tasks.going_on import StateFile

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
        candidates: For each prediction, the class after every epoch, one digit each; empty unless asked for. Where
            training stopped early, the last one stands for the epochs that were not trained.
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


@dataclass(frozen=True, slots=True)
class Fit:
    """What a fold is fitted with, whatever is fitted: made once, and handed through to the Trainer.

    Attributes:
        table: All samples that may be looked at.
        fold: Which of them train, select and are tested.
        seed: Seed of the run; weights, order, dropout and augmentation follow from it and the held-out subject.
        accelerator: Lightning's accelerator, e.g. ``auto``, ``cpu``, ``gpu``.
        start: What a network starts from; None for weights drawn by its constructor.
        select: Validation score whose best epoch predicts (the first of equals); without validation, and for None, the
            last epoch does.
        every_epoch: Also keep what would be predicted after every epoch, for studies of leaks; changes nothing else.
        callbacks: What looks on at a network; an exception of theirs ends the training.

    Raises:
        ValueError: The fold counts the rows of another table.
    """

    table: Table
    fold: Fold
    seed: int = 0
    accelerator: str = "auto"
    start: Start | None = None
    select: Literal["val_uf1", "val_accuracy"] | None = "val_uf1"
    every_epoch: bool = False
    callbacks: tuple[lightning.Callback, ...] = ()

    def __post_init__(self) -> None:
        if self.fold.total != len(self.table.keys):
            rows = len(self.table.keys)
            raise ValueError(f"fold {self.fold.held_out} is of {self.fold.total} rows, the table has {rows}")

    @property
    def fold_seed(self) -> int:
        """Seed of the fold."""
        return fold_seed(self.seed, self.fold.held_out)

    @property
    def validates(self) -> bool:
        """Whether there is validation after every epoch."""
        return bool(len(self.fold.validation))

    def class_counts(self) -> Tensor:
        """Training samples of each class, ``(C,)``."""
        table = self.table
        return torch.bincount(table.labels[table.rows(self.fold.train)], minlength=table.classes)


def train_network(fit: Fit, model: Component, training: Training) -> FoldResult:
    """Fit a fresh model, optimiser, DataModule and Trainer on one fold and predict the held-out subject.

    Args:
        fit: On what, and with what.
        model: A class of ``mer_lightning.models``.
        training: How it is fitted.

    Raises:
        ValueError: The table does not hold what the augmentation acts on, or has more classes than digits.
        DataError: The pre-trained weights do not fit.
        DivergedError: The trained network gives scores that are not finite.
    """
    began = time.perf_counter()
    watch = EveryEpoch(fit.table.classes) if fit.every_epoch else None
    fitted = fit_network(fit, model, training, *([watch] if watch else []))
    with ctrl_c_raises():
        batches = fitted.trainer.predict(fitted.task, fitted.data)
    assert batches is not None
    scores = torch.cat([torch.as_tensor(batch) for batch in batches]).cpu()
    seconds = time.perf_counter() - began
    let_go(fitted.trainer, fitted.task)
    candidates = tuple(row.ljust(training.epochs, row[-1]) for row in watch.candidates) if watch else ()
    return FoldResult(predictions_of(fit, scores), seconds, fitted.task.curve, fitted.epoch, candidates)


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


def fit_network(
    fit: Fit, model: Component, training: Training, *watching: lightning.Callback, kept: StateFile | None = None
) -> Fitted:
    """The network that predicts the held-out subject of a fold, or that other folds start from.

    Args:
        fit: On what, and with what.
        model: A class of ``mer_lightning.models``.
        training: How it is fitted.
        watching: What looks on besides the callbacks of ``fit``; neither sees parts that are trained first.
        kept: Where the whole keeps its state meanwhile, and goes on from if there is one; parts that are trained first
            are trained again then.

    Raises:
        ValueError: The table does not hold what the augmentation acts on.
        DataError: The pre-trained weights do not fit, a model names no parts where they are to be trained first, or the
            state is not that of this training.
    """
    check_held(fit.table, training)
    keep_freed_memory()
    lightning.seed_everything(fit.fold_seed, verbose=False)
    built = build_model(fit.table, model, fit.start)
    if training.stages == "parts_first":
        for part in parts_of(built):
            alone = _fit_built(fit, part.network, training, (), None)
            let_go(alone.trainer, alone.task, weights=False)
            freeze(built, part.keeps)
    return _fit_built(fit, built, training, (*fit.callbacks, *watching), kept)


def _fit_built(
    fit: Fit,
    network: nn.Module,
    training: Training,
    callbacks: tuple[lightning.Callback, ...],
    kept: StateFile | None,
) -> Fitted:
    """Train a network as it was built or as it was left."""
    task = ClassifierTask(
        _arranged(network, training),
        training.optimizer,
        fit.table.classes,
        loss_weights(training, fit.class_counts()),
        training.loss,
        training.schedule,
    )
    data = data_of(fit, training, augmentation_of(fit.table, training))
    select = fit.select if fit.validates else None
    best = BestEpoch(select) if select else None
    stop = (
        [EarlyStopping(select, patience=training.patience, mode="max", check_finite=False)]
        if select and training.patience
        else []
    )
    trainer = make_trainer(
        training,
        [*callbacks, *stop, *([best] if best else []), *([KeepState(kept)] if kept else [])],
        accelerator=fit.accelerator,
        validates=fit.validates,
    )
    with kept.checkpoint() if kept else nullcontext() as checkpoint, ctrl_c_raises():
        trainer.fit(task, data, ckpt_path=checkpoint, weights_only=True)
    if best is None:
        return Fitted(task, data, trainer, training.epochs)
    task.load_state_dict(best.state)
    return Fitted(task, data, trainer, best.epoch)


def check_held(table: Table, training: Training) -> None:
    """Make sure that a table holds what the augmentation acts on, at the positions that it asks for.

    Raises:
        ValueError: It does not.
    """
    if training.acts_on != table.holds:
        raise ValueError(f"augmentation acts on {training.acts_on}, the table holds {table.holds}")
    if cut_distance(training, table.representation) not in {0, table.distance}:
        asked = training.augmentation and training.augmentation.nine_positions
        raise ValueError(f"nine positions are {asked} pixels apart, in the table {table.distance}")


def augmentation_of(table: Table, training: Training) -> BatchAugmentation | None:
    """What a training changes in each batch, if anything."""
    return training.augmentation and BatchAugmentation(training.augmentation, table.representation)


def data_of(fit: Fit, training: Training, augmentation: nn.Module | None = None) -> LOSODataModule:
    """The DataModule of a fold."""
    return LOSODataModule(
        fit.table,
        fit.fold,
        batch_size=training.batch_size,
        shuffle=training.shuffle,
        augmentation=augmentation,
        nine_positions=training.augmentation.nine_positions if training.augmentation else 0,
        samples_per_class=training.samples_per_class,
        seed=fit.fold_seed,
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


def fit_estimator(fit: Fit, estimator: Component) -> FoldResult:
    """Fit a fresh estimator on one fold and predict the held-out subject.

    Args:
        fit: On what; validation samples train too, since an estimator selects inside.
        estimator: A class of ``mer_lightning.descriptors``, see its ``estimator.Estimator``.
    """
    start = time.perf_counter()
    table, fold = fit.table, fit.fold
    built: Estimator = estimator.build("mer_lightning.descriptors", in_channels=len(table.representation.channels))
    inputs, labels = table.inputs.cpu().numpy(), table.labels.cpu().numpy()
    train = np.concatenate((fold.train, fold.validation))
    alone = getattr(built, "labels_alone", False)
    known = np.empty((len(train), 0), dtype=inputs.dtype) if alone else inputs[train]
    built.fit(TrainingSide(known, labels[train], table.people.at(train), table.classes))
    scores = torch.from_numpy(built.predict(inputs[fold.test]))
    return FoldResult(predictions_of(fit, scores), time.perf_counter() - start)


def predictions_of(fit: Fit, scores: Tensor) -> tuple[Prediction, ...]:
    """Predictions for the held-out subject from class probabilities ``(n, C)`` in the fold's order.

    Raises:
        ValueError: The scores are not of these samples and classes.
        DivergedError: A probability is not finite; its largest would be the first class, often the most frequent one.
    """
    table, fold = fit.table, fit.fold
    if scores.shape != (len(fold.test), table.classes):
        raise ValueError(
            f"{fold.held_out}: expected scores of {len(fold.test)} samples and {table.classes} classes, "
            f"found {tuple(scores.shape)}"
        )
    if not scores.isfinite().all():
        raise DivergedError(f"{fold.held_out}: class scores are not finite; the training diverged")
    labels = table.labels[table.rows(fold.test)].tolist()
    return tuple(
        Prediction(table.keys[row], label, guess, tuple(round(score, 6) for score in own))
        for row, label, guess, own in zip(
            fold.test.tolist(), labels, scores.argmax(1).tolist(), scores.tolist(), strict=True
        )
    )
