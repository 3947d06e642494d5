"""Train many folds in one fit: K replicas of a model as stacked weights, each exactly as it would be alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import lightning
import torch
from lightning import LightningModule
from torch import nn
from torch.func import stack_module_state
from torch.nn.functional import cross_entropy
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_f1_score,
    multiclass_recall,
)

from mer_lightning.datamodules import FoldsDataModule, Stream
from mer_lightning.devices import few_numbers, keep_freed_memory
from mer_lightning.models.replicas import Replicas, run_replicas, skeleton_of
from mer_lightning.tasks.classifier import make_optimizer, with_schedule
from mer_lightning.tasks.fold import (
    FoldResult,
    augmentation_of,
    build_model,
    check_held,
    data_of,
    predictions_of,
)
from mer_lightning.tasks.losses import classification_loss, loss_weights
from mer_lightning.tasks.replication import batches_of, examine, grouped
from mer_lightning.tasks.trainer import ctrl_c_raises, let_go, make_trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning.pytorch.utilities.types import OptimizerLRScheduler
    from torch import Tensor

    from mer_lightning.datamodules import FoldsBatch
    from mer_lightning.settings import Component, Training
    from mer_lightning.tasks.fold import Fit
    from mer_lightning.tasks.replication import AtOnce


class FoldsAtOnceTask(LightningModule):
    """Training of K replicas: the sum of their losses gives each the gradient of its own.

    Args:
        models: The replicas, alike but for their weights.
        training: How they are fitted; its optimiser acts on each weight alone.
        classes: Number of classes.
        class_weights: Weight of each class in each replica's loss, ``(K, C)``, or None.
        streams: Random numbers of each replica.
        how: From ``examine``.
    """

    def __init__(
        self,
        models: Sequence[nn.Module],
        training: Training,
        classes: int,
        class_weights: Tensor | None,
        streams: Sequence[Stream],
        how: AtOnce,
    ) -> None:
        super().__init__()
        weights, buffers = stack_module_state(list(models))
        self._weight_names, self._buffer_names = list(weights), list(buffers)
        self.weights = nn.ParameterList(nn.Parameter(w, w.requires_grad) for w in weights.values())
        for place, buffer in enumerate(buffers.values()):
            self.register_buffer(f"buffer_{place}", buffer)
        self.register_buffer("_class_weights", class_weights, persistent=False)
        self._class_weights: Tensor | None
        # in a tuple, so that Lightning does not take its weights for trained ones
        self._skeleton = (skeleton_of(models[0]),)
        named = dict(models[0].named_modules())
        self._orders: dict[nn.Module, tuple[int, ...]] = {named[name]: order for name, order in how.orders.items()}
        self._training, self._classes, self._streams, self._pads = training, classes, streams, how.pads
        self._epoch: list[Tensor] = []
        self._history: list[Tensor] = []
        self._seen: list[tuple[Tensor, Tensor]] = []
        self._validation: list[dict[str, Tensor]] = []
        self._best: list[Tensor] = []
        self.best_epoch: Tensor | None = None
        """Epoch (from 1) of each replica's best validation UF1, ``(K,)``; None without validation."""
        self._going: Tensor | None = None
        self._lengths: list[Tensor] = []

    def forward(self, inputs: Tensor, sizes: tuple[int, ...]) -> Tensor:
        """Logits ``(K, B, C)`` of ``(K, B, ...)``, of which the first ``sizes[k]`` of each replica are samples."""
        (skeleton,) = self._skeleton
        skeleton.to(inputs.device).train(self.training)
        weights = dict(zip(self._weight_names, self.weights, strict=True))
        buffers = dict(zip(self._buffer_names, self._stacked_buffers(), strict=True))
        if self._pads or len(set(sizes)) == 1:
            return run_replicas(skeleton, weights, buffers, inputs, self._replicas(range(len(sizes)), sizes))
        parts: list[tuple[list[int], Tensor]] = []
        for size, members in grouped(range(len(sizes)), sizes):
            if not size:  # in evaluation: this replica has seen all of its samples
                parts.append((members, inputs.new_zeros(len(members), inputs.shape[1], self._classes)))
                continue
            where = few_numbers(members, inputs)
            own = {name: buffer[where] for name, buffer in buffers.items()}
            logits = run_replicas(
                skeleton,
                {name: weight[where] for name, weight in weights.items()},
                own,
                inputs[where, :size],
                self._replicas(members, sizes),
            )
            for name, buffer in buffers.items():
                buffer[where] = own[name]
            parts.append((members, nn.functional.pad(logits, (0, 0, 0, inputs.shape[1] - size))))
        order = few_numbers([k for members, _ in parts for k in members], inputs)
        return torch.cat([logits for _, logits in parts])[order.argsort()]

    def training_step(self, batch: FoldsBatch, batch_idx: int) -> Tensor:
        """Sum of the replicas' losses on one batch each; sums for the learning curves stay on the device."""
        del batch_idx
        logits = self(batch.inputs, batch.sizes)
        real = self._replicas(range(len(batch.sizes)), batch.sizes).real(batch.inputs)
        loss = self._losses(logits, batch, real)
        with torch.no_grad():
            hits = ((logits.argmax(2) == batch.labels) & (real > 0)).sum(1)
            size = real.sum(1)
            self._epoch.append(torch.stack((loss.detach() * size, hits.to(loss), size)))
        return loss.sum()

    def on_train_epoch_end(self) -> None:
        """Close one point of the learning curves."""
        total = torch.stack(self._epoch).sum(0)
        self._history.append(total[:2] / total[2])
        self._epoch.clear()

    def validation_step(self, batch: FoldsBatch, batch_idx: int) -> None:
        """Pool each replica's predictions for its validation subjects."""
        del batch_idx
        real = self._replicas(range(len(batch.sizes)), batch.sizes).real(batch.inputs) > 0
        self._seen.append((self(batch.inputs, batch.sizes).argmax(2), torch.where(real, batch.labels, -1)))

    def on_validation_epoch_end(self) -> None:
        """Score the pooled predictions and keep the weights of every replica that is better than ever before."""
        guesses, labels = (torch.cat(parts, 1) for parts in zip(*self._seen, strict=True))
        self._seen.clear()
        # one score per row of (K, n); -1 is padding
        options: dict[str, Any] = {"multidim_average": "samplewise", "ignore_index": -1, "validate_args": False}
        scores = {
            "val_accuracy": multiclass_accuracy(guesses, labels, self._classes, average="micro", **options),
            "val_uf1": multiclass_f1_score(guesses, labels, self._classes, average="none", **options).mean(1),
            "val_uar": multiclass_recall(guesses, labels, self._classes, average="none", **options).mean(1),
        }
        state = [weight.detach() for weight in self.weights] + self._stacked_buffers()
        if self.best_epoch is None:
            self._best = [value.clone() for value in state]
            self.best_epoch = torch.ones(len(guesses), dtype=torch.int64, device=guesses.device)
        else:
            best = torch.stack([point["val_uf1"] for point in self._validation]).amax(0)
            better = scores["val_uf1"] > best
            if self._going is not None:
                better &= self._going
            self.best_epoch = torch.where(better, len(self._validation) + 1, self.best_epoch)
            for kept, value in zip(self._best, state, strict=True):
                kept.copy_(torch.where(better.view(-1, *[1] * (value.ndim - 1)), value, kept))
        self._validation.append(scores)
        if self._training.patience is not None:
            self._stop_whom_patience_leaves(self._training.patience)

    def _stop_whom_patience_leaves(self, patience: int) -> None:
        """Count the epochs of each replica to its own end; beyond it its weights move on, but nothing is kept of them.

        Training ends when the last replica has come to its end.
        """
        assert self.best_epoch is not None
        going = torch.ones_like(self.best_epoch, dtype=torch.bool) if self._going is None else self._going
        self._lengths.append(going)
        self._going = going & (len(self._validation) - self.best_epoch < patience)
        if not bool(self._going.any()):
            self.trainer.should_stop = True

    def on_fit_end(self) -> None:
        """Go back to each replica's best weights, where there was validation."""
        if self.best_epoch is not None:
            state = [weight.detach() for weight in self.weights] + self._stacked_buffers()
            for value, kept in zip(state, self._best, strict=True):
                value.copy_(kept.to(value.device))
            self._best.clear()

    def predict_step(self, batch: FoldsBatch, batch_idx: int) -> tuple[Tensor, tuple[int, ...]]:
        """Class probabilities ``(K, B, C)``, float32, and how many of each replica's are real."""
        del batch_idx
        return self(batch.inputs, batch.sizes).float().softmax(2), batch.sizes

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimiser of the recipe over the stacked weights: per element it is each replica's own."""
        weights = [weight for weight in self.weights if weight.requires_grad]
        return with_schedule(make_optimizer(self._training.optimizer, weights), self._training.schedule)

    def curves(self) -> list[dict[str, tuple[float, ...]]]:
        """Learning curve of each replica, as ``ClassifierTask.curve``."""
        points = torch.stack(self._history).cpu()
        curves = [
            {"train_loss": tuple(own[:, 0].tolist()), "train_accuracy": tuple(own[:, 1].tolist())}
            for own in points.permute(2, 0, 1)
        ]
        for name in self._validation[0] if self._validation else ():
            scores = torch.stack([point[name] for point in self._validation], 1).cpu()
            for curve, own in zip(curves, scores, strict=True):
                curve[name] = tuple(own.tolist())
        if self._lengths:
            ends = torch.stack(self._lengths).sum(0).tolist()
            curves = [{name: own[:end] for name, own in curve.items()} for curve, end in zip(curves, ends, strict=True)]
        return curves

    def _losses(self, logits: Tensor, batch: FoldsBatch, real: Tensor) -> Tensor:
        """Each replica's own loss, ``(K,)``, of its real samples alone."""
        loss, class_weights = self._training.loss, self._class_weights
        if loss.name != "cross_entropy":
            own = [None] * len(logits) if class_weights is None else class_weights
            return torch.stack(
                [
                    classification_loss(mine[:size], labels[:size], loss, weights)
                    for mine, labels, size, weights in zip(logits, batch.labels, batch.sizes, own, strict=True)
                ]
            )
        losses = cross_entropy(logits.flatten(0, 1), batch.labels.flatten(), reduction="none").view_as(real)
        weights = real if class_weights is None else real * class_weights.gather(1, batch.labels)
        # a product with 0 would keep what is not finite in the padding
        return torch.where(real > 0, losses * weights, 0.0).sum(1) / weights.sum(1)

    def _stacked_buffers(self) -> list[Tensor]:
        return [getattr(self, f"buffer_{place}") for place in range(len(self._buffer_names))]

    def _replicas(self, members: Sequence[int], sizes: Sequence[int]) -> Replicas:
        generators = tuple(self._streams[k].generator for k in members)
        return Replicas(tuple(sizes[k] for k in members), generators, self._orders)


def train_networks(
    fits: Sequence[Fit], model: Component, training: Training, how: AtOnce | None = None
) -> list[FoldResult]:
    """Train K folds (or seeds of one fold, or both) at once; each result is that of ``train_network`` up to rounding.

    Args:
        fits: One per replica, of one table, all with equally many training batches (see ``sets_of``); table,
            accelerator and callbacks of the first are those of all.
        model: A class of ``mer_lightning.models``.
        training: How it is fitted.
        how: From ``examine``; None examines.

    Raises:
        ValueError: The method cannot be trained at once, the folds do not fit together, or the table does not hold
            what the augmentation acts on.
        torch.OutOfMemoryError: K is too large for the device.
    """
    began = time.perf_counter()
    first, table = fits[0], fits[0].table
    check_held(table, training)
    how = how or examine(table, model, training)
    if how.reason:
        raise ValueError(how.reason)
    if len({batches_of(table, fit.fold, training) for fit in fits}) != 1:
        raise ValueError("folds at once need equally many training batches, and all or none of them validation")
    keep_freed_memory()
    task, streams = _task(fits, model, training, how)
    data = FoldsDataModule(
        table,
        [data_of(fit, training) for fit in fits],
        augmentation=augmentation_of(table, training),
        nine_positions=training.augmentation.nine_positions if training.augmentation else 0,
        streams=streams,
    )
    trainer = make_trainer(training, first.callbacks, accelerator=first.accelerator, validates=first.validates)
    with ctrl_c_raises():
        trainer.fit(task, data)
        batches: Any = trainer.predict(task, data)
    epochs = [training.epochs] * len(fits) if task.best_epoch is None else task.best_epoch.tolist()
    seconds = (time.perf_counter() - began) / len(fits)
    results: list[FoldResult] = []
    for k, (fit, epoch, curve) in enumerate(zip(fits, epochs, task.curves(), strict=True)):
        scores = torch.cat([probabilities[k, : sizes[k]] for probabilities, sizes in batches]).cpu()
        results.append(FoldResult(predictions_of(fit, scores), seconds, curve, epoch))
    let_go(trainer, task)
    return results


def _task(
    fits: Sequence[Fit], model: Component, training: Training, how: AtOnce
) -> tuple[FoldsAtOnceTask, list[Stream]]:
    """The replicas, and the random numbers of each."""
    models: list[nn.Module] = []
    streams: list[Stream] = []
    for fit in fits:
        lightning.seed_everything(fit.fold_seed, verbose=False)
        models.append(build_model(fit.table, model, fit.start))
        streams.append(Stream(fit.fold_seed, torch.get_rng_state()))
    weights = [own for fit in fits if (own := loss_weights(training, fit.class_counts())) is not None]
    stacked = torch.stack(weights) if weights else None
    return FoldsAtOnceTask(models, training, fits[0].table.classes, stacked, streams, how), streams
