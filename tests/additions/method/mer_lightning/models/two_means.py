"""A small network as an example: the means of a picture's parts, and two layers on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class TwoMeans(nn.Module):
    """Perceptron on the means of 7 x 7 parts.

    Args:
        classes: Number of classes.
        in_channels: Channels of the representation.
        hidden: Width of the hidden layer.
    """

    def __init__(self, classes: int, in_channels: int, hidden: int = 16) -> None:
        super().__init__()
        self.means = nn.AdaptiveAvgPool2d(7)
        self.layers = nn.Sequential(nn.Linear(in_channels * 49, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Classify ``(B, in_channels, H, W)``; logits ``(B, classes)``."""
        return self.layers(self.means(x).flatten(1))
