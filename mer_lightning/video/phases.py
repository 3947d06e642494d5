"""Phase-based magnification: every wave of a picture is moved on by a multiple of how far it has moved.

Source: Wadhwa, Rubinstein, Durand and Freeman, Phase-Based Video Motion Processing, SIGGRAPH 2013.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from mer_lightning.video.steerable import steerable_pyramid

if TYPE_CHECKING:
    from torch import Tensor

_BORDER = 16
"""Pixels that are mirrored at each side, since a spectrum is of pictures that repeat."""


def move_phases(frames: Tensor, alpha: float, weights: Tensor) -> Tensor:
    """Move every wave of each frame by ``alpha`` times the filtered motion of that wave.

    A motion is the change of a wave's phase from frame to frame, below half its length; brightness of the waves stays
    as it is, and so does what is finer or coarser than all bands. Colours are moved apart from each other.

    Args:
        frames: ``(B, T, C, H, W)``, float32.
        alpha: Amplification.
        weights: Temporal filter ``(T, T)``, of ``temporal_matrix``, on the device of the frames.

    Returns:
        Same shape.
    """
    height, width = frames.shape[-2:]
    down, across = min(_BORDER, height - 1), min(_BORDER, width - 1)
    padded = functional.pad(frames.flatten(0, 1), (across, across, down, down), mode="reflect")
    padded = padded.view(*frames.shape[:3], *padded.shape[-2:])
    spectrum = torch.fft.fft2(padded)
    pyramid = steerable_pyramid((padded.shape[-2], padded.shape[-1]), device=frames.device)
    total = spectrum * pyramid.residual
    for band, waves in pyramid.split(spectrum):
        steps = torch.angle(waves[:, 1:] * waves[:, :-1].conj())
        phases = torch.cat((torch.zeros_like(waves[:, :1]).real, steps.cumsum(1)), 1)
        moved = (weights @ phases.flatten(2)).view(phases.shape)
        band.join(total, waves * torch.polar(torch.ones_like(moved), alpha * moved))
    whole = torch.fft.ifft2(total).real
    return whole[..., down : down + height, across : across + width]
