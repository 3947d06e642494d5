"""Three 3-D streams on frames and flow, inspired by 3D-FCNN (Li, Wang, See, Liu, PAA 22, 2019)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from mer_lightning.models.layers import Dropout
from mer_lightning.models.volumes import MaxPool3d, check_shape

if TYPE_CHECKING:
    from torch import Tensor

_FILTERS = (16, 32, 64, 128, 128)
_STREAMS = ("grey", "u", "v")


class FCNN3D(nn.Module):
    """A 3-D CNN each on grey frames, horizontal flow and vertical flow, joined before the classifier.

    That there are three streams, on what, and that they are joined late is the paper's; its layer table is not at
    hand. Chosen here: five 3 x 3 x 3 convolutions of 16, 32, 64, 128 and 128 filters with ReLU, a pooling to half the
    size after each (the second and third also to half the length), a dense layer of 256.

    Args:
        classes: Number of classes.
        size: Height and width of the input, at least 32.
        frames: Maps per clip, at least 4.
        width: Values of a stream's dense layer.
        dropout: Probability that a value of a dense layer is dropped in training.
    """

    head_name: ClassVar[str] = "head"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        classes: int = 5,
        size: int = 96,
        frames: int = 10,
        width: int = 256,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self._input = (3, frames, size, size)
        self.streams = nn.ModuleDict({name: _Stream(size, frames, width, dropout) for name in _STREAMS})
        self.head = nn.Linear(width * len(_STREAMS), classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify clips.

        Args:
            x: ``(B, 3, frames, size, size)``: grey frame, horizontal flow, vertical flow.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The clips have another shape.
        """
        check_shape("fcnn_3d", x, self._input)
        parts = zip(self.streams.values(), x.split(1, 1), strict=True)
        return self.head(torch.cat([stream(part) for stream, part in parts], 1))


class _Stream(nn.Module):
    def __init__(self, size: int, frames: int, width: int, dropout: float) -> None:
        super().__init__()
        channels = (1, *_FILTERS)
        self.convs = nn.ModuleList(nn.Conv3d(before, after, 3, padding=1) for before, after in pairwise(channels))
        self.pools = nn.ModuleList(MaxPool3d((2 if i in {1, 2} else 1, 2, 2)) for i in range(len(_FILTERS)))
        self.dense = nn.Linear(_FILTERS[-1] * (frames // 4) * (size // 32) ** 2, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        for conv, pool in zip(self.convs, self.pools, strict=True):
            # the maximum of rectified values is the rectified maximum, and there are fewer of them
            x = pool(conv(x)).relu()
        return self.dropout(self.dense(x.flatten(1)).relu())
