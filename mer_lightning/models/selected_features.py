"""Selected features of a frozen network, after selective deep features (Patel, Hong, Zhao, ICPR 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mer_lightning.backbones import make_backbone
from mer_lightning.models.transfer import freeze
from mer_lightning.models.volumes import check_shape, fold_time
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from torch import Tensor


class SelectedFeatures(nn.Module):
    """Features of frames from a network that is never trained; a few of them, chosen in training, are classified.

    The paper searches features of a network of pictures or faces by evolution and classifies with a support vector
    machine. Here every feature has a score, the ``keep`` features of the largest scores pass, and scores follow the
    gradient as if a sigmoid of them had let the feature through; the classifier is linear. Selection sees the training
    part of a fold alone.

    Args:
        in_channels: Channels of a frame.
        classes: Number of classes.
        backbone: Network of timm.
        weights: File that it starts from; None leaves it as drawn, a random projection.
        keep: Features that are kept.

    Raises:
        DataError: The network has fewer features, or the weights do not fit.
    """

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 5,
        backbone: str = "vgg16",
        weights: str | None = None,
        keep: int = 256,
    ) -> None:
        super().__init__()
        self._in_channels, self._keep = in_channels, keep
        self.network: Any = make_backbone(backbone, in_channels, weights, num_classes=0)
        features = int(self.network.head_hidden_size)
        if not 0 < keep <= features:
            raise DataError(f"selected_features: expected keep in 1..{features}, got {keep}")
        freeze(self, ("network",))
        self.norm = nn.LayerNorm(features, elementwise_affine=False)
        self.scores = nn.Parameter(torch.randn(features) * 0.01)
        self.head = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify clips.

        Args:
            x: ``(B, in_channels, T, H, W)``, values 0..1.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The clips have another shape.
        """
        check_shape("selected_features", x, (self._in_channels, None, None, None))
        features = self.network(fold_time(x)).unflatten(0, (len(x), -1)).mean(1)
        return self.head(self.norm(features) * self.gate())

    def gate(self) -> Tensor:
        """1 for features that are kept, else 0, with the gradient of a sigmoid; ``(features,)``."""
        soft = self.scores.sigmoid()
        kept = torch.zeros_like(soft).scatter(0, self.scores.topk(self._keep).indices, 1.0)
        return kept + soft - soft.detach()
