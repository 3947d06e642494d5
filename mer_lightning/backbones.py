"""Networks of pictures from timm, drawn or started from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch

from mer_lightning.types import DataError


def make_backbone(backbone: str, in_channels: int, weights: str | Path | None = None, **settings: Any) -> Any:  # noqa: ANN401
    """A network of timm, drawn or started from a file; nothing is downloaded.

    Args:
        backbone: Name in timm.
        in_channels: Channels of an image.
        weights: File with a ``state_dict``, read without running code from it; the head may be missing, or be there
            although the network has none.
        settings: What ``timm.create_model`` takes; ``num_classes`` 0 leaves the head off.

    Raises:
        DataError: timm does not know the backbone, or the file does not fit.
    """
    if not timm.is_model(backbone):
        raise DataError(f"backbone '{backbone}' is unknown to timm {timm.__version__}")
    network: Any = timm.create_model(backbone, pretrained=False, in_chans=in_channels, **settings)
    if weights is not None:
        _start_from(network, Path(weights))
    return network


def _start_from(network: Any, path: Path) -> None:  # noqa: ANN401 - timm adds what nn.Module lacks
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except Exception as error:
        raise DataError(f"{path}: not a file of weights ({type(error).__name__})") from error
    head = {f"{name}.{kind}" for name in _head_names(network) for kind in ("weight", "bias")}
    kept = {name: value for name, value in state.items() if name not in head}
    try:
        missing, unexpected = network.load_state_dict(kept, strict=False)
    except RuntimeError as error:
        raise DataError(f"{path}: {' '.join(str(error).split())}") from error
    if unexpected or set(missing) - head:
        raise DataError(f"{path}: does not fit, first at {(sorted(set(missing) - head) or sorted(unexpected))[0]}")


def _head_names(network: Any) -> list[str]:  # noqa: ANN401 - timm adds what nn.Module lacks
    """Names of the layers that end in classes."""
    named = network.pretrained_cfg["classifier"]
    return [named] if isinstance(named, str) else list(named)
