"""ResNet-18 with spatial and channel attention on the apex frame (S3: Xu, Zheng, Yang, CAAI Trans. 16(6), 2021)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import timm
from torch import nn

from mer_lightning.backbones import check_dropout
from mer_lightning.models.attention import ChannelAttention, SpatialAttention

if TYPE_CHECKING:
    from torch import Tensor

Attention = Literal["none", "spatial", "channel", "dual"]
ChannelFrom = Literal["input", "refined"]


class DualAttentionResNet(nn.Module):
    """timm's ResNet-18 with attention in each of its eight residual units.

    It has 11,266,901 parameters at 5 classes and r = 16: 11,179,077 of ResNet-18, 784 of spatial and 87,040 of channel
    attention. Input of the paper: the aligned apex frame as 224 x 224 colour image; any size above 32 works.

    The paper's equation 5 is F' = S(F) * F, F'' = C(F) * F', F''' = F + F''. It leaves open where F is within the
    residual unit; here it is what the unit's two convolutions give, so that the unit's own shortcut stays.

    Args:
        in_channels: Channels of the image.
        classes: Number of classes.
        attention: Which of the two the units have: ``none`` is plain ResNet-18, ``dual`` the paper's system.
        reduction: r of the channel attention; not stated, 16 as in CBAM.
        channel_from: What channel attention looks at: F itself, as equation 5 says (``input``), or F' (``refined``),
            as CBAM would.
        keep_input: Whether F is added to F'', as equation 5 says, or dropped, as in CBAM.
        dropout: Probability that a pooled feature is dropped in training; the paper names none.
    """

    head_name: ClassVar[str] = "network.fc"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 5,
        attention: Attention = "dual",
        reduction: int = 16,
        channel_from: ChannelFrom = "input",
        keep_input: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_dropout(dropout)
        unit = partial(
            DualAttention, attention=attention, reduction=reduction, channel_from=channel_from, keep_input=keep_input
        )
        # units whose last normalisation starts at 0 would hide attention from the gradient of the first step
        self.network: Any = timm.create_model(
            "resnet18",
            pretrained=False,
            in_chans=in_channels,
            num_classes=classes,
            drop_rate=dropout,
            zero_init_last=False,
            block_args={} if attention == "none" else {"attn_layer": unit},
        )

    def forward(self, x: Tensor) -> Tensor:
        """Classify images.

        Args:
            x: ``(B, in_channels, H, W)``.

        Returns:
            Logits, ``(B, classes)``.
        """
        return self.network(x)


class DualAttention(nn.Module):
    """Equation 5: attention to places, then to channels, added to what it attends to.

    Args:
        channels: Channels of the map.
        attention: ``spatial``, ``channel`` or ``dual``.
        reduction: r of the channel attention.
        channel_from: See DualAttentionResNet.
        keep_input: See DualAttentionResNet.
        device: Given by timm.
        dtype: Given by timm.
    """

    def __init__(
        self,
        channels: int,
        attention: Attention = "dual",
        reduction: int = 16,
        channel_from: ChannelFrom = "input",
        keep_input: bool = True,
        device: Any = None,  # noqa: ANN401 - timm hands these to every layer
        dtype: Any = None,  # noqa: ANN401
    ) -> None:
        super().__init__()
        self.spatial = SpatialAttention() if attention in {"spatial", "dual"} else None
        self.channel = ChannelAttention(channels, reduction) if attention in {"channel", "dual"} else None
        self.channel_from, self.keep_input = channel_from, keep_input
        self.to(device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Attend to ``(B, C, H, W)``; the shape stays."""
        refined = x if self.spatial is None else x * self.spatial(x)
        if self.channel is not None:
            refined = refined * self.channel(x if self.channel_from == "input" else refined)
        return x + refined if self.keep_input else refined
