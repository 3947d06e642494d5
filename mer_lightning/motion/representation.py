"""What a representation is: a fixed function from a clip to the tensor that a model sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from mer_lightning.datasets.base import Kind


class Representation(Protocol):
    """A fixed function from clips to a tensor.

    Attributes:
        name: Name in recipes.
        kind: Which kind of dataset it reads.
        channels: Name of each channel.
        hflip_sign: Per channel, -1 where mirroring the face also reverses the value (horizontal flow), else 1.
        value_range: Lowest and highest value; a reversed value is mirrored in the centre of this range.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def channels(self) -> tuple[str, ...]: ...
    @property
    def hflip_sign(self) -> tuple[int, ...]: ...
    @property
    def value_range(self) -> tuple[float, float]: ...

    def __call__(self, clips: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Turn clips ``(T, H, W, C)`` into one tensor ``(N, C, H, W)`` or ``(N, C, T, H, W)``, float32."""
        ...
