"""Representations by optical flow: one map from onset to apex, or a sequence between neighbouring frames."""

from __future__ import annotations

from functools import partial
from pathlib import Path  # noqa: TC003 - pydantic needs it to read a field
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch.nn import functional

from mer_lightning.motion import tvl1
from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.frames import LATER, FromFrames, Sampling, pick_frames
from mer_lightning.motion.masked import masked_farneback_flow
from mer_lightning.motion.raft import load_raft, raft_flow
from mer_lightning.motion.strain import Normalisation, flow_magnitude, normalise, optical_strain, resize_flow
from mer_lightning.motion.tvl1 import tvl1_flow
from mer_lightning.video.sampling import onset_apex, segments_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

FlowMethod = Literal["tvl1", "farneback", "raft"]
Third = Literal["strain", "magnitude", "none", "magnitude_strain"]

_DERIVED: dict[Third, tuple[str, ...]] = {
    "strain": ("strain",),
    "magnitude": ("magnitude",),
    "none": (),
    "magnitude_strain": ("magnitude", "strain"),
}


def flow_versions(method: FlowMethod) -> tuple[str, ...]:
    """Version of a flow method, for ``code_versions`` of what is computed with it."""
    return (f"tvl1 {tvl1.VERSION}",) if method == "tvl1" else ()


class FromFlow(FromFrames):
    """What is computed from flow.

    Attributes:
        size: Height and width of a map.
        flow_size: Height and width at which flow is computed; the vectors are scaled with the map.
        method: Flow method; ``raft`` stands in for FlowNet 2.0, whose weights are not free (paper S4).
        weights: File with the state of RAFT's network; None downloads torchvision's own.
        third: What follows u and v: strain, magnitude, nothing, or magnitude and strain.
        normalisation: Scaling of every channel of every map; without one, values are pixels of the map.
    """

    size: tuple[int, int]
    flow_size: tuple[int, int]
    method: FlowMethod = "tvl1"
    weights: Annotated[Path | None, LATER] = None
    third: Third = "strain"
    normalisation: Normalisation = "none"

    @model_validator(mode="after")
    def _check(self) -> FromFlow:
        if min(*self.size, *self.flow_size) < 1:
            raise ValueError(f"sizes must be positive, got {self.size} and {self.flow_size}")
        if self.weights is not None and self.method != "raft":
            raise ValueError(f"weights are for method 'raft', got method {self.method!r}")
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """Name of each channel."""
        return ("u", "v", *_DERIVED[self.third])

    @property
    def hflip_sign(self) -> tuple[int, ...]:
        """Horizontal flow changes its sign in a mirror."""
        return tuple(-1 if channel == "u" else 1 for channel in self.channels)

    @property
    def value_range(self) -> tuple[float, float]:
        """Range whose centre is no motion; values of ``none`` and ``zscore`` may lie outside of it."""
        return (0.0, 1.0) if self.normalisation == "minmax8" else (-1.0, 1.0)

    @property
    def vectors(self) -> bool:
        """Whether (u, v) is in pixels: every other scaling treats u and v apart."""
        return self.normalisation == "none"

    @property
    def frame_size(self) -> tuple[int, int] | None:
        """Height and width of the sampled frames."""
        return self.flow_size

    @property
    def weight_files(self) -> tuple[Path, ...]:
        """RAFT's, where they are given."""
        return () if self.weights is None else (self.weights,)

    def check_weights(self) -> None:
        """RAFT's, where they are given."""
        if self.weights is not None:
            load_raft(self.weights, "cpu")

    @property
    def code_versions(self) -> tuple[str, ...]:
        """That of the flow method."""
        return flow_versions(self.method)

    def flow(self, reference: Tensor, target: Tensor) -> Tensor:
        """Flow between grey images ``(B, 1, H, W)`` with the chosen method."""
        methods: dict[FlowMethod, Callable[[Tensor, Tensor], Tensor]] = {
            "tvl1": tvl1_flow,
            "farneback": farneback_flow,
            "raft": partial(raft_flow, weights=self.weights),
        }
        return methods[self.method](reference.contiguous(), target.contiguous())

    def assemble(self, flow: Tensor, mask: Tensor | None = None) -> Tensor:
        """Flow ``(B, 2, *flow_size)`` resized, with what is derived from it, scaled, ``(B, C, *size)``.

        Where a mask ``(B, 1, *flow_size)`` is given, strain is taken of the whole flow, and both are masked then.
        """
        resized = resize_flow(flow if mask is None else flow * mask, self.size)
        parts = [resized]
        if "magnitude" in _DERIVED[self.third]:
            parts.append(flow_magnitude(resized))
        if "strain" in _DERIVED[self.third]:
            strain = optical_strain(flow) if mask is None else optical_strain(flow) * mask
            if tuple(strain.shape[-2:]) != self.size:
                strain = functional.interpolate(
                    strain, size=self.size, mode="bilinear", align_corners=False, antialias=True
                )
            parts.append(strain)
        return normalise(torch.cat(parts, 1), self.normalisation)


class OnsetApexFlow(FromFlow):
    """Flow from the onset to the apex as one map, ``(N, C, *size)``; with ``magnitude_strain`` the input of S4."""

    name: str = "onset_apex_flow"
    size: tuple[int, int] = (28, 28)
    flow_size: tuple[int, int] = (128, 128)

    def pick(self, frames: Tensor, apex: int | None) -> Tensor:
        """Onset and apex."""
        assert apex is not None
        return frames[onset_apex(apex, len(frames))]

    def maps(self, frames: Tensor) -> Tensor:
        """The map of each pair ``(N, 1, 2, H, W)``."""
        return self.assemble(self.flow(frames[:, :, 0], frames[:, :, 1]))


class FlowSequence(FromFlow):
    """Flow between neighbouring sampled frames as a sequence, ``(N, C, frames - 1, *size)``.

    Attributes:
        sampling: ``equal`` runs from onset to apex, the others over the whole clip.
        frames: Sampled frames; one map fewer comes out.
        masked: Keep flow and strain only where the grey level changed (S1); needs ``farneback``. Strain is that of
            the whole flow: of the masked one it would be the outline of the mask.
        threshold: Factor ``a`` of that mask; larger keeps less.
        segments: So many segments of that many frames, spread over the clip, one after the other in time (S0); no flow
            leads from one to the next. 1 takes one segment a clip, as ``sampling`` says.
        with_frames: Put the grey frames before the maps as channel ``grey``, each frame beside the flow that starts
            from it (S0). There is one map fewer than frames: the last frame is only flowed to and left out, so that
            S0's 20 frames give 19 steps for both of its streams, as in its comparisons.
    """

    name: str = "flow_sequence"
    sampling: Sampling = "tim"
    frames: int = Field(default=11, ge=2)
    size: tuple[int, int] = (96, 96)
    flow_size: tuple[int, int] = (96, 96)
    masked: bool = False
    threshold: Annotated[float, Field(ge=0), LATER] = 0.8
    with_frames: Annotated[bool, LATER] = False
    segments: Annotated[int, Field(ge=1, le=64), LATER] = 1

    @model_validator(mode="after")
    def _check_parts(self) -> FlowSequence:
        if self.masked and self.method != "farneback":
            raise ValueError(f"masked flow is Farneback flow, got method {self.method!r}")
        if self.segments > 1 and self.sampling != "ends_again":
            raise ValueError(f"segments are for sampling 'ends_again', got {self.sampling!r}")
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """Name of each channel."""
        return ("grey", *super().channels) if self.with_frames else super().channels

    @property
    def code_versions(self) -> tuple[str, ...]:
        """That of the flow method, and of the mask."""
        return (*super().code_versions, *(("strain before mask",) if self.masked else ()))

    @property
    def needs_apex(self) -> bool:
        """Only sampling up to the apex does."""
        return self.sampling == "equal"

    def pick(self, frames: Tensor, apex: int | None) -> Tensor:
        """The sampled frames, those of one segment after those of the other."""
        if self.segments > 1:
            return frames[segments_of(len(frames), self.frames, self.segments)]
        return pick_frames(frames, self.sampling, self.frames, apex)

    def maps(self, frames: Tensor) -> Tensor:
        """The maps of each clip of sampled frames ``(N, 1, segments * frames, H, W)``."""
        grey = frames[:, 0].unflatten(1, (self.segments, self.frames)).flatten(0, 1)
        if self.masked:
            found = masked_farneback_flow(grey, a=self.threshold)
            maps = self.assemble(found.whole.flatten(0, 1), found.mask.flatten(0, 1))
        else:
            maps = self.assemble(self.flow(grey[:, :-1].flatten(0, 1)[:, None], grey[:, 1:].flatten(0, 1)[:, None]))
        if self.with_frames:
            seen = grey[:, :-1].flatten(0, 1)[:, None]
            if tuple(seen.shape[-2:]) != self.size:
                seen = functional.interpolate(
                    seen, size=self.size, mode="bilinear", align_corners=False, antialias=True
                )
            maps = torch.cat((seen, maps), 1)
        steps = self.segments * (self.frames - 1)
        return maps.view(len(frames), steps, *maps.shape[1:]).transpose(1, 2).contiguous()


# the sequences of the papers
S0_FLOW_SEQUENCE = FlowSequence(name="flow_sequence_s0", sampling="ends_again", frames=20, third="magnitude")
S0_FRAMES_AND_FLOW = S0_FLOW_SEQUENCE.model_copy(update={"name": "frames_and_flow_s0", "with_frames": True})
S1_FLOW_SEQUENCE = FlowSequence(
    name="flow_sequence_s1",
    sampling="equal",
    frames=11,
    size=(112, 112),
    flow_size=(112, 112),
    method="farneback",
    masked=True,
)
