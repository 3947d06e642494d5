"""Separable 3-D CNN with transfer from macro-expressions (S2: Liang, Liu, Sun, Computer Engineering 48(1), 2022)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from torch import nn

from mer_lightning.models.layers import Dropout
from mer_lightning.models.volumes import AvgPool3d, MaxPool3d, TimeConv3d, check_shape

if TYPE_CHECKING:
    from torch import Tensor

Kernel = Literal["separable", "2d", "3d"]

_FILTERS = (16, 16, 32, 32, 64, 64, 128, 128)


class S3DCNN(nn.Module):
    """Eight convolution blocks, four poolings and one dense layer: the paper's Table 1.

    At 5 classes it has 3,374,453 parameters (``separable``), 3,243,413 (``2d``) or 3,829,493 (``3d``), as the
    paper's Table 4 says. Every convolution has a bias and a ReLU and keeps the size of its map; there is no
    normalisation. Weights start as in Keras, which the paper used: Glorot-uniform, biases 0.

    Not stated in the paper: the activations (ReLU here).

    Args:
        in_channels: Channels of the input; the paper's are horizontal flow, vertical flow, optical strain.
        classes: Number of classes.
        kernel: ``separable`` is 3 x 3 in space, then 3 in time, with a ReLU between (S3D CNN); ``2d`` drops the
            temporal convolutions (2D CNN), ``3d`` is one 3 x 3 x 3 convolution (3D CNN).
        size: Height and width of the input.
        frames: Maps per clip.
        dropout: Probability that a value of the dense layer is dropped in training.
        dense_relu: Whether the dense layer has a ReLU.
    """

    head_name: ClassVar[str] = "head"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ("conv1", "conv2", "conv3", "conv4", "conv5", "conv6")

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 5,
        kernel: Kernel = "separable",
        size: int = 96,
        frames: int = 10,
        dropout: float = 0.2,
        dense_relu: bool = True,
    ) -> None:
        super().__init__()
        self._input = (in_channels, frames, size, size)
        channels = (in_channels, *_FILTERS)
        for i in range(8):
            setattr(self, f"conv{i + 1}", _Block(channels[i], channels[i + 1], kernel))
        for i in range(3):
            setattr(self, f"pool{i + 1}", MaxPool3d((1, 2, 2)))
        self.pool4 = AvgPool3d((2, 2, 2))
        self.dense = nn.Linear(_FILTERS[-1] * (frames // 2) * (size // 16) ** 2, 128)
        self.dense_relu = dense_relu
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(128, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv3d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Classify sequences of flow maps.

        Args:
            x: ``(B, in_channels, frames, size, size)``, standardised.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The maps have another shape.
        """
        check_shape("s3d_cnn", x, self._input)
        for i in range(1, 9):
            x = self.get_submodule(f"conv{i}")(x)
            if i % 2 == 0:
                x = self.get_submodule(f"pool{i // 2}")(x)
        x = self.dense(x.flatten(1))
        return self.head(self.dropout(x.relu() if self.dense_relu else x))


class _Block(nn.Module):
    """One row pair of Table 1: ``spatial`` is Conv_s, ``temporal`` Conv_t."""

    def __init__(self, channels: int, filters: int, kernel: Kernel) -> None:
        super().__init__()
        depth = 3 if kernel == "3d" else 1
        self.spatial = nn.Conv3d(channels, filters, (depth, 3, 3), padding=(depth // 2, 1, 1))
        self.temporal = TimeConv3d(filters, filters, 3) if kernel == "separable" else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.spatial(x).relu()
        return x if self.temporal is None else self.temporal(x).relu()
