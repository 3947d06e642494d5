"""Attention over channels and over places, for images and for clips (Woo et al., CBAM, ECCV 2018, arXiv 1807.06521)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

Gate = Literal["sigmoid", "softmax"]

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class ChannelAttention(nn.Module):
    """How much each channel matters: sigmoid(MLP(mean) + MLP(maximum)), one MLP for both, without biases.

    Args:
        channels: Channels of the map.
        reduction: The hidden layer of the MLP has ``channels // reduction`` values, at least one.
        gate: ``softmax`` in place of the sigmoid: the weights of all channels have the sum 1 (S1, equation 12).
    """

    def __init__(self, channels: int, reduction: int = 16, gate: Gate = "sigmoid") -> None:
        super().__init__()
        self._gate: Gate = gate
        hidden = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.excite = nn.Linear(hidden, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh channels.

        Args:
            x: ``(B, C, ...)``, two or three axes of place.

        Returns:
            ``(B, C, 1, ...)``, values 0..1.
        """
        values = x.flatten(2)
        scores = self._mlp(values.mean(2)) + self._mlp(values.amax(2))
        return _gated(scores, self._gate).view(*scores.shape, *(1,) * (x.ndim - 2))

    def _mlp(self, values: Tensor) -> Tensor:
        return self.excite(self.squeeze(values).relu())


class SpatialAttention(nn.Module):
    """How much each place matters: sigmoid(conv(maximum over channels, mean over channels)), without a bias.

    Args:
        dimensions: 2 for images, 3 for clips, where time is one of the axes.
        kernel_size: Side of the convolution, odd.
        gate: ``softmax`` in place of the sigmoid: the weights of all places have the sum 1 (S1, equation 14).
    """

    def __init__(self, dimensions: Literal[2, 3] = 2, kernel_size: int = 7, gate: Gate = "sigmoid") -> None:
        super().__init__()
        self._gate: Gate = gate
        self.conv = CONV[dimensions](2, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh places.

        Args:
            x: ``(B, C, H, W)`` or ``(B, C, T, H, W)``.

        Returns:
            As x with one channel, values 0..1.
        """
        scores = self.conv(torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), 1))
        return _gated(scores.flatten(1), self._gate).view_as(scores)


class Cbam(nn.Module):
    """Channel attention, then spatial attention of what it left.

    Args:
        channels: Channels of the map.
        dimensions: 2 for images, 3 for clips.
        reduction: Of the channel attention.
        kernel_size: Of the spatial attention.
        gates: What makes weights of scores, of the channel attention and of the spatial one.
    """

    def __init__(
        self,
        channels: int,
        dimensions: Literal[2, 3] = 2,
        reduction: int = 16,
        kernel_size: int = 7,
        gates: tuple[Gate, Gate] = ("sigmoid", "sigmoid"),
    ) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, reduction, gates[0])
        self.spatial = SpatialAttention(dimensions, kernel_size, gates[1])

    def forward(self, x: Tensor) -> Tensor:
        """Weigh a map; the shape stays."""
        x = x * self.channel(x)
        return x * self.spatial(x)


def _gated(scores: Tensor, gate: Gate) -> Tensor:
    """Weights of scores ``(B, n)``, each in 0..1."""
    return scores.sigmoid() if gate == "sigmoid" else scores.softmax(1)
