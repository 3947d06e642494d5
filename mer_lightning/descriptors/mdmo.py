"""MDMO: the main direction of motion in each of 36 regions of the face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mer_lightning.descriptors.blocks import orientation_bins, sum_over_blocks

if TYPE_CHECKING:
    from torch import Tensor

_BINS = 8


def mdmo(flow: Tensor, regions: Tensor, *, count: int = 36, beta: float = 0.9) -> Tensor:
    """Length and direction of the main motion of each region, averaged over the frames.

    In every region of every map the vectors fall into eight directions; the mean length and angle of the fullest
    are its main motion. These are averaged over the maps as vectors, because angles on both sides of 180 degrees
    would cancel each other. Lengths are divided by the largest of the clip.

    Args:
        flow: First frame to each other one, ``(N, F, 2, H, W)``, pixels.
        regions: Region of each pixel, ``(H, W)``, in ``0..count - 1``; below 0 is none.
        count: Number of regions.
        beta: Weight of the lengths; the angles have the rest.

    Returns:
        ``(N, 2 * count)``, float32: all lengths in ``0..beta``, then all angles in ``-pi..pi`` times
        ``1 - beta``. A region without a pixel, and every region of a still clip, has 0 and 0.

    Source: Liu, Zhang, Yan, Wang, Zhao and Fu, A Main Directional Mean Optical Flow Feature for Spontaneous
    Micro-Expression Recognition, TAFFC 7(4), 2016.
    """
    u, v = flow.unbind(2)
    direction = orientation_bins(u, v, _BINS)
    length, angle = torch.hypot(u, v), torch.atan2(v, u) % (2 * torch.pi)
    # a hair above the right rounds to the full turn, but is counted in the first direction
    angle = torch.where(angle < 2 * torch.pi, angle, 0)
    sums: list[Tensor] = []
    for b in range(_BINS):
        here = direction == b
        planes = torch.stack((here.to(flow.dtype), torch.where(here, length, 0), torch.where(here, angle, 0)), 2)
        sums.append(sum_over_blocks(planes, regions, count))
    votes = torch.stack(sums, -1)
    fullest = votes[:, :, 0].argmax(-1)
    number, lengths, angles = votes.gather(-1, fullest[:, :, None, :, None].expand(-1, -1, 3, -1, 1))[..., 0].unbind(2)
    number = number.clamp_min(1)
    main = torch.polar(lengths / number, angles / number).mean(1)
    size = main.abs()
    largest = size.amax(1, keepdim=True)
    relative = size / torch.where(largest > 0, largest, 1)
    return torch.cat((beta * relative, (1 - beta) * torch.where(size > 0, main.angle(), 0)), 1)
