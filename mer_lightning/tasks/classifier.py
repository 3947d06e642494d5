"""The LightningModule that trains any model to tell classes apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from lightning import LightningModule
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score, MulticlassRecall

from mer_lightning.settings import Loss
from mer_lightning.tasks.losses import classification_loss

if TYPE_CHECKING:
    from lightning.pytorch.utilities.types import OptimizerLRScheduler
    from torch import Tensor, nn

    from mer_lightning.settings import Optimizer, Schedule
    from mer_lightning.types import Batch


class ClassifierTask(LightningModule):
    """Training of a model by its loss, with a learning curve that costs no synchronisation per step.

    Args:
        model: Representation ``(B, ...)`` in, logits ``(B, C)`` out.
        optimizer: Optimiser and its rates.
        classes: Number of classes C.
        class_weights: Weight of each class in the loss, ``(C,)``, or None.
        loss: What is minimised; cross-entropy when None.
        schedule: How the learning rate falls; it stays when None.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        classes: int,
        class_weights: Tensor | None = None,
        loss: Loss | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self._optimizer, self._schedule = optimizer, schedule
        self._loss = loss or Loss()
        self.register_buffer("_class_weights", class_weights, persistent=False)
        self._class_weights: Tensor | None
        # per class, since torchmetrics leaves an absent class out of a mean, and the scores of the suite do not
        self.validation_scores = MetricCollection(
            {
                "val_accuracy": MulticlassAccuracy(classes, average="micro"),
                "val_uf1": MulticlassF1Score(classes, average="none"),
                "val_uar": MulticlassRecall(classes, average="none"),
            }
        )
        self._epoch: list[Tensor] = []
        self._history: list[Tensor] = []
        self._validation: list[dict[str, Tensor]] = []

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits ``(B, C)`` of a batch of representations."""
        return self.model(inputs)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one batch; sums for the learning curve stay on the device."""
        del batch_idx
        logits = self.model(batch.inputs)
        loss = classification_loss(logits, batch.labels, self._loss, self._class_weights)
        with torch.no_grad():
            hits = (logits.argmax(1) == batch.labels).sum()
            size = len(batch.labels)
            self._epoch.append(torch.stack((loss.detach() * size, hits.to(loss), loss.new_full((), size))))
        return loss

    def on_train_epoch_end(self) -> None:
        """Close one point of the learning curve."""
        total = torch.stack(self._epoch).sum(0)
        self._history.append(total[:2] / total[2])
        self._epoch.clear()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Pool the predictions for the validation subjects."""
        del batch_idx
        self.validation_scores.update(self.model(batch.inputs), batch.labels)

    def on_validation_epoch_end(self) -> None:
        """Score the pooled validation predictions; ``val_uf1`` selects the epoch."""
        scores = {name: score.mean() for name, score in self.validation_scores.compute().items()}
        self.log_dict(scores)
        self._validation.append(scores)
        self.validation_scores.reset()

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Class probabilities ``(B, C)``, float32."""
        del batch_idx
        return self.model(batch.inputs).float().softmax(1)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimiser of the recipe over all weights that are not frozen, and what lowers its rate."""
        optimizer = make_optimizer(self._optimizer, [p for p in self.parameters() if p.requires_grad])
        return with_schedule(optimizer, self._schedule)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the learning curve, the epoch that is under way among it."""
        checkpoint["curve"] = {"epoch": self._epoch, "history": self._history, "validation": self._validation}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the learning curve."""
        curve = checkpoint["curve"]
        self._epoch, self._history, self._validation = curve["epoch"], curve["history"], curve["validation"]

    @property
    def curve(self) -> dict[str, tuple[float, ...]]:
        """Learning curve: ``train_loss`` and ``train_accuracy`` per epoch, ``val_*`` where there was validation."""
        points = torch.stack(self._history).cpu() if self._history else torch.empty(0, 2)
        curve = {
            "train_loss": tuple(points[:, 0].tolist()),
            "train_accuracy": tuple(points[:, 1].tolist()),
        }
        for name in self._validation[0] if self._validation else ():
            curve[name] = tuple(float(scores[name]) for scores in self._validation)
        return curve


def make_optimizer(settings: Optimizer, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser that a recipe names, over these weights."""
    match settings.name:
        case "adam":
            return torch.optim.Adam(weights, settings.lr, weight_decay=settings.weight_decay, fused=True)
        case "adamw":
            return torch.optim.AdamW(weights, settings.lr, weight_decay=settings.weight_decay, fused=True)
        case "sgd":
            return torch.optim.SGD(
                weights, settings.lr, settings.momentum, weight_decay=settings.weight_decay, fused=True
            )


def with_schedule(optimizer: torch.optim.Optimizer, schedule: Schedule | None) -> OptimizerLRScheduler:
    """What Lightning's ``configure_optimizers`` returns for an optimiser whose rate may fall."""
    if schedule is None:
        return optimizer
    steps = torch.optim.lr_scheduler.StepLR(optimizer, schedule.every, schedule.factor)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": steps, "interval": "epoch"}}
