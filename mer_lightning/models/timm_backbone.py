"""Any image backbone of timm as a method, from a recipe alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from mer_lightning.backbones import make_backbone

if TYPE_CHECKING:
    from torch import Tensor


class TimmBackbone(nn.Module):
    """A timm backbone with a new head.

    Args:
        backbone: Name in timm, e.g. ``resnet18``.
        in_channels: Channels of the representation.
        classes: Number of classes.
        image_size: Side of the input for backbones whose weights depend on it (transformers); None for the others.
        dropout: Probability that a feature before the head is dropped in training.
        weights: File with a ``state_dict`` to start from, read without running code from it; the head may be missing.

    Raises:
        DataError: timm does not know the backbone, or the file does not fit.
    """

    def __init__(
        self,
        backbone: str,
        in_channels: int = 3,
        classes: int = 3,
        image_size: int | None = None,
        dropout: float = 0.0,
        weights: str | None = None,
    ) -> None:
        super().__init__()
        sizes: dict[str, Any] = {} if image_size is None else {"img_size": image_size}
        self.network: Any = make_backbone(
            backbone, in_channels, weights, num_classes=classes, drop_rate=dropout, **sizes
        )

    def forward(self, x: Tensor) -> Tensor:
        """Classify ``(B, in_channels, H, W)``; logits ``(B, classes)``."""
        return self.network(x)
