"""Representations that are pictures: the apex, or a sequence of sampled frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mer_lightning.motion.frames import FromFrames, Sampling, pick_frames

if TYPE_CHECKING:
    from torch import Tensor


class FromImages(FromFrames):
    """Pictures of a face in 0..1.

    Attributes:
        size: Height and width.
        colour: Three channels; a grey clip repeats its one.
    """

    size: tuple[int, int]
    colour: bool

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

    @property
    def vectors(self) -> bool:
        """Pictures hold no vectors."""
        return False

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of the sampled frames."""
        return self.size

    @property
    def frame_channels(self) -> Literal[1, 3]:
        """Whether the sampled frames are grey or in colour."""
        return 3 if self.colour else 1


class ApexFrame(FromImages):
    """The frame of the strongest expression as an image (S3), ``(N, 1 or 3, *size)``."""

    name: str = "apex_frame"
    size: tuple[int, int] = (224, 224)
    colour: bool = True

    def pick(self, frames: Tensor, apex: int | None) -> Tensor:
        """The apex."""
        assert apex is not None
        return frames[apex : apex + 1]

    def maps(self, frames: Tensor) -> Tensor:
        """The one frame of each clip as it is."""
        return frames[:, :, 0]


class FrameSequence(FromImages):
    """Sampled frames as a sequence of images, ``(N, 1 or 3, frames, *size)``.

    Attributes:
        sampling: ``equal`` runs from onset to apex, the others over the whole clip.
        frames: Sampled frames.
    """

    name: str = "frame_sequence"
    sampling: Sampling = "tim"
    frames: int = Field(default=10, ge=2)
    size: tuple[int, int] = (96, 96)
    colour: bool = False

    @property
    def needs_apex(self) -> bool:
        """Only sampling up to the apex does."""
        return self.sampling == "equal"

    def pick(self, frames: Tensor, apex: int | None) -> Tensor:
        """The sampled frames."""
        return pick_frames(frames, self.sampling, self.frames, apex)

    def maps(self, frames: Tensor) -> Tensor:
        """The sampled frames as they are."""
        return frames
