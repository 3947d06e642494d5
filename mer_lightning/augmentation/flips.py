"""Random changes of a motion map that keep it a possible motion map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from kornia.augmentation import RandomAffine, RandomHorizontalFlip
from torch import Tensor, nn

if TYPE_CHECKING:
    from mer_lightning.motion import Representation


class MapAugmentation(nn.Module):
    """Mirror and shift a batch of maps on the device, each sample on its own.

    kornia moves the pixels but knows nothing of what they mean: where a map is mirrored, horizontal flow must be
    reversed too. A shift moves no vector, so it changes nothing but the place; the border is repeated.

    Args:
        representation: Says which channels a mirror reverses, and in which range.
        hflip: Probability of a mirror, 0..1.
        shift: Largest shift in each direction, as a fraction of the side, 0..1.
    """

    def __init__(self, representation: Representation, hflip: float = 0.0, shift: float = 0.0) -> None:
        super().__init__()
        low, high = representation.value_range
        self._centre_sum = low + high
        self._hflip = RandomHorizontalFlip(p=hflip) if hflip else None
        self._shift = (
            RandomAffine(degrees=0.0, translate=(shift, shift), padding_mode="border", p=1.0) if shift else None
        )
        reversed_by_mirror = torch.tensor(representation.hflip_sign) < 0
        self.register_buffer("_reversed", reversed_by_mirror.view(1, -1, 1, 1), persistent=False)
        self._reversed: Tensor

    def forward(self, maps: Tensor) -> Tensor:
        """Augment ``(B, C, H, W)`` float maps; the input is left as it was."""
        if self._hflip is not None:
            maps = self._hflip(maps)
            matrix = self._hflip.transform_matrix
            assert matrix is not None, "kornia keeps the matrix of the call before"
            mirrored = matrix[:, 0, 0].view(-1, 1, 1, 1) < 0
            maps = torch.where(mirrored & self._reversed.to(maps.device), self._centre_sum - maps, maps)
        return maps if self._shift is None else self._shift(maps)
