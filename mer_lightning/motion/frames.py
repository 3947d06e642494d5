"""What representations of frames share: clips as floats, their apex, magnification, sampling and cache keys."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch.nn import functional

from mer_lightning.motion.spotting import spot_apex
from mer_lightning.outside import hash_of_class
from mer_lightning.settings import Settings
from mer_lightning.types import DataError
from mer_lightning.video.magnification import TemporalFilter, magnify_motion
from mer_lightning.video.sampling import (
    ends_again,
    equally_spaced,
    linear_resample,
    symmetric,
    temporal_interpolation,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from mer_lightning.types import Kind

Sampling = Literal["symmetric", "ends_again", "equal", "tim", "linear"]

CODE_VERSION = 1
"""Part of every cache key; raised whenever the same parameters give other numbers."""

LATER = "came after the first version"
"""Marks a parameter that did: at its default nothing changed, and neither does the cache key."""
# luma of ITU-R BT.601, as in common grey conversions
_GREY = (0.299, 0.587, 0.114)


class Magnification(Settings):
    """Eulerian magnification of a clip before its frames are picked; rates are per frame, whatever the camera.

    The defaults of the pass band are the coefficients 0.05 and 0.4 of the first-order low-passes that the authors
    of the method use for motion, as frequencies. See ``mer_lightning.video.magnification.magnify_motion``.

    Attributes:
        alpha: Amplification; 10 in paper S2, 20 in S4.
        low: Lower edge of the pass band, cycles a frame.
        high: Upper edge of the pass band, cycles a frame.
        temporal: Temporal filter; S4 names ``iir``.
        wavelength: Shortest wavelength that gets all of ``alpha``, pixels; 16 in S4.
    """

    alpha: float = Field(gt=0)
    low: float = Field(default=0.00816, gt=0, lt=0.5)
    high: float = Field(default=0.0813, gt=0, lt=0.5)
    temporal: TemporalFilter = "iir"
    wavelength: float = Field(default=16.0, gt=0)

    @model_validator(mode="after")
    def _check(self) -> Magnification:
        if not self.low < self.high:
            raise ValueError(f"expected low < high, got {self.low} and {self.high}")
        return self

    def __call__(self, frames: Tensor) -> Tensor:
        """Magnify one clip ``(T, C, H, W)``; values stay in 0..1."""
        return magnify_motion(
            frames,
            alpha=self.alpha,
            low=self.low,
            high=self.high,
            fps=1.0,
            temporal=self.temporal,
            wavelength=self.wavelength,
        ).clamp(0, 1)


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
    """Grey levels of ``(T, C, H, W)`` with one or three channels, ``(T, 1, H, W)``."""
    if frames.shape[1] == 1:
        return frames
    return torch.einsum("tchw,c->thw", frames, frames.new_tensor(_GREY))[:, None]


class FromFrames(Settings):
    """A representation of the frames of a clip; its fields are its parameters, and recipes may give them.

    Attributes:
        name: Name in recipes.
        magnification: How motion is magnified first; None leaves it as it was recorded.
    """

    name: str
    magnification: Annotated[Magnification | None, LATER] = None

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Frames alone."""
        return ("frames",)

    @property
    @abstractmethod
    def frame_size(self) -> tuple[int, int] | None:
        """Height and width of the sampled frames; None where they have those of their recording."""

    @property
    def frame_channels(self) -> Literal[1, 3]:
        """Whether the sampled frames are grey or in colour."""
        return 1

    @abstractmethod
    def pick(self, frames: Tensor, apex: int | None) -> Tensor:
        """Frames of one clip that are kept, ``(T, C, H, W)`` to ``(T', C, H, W)``; the apex where it is needed."""

    @property
    def needs_apex(self) -> bool:
        """Whether ``pick`` must know the apex, so that one that is not annotated is spotted."""
        return True

    @abstractmethod
    def maps(self, frames: Tensor) -> Tensor:
        """What a model sees of sampled frames ``(N, C, T, H, W)``, on their device."""

    @property
    def weight_files(self) -> tuple[Path, ...]:
        """Files of weights that the computation reads."""
        return ()

    def check_weights(self) -> None:
        """Make sure, before anything is computed, that the networks of the computation can be made.

        Raises:
            DataError: A network is unknown, or a file of weights is missing or does not fit.
        """

    @property
    def code_versions(self) -> tuple[str, ...]:
        """Versions of code that only some representations run, beside ``CODE_VERSION``."""
        return ()

    def cache_key(self) -> str:
        """Identity of the computation: class, every parameter, the versions of code, the content of its files.

        Code outside the suite counts with its sources.
        """
        fields = type(self).model_fields
        unused = {
            key for key, field in fields.items() if LATER in field.metadata and getattr(self, key) == field.default
        }
        described = [type(self).__name__, CODE_VERSION, self.model_dump(mode="json", exclude=unused)]
        key = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()
        for path in self.weight_files:
            try:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                raise DataError(f"{path}: weights not readable ({error.strerror})") from error
            key = hashlib.sha256(f"{key}|{content}".encode()).hexdigest()
        for version in (*self.code_versions, hash_of_class(type(self))):
            key = hashlib.sha256(f"{key}|{version}".encode()).hexdigest() if version else key
        return key

    def sample(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None] | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Pick frames of clips ``(T, H, W, C)`` that start at the onset.

        Args:
            clips: Frames onset to offset.
            apexes: Index of the apex in each clip; where None and needed, it is spotted.
            device: Where to compute and return; None is the CPU.

        Returns:
            ``(N, C, T', *frame_size)``, float32 in 0..1.

        Raises:
            DataError: A clip or an apex does not fit, or clips that keep their size differ in it.
        """
        picked: list[Tensor] = []
        for index, clip in enumerate(clips):
            frames = to_frames(clip, self.frame_size, device)
            apex = self._apex(frames, apexes, index) if self.needs_apex else None
            frames = to_grey(frames) if self.frame_channels == 1 else frames.expand(-1, 3, -1, -1)
            picked.append(self.pick(frames if self.magnification is None else self.magnification(frames), apex))
        if len(sizes := {tuple(one.shape[-2:]) for one in picked}) > 1:
            found = " and ".join(f"{height} x {width}" for height, width in sorted(sizes)[:2])
            raise DataError(f"{self.name}: frames of clips together have one size, found {found}")
        return torch.stack(picked).transpose(1, 2).contiguous()

    def _apex(self, frames: Tensor, apexes: Sequence[int | None] | None, index: int) -> int:
        apex = None if apexes is None else apexes[index]
        if apex is None:
            return spot_apex(to_grey(frames)[:, 0])
        if not 0 <= apex < len(frames):
            raise DataError(f"clip {index}: the apex must be one of 0..{len(frames) - 1}, got {apex}")
        return apex

    def __call__(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None] | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Both steps; see ``sample`` and ``maps``."""
        return self.maps(self.sample(clips, apexes, device))


def pick_frames(frames: Tensor, sampling: Sampling, count: int, apex: int | None) -> Tensor:
    """Bring one clip to a fixed number of frames.

    Args:
        frames: ``(T, C, H, W)``, in 0..1.
        sampling: ``symmetric``: trimmed at both ends, or standing still there; ``ends_again``: trimmed, or with its
            first and last frames once more (S0); ``equal``: at equal distances from onset to apex; ``tim`` or
            ``linear``: resampled over the whole clip.
        count: Frames wanted.
        apex: Index of the apex, for ``equal``.

    Returns:
        ``(count, C, H, W)``, in 0..1.
    """
    if sampling == "tim":
        return temporal_interpolation(frames, count).clamp(0, 1)
    if sampling == "linear":
        return linear_resample(frames, count)
    if sampling == "symmetric":
        return frames[symmetric(len(frames), count)]
    if sampling == "ends_again":
        return frames[ends_again(len(frames), count)]
    assert apex is not None
    return frames[equally_spaced(0, apex, count)]
