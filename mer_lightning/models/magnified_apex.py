"""The magnified apex, whole and in parts, after MagGA (Li, Huang, Zhao, ICIP 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from mer_lightning.backbones import make_backbone
from mer_lightning.models.layers import Dropout
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from torch import Tensor


class MagnifiedApex(nn.Module):
    """The convolutions of a VGG on the apex, a classifier of the whole face and one of its most telling part.

    The paper fine-tunes VGG-Face on the Eulerian-magnified apex frame. Not stated, hence choices: the global
    classifier sees the mean of the last map; the local one sees every part of a grid by itself, and the largest score
    of each class counts; both scores are added. The 14,714,688 convolution parameters are VGG-16's.

    Args:
        in_channels: Channels of the image.
        classes: Number of classes.
        backbone: A VGG of timm.
        weights: File that it starts from, e.g. VGG-Face in timm's names; None draws it.
        grid: Parts along each side; 0 leaves the local classifier away.
        dropout: Probability that a feature is dropped in training.

    Raises:
        DataError: The backbone is no VGG, or the weights do not fit.
    """

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 5,
        backbone: str = "vgg16",
        weights: str | None = None,
        grid: int = 3,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if not backbone.startswith("vgg"):
            raise DataError(f"magnified_apex: expected a VGG as backbone, got '{backbone}'")
        network = make_backbone(backbone, in_channels, weights)
        self.features: Any = network.features
        self._grid = grid
        self.dropout = Dropout(dropout)
        self.whole = nn.Linear(network.num_features, classes)
        self.part = nn.Linear(network.num_features, classes) if grid else None

    def forward(self, x: Tensor) -> Tensor:
        """Classify images.

        Args:
            x: ``(B, in_channels, H, W)``, at least 32 x 32.

        Returns:
            Logits, ``(B, classes)``.
        """
        x = self.features(x)
        logits = self.whole(self.dropout(x.mean((2, 3))))
        if self.part is None:
            return logits
        parts = nn.functional.adaptive_avg_pool2d(x, self._grid).flatten(2).transpose(1, 2)
        return logits + self.part(self.dropout(parts)).amax(1)
