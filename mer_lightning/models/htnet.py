"""HTNet, a hierarchical transformer on four areas of a flow map (Wang et al., Neurocomputing 602, 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from mer_lightning.models.layers import Dropout, Linear
from mer_lightning.models.volumes import check_shape
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from torch import Tensor

# height and width of the centres of eyes and mouth corners in a face crop, as fractions of its side
_AREAS = (((0.39, 0.32), (0.39, 0.68)), ((0.75, 0.36), (0.75, 0.64)))


class HTNet(nn.Module):
    """Transformers within blocks of patches; from one level to the next four blocks become one.

    At the published size (28 x 28, patches of 7, width 256, 3 heads) it has 114,429,446 parameters for 3 classes with
    2, 2 and 8 layers, as in the authors' script for confusion matrices, and 139,582,982 with 2, 2 and 10, as in their
    training script. Every block then holds a single patch, so that its attention has nothing to choose from and is one
    linear layer: neighbours meet only in the convolutions between the levels. Smaller patches make it attend.

    Positions are one number per patch for all channels, as in the authors' code. Every layer that follows normalises
    over the channels, which takes that number out again; those of the last level have no effect at all.

    Args:
        in_channels: Channels of the map.
        classes: Number of classes.
        size: Height and width of the map.
        patch: Side of a patch.
        width: Channels of the first level; every level doubles them.
        heads: Attention heads of the first level; every level doubles them.
        layers: Transformer layers of each level, the finest first.
        areas: See the map as four overlapping quarters of 1/4 of its area, eyes above and mouth corners below, put
            together again. The authors find their centres in each apex frame and take a landmark's x for its row; here
            they are fixed.
        scale: What maps are multiplied with; 255, since the authors feed bytes as they are.
        dropout: Probability that an attention weight or a value within a layer is dropped in training.

    Raises:
        DataError: The patches cannot be put into blocks.
    """

    head_name: ClassVar[str] = "head"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        size: int = 28,
        patch: int = 7,
        width: int = 256,
        heads: int = 3,
        layers: list[int] | tuple[int, ...] = (2, 2, 8),
        areas: bool = True,
        scale: float = 255.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        side, blocks = size // patch, 2 ** (len(layers) - 1)
        if size % patch or side % blocks or (areas and size % 4):
            raise DataError(
                f"htnet: {size} x {size} maps do not divide into patches of {patch} in {blocks} x {blocks} blocks"
            )
        self._input = (in_channels, size, size)
        self._areas, self._scale = areas, scale
        self.patches = nn.Conv2d(in_channels, width, patch, patch)
        self.levels = nn.ModuleList(
            _Level(width * 2**i, heads * 2**i, depth, (side // blocks) ** 2, blocks // 2**i, dropout)
            for i, depth in enumerate(layers)
        )
        self.merges = nn.ModuleList(_Merge(width * 2**i) for i in range(len(layers) - 1))
        last = width * blocks
        self.norm = nn.LayerNorm(last)
        self.head = nn.Linear(last, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify flow maps.

        Args:
            x: ``(B, in_channels, size, size)``, values 0..1.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The maps have another shape.
        """
        check_shape("htnet", x, self._input)
        x = self.patches((four_areas(x) if self._areas else x) * self._scale)
        for i, level in enumerate(self.levels):
            x = level(x)
            if i < len(self.merges):
                x = self.merges[i](x)
        return self.head(self.norm(x.flatten(2).transpose(1, 2)).mean(1))


def four_areas(x: Tensor) -> Tensor:
    """Put windows around eyes and mouth corners together as one map of the same size.

    Args:
        x: ``(B, C, S, S)``, S a multiple of 4; a face crop fills it.

    Returns:
        Same shape: eyes above, mouth corners below, each a window of S/2 x S/2 that lies within the map.
    """
    size = x.shape[-1]
    half = size // 2

    def window(centre: tuple[float, float]) -> Tensor:
        top, left = (min(max(round(place * size) - half // 2, 0), size - half) for place in centre)
        return x[..., top : top + half, left : left + half]

    return torch.cat([torch.cat([window(centre) for centre in row], 3) for row in _AREAS], 2)


class _Level(nn.Module):
    """Transformer layers within each of blocks x blocks blocks."""

    def __init__(self, width: int, heads: int, depth: int, tokens: int, blocks: int, dropout: float) -> None:
        super().__init__()
        self._blocks = blocks
        self.position = nn.Parameter(torch.randn(tokens))
        self.layers = nn.ModuleList(_Layer(width, heads, dropout) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, width, H, W)``; the shape stays."""
        side = x.shape[-1] // self._blocks
        # (B, C, rows of blocks, rows, columns of blocks, columns) -> (B, blocks, places, C)
        x = x.unflatten(3, (self._blocks, side)).unflatten(2, (self._blocks, side))
        x = x.permute(0, 2, 4, 3, 5, 1).flatten(3, 4).flatten(1, 2) + self.position[:, None]
        for layer in self.layers:
            x = layer(x)
        x = x.unflatten(2, (side, side)).unflatten(1, (self._blocks, self._blocks))
        return x.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


class _Layer(nn.Module):
    """Attention and two dense layers, each after a normalisation and beside a shortcut."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        # where the heads do not divide the width, the rest of it is left out
        self._heads, inner = heads, width // heads * heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = Linear(width, 3 * inner, bias=False)
        self.out = Linear(inner, width)
        self.dense1, self.dense2 = Linear(width, 4 * width), Linear(4 * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, blocks, places, width)``; the shape stays."""
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, self._heads, -1)).transpose(2, 4).unbind(3)
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        attended = self.dropout(scores.softmax(-1)) @ v
        x = x + self.dropout(self.out(attended.transpose(2, 3).flatten(3)))
        return x + self.dropout(self.dense2(self.dropout(nn.functional.gelu(self.dense1(self.norm2(x))))))


class _Merge(nn.Module):
    """Convolution to twice the channels, normalisation of each place, pooling to half the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, 2 * width, 3, padding=1), nn.LayerNorm(2 * width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return nn.functional.max_pool2d(x, 3, 2, 1)
