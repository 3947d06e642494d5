"""Learned flow: torchvision's RAFT. It stands in for FlowNet 2.0 of paper S4; recipes that use it say so.

FlowNet 2.0 has 162 million parameters under a research licence; RAFT is smaller, free and more exact on the usual
benchmarks. A recipe gives ``method: raft`` and the file of its weights, and lists the exchange under ``deviations``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch.nn import functional
from torchvision.models.optical_flow import raft_small

from mer_lightning.backbones import check_finite
from mer_lightning.motion.grids import check_pair
from mer_lightning.motion.strain import resize_flow
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

# the network correlates features at an eighth of the size over four halvings
_STRIDE, _SMALLEST_SIDE = 8, 128
_REFINEMENTS = 12
# pairs sent through the network together
_BLOCK = 8


def raft_flow(reference: Tensor, target: Tensor, *, weights: Path | None = None) -> Tensor:
    """Compute the flow of RAFT's small network after 12 refinements, ``reference(x) = target(x + flow(x))``.

    Args:
        reference: ``(B, 1, H, W)``, grey levels in 0..1; enlarged to sides of at least 128 for the network.
        target: Same shape and device.
        weights: File with the network's state; None downloads torchvision's own, which needs a network.

    Returns:
        ``(B, 2, H, W)``, float32, pixels: horizontal (right positive), vertical (down positive).

    Raises:
        ValueError: The images do not fit or are not finite.
        DataError: The weights cannot be read or downloaded.

    Source: Teed and Deng, RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, ECCV 2020.
    """
    reference, target = check_pair(reference, target)
    network = load_raft(weights, str(reference.device))
    height, width = reference.shape[-2:]
    work = tuple(max(_SMALLEST_SIDE, -(-side // _STRIDE) * _STRIDE) for side in (height, width))
    flows: list[Tensor] = []
    with torch.no_grad():
        for start in range(0, len(reference), _BLOCK):
            pair = [
                functional.interpolate(image[start : start + _BLOCK], size=work, mode="bilinear", align_corners=False)
                .mul(2)
                .sub(1)
                .expand(-1, 3, -1, -1)
                for image in (reference, target)
            ]
            flows.append(resize_flow(network(*pair, num_flow_updates=_REFINEMENTS)[-1], (height, width)))
    return torch.cat(flows)


@lru_cache(maxsize=2)
def load_raft(weights: Path | None, device: str) -> nn.Module:
    """The network of ``raft_flow``, the same object each time.

    Raises:
        DataError: The weights cannot be read or downloaded.
    """
    if weights is None:
        try:
            network = raft_small(weights="DEFAULT", progress=False)
        except (OSError, RuntimeError) as error:
            raise DataError(f"RAFT weights could not be downloaded, give a file: {_first_line(error)}") from error
    else:
        network = raft_small(weights=None)
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)
            network.load_state_dict(state)
        # what junk makes the reader stumble over is as manifold as junk
        except Exception as error:
            raise DataError(f"{weights}: not weights of torchvision's raft_small: {_first_line(error)}") from error
        check_finite(state, weights)
    return network.eval().requires_grad_(False).to(device)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
