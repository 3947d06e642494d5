"""The precomputed onset-to-apex map as it is: horizontal flow, vertical flow, optical strain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from mer_lightning.datasets.base import Kind


@dataclass(frozen=True, slots=True)
class FlowMap:
    """8-bit maps as floats in 0..1.

    Each plane was scaled to its own 0..255 when it was stored, so a motion of zero is not at a fixed value; the
    reverse of a horizontal motion is still its mirror image in the centre of the range, because minimum and
    maximum change places.
    """

    name: str = "flow_map"
    kind: Kind = "flow_maps"
    channels: tuple[str, ...] = ("u", "v", "strain")
    hflip_sign: tuple[int, ...] = (-1, 1, 1)
    value_range: tuple[float, float] = (0.0, 1.0)

    def __call__(self, clips: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Turn maps ``(1, H, W, 3)``, uint8, into ``(N, 3, H, W)``, float32 in 0..1."""
        maps = torch.from_numpy(np.concatenate(clips))
        return maps.permute(0, 3, 1, 2).float().div_(255).contiguous()
