"""Farneback flow that is kept only where the grey level of a face really changed (paper S1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mer_lightning.motion.farneback import farneback_flow

if TYPE_CHECKING:
    from torch import Tensor


class MaskedFlow(NamedTuple):
    """Flow between neighbouring frames and where it was kept.

    Attributes:
        flow: ``(B, T - 1, 2, H, W)``, pixels; zero where the mask is false.
        mask: ``(B, T - 1, 1, H, W)``, bool.
    """

    flow: Tensor
    mask: Tensor


def masked_farneback_flow(frames: Tensor, *, a: float = 0.8, **parameters: float) -> MaskedFlow:
    """Compute Farneback flow between neighbours and keep it where the difference exceeds ``U = a p``.

    ``p`` is the mean absolute difference over all pixels and all pairs of a clip, so that the threshold follows
    every clip's own noise; a larger ``a`` removes more.

    Args:
        frames: Equally spaced frames of each clip, ``(B, T, H, W)``, grey levels in 0..1, at least two.
        a: Factor of the threshold, not negative.
        parameters: Passed to ``farneback_flow``.

    Returns:
        Flow and mask.

    Raises:
        ValueError: The shape does not fit or ``a`` is negative.

    Source: paper S1, equation 5 (its equations 3 and 4 are not Farneback's method, which is used here).
    """
    if frames.ndim != 4 or frames.shape[1] < 2:
        raise ValueError(f"frames must be (B, T, H, W) with at least two frames, got {tuple(frames.shape)}")
    if a < 0:
        raise ValueError(f"a must not be negative, got {a}")
    batch, length, height, width = frames.shape
    difference = (frames[:, 1:] - frames[:, :-1]).abs()
    threshold = a * difference.sum((1, 2, 3), keepdim=True) / difference[0].numel()
    mask = (difference > threshold)[:, :, None]
    pairs = [part.reshape(-1, 1, height, width) for part in (frames[:, :-1], frames[:, 1:])]
    flow = farneback_flow(pairs[0], pairs[1], **parameters).view(batch, length - 1, 2, height, width)  # pyright: ignore[reportArgumentType]
    return MaskedFlow(flow * mask, mask)
