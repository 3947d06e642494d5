"""Shallow recurrent convolution networks on a flow map (Xia et al., TIP 29, 2020, arXiv 2006.09674)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from mer_lightning.models.layers import Dropout, channels_last

if TYPE_CHECKING:
    from torch import Tensor

Unit = Literal["attention", "shortcut", "wide"]


class RCN(nn.Module):
    """One convolution, one recurrent convolution and a linear classifier, with one of the paper's additions.

    At 3 channels and 3 classes RCN-W has 13,795 parameters with 32 filters and a 5 x 5 map, 52,675 with 64 filters and
    a 7 x 7 map; RCN-A has 15,331 and 55,747. RCN-S is counted as 24,643 and 92,803 in the authors' code, but 9,312 and
    37,056 of them belong to a convolution that it makes and never runs: the additions of the paper need no parameters.

    - ``attention`` (RCN-A): the last map is weighed by a class activation map of the first one, seen through the
      weights of the classifier.
    - ``shortcut`` (RCN-S): every step of the recurrence sees the sum of all maps before it.
    - ``wide`` (RCN-W): the first convolution is three, with steps of 1, 2 and 3 pixels between the taps.

    The last map of RCN-W is 10 x 10 for maps of 60 x 60 and 5 x 5 for 28 x 28, before it is averaged to ``pool``; any
    size above 11 works.

    Args:
        in_channels: Channels of the input; the authors' are those of a flow picture.
        classes: Number of classes.
        unit: Which of the three.
        filters: Channels of every map, a multiple of 4.
        pool: Side of the map that is classified.
        spare: Keep the convolution of RCN-S that never runs, so that its parameters are counted as the authors do.
        dropout: Probability that a value of a pooled map is dropped in training.
    """

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        unit: Unit = "wide",
        filters: int = 64,
        pool: int = 7,
        spare: bool = False,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self._unit, self._pool = unit, pool
        self.expand = _Wide(in_channels, filters) if unit == "wide" else _Narrow(in_channels, filters)
        self.forth = _conv_norm(filters, 1)
        self.recurrent = _conv_norm(filters, 3)
        self.spare = _conv_norm(filters, 3) if spare else None
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(filters * pool * pool, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.head.weight, 0, 0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Classify flow maps.

        Args:
            x: ``(B, in_channels, H, W)``, values 0..1.

        Returns:
            Logits, ``(B, classes)``.
        """
        x = self.dropout(self.expand(channels_last(x)))
        seen = x + self.forth(x).relu()
        state = self.recurrent(seen).relu()
        if self._unit == "shortcut":
            seen = seen + state
            state = self.recurrent(seen).relu()
            state = self.recurrent(seen + state).relu()
        else:
            state = self.recurrent(x + state).relu()
        state = self.dropout(nn.functional.max_pool2d(state, 2))
        state = nn.functional.adaptive_avg_pool2d(state, self._pool)
        if self._unit == "attention":
            state = state * self._attention(nn.functional.adaptive_avg_pool2d(x, self._pool))
        return self.head(state.flatten(1))

    def _attention(self, x: Tensor) -> Tensor:
        """Mean over the classes of their activation maps, each scaled to 0..1; ``(B, 1, pool, pool)``."""
        weights = self.head.weight.view(-1, *x.shape[1:])
        maps = torch.einsum("bchw,kchw->bkhw", x, weights) / x.shape[1]
        maps = maps - maps.amin((2, 3), keepdim=True)
        # a map without any contrast draws no attention
        maps = maps / maps.amax((2, 3), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)
        return maps.mean(1, keepdim=True)


class _Narrow(nn.Module):
    """5 x 5 convolution, normalisation, ReLU and 2 x 2 pooling."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, filters, 5), nn.BatchNorm2d(filters)

    def forward(self, x: Tensor) -> Tensor:
        # the maximum of rectified values is the rectified maximum, and there are four times fewer of them
        return nn.functional.max_pool2d(self.norm(self.conv(x)), 2).relu()


class _Wide(nn.Module):
    """Three 3 x 3 convolutions side by side with gaps of 1, 2 and 3 pixels and a step of 3; ReLU, normalisation."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        widths = (filters // 2, filters // 4, filters // 4)
        self.streams = nn.ModuleList(
            nn.Conv2d(channels, width, 3, stride=3, padding=gap, dilation=gap) for gap, width in enumerate(widths, 1)
        )
        # normalisation works channel by channel, so one layer does for the three streams
        self.norm = nn.BatchNorm2d(filters)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(torch.cat([stream(x) for stream in self.streams], 1).relu())


def _conv_norm(filters: int, size: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(filters, filters, size, padding=size // 2), nn.BatchNorm2d(filters))
