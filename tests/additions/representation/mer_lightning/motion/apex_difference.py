"""How the grey levels change from onset to apex."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mer_lightning.motion.frames import FromFrames

if TYPE_CHECKING:
    from torch import Tensor


class ApexDifference(FromFrames):
    """Apex less onset, in grey, ``(N, 1, *size)``.

    Attributes:
        size: Height and width.
    """

    name: str = "apex_difference"
    size: tuple[int, int] = (28, 28)

    @property
    def channels(self) -> tuple[str, ...]:
        """The change alone."""
        return ("change",)

    @property
    def hflip_sign(self) -> tuple[int, ...]:
        """A mirror moves a change and keeps its sign."""
        return (1,)

    @property
    def value_range(self) -> tuple[float, float]:
        """White to black, and black to white."""
        return (-1.0, 1.0)

    @property
    def vectors(self) -> bool:
        """Levels are no vectors."""
        return False

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of the sampled frames."""
        return self.size

    def pick(self, frames: Tensor, apex: int | None) -> Tensor:
        """Onset and apex."""
        assert apex is not None
        return torch.stack([frames[0], frames[apex]])

    def maps(self, frames: Tensor) -> Tensor:
        """The difference of the two frames ``(N, 1, 2, H, W)``."""
        return frames[:, :, 1] - frames[:, :, 0]
