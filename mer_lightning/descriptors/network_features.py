"""Features of pictures from a network that is never trained, for SDF-like and H-SVM-like methods."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

from mer_lightning.backbones import make_backbone, shapes_only

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_AT_ONCE = 16
"""Pictures, so that the maps of a VGG stay under a gigabyte."""
_SEED = 0
"""Of networks that are drawn, so that a picture always has the same features."""


def network_features(pictures: Tensor, *, backbone: str = "resnet18", weights: Path | None = None) -> Tensor:
    """What a network of pictures gives before its classifier.

    Args:
        pictures: ``(N, 1 or 3, H, W)`` in 0..1; grey ones are given three equal channels.
        backbone: Name in timm.
        weights: File of its state, for pictures scaled as timm's own configuration of the network says; None draws
            it, always the same, and scales nothing, which makes the features a random projection.

    Returns:
        ``(N, D)``, float32; 512 values of a ResNet-18, 4096 of a VGG-16.

    Raises:
        DataError: timm does not know the network, or the file does not fit.
    """
    network = _network(backbone, weights, str(pictures.device))
    pictures = pictures.expand(-1, 3, -1, -1)
    if weights is not None:
        mean, std = (pictures.new_tensor(network.pretrained_cfg[name])[:, None, None] for name in ("mean", "std"))
        pictures = (pictures - mean) / std
    with torch.no_grad():
        parts = pictures.split(_AT_ONCE)
        return torch.cat([network(part).flatten(1) for part in parts])


def check_network(backbone: str, weights: Path | None = None) -> None:
    """Make sure that ``network_features`` has a network, in milliseconds.

    Raises:
        DataError: As ``network_features``.
    """
    with shapes_only():
        make_backbone(backbone, 3, weights, num_classes=0)


@lru_cache(maxsize=2)
def _network(backbone: str, weights: Path | None, device: str) -> Any:  # noqa: ANN401 - whatever timm gives
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network = make_backbone(backbone, 3, weights, num_classes=0)
    return network.to(device).eval()
