"""Two residual branches on flow with magnitude and flow with strain (S4: Li, Zhu, Chin. J. Liq. Cryst. 37(3), 2022)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import timm
import torch
from torch import nn

from mer_lightning.models.attention import SpatialAttention
from mer_lightning.models.volumes import check_shape
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from torch import Tensor

Branches = Literal["both", "magnitude", "strain"]


class DualBranch(nn.Module):
    """Two networks of 16 residual units with spatial attention; their last maps are added and classified.

    42,575,045 parameters at 5 classes, 21,288,805 with one branch. Sixteen units of two 3 x 3 convolutions are the
    body of ResNet-34 (3, 4, 6 and 3 units), timm's here, although the paper speaks of the unit of ResNet-18. Spatial
    attention (equation 10) weighs what the unit's convolutions give, before the shortcut is added, as in CBAM.

    Not stated in the paper: widths and strides (ResNet-34's), the first layer (ResNet's 7 x 7 and its pooling), where
    a shortcut is a 1 x 1 convolution (where the shape changes), and the size of the input (224 x 224 in our recipe;
    any size above 32 works).

    Args:
        in_channels: Channels of the input: 4 for u, v, magnitude and strain; 3 for u, v and strain, which serves the
            strain branch, and both where ``still`` says how to get the magnitude.
        classes: Number of classes.
        branches: ``both`` is the paper's system; ``magnitude`` sees u, v and magnitude, ``strain`` u, v and strain.
        still: Value of u and v where nothing moves, e.g. 0.5 for maps in 0..1; with 3 input channels the magnitude is
            then computed here. None: the input brings its magnitude.
        kernel_size: Side of the attention's convolution; not stated, 7 as in CBAM.

    Raises:
        DataError: The branches need channels that the input does not have.
    """

    head_name: ClassVar[str] = "head"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ()
    # section 3.3: the activations of both branches' last layers are added up
    explained: ClassVar[tuple[str, ...]] = ("branches.magnitude.layer4", "branches.strain.layer4")

    def __init__(
        self,
        in_channels: int = 4,
        classes: int = 5,
        branches: Branches = "both",
        still: float | None = None,
        kernel_size: int = 7,
    ) -> None:
        super().__init__()
        needed = 3 if branches == "strain" or still is not None else 4
        if in_channels not in {needed, 4} or (in_channels == 4 and still is not None):
            raise DataError(
                f"dual_branch with branches={branches}, still={still} needs {needed} channels "
                f"({'u, v, strain' if needed == 3 else 'u, v, magnitude, strain'}), got {in_channels}"
            )
        self._in_channels, self._still = in_channels, still
        self.branches = nn.ModuleDict(
            {name: _body(kernel_size) for name in ("magnitude", "strain") if branches in {"both", name}}
        )
        self.head = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify flow from onset to apex.

        Args:
            x: ``(B, 4, H, W)``: horizontal flow u, vertical flow v, magnitude, strain; or ``(B, 3, H, W)`` without
                magnitude.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The maps have another number of channels.
        """
        check_shape("dual_branch", x, (self._in_channels, None, None))
        maps = [branch(self._view(x, name)) for name, branch in self.branches.items()]
        return self.head(torch.stack(maps).sum(0).mean((2, 3)))

    def _view(self, x: Tensor, branch: str) -> Tensor:
        """Flow and the third channel of one branch."""
        flow = x[:, :2]
        if branch == "strain":
            return torch.cat((flow, x[:, -1:]), 1)
        if self._still is None:
            return x[:, :3]
        return torch.cat((flow, torch.linalg.vector_norm(flow - self._still, dim=1, keepdim=True)), 1)


def _body(kernel_size: int) -> Any:  # noqa: ANN401 - timm's networks
    """One branch: three channels in, maps of 512 channels out, 32 times smaller."""
    return timm.create_model(
        "resnet34",
        pretrained=False,
        in_chans=3,
        num_classes=0,
        global_pool="",
        zero_init_last=False,
        block_args={"attn_layer": partial(_SpatiallyWeighted, kernel_size=kernel_size)},
    )


class _SpatiallyWeighted(nn.Module):
    """A map times its spatial attention."""

    def __init__(self, channels: int, kernel_size: int, device: Any = None, dtype: Any = None) -> None:  # noqa: ANN401
        super().__init__()
        del channels
        self.attention = SpatialAttention(2, kernel_size).to(device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.attention(x)
