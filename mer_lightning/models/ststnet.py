"""STSTNet, the shallow triple-stream network (Liong et al., FG 2019, arXiv 1902.03634)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from mer_lightning.models.conv_relu_norm_pool import ConvReluNormPool2d
from mer_lightning.models.layers import AveragePool2d, Dropout

if TYPE_CHECKING:
    from torch import Tensor


class STSTNet(nn.Module):
    """Shallow triple-stream three-dimensional CNN: 1,683 parameters for 3 channels and 3 classes.

    The paper runs three streams of 3, 5 and 8 filters on the same input and concatenates their maps.
    Every step of a stream up to there works filter by filter, so one convolution of 3 + 5 + 8 = 16
    filters gives the same maps in the same order; with the same fan-in it also starts from the same
    distribution of weights.

    Args:
        in_channels: Channels of the input; the paper's are horizontal flow, vertical flow, optical strain.
        classes: Number of classes.
        dropout: Probability that a pooled value is dropped in training.
        scale: What maps are multiplied with; the authors' code feeds bytes, 255. Normalisation takes the factor out of
            the filters but not of the bias that the convolution adds before it.
    """

    def __init__(self, in_channels: int = 3, classes: int = 3, dropout: float = 0.5, scale: float = 1.0) -> None:
        super().__init__()
        self._scale = scale
        self.streams = ConvReluNormPool2d(in_channels, 16, kernel_size=3, padding=2, window=(3, 3, 1))
        self.dropout = Dropout(dropout)
        self.pool = AveragePool2d(2)
        self.head = nn.Linear(16 * 5 * 5, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify flow maps.

        Args:
            x: ``(B, in_channels, 28, 28)``, values 0..1.

        Returns:
            Logits, ``(B, classes)``.
        """
        x = x if self._scale == 1 else x * self._scale
        return self.head(self.pool(self.dropout(self.streams(x))).flatten(1))
