"""Histograms of how far grey levels are from those of the onset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field

from mer_lightning.motion.descriptor_representations import Features

if TYPE_CHECKING:
    from torch import Tensor


class GreyHistogram(Features):
    """Shares of the pixels of all frames by their difference to the onset, ``(N, bins)``.

    Attributes:
        bins: Equal steps from 0 to 1.
    """

    name: str = "grey_histogram"
    bins: int = Field(default=16, ge=2)

    def describe(self, clips: Tensor) -> Tensor:
        """The histogram of clips ``(N, frames, H, W)``."""
        steps = ((clips - clips[:, :1]).abs() * self.bins).long().clamp(max=self.bins - 1).flatten(1)
        counts = torch.zeros(len(clips), self.bins, device=clips.device)
        return counts.scatter_add_(1, steps, torch.ones_like(steps, dtype=counts.dtype)) / steps.shape[1]
