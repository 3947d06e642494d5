"""What an epoch draws from: training samples at nine positions, and equally often of every class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mer_lightning.devices import few_numbers
from mer_lightning.motion.cut_flow import CutFlowSequence

if TYPE_CHECKING:
    from mer_lightning.motion import Representation
    from mer_lightning.settings import Training

POSITIONS = 9
"""The original and its shifts in eight directions."""

_DIRECTIONS = ((0, 0), (-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


def at_position(maps: Tensor, positions: Tensor, distance: int) -> Tensor:
    """Shift every map to one of nine positions; the border is continued with its nearest pixel.

    Where there is a picture around what is shown, representations cut it out elsewhere instead: see ``moves``.

    Args:
        maps: ``(B, ..., H, W)``.
        positions: Of each map, ``(B,)``, int64: 0 leaves it, 1..8 are up left, up, up right, left, right, down left,
            down, down right.
        distance: Shift, pixels.

    Returns:
        New tensor of the same shape; flow stays true, since a shift changes no vector.

    Source: paper S2 (10 pixels of the recording, not of a map; training clips only).
    """
    height, width = maps.shape[-2:]
    towards = few_numbers(_DIRECTIONS, maps)[positions] * distance
    rows = (torch.arange(height, device=maps.device) - towards[:, :1]).clamp(0, height - 1)
    columns = (torch.arange(width, device=maps.device) - towards[:, 1:]).clamp(0, width - 1)
    planes = maps.reshape(len(maps), -1, height, width)
    sample = torch.arange(len(maps), device=maps.device)[:, None, None, None]
    plane = torch.arange(planes.shape[1], device=maps.device)[None, :, None, None]
    return planes[sample, plane, rows[:, None, :, None], columns[:, None, None, :]].view(maps.shape)


def moves(distance: int) -> tuple[tuple[int, int], ...]:
    """How far down and right what is shown lies at each of the nine positions, in their order, pixels."""
    return tuple((down * distance, right * distance) for down, right in _DIRECTIONS)


def cut_distance(training: Training | None, representation: Representation) -> int:
    """Pixels of the recording between the nine positions, where maps are cut out at each; 0 where maps are shifted."""
    settings = training.augmentation if training else None
    cuts = isinstance(representation, CutFlowSequence) and bool(representation.margin)
    return settings.nine_positions if settings and settings.acts_on == "maps" and cuts else 0


def balanced_indices(labels: Tensor, per_class: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw training samples so that every class that occurs comes equally often.

    Whole rounds of a class come first, so that no sample is used twice before all were used once.

    Args:
        labels: Class indices, ``(N,)``.
        per_class: Samples of each class (S2: 50 of each of five classes per fold).
        generator: Source of randomness, on the CPU.

    Returns:
        Rows in random order, ``(classes * per_class,)``, int64, on the CPU.

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
