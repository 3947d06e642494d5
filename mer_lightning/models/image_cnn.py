"""A small CNN on single frames, inspired by the image-based CNN of Takalkar and Xu (DICTA 2017)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from mer_lightning.models.layers import Dropout
from mer_lightning.models.volumes import check_shape, fold_time

if TYPE_CHECKING:
    from torch import Tensor


class ImageCNN(nn.Module):
    """Every frame is classified by itself; a clip's logits are the mean of its frames'.

    The paper trains on frames as if they were samples; its layers are not at hand. Chosen here: four 3 x 3
    convolutions with normalisation, ReLU and pooling to half the size, a dense layer. A clip is one sample, so that
    all its frames are on the same side of a fold and it counts once.

    Args:
        in_channels: Channels of a frame.
        classes: Number of classes.
        filters: Channels of the first convolution; each of the others has twice as many as the one before.
        width: Values of the dense layer.
        dropout: Probability that a value of the dense layer is dropped in training.
    """

    head_name: ClassVar[str] = "head"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self, in_channels: int = 1, classes: int = 5, filters: int = 32, width: int = 256, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self._in_channels = in_channels
        channels = (in_channels, *(filters * 2**i for i in range(4)))
        self.convs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after))
            for before, after in pairwise(channels)
        )
        self.dense = nn.Linear(channels[-1], width)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify clips.

        Args:
            x: ``(B, in_channels, T, H, W)``, values 0..1, at least 16 x 16.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The clips have another shape.
        """
        check_shape("image_cnn", x, (self._in_channels, None, None, None))
        clips, x = len(x), fold_time(x)
        for conv in self.convs:
            # the maximum of rectified values is the rectified maximum
            x = nn.functional.max_pool2d(conv(x), 2).relu()
        x = self.head(self.dropout(self.dense(x.mean((2, 3))).relu()))
        return x.unflatten(0, (clips, -1)).mean(1)
