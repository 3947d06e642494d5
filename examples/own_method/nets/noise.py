"""An augmentation of my own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class Noise(nn.Module):
    """Add Gaussian noise to every value of a training batch.

    Args:
        level: Its standard deviation.
    """

    def __init__(self, level: float = 0.02) -> None:
        super().__init__()
        self.level = level

    def forward(self, x: Tensor) -> Tensor:
        """Change ``(B, C, H, W)``; what is drawn follows from the seed of the fold."""
        return x + self.level * torch.randn_like(x)
