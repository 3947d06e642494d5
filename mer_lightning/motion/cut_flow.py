"""Flow of a recording at its own size, and maps of a face cut out of it: where it lies, or moved a few pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch.nn import functional

from mer_lightning.motion.flow_representations import FromFlow
from mer_lightning.motion.frames import Sampling, pick_frames
from mer_lightning.motion.strain import Normalisation, flow_magnitude, normalise, optical_strain
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Together = Literal["sequence", "map"]

_AXES: dict[Together, tuple[int, ...]] = {"sequence": (-3, -2, -1), "map": (-2, -1)}


class CutFlowSequence(FromFlow):
    """Flow between neighbouring sampled frames of a recording, cut to the face, ``(N, C, frames - 1, *size)``.

    Frames are magnified, sampled and compared at the size of the recording; maps are reduced in the end. The face is
    the picture without a margin, so that the cut can be moved within the picture: no edge is repeated.

    Attributes:
        size: Height and width of a map.
        flow_size: Most height and width at which flow is computed; a larger picture is reduced in proportion.
        normalisation: Scaling of every channel; without one, values are pixels of the map.
        sampling: ``equal`` runs from onset to apex, the others over the whole clip.
        frames: Sampled frames; one map fewer comes out.
        together: What is scaled together: all maps of a ``sequence``, so that a strong motion stays stronger than a
            weak one before it, or each ``map`` by itself.
        margin: Pixels of the recording on each side of the face, the most by which it can be moved.

    Source: paper S2, sections 2.1 and 2.2.
    """

    name: str = "flow_sequence_s2"
    size: tuple[int, int] = (96, 96)
    flow_size: tuple[int, int] = (512, 512)
    normalisation: Normalisation = "zscore"
    sampling: Sampling = "tim"
    frames: int = Field(default=11, ge=2)
    together: Together = "sequence"
    margin: int = Field(default=10, ge=0)

    @property
    def frame_size(self) -> None:
        """That of each recording."""
        return

    @property
    def needs_apex(self) -> bool:
        """Only sampling up to the apex does."""
        return self.sampling == "equal"

    def pick(self, frames: Tensor, apex: int | None) -> Tensor:
        """The sampled frames."""
        return pick_frames(frames, self.sampling, self.frames, apex)

    def maps(self, frames: Tensor) -> Tensor:
        """The maps of each clip of sampled frames ``(N, 1, frames, H, W)``, of the face where it lies."""
        return torch.stack([self._cut(one.transpose(0, 1), [(0, 0)])[0] for one in frames])

    def __call__(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None] | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """Both steps, clip by clip, since recordings differ in size; see ``sample`` and ``maps``."""
        return self.moved(clips, apexes, device, moves=[(0, 0)])[:, 0]

    def moved(
        self,
        clips: Sequence[NDArray[np.uint8]],
        apexes: Sequence[int | None] | None = None,
        device: torch.device | str | None = None,
        *,
        moves: Sequence[tuple[int, int]],
    ) -> Tensor:
        """The same with the face moved in the map, because the cut is moved the other way.

        Flow is computed once, of the picture around all cuts.

        Args:
            clips: Frames onset to offset.
            apexes: As in ``sample``.
            device: Where to compute and return; None is the CPU.
            moves: How far down and right, pixels of the recording, at most ``margin``.

        Returns:
            ``(N, moves, C, frames - 1, *size)``.

        Raises:
            DataError: A clip or an apex does not fit.
            ValueError: A move goes beyond the margin.
        """
        if any(abs(distance) > self.margin for move in moves for distance in move):
            raise ValueError(f"expected moves of at most the margin of {self.margin} pixels, got {list(moves)}")
        made: list[Tensor] = []
        for index, clip in enumerate(clips):
            frames = self.sample([clip], None if apexes is None else [apexes[index]], device)
            made.append(self._cut(frames[0].transpose(0, 1), moves))
        return torch.stack(made)

    def _cut(self, frames: Tensor, moves: Iterable[tuple[int, int]]) -> Tensor:
        """Maps of each cut of one clip ``(frames, 1, H, W)``, ``(moves, C, frames - 1, *size)``."""
        sides = frames.shape[-2:]
        if min(sides) <= 2 * self.margin:
            raise DataError(
                f"{self.name}: the face is the picture without a margin of {self.margin} pixels on each side, "
                f"found a picture of {sides[0]} x {sides[1]}"
            )
        frames = self._reduced(frames)
        flow = self.flow(frames[:-1], frames[1:])
        planes = torch.cat((flow, optical_strain(flow)), 1)
        # pixels of the reduced picture for one of the recording
        scales = [new / old for new, old in zip(frames.shape[-2:], sides, strict=True)]
        spans = [(side - 2 * self.margin) * scale for side, scale in zip(sides, scales, strict=True)]
        made: list[Tensor] = []
        for move in moves:
            rows, columns = (
                _window(length, (self.margin - distance) * scale, span, count).to(planes)
                for length, distance, scale, span, count in zip(
                    frames.shape[-2:], move, scales, spans, self.size, strict=True
                )
            )
            made.append(self._assembled(rows @ planes @ columns.T, spans))
        return torch.stack(made)

    def _assembled(self, planes: Tensor, spans: Sequence[float]) -> Tensor:
        """Channels of one cut, scaled, ``(C, T, *size)``, of flow and strain ``(T, 3, *size)``."""
        (height, width), (span_down, span_across) = self.size, spans
        flow = planes[:, :2] * planes.new_tensor([width / span_across, height / span_down])[:, None, None]
        known = {"u": flow[:, :1], "v": flow[:, 1:], "magnitude": flow_magnitude(flow), "strain": planes[:, 2:]}
        maps = torch.cat([known[channel] for channel in self.channels], 1).transpose(0, 1)
        return normalise(maps, self.normalisation, _AXES[self.together]).contiguous()

    def _reduced(self, frames: Tensor) -> Tensor:
        """Frames of at most ``flow_size``."""
        height, width = frames.shape[-2:]
        scale = min(self.flow_size[0] / height, self.flow_size[1] / width)
        if scale >= 1:
            return frames
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        return functional.interpolate(frames, size=size, mode="bilinear", align_corners=False, antialias=True)


def _window(length: int, start: float, span: float, count: int) -> Tensor:
    """Weights that bring a window of a line of pixels to another number of them, ``(count, length)``, rows sum to 1.

    What is cut at whole pixels and resized by torch's bilinear interpolation with antialiasing is the same; a window
    may also begin and end within pixels. Pixels whose centre lies outside of it count nothing.

    Args:
        length: Pixels of the line.
        start: Edge at which the window begins, pixels from the edge of the line.
        span: Its width, pixels, 1 or more.
        count: Pixels that come out.
    """
    centres = torch.arange(length, dtype=torch.float64) + 0.5
    wanted = start + (torch.arange(count, dtype=torch.float64)[:, None] + 0.5) * span / count
    weights = (1 - (centres - wanted).abs() / max(span / count, 1)).clamp(min=0)
    weights = weights * ((centres >= start) & (centres <= start + span))
    return (weights / weights.sum(1, keepdim=True)).float()
