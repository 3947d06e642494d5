"""A network that sees brows and mouth apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from mer_lightning.models.layers import Dropout

if TYPE_CHECKING:
    from torch import Tensor


class Halves(nn.Module):
    """A branch of two convolutions for each half of a flow map, and one layer on both.

    Args:
        classes: Number of classes; filled in from the protocol.
        in_channels: Channels of the representation; filled in too.
        width: Channels of each branch.
        dropout: Probability that a value is dropped before the last layer, 0 <= dropout < 1.
        side: Height and width of the maps.
    """

    def __init__(self, classes: int, in_channels: int, width: int = 16, dropout: float = 0.5, side: int = 28) -> None:
        super().__init__()
        self.upper, self.lower = (self._branch(in_channels, width) for _ in range(2))
        self.head = nn.Sequential(
            nn.Flatten(), Dropout(dropout), nn.Linear(2 * width * (side // 8) * (side // 4), classes)
        )

    @staticmethod
    def _branch(in_channels: int, width: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Classify maps ``(B, in_channels, H, W)``; logits ``(B, classes)``."""
        middle = x.shape[2] // 2
        return self.head(torch.cat((self.upper(x[:, :, :middle]), self.lower(x[:, :, middle:])), 1))
