"""The onset-to-apex map of the shallow networks: horizontal flow, vertical flow, optical strain at 28 x 28."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from mer_lightning.motion.flow_representations import OnsetApexFlow
from mer_lightning.outside import hash_of_class
from mer_lightning.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from mer_lightning.types import Kind

_FROM_FRAMES = OnsetApexFlow(size=(28, 28), method="tvl1", third="strain", normalisation="minmax8")


class FlowMap(Settings):
    """8-bit flow maps as floats in 0..1: read where they are precomputed, else computed with TV-L1.

    Each plane is scaled to its own 0..255, so a motion of zero is not at a fixed value; the reverse of a horizontal
    motion is still its mirror image in the centre of the range, because minimum and maximum change places.
    """

    name: str = "flow_map"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Maps as they are, or frames."""
        return ("flow_maps", "frames")

    @property
    def channels(self) -> tuple[str, ...]:
        """Name of each channel."""
        return _FROM_FRAMES.channels

    @property
    def hflip_sign(self) -> tuple[int, ...]:
        """Horizontal flow changes its sign in a mirror."""
        return _FROM_FRAMES.hflip_sign

    @property
    def value_range(self) -> tuple[float, float]:
        """Lowest and highest value of a plane."""
        return _FROM_FRAMES.value_range

    @property
    def vectors(self) -> bool:
        """Planes are scaled apart, so u and v are no vector."""
        return _FROM_FRAMES.vectors

    def cache_key(self) -> str:
        """Identity of the computation from frames; reading a map needs no cache.

        Code outside the suite counts with its parameters and sources.
        """
        outside = hash_of_class(type(self))
        return _FROM_FRAMES.cache_key() + (f"|{outside}|{self.model_dump_json()}" if outside else "")

    def __call__(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None] | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Turn precomputed maps or clips into ``(N, 3, H, W)``, float32 in 0..1.

        Args:
            clips: Maps ``(1, H, W, 3)``, uint8, when ``apexes`` is None; else frames ``(T, H, W, C)``.
            apexes: Index of the apex in each clip, None where it has to be spotted.
            device: Where to compute and return; None is the CPU.
        """
        if apexes is not None:
            return _FROM_FRAMES(clips, apexes, device)
        maps = torch.from_numpy(np.concatenate(clips)).to(device or "cpu")
        return maps.permute(0, 3, 1, 2).float().div_(255).contiguous()

    def sample(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None],
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Onset and apex of clips, ``(N, 1, 2, H, W)``; precomputed maps have no frames to sample."""
        return _FROM_FRAMES.sample(clips, apexes, device)

    def maps(self, frames: Tensor) -> Tensor:
        """The map of each pair of frames."""
        return _FROM_FRAMES.maps(frames)
