"""Representations that are computed from the frames of a clip, assembled by recipes from sampling and flow."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch.nn import functional

from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.masked import masked_farneback_flow
from mer_lightning.motion.raft import raft_flow
from mer_lightning.motion.spotting import spot_apex
from mer_lightning.motion.strain import Normalisation, flow_magnitude, normalise, optical_strain, resize_flow
from mer_lightning.motion.tvl1 import tvl1_flow
from mer_lightning.types import DataError
from mer_lightning.video.sampling import (
    all_frames,
    equally_spaced,
    linear_resample,
    onset_apex,
    symmetric,
    temporal_interpolation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from mer_lightning.datasets.base import Kind

FlowMethod = Literal["tvl1", "farneback", "raft"]
Third = Literal["strain", "magnitude", "none"]
Sampling = Literal["symmetric", "equal", "tim", "linear", "all"]

CODE_VERSION = 1
"""Part of every cache key; raised whenever the same parameters give other numbers."""

_METHODS: dict[FlowMethod, Callable[[Tensor, Tensor], Tensor]] = {
    "tvl1": tvl1_flow,
    "farneback": farneback_flow,
    "raft": raft_flow,
}
# luma of ITU-R BT.601, as in common grey conversions
_GREY = (0.299, 0.587, 0.114)


def to_frames(clip: NDArray[np.uint8], size: tuple[int, int] | None, device: torch.device | str | None) -> Tensor:
    """Turn one clip into floats on a device.

    Args:
        clip: ``(T, H, W, C)``, uint8, one or three channels.
        size: Height and width to resize to, averaging where it shrinks; None keeps the size.
        device: Where to compute; None is the CPU.

    Returns:
        ``(T, C, H, W)``, float32 in 0..1.

    Raises:
        DataError: The clip has another shape or type, or no frames.
    """
    if clip.ndim != 4 or not clip.size or clip.shape[-1] not in {1, 3} or clip.dtype != np.uint8:
        raise DataError(f"a clip must be (T, H, W, 1 or 3) uint8, got {clip.shape} {clip.dtype}")
    frames = torch.from_numpy(np.ascontiguousarray(clip)).to(device or "cpu").permute(0, 3, 1, 2).float() / 255
    if size is None or tuple(frames.shape[-2:]) == size:
        return frames.contiguous()
    return functional.interpolate(frames, size=size, mode="bilinear", align_corners=False, antialias=True).clamp(0, 1)


def to_grey(frames: Tensor) -> Tensor:
    """Grey levels of ``(T, C, H, W)`` with one or three channels, ``(T, H, W)``."""
    if frames.shape[1] == 1:
        return frames[:, 0]
    return torch.einsum("tchw,c->thw", frames, frames.new_tensor(_GREY))


class _FromFrames:
    """What all representations of this file share; they are frozen dataclasses whose fields are parameters."""

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return ("frames",)

    def cache_key(self) -> str:
        """Identity of the computation: class, every parameter and the version of the code."""
        parameters = asdict(self)  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownVariableType]
        described = json.dumps([type(self).__name__, CODE_VERSION, parameters], sort_keys=True)
        return hashlib.sha256(described.encode()).hexdigest()


def _apex_of(clip: Tensor, apexes: Sequence[int | None] | None, index: int) -> int:
    """Annotated apex of a clip, or the spotted one."""
    apex = None if apexes is None else apexes[index]
    if apex is None:
        return spot_apex(clip)
    if not 0 <= apex < len(clip):
        raise DataError(f"clip {index}: the apex must be one of 0..{len(clip) - 1}, got {apex}")
    return apex


def _flow_channels(third: Third) -> tuple[str, ...]:
    return ("u", "v") if third == "none" else ("u", "v", third)


def _with_third(flow: Tensor, third: Third, size: tuple[int, int]) -> Tensor:
    """Flow ``(N, 2, H, W)`` resized, with strain or magnitude as third channel."""
    resized = resize_flow(flow, size)
    if third == "none":
        return resized
    if third == "magnitude":
        return torch.cat((resized, flow_magnitude(resized)), 1)
    strain = optical_strain(flow)
    if tuple(strain.shape[-2:]) != size:
        strain = functional.interpolate(strain, size=size, mode="bilinear", align_corners=False, antialias=True)
    return torch.cat((resized, strain), 1)


def _range(normalisation: Normalisation) -> tuple[float, float]:
    return (0.0, 1.0) if normalisation == "minmax8" else (-1.0, 1.0)


@dataclass(frozen=True, slots=True)
class OnsetApexFlow(_FromFrames):
    """Flow from the onset to the apex as one map.

    Attributes:
        name: Name in recipes.
        size: Height and width of the map.
        flow_size: Height and width at which flow is computed; the vectors are scaled with the map.
        method: Flow method.
        third: Third channel.
        normalisation: Scaling of every channel; without one, values are pixels of the map.
    """

    name: str = "onset_apex_flow"
    size: tuple[int, int] = (28, 28)
    flow_size: tuple[int, int] = (128, 128)
    method: FlowMethod = "tvl1"
    third: Third = "strain"
    normalisation: Normalisation = "none"

    @property
    def channels(self) -> tuple[str, ...]:
        """Name of each channel."""
        return _flow_channels(self.third)

    @property
    def hflip_sign(self) -> tuple[int, ...]:
        """Horizontal flow changes its sign in a mirror."""
        return (-1, 1, 1)[: len(self.channels)]

    @property
    def value_range(self) -> tuple[float, float]:
        """Range whose centre is no motion; values of ``none`` and ``zscore`` may lie outside of it."""
        return _range(self.normalisation)

    def __call__(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None] | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Turn clips ``(T, H, W, C)`` that start at the onset into ``(N, 2 or 3, *size)``, float32.

        Args:
            clips: Frames onset to offset.
            apexes: Index of the apex in each clip; where None, it is spotted.
            device: Where to compute and return.

        Raises:
            DataError: A clip or an apex does not fit.
        """
        onset, apex = [], []
        for index, clip in enumerate(clips):
            frames = to_grey(to_frames(clip, self.flow_size, device))
            first, last = frames[onset_apex(_apex_of(frames, apexes, index), len(frames))]
            onset.append(first)
            apex.append(last)
        flow = _METHODS[self.method](torch.stack(onset)[:, None], torch.stack(apex)[:, None])
        return normalise(_with_third(flow, self.third, self.size), self.normalisation)


@dataclass(frozen=True, slots=True)
class FlowSequence(_FromFrames):
    """Flow between neighbouring sampled frames as a sequence of maps.

    Attributes:
        name: Name in recipes.
        sampling: ``equal`` runs from onset to apex, the others over the whole clip.
        frames: Sampled frames; one map fewer comes out.
        size: Height and width of the maps.
        flow_size: Height and width at which flow is computed; the vectors are scaled with the maps.
        method: Flow method.
        masked: Keep flow only where the grey level changed (S1); needs ``farneback``.
        third: Third channel.
        normalisation: Scaling of every channel of every map.
    """

    name: str = "flow_sequence"
    sampling: Sampling = "tim"
    frames: int = 11
    size: tuple[int, int] = (96, 96)
    flow_size: tuple[int, int] = (96, 96)
    method: FlowMethod = "tvl1"
    masked: bool = False
    third: Third = "strain"
    normalisation: Normalisation = "none"

    def __post_init__(self) -> None:
        if self.masked and self.method != "farneback":
            raise ValueError(f"masked flow is Farneback flow, got method {self.method!r}")
        if self.sampling == "all" or self.frames < 2:
            raise ValueError("a flow sequence needs a fixed number of at least two frames")

    @property
    def channels(self) -> tuple[str, ...]:
        """Name of each channel."""
        return _flow_channels(self.third)

    @property
    def hflip_sign(self) -> tuple[int, ...]:
        """Horizontal flow changes its sign in a mirror."""
        return (-1, 1, 1)[: len(self.channels)]

    @property
    def value_range(self) -> tuple[float, float]:
        """Range whose centre is no motion; values of ``none`` and ``zscore`` may lie outside of it."""
        return _range(self.normalisation)

    def __call__(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None] | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Turn clips ``(T, H, W, C)`` that start at the onset into ``(N, 2 or 3, frames - 1, *size)``, float32.

        Args:
            clips: Frames onset to offset.
            apexes: Index of the apex in each clip; where None and needed, it is spotted.
            device: Where to compute and return.

        Raises:
            DataError: A clip or an apex does not fit.
        """
        sampled = torch.stack(
            [
                _sample(to_grey(to_frames(clip, self.flow_size, device)), self.sampling, self.frames, apexes, index)
                for index, clip in enumerate(clips)
            ]
        )
        if self.masked:
            flow = masked_farneback_flow(sampled).flow.flatten(0, 1)
        else:
            before, after = (part.flatten(0, 1)[:, None] for part in (sampled[:, :-1], sampled[:, 1:]))
            flow = _METHODS[self.method](before, after)
        maps = normalise(_with_third(flow, self.third, self.size), self.normalisation)
        return maps.view(len(clips), self.frames - 1, *maps.shape[1:]).transpose(1, 2).contiguous()


def _sample(frames: Tensor, sampling: Sampling, count: int, apexes: Sequence[int | None] | None, index: int) -> Tensor:
    """Sampled frames of one clip, ``(count, ...)``; the first axis of ``frames`` is time."""
    if sampling == "tim":
        return temporal_interpolation(frames, count).clamp(0, 1)
    if sampling == "linear":
        return linear_resample(frames, count)
    if sampling == "symmetric":
        return frames[symmetric(len(frames), count)]
    if sampling == "equal":
        grey = frames if frames.ndim == 3 else to_grey(frames)
        return frames[equally_spaced(0, _apex_of(grey, apexes, index), count)]
    return frames[all_frames(len(frames))]


@dataclass(frozen=True, slots=True)
class ApexFrame(_FromFrames):
    """The frame of the strongest expression as an image (S3).

    Attributes:
        name: Name in recipes.
        size: Height and width.
        colour: Three channels; a grey clip repeats its one.
    """

    name: str = "apex_frame"
    size: tuple[int, int] = (224, 224)
    colour: bool = True

    @property
    def channels(self) -> tuple[str, ...]:
        """Name of each channel."""
        return ("red", "green", "blue") if self.colour else ("grey",)

    @property
    def hflip_sign(self) -> tuple[int, ...]:
        """A mirror reverses no colour."""
        return (1,) * len(self.channels)

    @property
    def value_range(self) -> tuple[float, float]:
        """Black to white."""
        return (0.0, 1.0)

    def __call__(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None] | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Turn clips ``(T, H, W, C)`` that start at the onset into ``(N, 1 or 3, *size)``, float32 in 0..1.

        Args:
            clips: Frames onset to offset.
            apexes: Index of the apex in each clip; where None, it is spotted.
            device: Where to compute and return.

        Raises:
            DataError: A clip or an apex does not fit.
        """
        images: list[Tensor] = []
        for index, clip in enumerate(clips):
            frames = to_frames(clip, self.size, device)
            images.append(frames[_apex_of(to_grey(frames), apexes, index)])
        return torch.stack([_coloured(image[None], self.colour)[0] for image in images])


@dataclass(frozen=True, slots=True)
class FrameSequence(_FromFrames):
    """Sampled frames as a sequence of images.

    Attributes:
        name: Name in recipes.
        sampling: ``equal`` runs from onset to apex, the others over the whole clip.
        frames: Sampled frames.
        size: Height and width.
        colour: Three channels; a grey clip repeats its one.
    """

    name: str = "frame_sequence"
    sampling: Sampling = "tim"
    frames: int = 10
    size: tuple[int, int] = (96, 96)
    colour: bool = False

    def __post_init__(self) -> None:
        if self.sampling == "all" or self.frames < 1:
            raise ValueError("a frame sequence needs a fixed number of frames")

    @property
    def channels(self) -> tuple[str, ...]:
        """Name of each channel."""
        return ("red", "green", "blue") if self.colour else ("grey",)

    @property
    def hflip_sign(self) -> tuple[int, ...]:
        """A mirror reverses no colour."""
        return (1,) * len(self.channels)

    @property
    def value_range(self) -> tuple[float, float]:
        """Black to white."""
        return (0.0, 1.0)

    def __call__(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None] | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Turn clips ``(T, H, W, C)`` that start at the onset into ``(N, C, frames, *size)``, float32 in 0..1.

        Args:
            clips: Frames onset to offset.
            apexes: Index of the apex in each clip; where None and needed, it is spotted.
            device: Where to compute and return.

        Raises:
            DataError: A clip or an apex does not fit.
        """
        sequences = [
            _coloured(
                _sample(to_frames(clip, self.size, device), self.sampling, self.frames, apexes, index), self.colour
            )
            for index, clip in enumerate(clips)
        ]
        return torch.stack(sequences).transpose(1, 2).contiguous()


def _coloured(frames: Tensor, colour: bool) -> Tensor:
    """``(T, C, H, W)`` with three channels, or with the grey one."""
    return frames.expand(-1, 3, -1, -1) if colour else to_grey(frames)[:, None]


# the sequences of the papers
S0_FLOW_SEQUENCE = FlowSequence("flow_sequence_s0", "symmetric", 20, third="magnitude")
S1_FLOW_SEQUENCE = FlowSequence(
    "flow_sequence_s1", "equal", 11, (112, 112), (112, 112), method="farneback", masked=True
)
S2_FLOW_SEQUENCE = FlowSequence("flow_sequence_s2", "tim", 11, normalisation="zscore")
