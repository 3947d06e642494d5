"""What a representation is: a fixed function from a clip to the tensor that a model sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from mer_lightning.types import Kind


class Representation(Protocol):
    """A fixed function from clips to a tensor; from frames it goes in two steps, ``sample`` and ``maps``.

    Attributes:
        name: Name in recipes.
        kinds: Which kinds of dataset it reads.
        channels: Name of each channel. ``u`` and ``v`` are the components of motion, across and down, ``magnitude`` is
            its length: augmentation goes by these names when it turns motion with the picture.
        hflip_sign: Per channel, -1 where mirroring the face also reverses the value (``u``), else 1.
        value_range: Range whose centre mirrors a reversed value; maps without bounds may leave it.
        vectors: Whether (u, v) is a vector in pixels, so that it can be turned and scaled.
    """

    @property
    def name(self) -> str: ...
    @property
    def kinds(self) -> tuple[Kind, ...]: ...
    @property
    def channels(self) -> tuple[str, ...]: ...
    @property
    def hflip_sign(self) -> tuple[int, ...]: ...
    @property
    def value_range(self) -> tuple[float, float]: ...
    @property
    def vectors(self) -> bool: ...

    def cache_key(self) -> str:
        """Identity of the computation: every parameter and the version of the code."""
        ...

    def __call__(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None] | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Turn clips ``(T, H, W, C)`` into one tensor ``(N, C, H, W)`` or ``(N, C, T, H, W)``, float32.

        Args:
            clips: Frames onset..offset, or precomputed maps (T = 1).
            apexes: Index of the apex in each clip, None where it has to be spotted; None altogether for
                precomputed maps.
            device: Where to compute and return; None is the CPU.

        Raises:
            DataError: A clip or an apex does not fit.
        """
        ...

    def sample(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None],
        device: torch.device | str | None = None,
    ) -> Tensor:
        """The first step from frames: pick frames of one size of each clip, ``(N, 1 or 3, T, H, W)`` in 0..1."""
        ...

    def maps(self, frames: Tensor) -> Tensor:
        """The second step, in batches on the device of the frames: what a model sees of sampled frames."""
        ...
