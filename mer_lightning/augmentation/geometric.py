"""Geometric changes of images, sequences and flow: kornia moves the pixels, and here the vectors follow.

Sequences get the same change in every frame of a clip. Which channels are the two components of a vector and
which are derived from them is read from the channel names of the representation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from kornia.augmentation import RandomAffine, RandomGaussianBlur, RandomHorizontalFlip
from torch import Tensor, nn
from torch.nn import functional

from mer_lightning.motion.strain import flow_magnitude, optical_strain

if TYPE_CHECKING:
    from collections.abc import Sequence

_DERIVED = {"strain": optical_strain, "magnitude": flow_magnitude}


def turn_vectors(maps: Tensor, channels: Sequence[str], linear: Tensor) -> Tensor:
    """Apply the linear part of a change of place to the vectors of maps whose pixels have been moved already.

    Args:
        maps: ``(B, C, [T,] H, W)``; vectors with no motion at zero, as flow in pixels is.
        channels: Name of each channel; ``u`` and ``v`` are the vector, ``strain`` and ``magnitude`` are
            computed anew, all others stay.
        linear: Where a step of one pixel goes, ``(B, 2, 2)``, x first.

    Returns:
        New tensor of the same shape.

    Raises:
        ValueError: The number of channels does not fit.
    """
    if maps.shape[1] != len(channels):
        raise ValueError(f"expected the {len(channels)} channels {tuple(channels)}, got {maps.shape[1]}")
    if "u" not in channels or "v" not in channels:
        return maps.clone()
    where = [channels.index("u"), channels.index("v")]
    vectors = torch.einsum("bij,bj...->bi...", linear.to(maps), maps[:, where])
    result = maps.clone()
    result[:, where] = vectors
    for name, derive in _DERIVED.items():
        if name in channels:
            result[:, channels.index(name)] = derive(vectors.movedim(1, -3)).squeeze(-3)
    return result


class GeometricAugmentation(nn.Module):
    """Mirror, turn, scale and shift a batch on the device, each sample on its own, all its frames alike.

    Args:
        channels: Channel names of the representation.
        hflip: Probability of a mirror, 0..1.
        degrees: Largest rotation in either direction, degrees.
        scale: Smallest and largest scale; None leaves it.
        shift: Largest shift in each direction, as a fraction of the side, 0..1.
        blur: Probability of a Gaussian blur of 5 x 5 pixels, 0..1; for images, not for flow.
    """

    def __init__(
        self,
        channels: Sequence[str],
        *,
        hflip: float = 0.0,
        degrees: float = 0.0,
        scale: tuple[float, float] | None = None,
        shift: float = 0.0,
        blur: float = 0.0,
    ) -> None:
        super().__init__()
        self._channels = tuple(channels)
        if blur and "u" in self._channels:
            raise ValueError("blur is for images: it would change the vectors of a flow map")
        self._hflip = RandomHorizontalFlip(p=hflip) if hflip else None
        translate = (shift, shift) if shift else None
        moves = bool(degrees or shift or scale is not None)
        self._affine = RandomAffine(degrees, translate, scale, padding_mode="border", p=1.0) if moves else None
        self._blur = RandomGaussianBlur((5, 5), (0.1, 2.0), p=blur) if blur else None

    def forward(self, maps: Tensor) -> Tensor:
        """Augment ``(B, C, H, W)`` or ``(B, C, T, H, W)`` floats; the input is left as it was."""
        # frames of a clip become channels, so that one set of parameters moves all of them
        planes = maps.flatten(1, -3)
        linear = torch.eye(2, device=maps.device).repeat(len(maps), 1, 1)
        for step in (self._hflip, self._affine):
            if step is not None:
                planes = step(planes)
                matrix = step.transform_matrix
                assert matrix is not None  # kornia sets it in the call before
                linear = matrix[:, :2, :2].to(linear) @ linear
        if self._blur is not None:
            planes = self._blur(planes)
        moved = planes.view_as(maps)
        return turn_vectors(moved, self._channels, linear)


def nine_positions(maps: Tensor, distance: int = 10) -> Tensor:
    """Every map at its place and shifted in the eight directions; the border is continued.

    Args:
        maps: ``(B, ..., H, W)``.
        distance: Shift, pixels.

    Returns:
        ``(9 B, ..., H, W)``: all maps at the first position, then all at the second; the middle (fifth) is
        the original.

    Raises:
        ValueError: The distance is negative.

    Source: paper S2 (10 pixels, training clips only).
    """
    if distance < 0:
        raise ValueError(f"the distance must not be negative, got {distance}")
    height, width = maps.shape[-2:]
    padded = functional.pad(maps.flatten(1, -3) if maps.ndim > 3 else maps[:, None], (distance,) * 4, mode="replicate")
    places = [(row, column) for row in (0, distance, 2 * distance) for column in (0, distance, 2 * distance)]
    shifted = [padded[..., row : row + height, column : column + width] for row, column in places]
    return torch.cat(shifted).reshape(len(places) * len(maps), *maps.shape[1:])


def quarter_turns(maps: Tensor, turns: Tensor, channels: Sequence[str] = ()) -> Tensor:
    """Rotate every square map by a multiple of 90 degrees counter-clockwise, vectors included.

    Args:
        maps: ``(B, C, [T,] N, N)``.
        turns: Number of quarter turns of each sample, ``(B,)``, integers.
        channels: Channel names where the maps are flow; empty for images.

    Returns:
        Same shape.

    Raises:
        ValueError: The maps are not square.
    """
    if maps.shape[-1] != maps.shape[-2]:
        raise ValueError(f"quarter turns need square maps, got {tuple(maps.shape[-2:])}")
    turns = turns.to(maps.device) % 4
    result = maps.clone()
    for count in range(1, 4):
        chosen = turns == count
        result[chosen] = maps[chosen].rot90(count, (-2, -1))
    if not channels:
        return result
    # y points down, so counter-clockwise takes (1, 0) to (0, -1)
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], device=maps.device)
    powers = torch.stack([torch.linalg.matrix_power(quarter, count) for count in range(4)])
    return turn_vectors(result, channels, powers[turns])


def balanced_indices(labels: Tensor, per_class: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw training samples so that every class that occurs comes equally often.

    Whole rounds of a class come first, so that no sample is used twice before all were used once.

    Args:
        labels: Class indices, ``(N,)``.
        per_class: Samples of each class (S2: 50 of each of five classes per fold).
        generator: Source of randomness, on the CPU.

    Returns:
        Rows in random order, ``(classes * per_class,)``, int64.

    Raises:
        ValueError: There are no samples or ``per_class`` is not positive.
    """
    if labels.ndim != 1 or not len(labels) or per_class < 1:
        raise ValueError(f"expected non-empty (N,) labels and per_class >= 1, got {tuple(labels.shape)}, {per_class}")
    labels = labels.cpu()
    drawn: list[Tensor] = []
    for label in labels.unique().tolist():
        rows = (labels == label).nonzero()[:, 0]
        rounds = -(-per_class // len(rows))
        order = torch.cat([torch.randperm(len(rows), generator=generator) for _ in range(rounds)])
        drawn.append(rows[order[:per_class]])
    rows = torch.cat(drawn)
    return rows[torch.randperm(len(rows), generator=generator)]
