"""Random changes of training batches: kornia moves the pixels of images and maps, and here the vectors follow.

A sequence gets the same change in every frame of a clip. Where a map is mirrored or turned, so is the motion that it
shows: ``u`` and ``v`` are found by their channel names and transformed about the value that stands for no motion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from kornia.augmentation import RandomAffine, RandomGaussianBlur, RandomHorizontalFlip, RandomVerticalFlip
from torch import Tensor, nn

from mer_lightning.devices import few_numbers
from mer_lightning.motion.cut_flow import CutFlowSequence
from mer_lightning.outside import AUGMENTATIONS
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mer_lightning.motion import Representation
    from mer_lightning.settings import Augmentation

_BLUR_SIDE, _BLUR_SIGMA = (5, 5), (0.1, 2.0)


def check_augmentation(settings: Augmentation, representation: Representation) -> None:
    """Make sure that what a recipe asks for is defined for what its method sees.

    Raises:
        DataError: It is not; the message starts with the key in a recipe. Or a representation has a channel that a
            mirror reverses, but does not call it ``u``.
    """
    signs = tuple(-1 if channel == "u" else 1 for channel in representation.channels)
    if representation.hflip_sign != signs:
        raise DataError(
            f"{representation.name}: hflip_sign is {representation.hflip_sign}; expected {signs}, since motion across "
            f"is found by the name u among {', '.join(representation.channels)}"
        )
    if isinstance(representation, CutFlowSequence) and 0 < representation.margin < settings.nine_positions:
        raise DataError(
            f"training.augmentation.nine_positions: {representation.name} leaves a margin of {representation.margin} "
            f"pixels of the recording to move in, found {settings.nine_positions}"
        )
    for number, one in enumerate(settings.custom):
        try:
            one.load(AUGMENTATIONS)
        except DataError as error:
            raise DataError(f"training.augmentation.custom.{number}.{error}") from error
    if settings.acts_on == "frames" or representation.vectors or "u" not in representation.channels:
        return
    for key, asked in (("degrees", settings.degrees), ("scale", settings.scale)):
        if asked:
            raise DataError(
                f"training.augmentation.{key}: u and v of {representation.name} are scaled apart, so their vectors "
                f"cannot be turned or scaled; expected acts_on: frames, or a representation in pixels "
                f"(normalisation: none)"
            )


def turn_vectors(maps: Tensor, channels: Sequence[str], linear: Tensor, still: float = 0.0) -> Tensor:
    """Apply the linear part of a change of place to the vectors of maps whose pixels have been moved already.

    Strain does not change when a picture and its motion are turned and scaled together, so it was right to move it;
    magnitude grows with the scale. Both keep the size at which they were first computed.

    Args:
        maps: ``(B, C, [T,] H, W)``.
        channels: Name of each channel; all but ``u``, ``v`` and ``magnitude`` stay.
        linear: Where a step of one pixel goes, ``(B, 2, 2)``, x first: a turn or mirror times a scale.
        still: Value of u and v that stands for no motion; 0 in pixels. Where u and v are scaled apart, only mirrors
            and quarter turns are defined.

    Returns:
        New tensor of the same shape; ``maps`` itself where it holds no vectors.

    Raises:
        ValueError: The number of channels does not fit.
    """
    if maps.shape[1] != len(channels):
        raise ValueError(f"expected the {len(channels)} channels {tuple(channels)}, got {maps.shape[1]}")
    if "u" not in channels or "v" not in channels:
        return maps
    u, v = channels.index("u"), channels.index("v")
    result = maps.clone()
    vectors = torch.stack([maps[:, u], maps[:, v]], 1)
    turned = torch.einsum("bij,bj...->bi...", linear.to(maps), vectors - still) + still
    result[:, u], result[:, v] = turned.unbind(1)
    if "magnitude" in channels:
        growth = torch.linalg.det(linear.to(maps)).abs().sqrt()
        result[:, channels.index("magnitude")] *= growth.view(-1, *[1] * (maps.ndim - 2))
    return result


def quarter_turns(maps: Tensor, turns: Tensor) -> tuple[Tensor, Tensor]:
    """Rotate every square map by a multiple of 90 degrees counter-clockwise; its vectors are yet to follow.

    Args:
        maps: ``(B, C, [T,] N, N)``.
        turns: Number of quarter turns of each sample, 0..3, ``(B,)``, int64.

    Returns:
        Maps of the same shape, and the matrices ``(B, 2, 2)`` for ``turn_vectors``.

    Raises:
        ValueError: The maps are not square.
    """
    if maps.shape[-1] != maps.shape[-2]:
        raise ValueError(f"quarter turns need square maps, got {tuple(maps.shape[-2:])}")
    every = torch.stack([maps.rot90(count, (-2, -1)) for count in range(4)])
    turned = every[turns, torch.arange(len(maps), device=maps.device)]
    # y points down, so counter-clockwise takes (1, 0) to (0, -1)
    quarter = few_numbers([[0.0, 1.0], [-1.0, 0.0]], maps)
    powers = torch.stack([torch.linalg.matrix_power(quarter, count) for count in range(4)])
    return turned, powers[turns]


class BatchAugmentation(nn.Module):
    """Change a batch at random on its device, each sample on its own, all frames of a clip alike.

    Args:
        settings: What a recipe says under ``training.augmentation``; the nine positions are not drawn here, see
            ``at_position``.
        representation: What the batch is, or is computed into when ``settings.acts_on`` is ``frames``.

    Raises:
        DataError: What is asked for is not defined for the representation.
    """

    def __init__(self, settings: Augmentation, representation: Representation) -> None:
        super().__init__()
        check_augmentation(settings, representation)
        self._channels = () if settings.acts_on == "frames" else tuple(representation.channels)
        self._still = sum(representation.value_range) / 2
        moves: list[nn.Module] = []
        if settings.hflip:
            moves.append(RandomHorizontalFlip(p=settings.hflip))
        if settings.vflip:
            moves.append(RandomVerticalFlip(p=settings.vflip))
        if settings.degrees or settings.shift or settings.scale:
            translate = (settings.shift, settings.shift) if settings.shift else None
            moves.append(RandomAffine(settings.degrees, translate, settings.scale, padding_mode="border", p=1.0))
        self._moves = nn.ModuleList(moves)
        self._quarter_turns = settings.quarter_turns
        self._blur = RandomGaussianBlur(_BLUR_SIDE, _BLUR_SIGMA, p=settings.blur) if settings.blur else None
        self._custom = nn.ModuleList(
            _Custom(one.name, one.build(AUGMENTATIONS, channels=self._channels)) for one in settings.custom
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Augment ``(B, C, H, W)`` or ``(B, C, T, H, W)`` floats; the input is left as it was."""
        # frames of a clip become channels, so that one set of parameters moves all of them
        planes = inputs.flatten(1, -3)
        linear = torch.eye(2, device=inputs.device).repeat(len(inputs), 1, 1)
        for move in self._moves:
            planes = move(planes)
            matrix = move.transform_matrix
            assert isinstance(matrix, Tensor)  # kornia sets it in the call before
            linear = matrix[:, :2, :2].to(linear) @ linear
        if self._quarter_turns:
            turns = torch.randint(4, (len(planes),), device=planes.device)
            planes, powers = quarter_turns(planes, turns)
            linear = powers.to(linear) @ linear
        if self._blur is not None:
            planes = self._blur(planes)
        moved = planes.view_as(inputs)
        if self._channels:
            moved = turn_vectors(moved, self._channels, linear, self._still)
        for change in self._custom:
            moved = change(moved)
        return moved


class _Custom(nn.Module):
    """A change by code outside the suite, held to giving what it got: a batch of this shape, and its input as it was.

    Args:
        name: As in the recipe.
        change: What is called.
    """

    def __init__(self, name: str, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._name, self.change = name, change

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Tensor:
        """Change ``(B, C, [T,] H, W)``."""
        # what it does in place must not reach the table
        changed = self.change(inputs.clone())
        if not isinstance(changed, Tensor) or (changed.shape, changed.dtype) != (inputs.shape, inputs.dtype):  # pyright: ignore[reportUnnecessaryIsInstance]
            gave = (tuple(changed.shape), changed.dtype) if isinstance(changed, Tensor) else type(changed).__name__  # pyright: ignore[reportUnnecessaryIsInstance]
            raise DataError(f"{self._name}: expected {tuple(inputs.shape)}, {inputs.dtype} as it got, it gave {gave}")
        return changed
