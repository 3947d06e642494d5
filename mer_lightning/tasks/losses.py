"""Losses of a classifier: cross-entropy, and focal loss in the two forms that papers write it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from mer_lightning.settings import Loss, Training


def classification_loss(logits: Tensor, labels: Tensor, loss: Loss, weights: Tensor | None = None) -> Tensor:
    """Mean loss of a batch.

    With p the softmax probability of the true class, ``cross_entropy`` is -log p and ``focal`` is
    -(1 - p)^gamma log p (Lin et al., ICCV 2017). ``focal_one_vs_rest`` adds up one binary focal loss per class, with
    sigmoid probabilities q: -(1 - q)^gamma log q for the true class, -q^gamma log(1 - q) for each other (S3,
    equation 10).

    Built on torch's cross-entropies, which run under ``torch.func.vmap`` and ask the device for nothing; the losses
    of kornia and torchvision give the same values.

    Args:
        logits: ``(B, C)``.
        labels: ``(B,)``, int64, 0..C-1.
        loss: Which one.
        weights: Weight of each class, ``(C,)``, or None. cross_entropy divides by the sum of the weights in the
            batch, as torch does, focal by B. In ``focal_one_vs_rest`` they are alpha: the true class counts alpha, each
            other class 1 - alpha.

    Returns:
        A scalar; for ``focal_one_vs_rest`` the mean over samples of the sum over classes.
    """
    if loss.name == "cross_entropy":
        return functional.cross_entropy(logits, labels, weights)
    if loss.name == "focal":
        focal = _focal(functional.cross_entropy(logits, labels, reduction="none"), loss.gamma)
        return (focal if weights is None else focal * weights[labels]).mean()
    true = labels[:, None] == torch.arange(logits.shape[1], device=logits.device)
    focal = functional.binary_cross_entropy_with_logits(logits, true.to(logits), reduction="none")
    focal = _focal(focal, loss.gamma)
    return (focal if weights is None else focal * torch.where(true, weights, 1 - weights)).sum(1).mean()


def check_loss(loss: Loss, classes: int) -> None:
    """Make sure that a loss fits a number of classes.

    Raises:
        DataError: Its alpha has another number of them.
    """
    if isinstance(loss.alpha, tuple) and len(loss.alpha) != classes:
        raise DataError(f"training.loss.alpha: expected one value for each of {classes} classes, got {len(loss.alpha)}")


def loss_weights(training: Training, counts: Tensor) -> Tensor | None:
    """Weight of each class in the loss of one fold.

    Balanced weights are N / (C n_c). As alpha of ``focal_one_vs_rest`` they are 1 - n_c / N, so that a class and all
    others together weigh the same.

    Args:
        training: What the recipe says.
        counts: Training samples n_c of each class, ``(C,)``.

    Returns:
        ``(C,)``, or None where all classes weigh the same. A class without training samples weighs 0 (with
        ``focal_one_vs_rest``: 1, since it is only ever one of the others).

    Raises:
        DataError: As ``check_loss``.
    """
    check_loss(training.loss, len(counts))
    alpha = training.loss.alpha
    if isinstance(alpha, tuple):
        return torch.tensor(alpha, device=counts.device)
    if "balanced" not in {alpha, training.class_weights}:
        return None
    if training.loss.name == "focal_one_vs_rest":
        return 1 - counts / counts.sum()
    # a class that this fold cannot train on gets no weight rather than an infinite one
    return torch.where(counts > 0, counts.sum() / (len(counts) * counts.clamp(min=1)), 0.0)


def _focal(cross_entropy: Tensor, gamma: float) -> Tensor:
    """Weigh -log p by (1 - p)^gamma."""
    # expm1 keeps 1 - p precise near p = 1; the floor keeps the gradient finite there where gamma < 1
    miss = (-torch.expm1(-cross_entropy)).clamp(min=torch.finfo(cross_entropy.dtype).tiny)
    return miss**gamma * cross_entropy
