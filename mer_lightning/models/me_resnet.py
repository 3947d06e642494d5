"""ME-ResNet, a 3-D ResNet-50 with CBAM on flow sequences (S1: Jiang, Zhu, Computer Science 51(11A), 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import nn

from mer_lightning.models.attention import CONV, NORM, Cbam, Gate
from mer_lightning.models.volumes import MaxPool3d, check_shape, fold_time

if TYPE_CHECKING:
    from torch import Tensor

Merge = Literal["add", "cat"]
Shortcut = Literal["convolution", "identity"]
Weighing = Literal["sigmoid", "softmax", "sigmoid_softmax"]

_GATES: dict[Weighing, tuple[Gate, Gate]] = {
    "sigmoid": ("sigmoid", "sigmoid"),
    "softmax": ("softmax", "softmax"),
    "sigmoid_softmax": ("sigmoid", "softmax"),
}
_UNITS = (3, 4, 6, 3)
_PLANES = (64, 128, 256, 512)


class MEResNet(nn.Module):
    """ResNet-50 (3, 4, 6 and 3 bottlenecks) in two or three dimensions, with CBAM after the third convolution.

    63,302,563 parameters for 3 channels and 3 classes: 46,205,123 of the 3-D ResNet-50, 2,525,920 of CBAM and
    14,571,520 of twelve shortcuts that are the identity in a ResNet. The four methods of the paper's Table 4 are
    ``dimensions`` 2 and 3 and ``cbam`` False and True, on frames or on flow; methods 1 to 3 are called ResNet50 there,
    so their ``shortcut`` is ``identity``. Any number of maps T and any size above 32 works; the paper has T = 10
    (N = 11 frames).

    Not stated in the paper, hence arguments or choices:

    - Strides: those of the 3-D ResNets, time halves with space from the first pooling on.
    - A 2-D network on a clip sees every map by itself; the features are averaged over time.
    - f1 and f2 are "stacked by channel": ``merge`` adds them, as ResNet does, or concatenates.
    - f1 comes out of a 1 x 1 x 1 convolution in every bottleneck, as section 2.2.1 and Figure 5 say; ``shortcut``
      makes it the identity where the shape stays, as in ResNet. The convolution is followed by a normalisation, and
      the sum passes a ReLU.
    - Normalisation stands between convolution and ReLU, as in ResNet; the paper names the ReLU first.
    - Channels are weighed by a sigmoid in the text (section 2.2.2) and by a softmax in equation 12; places are
      "normalised" in the text and weighed by a softmax in equation 14. ``weighing`` is sigmoids for both, as in CBAM,
      or what is printed. With both softmaxes 256 channels of 5 x 28 x 28 places share the weight 1
      twice, and of the first f2 about a millionth is left beside f1.
    - Weights start Glorot-uniform and biases at 0, as in Keras, which the paper used; ``start`` draws those of the
      convolutions as ResNet does.

    Args:
        in_channels: Channels of a map or frame.
        classes: Number of classes.
        dimensions: 3 convolves over time too, 2 sees single maps.
        cbam: Attention in every bottleneck.
        merge: How the bottleneck joins its shortcut.
        shortcut: Whether it is a convolution everywhere, or only where the shape changes.
        weighing: How attention makes weights of its scores: ``sigmoid``; ``softmax``, equations 12 and 14; or
            ``sigmoid_softmax``, the text's sigmoid of channels and equation 14.
        start: Weights as Keras draws them, or convolutions as ResNet does.
        third_relu: Whether a ReLU follows the third convolution too ("after each convolution"), or only the sum.
        reduction: Of the channel attention; not stated, 16 as in CBAM.
        kernel_size: Of the spatial attention; not stated, 7 as in CBAM.
        dropout: Probability that a pooled feature is dropped in training; the paper names none.
    """

    head_name: ClassVar[str] = "head"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        dimensions: Literal[2, 3] = 3,
        cbam: bool = True,
        merge: Merge = "add",
        shortcut: Shortcut = "convolution",
        weighing: Weighing = "sigmoid",
        start: Literal["glorot", "kaiming"] = "glorot",
        third_relu: bool = True,
        reduction: int = 16,
        kernel_size: int = 7,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self._in_channels, self._dimensions = in_channels, dimensions
        # a clip keeps its maps until the first pooling
        self.conv = (
            nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
            if dimensions == 2
            else nn.Conv3d(in_channels, 64, 7, (1, 2, 2), 3, bias=False)
        )
        self.norm = NORM[dimensions](64)
        self.pool = nn.MaxPool2d(3, 2, 1) if dimensions == 2 else MaxPool3d((3, 3, 3), (2, 2, 2), (1, 1, 1))
        channels = 64
        for stage, (units, planes) in enumerate(zip(_UNITS, _PLANES, strict=True)):
            blocks: list[nn.Module] = []
            for unit in range(units):
                step = 2 if stage and not unit else 1
                attention = Cbam(4 * planes, dimensions, reduction, kernel_size, _GATES[weighing]) if cbam else None
                block = Bottleneck(channels, planes, dimensions, step, attention, merge, shortcut, third_relu)
                blocks.append(block)
                channels = block.out_channels
            setattr(self, f"stage{stage + 1}", nn.Sequential(*blocks))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, classes)
        _start_weights(self, start)

    def forward(self, x: Tensor) -> Tensor:
        """Classify sequences.

        Args:
            x: ``(B, in_channels, T, H, W)``; with 2 dimensions also ``(B, in_channels, H, W)``, one image each.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The maps have another number of axes or channels.
        """
        if self._dimensions == 2 and x.ndim == 4:
            x = x[:, :, None]
        check_shape("me_resnet", x, (self._in_channels, None, None, None))
        size = len(x)
        x = self.norm(self.conv(fold_time(x) if self._dimensions == 2 else x)).relu()
        x = self.pool(x)
        for stage in range(1, 5):
            x = self.get_submodule(f"stage{stage}")(x)
        features = x.flatten(2).mean(2)
        if self._dimensions == 2:
            features = features.unflatten(0, (size, -1)).mean(1)
        return self.head(self.dropout(features))


class Bottleneck(nn.Module):
    """The paper's Figure 5: 1, 3, 1 convolutions and attention beside a shortcut.

    Args:
        channels: Channels that come in.
        planes: Channels of the middle convolution; the third has four times as many.
        dimensions: 2 or 3.
        stride: Step of the middle convolution, and of the shortcut.
        attention: What follows the third convolution, or None.
        merge: ``add``, or ``cat``, which doubles the channels.
        shortcut: ``convolution`` everywhere, or only where the shape changes.
        third_relu: A ReLU after the third convolution too.
    """

    def __init__(
        self,
        channels: int,
        planes: int,
        dimensions: Literal[2, 3],
        stride: int,
        attention: nn.Module | None,
        merge: Merge,
        shortcut: Shortcut,
        third_relu: bool,
    ) -> None:
        super().__init__()
        conv, norm, wide = CONV[dimensions], NORM[dimensions], 4 * planes
        self.conv1, self.norm1 = conv(channels, planes, 1, bias=False), norm(planes)
        self.conv2, self.norm2 = conv(planes, planes, 3, stride, 1, bias=False), norm(planes)
        self.conv3, self.norm3 = conv(planes, wide, 1, bias=False), norm(wide)
        self.attention = attention
        self.shortcut = (
            nn.Sequential(conv(channels, wide, 1, stride, bias=False), norm(wide))
            if shortcut == "convolution" or stride > 1 or channels != wide
            else None
        )
        self.merge, self.third_relu = merge, third_relu
        self.out_channels = 2 * wide if merge == "cat" else wide

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, ...)`` to ``(B, out_channels, ...)``."""
        f1 = x if self.shortcut is None else self.shortcut(x)
        f2 = self.norm1(self.conv1(x)).relu()
        f2 = self.norm2(self.conv2(f2)).relu()
        f2 = self.norm3(self.conv3(f2))
        if self.third_relu:
            f2 = f2.relu()
        if self.attention is not None:
            f2 = self.attention(f2)
        return (f1 + f2 if self.merge == "add" else torch.cat((f1, f2), 1)).relu()


def _start_weights(model: nn.Module, start: Literal["glorot", "kaiming"]) -> None:
    """Draw the weights that a network starts from."""
    for layer in model.modules():
        if start == "glorot" and isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            # typed as always there, but convolutions before a normalisation have none
            if layer.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
