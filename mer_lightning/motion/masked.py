"""Farneback flow that is kept only where the grey level of a face really changed (paper S1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from mer_lightning.motion.farneback import farneback_flow

if TYPE_CHECKING:
    from torch import Tensor


class MaskedFlow(NamedTuple):
    """Flow between neighbouring frames and where it was kept.

    Attributes:
        flow: ``(B, T - 1, 2, H, W)``, pixels; zero where the mask is false.
        mask: ``(B, T - 1, 1, H, W)``, bool.
        whole: The flow before it was masked, of which strain is taken: at the edges of a mask flow jumps to zero, and
            what is derived from the masked flow sees these jumps rather than motion.
    """

    flow: Tensor
    mask: Tensor
    whole: Tensor


def masked_farneback_flow(
    frames: Tensor, *, a: float = 0.8, face: Tensor | None = None, **parameters: float
) -> MaskedFlow:
    """Compute Farneback flow between neighbours and keep it where the difference exceeds ``U = a p``.

    ``p`` is the mean absolute difference over all pixels of the face region and all pairs of a clip, so that the
    threshold follows every clip's own noise; a larger ``a`` removes more.

    Args:
        frames: Equally spaced frames of each clip, ``(B, T, H, W)``, grey levels in 0..1, at least two.
        a: Factor of the threshold, not negative.
        face: Face region, bool, ``(H, W)`` or ``(B, H, W)``; None is the whole frame.
        parameters: Passed to ``farneback_flow``.

    Returns:
        Flow and mask.

    Raises:
        ValueError: The shape does not fit, ``a`` is negative, or a face region is empty.

    Source: paper S1, equation 5 (its equations 3 and 4 are not Farneback's method, which is used here).
    """
    if frames.ndim != 4 or frames.shape[1] < 2:
        raise ValueError(f"frames must be (B, T, H, W) with at least two frames, got {tuple(frames.shape)}")
    if a < 0:
        raise ValueError(f"a must not be negative, got {a}")
    batch, length, height, width = frames.shape
    region = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=frames.device) if face is None else face.bool()
    region = region.reshape(-1, 1, *region.shape[-2:]).expand(batch, length - 1, height, width)
    pixels = region.sum((1, 2, 3), keepdim=True)
    if bool((pixels == 0).any()):
        raise ValueError("a face region is empty")
    difference = (frames[:, 1:] - frames[:, :-1]).abs()
    threshold = a * (difference * region).sum((1, 2, 3), keepdim=True) / pixels
    mask = ((difference > threshold) & region)[:, :, None]
    pairs = [part.reshape(-1, 1, height, width) for part in (frames[:, :-1], frames[:, 1:])]
    flow = farneback_flow(pairs[0], pairs[1], **parameters).view(batch, length - 1, 2, height, width)  # pyright: ignore[reportArgumentType]
    return MaskedFlow(flow * mask, mask, flow)
