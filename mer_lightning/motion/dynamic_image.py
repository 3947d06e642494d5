"""Dynamic images: a clip as one picture of how it goes on, by approximate rank pooling."""

from __future__ import annotations

from functools import cache

import torch
from pydantic import Field
from torch import Tensor

from mer_lightning.motion.frames import Sampling, pick_frames
from mer_lightning.motion.image_representations import FromImages
from mer_lightning.motion.strain import Normalisation, normalise


class DynamicImage(FromImages):
    """Sampled frames summed up with weights that grow over time, ``(N, 1 or 3, *size)``.

    The weights sum to 0, so that what does not move vanishes and a still clip gives zeros.

    Attributes:
        sampling: ``equal`` runs from onset to apex, the others over the whole clip.
        frames: Sampled frames.
        normalisation: Scaling of every channel of every picture; without one, values are weighted grey levels.
    """

    name: str = "dynamic_image"
    size: tuple[int, int] = (112, 112)
    colour: bool = False
    sampling: Sampling = "linear"
    frames: int = Field(default=20, ge=2)
    normalisation: Normalisation = "minmax8"

    @property
    def value_range(self) -> tuple[float, float]:
        """Lowest and highest value, which without ``minmax8`` are no bounds."""
        return (0.0, 1.0) if self.normalisation == "minmax8" else (-1.0, 1.0)

    @property
    def needs_apex(self) -> bool:
        """Only sampling up to the apex does."""
        return self.sampling == "equal"

    def pick(self, frames: Tensor, apex: int | None) -> Tensor:
        """The sampled frames."""
        return pick_frames(frames, self.sampling, self.frames, apex)

    def maps(self, frames: Tensor) -> Tensor:
        """The dynamic image of each clip of sampled frames."""
        weights = rank_pooling_weights(frames.shape[2]).to(frames)
        # differences to the first frame: what stands still is exactly zero then
        pooled = torch.einsum("t,bcthw->bchw", weights, frames - frames[:, :, :1])
        return normalise(pooled, self.normalisation)


@cache
def rank_pooling_weights(count: int) -> Tensor:
    """Weights of the frames in approximate rank pooling, ``(count,)``, float32; they sum to 0.

    ``2 (T - t + 1) - (T + 1) (H_T - H_{t-1})`` for t = 1..T with the harmonic numbers H: one gradient step of a
    ranking machine on the running means of the frames.

    Raises:
        ValueError: ``count`` is below 2.

    Source: Bilen, Fernando, Gavves, Vedaldi and Gould, Dynamic Image Networks for Action Recognition, CVPR 2016.
    """
    if count < 2:
        raise ValueError(f"rank pooling needs two frames or more, got {count}")
    times = torch.arange(1, count + 1, dtype=torch.float64)
    # of every t the sum of 1 / i over i = t..T
    rest = (1 / times).flip(0).cumsum(0).flip(0)
    return (2 * (count - times + 1) - (count + 1) * rest).float()
