"""Compact convolutional transformer on a flow map (Hassani et al., 2021, arXiv 2104.05704)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import torch
from timm.models.vision_transformer import Block
from torch import nn

from mer_lightning.models.layers import Dropout, channels_last, use_cheap_layers
from mer_lightning.models.volumes import check_shape

if TYPE_CHECKING:
    from torch import Tensor


class CompactTransformer(nn.Module):
    """CCT: convolutions make the tokens, attention over the last tokens makes the feature; timm's layers between.

    On pictures of 32 x 32 with 10 classes it has, as the paper's table says, 0.28 million parameters as CCT-2/3x2
    (the defaults) and 3.76 million as CCT-7/3x1 (``layers`` 7, ``heads`` 4, ``width`` 256, ``widening`` 2.0,
    ``convolutions`` 1).

    Args:
        in_channels: Channels of the map.
        classes: Number of classes.
        size: Height and width of the map.
        layers: Transformer layers.
        heads: Attention heads.
        width: Values of a token.
        widening: Hidden values of a layer's dense part, as a multiple of ``width``.
        convolutions: 3 x 3 convolutions before the transformer, each with a ReLU and a pooling to half the size.
        dropout: Probability that an attention weight or a token's value is dropped in training.
        drop_layer: Probability that a layer is passed by in training, for the last; it rises from 0.
    """

    head_name: ClassVar[str] = "head"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        size: int = 28,
        layers: int = 2,
        heads: int = 2,
        width: int = 128,
        widening: float = 1.0,
        convolutions: int = 2,
        dropout: float = 0.1,
        drop_layer: float = 0.1,
    ) -> None:
        super().__init__()
        self._input = (in_channels, size, size)
        filters = (in_channels, *(64 for _ in range(convolutions - 1)), width)
        self.tokenizer = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1, bias=False) for before, after in pairwise(filters)
        )
        side = size
        for _ in self.tokenizer:
            side = (side + 1) // 2
        self.position = nn.Parameter(nn.init.trunc_normal_(torch.empty(side * side, width), std=0.2))
        self.dropout = Dropout(dropout)
        drops = torch.linspace(0, drop_layer, layers, device="cpu").tolist()
        self.layers = nn.Sequential(
            *(
                Block(
                    width,
                    heads,
                    widening,
                    proj_drop=dropout,
                    attn_drop=dropout,
                    drop_path=rate,
                    norm_layer=nn.LayerNorm,
                )
                for rate in drops
            )
        )
        use_cheap_layers(self.layers)
        self.norm = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 1)
        self.head = nn.Linear(width, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                for name, value in layer.named_parameters():
                    nn.init.zeros_(value) if name == "bias" else nn.init.trunc_normal_(value, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Classify flow maps.

        Args:
            x: ``(B, in_channels, size, size)``, values 0..1.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The maps have another shape.
        """
        check_shape("compact_transformer", x, self._input)
        x = channels_last(x)
        for conv in self.tokenizer:
            # the maximum of rectified values is the rectified maximum
            x = nn.functional.max_pool2d(conv(x), 3, 2, 1).relu()
        tokens = self.norm(self.layers(self.dropout(x.flatten(2).transpose(1, 2) + self.position)))
        weights = self.attention(tokens).softmax(1)
        return self.head((weights * tokens).sum(1))
