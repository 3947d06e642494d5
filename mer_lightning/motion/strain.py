"""What is derived from flow: strain, magnitude, orientation, head motion, and the scalings that papers use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch.nn import functional

from mer_lightning.motion.grids import central_difference

if TYPE_CHECKING:
    from torch import Tensor

Normalisation = Literal["none", "minmax8", "zscore"]

# span below which a map is noise, pixels
_STILL = 1e-3


def _check_flow(flow: Tensor) -> None:
    if flow.ndim < 3 or flow.shape[-3] != 2 or not flow.numel():
        raise ValueError(f"flow must be a non-empty (..., 2, H, W) tensor, got {tuple(flow.shape)}")


def optical_strain(flow: Tensor) -> Tensor:
    """Compute the optical strain magnitude ``sqrt(exx^2 + eyy^2 + exy^2 + eyx^2)``.

    The strain tensor is the symmetric part of the gradient of the flow, so a rotation has none, a dilation
    ``u = kx, v = ky`` has ``k sqrt(2)`` and a shear ``u = ky`` has ``k / sqrt(2)``.

    Args:
        flow: ``(..., 2, H, W)``, pixels.

    Returns:
        ``(..., 1, H, W)``, not negative, without unit.

    Raises:
        ValueError: The shape is not that of flow.

    Source: Liong, See, Phan, Le Ngo, Oh and Wong, Subtle Expression Recognition Using Optical Strain Weighted
    Features, ACCV workshops 2014.
    """
    _check_flow(flow)
    u, v = flow.unbind(-3)
    shear = (central_difference(u, -2) + central_difference(v, -1)) / 2
    return (
        (central_difference(u, -1).square() + central_difference(v, -2).square() + 2 * shear.square())
        .sqrt()
        .unsqueeze(-3)
    )


def flow_magnitude(flow: Tensor) -> Tensor:
    """Length of the flow vectors, ``(..., 2, H, W)`` to ``(..., 1, H, W)``, pixels."""
    _check_flow(flow)
    return torch.linalg.vector_norm(flow, dim=-3, keepdim=True)


def flow_orientation(flow: Tensor) -> Tensor:
    """Direction of the flow vectors, ``(..., 2, H, W)`` to ``(..., 1, H, W)``, radians in -pi..pi, 0 is right."""
    _check_flow(flow)
    return torch.atan2(flow[..., 1, :, :], flow[..., 0, :, :]).unsqueeze(-3)


def remove_head_motion(flow: Tensor, stable: Tensor) -> Tensor:
    """Subtract the mean flow of a region that expressions do not move, e.g. the bridge of the nose.

    Args:
        flow: ``(..., 2, H, W)``, pixels.
        stable: Weights of the region, ``(H, W)`` or ``(..., 1, H, W)``; bool or not negative.

    Returns:
        Same shape as ``flow``.

    Raises:
        ValueError: The shape is not that of flow, or the region is empty.
    """
    _check_flow(flow)
    weights = stable.to(flow).expand(*flow.shape[:-3], 1, *flow.shape[-2:])
    total = weights.sum((-2, -1), keepdim=True)
    if bool((total <= 0).any()):
        raise ValueError("the stable region is empty")
    return flow - (flow * weights).sum((-2, -1), keepdim=True) / total


def normalise(maps: Tensor, name: Normalisation, axes: tuple[int, ...] = (-2, -1)) -> Tensor:
    """Scale every channel of every map by itself; the name is part of a cache key.

    Args:
        maps: ``(..., H, W)``.
        name: ``none``; ``minmax8``, linear to 0..1 in the 256 steps of an 8-bit image; ``zscore``, mean 0 and
            standard deviation 1. A map whose values span less than a thousandth becomes 0, since what is left
            of a still clip is rounding.
        axes: What is scaled together; ``(-3, -2, -1)``: all maps of a sequence ``(..., T, H, W)``.

    Returns:
        Same shape, float32.

    Raises:
        ValueError: Unknown name.
    """
    maps = maps.float()
    if name == "none":
        return maps
    low, high = maps.amin(axes, keepdim=True), maps.amax(axes, keepdim=True)
    still = high - low < _STILL
    if name == "minmax8":
        return torch.where(still, 0, torch.round((maps - low) / torch.where(still, 1, high - low) * 255) / 255)
    if name == "zscore":
        centred = maps - maps.mean(axes, keepdim=True)
        spread = centred.square().mean(axes, keepdim=True).sqrt()
        return torch.where(still, 0, centred / torch.where(still, 1, spread))
    raise ValueError(f"unknown normalisation {name!r}, expected none, minmax8 or zscore")


def resize_flow(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize flow and its vectors with it; shrinking averages, so that no vector is skipped.

    Args:
        flow: ``(B, 2, H, W)``, pixels of the old size.
        size: New height and width.

    Returns:
        ``(B, 2, *size)``, pixels of the new size.
    """
    _check_flow(flow)
    height, width = flow.shape[-2:]
    if (height, width) == tuple(size):
        return flow
    resized = functional.interpolate(flow, size=size, mode="bilinear", align_corners=False, antialias=True)
    return resized * flow.new_tensor([size[1] / width, size[0] / height])[:, None, None]
