"""Representations that are feature vectors: the descriptors of ``mer_lightning.descriptors``, computed once."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path  # noqa: TC003 - pydantic needs it to read a field
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch.nn import functional

from mer_lightning.descriptors.bi_woof import bi_woof
from mer_lightning.descriptors.blocks import Regions
from mer_lightning.descriptors.fdm import fdm
from mer_lightning.descriptors.hoof import hoof
from mer_lightning.descriptors.lbp_sip import lbp_sip
from mer_lightning.descriptors.lbp_top import lbp_top
from mer_lightning.descriptors.mdmo import mdmo
from mer_lightning.descriptors.network_features import check_network, network_features
from mer_lightning.descriptors.osw import osw
from mer_lightning.descriptors.stclqp import quantised_patterns
from mer_lightning.descriptors.stlbp_ip import stlbp_ip
from mer_lightning.faces.alignment import Crop, similarity
from mer_lightning.faces.points import mean_face
from mer_lightning.faces.regions import REGIONS, region_map
from mer_lightning.motion.flow_representations import FlowMethod, OnsetApexFlow, flow_versions
from mer_lightning.motion.frames import LATER, FromFrames, Sampling, pick_frames
from mer_lightning.motion.strain import optical_strain
from mer_lightning.video.sampling import around_apex, onset_apex

if TYPE_CHECKING:
    from torch import Tensor


_STILL = 1e-3
"""Length below which a vector of flow is rounding, pixels."""


class Features(FromFrames):
    """A descriptor of each clip, ``(N, D)``; for estimators, since no network reads a vector and no mirror turns it.

    Attributes:
        size: Height and width of the frames that it is computed of.
        sampling: ``equal`` runs from onset to apex, the others over the whole clip.
        frames: Sampled frames.
    """

    size: tuple[int, int] = (128, 128)
    sampling: Sampling = "tim"
    frames: int = Field(default=10, ge=2)

    @model_validator(mode="after")
    def _check_size(self) -> Features:
        if min(self.size) < 1:
            raise ValueError(f"sizes must be positive, got {self.size}")
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """One, whatever the length of the vector."""
        return ("features",)

    @property
    def hflip_sign(self) -> tuple[int, ...]:
        """A mirror changes features in ways of their own."""
        return (1,)

    @property
    def value_range(self) -> tuple[float, float]:
        """Shares and weights; FDM and MDMO also have directions below 0."""
        return (0.0, 1.0)

    @property
    def vectors(self) -> bool:
        """There are no maps."""
        return False

    @property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of the sampled frames."""
        return self.size

    @property
    def needs_apex(self) -> bool:
        """Only sampling up to the apex does."""
        return self.sampling == "equal"

    def pick(self, frames: Tensor, apex: int | None) -> Tensor:
        """The sampled frames."""
        return pick_frames(frames, self.sampling, self.frames, apex)

    def maps(self, frames: Tensor) -> Tensor:
        """The descriptor of each clip of sampled frames ``(N, 1, frames, H, W)``."""
        return self.describe(frames[:, 0])

    @abstractmethod
    def describe(self, clips: Tensor) -> Tensor:
        """The descriptor of grey clips ``(N, frames, H, W)`` in 0..1, ``(N, D)``."""


def _levels(clips: Tensor) -> Tensor:
    """Grey levels 0..255: in pictures of 8 bits equal pixels are equal, after resizing almost."""
    return (clips * 255).round()


class LBPTop(Features):
    """LBP-TOP; the defaults are the official baseline of MEGC2019, 1200 values. See ``lbp_top``."""

    name: str = "lbp_top"
    radii: tuple[int, int, int] = (1, 1, 4)
    neighbours: int = Field(default=4, ge=1, le=8)
    uniform: bool = False
    blocks: tuple[int, int] = (5, 5)

    def describe(self, clips: Tensor) -> Tensor:
        """See ``lbp_top``."""
        return lbp_top(
            _levels(clips), radii=self.radii, neighbours=self.neighbours, uniform=self.uniform, blocks=self.blocks
        )


class LBPSip(Features):
    """LBP-SIP, 500 values by default. See ``lbp_sip``."""

    name: str = "lbp_sip"
    radii: tuple[int, int, int] = (1, 1, 4)
    blocks: tuple[int, int] = (5, 5)

    def describe(self, clips: Tensor) -> Tensor:
        """See ``lbp_sip``."""
        return lbp_sip(_levels(clips), radii=self.radii, blocks=self.blocks)


class STLBPIP(Features):
    """STLBP-IP, 630 values by default. See ``stlbp_ip``."""

    name: str = "stlbp_ip"
    blocks: tuple[int, int] = (1, 1)

    def describe(self, clips: Tensor) -> Tensor:
        """See ``stlbp_ip``."""
        return stlbp_ip(_levels(clips), blocks=self.blocks)


class QuantisedPatterns(Features):
    """What STCLQP-inspired codebooks are made of, 36,864 values by default. See ``quantised_patterns``."""

    name: str = "quantised_patterns"
    radii: tuple[int, int, int] = (1, 1, 1)
    blocks: tuple[int, int] = (4, 4)

    def describe(self, clips: Tensor) -> Tensor:
        """See ``quantised_patterns``."""
        return quantised_patterns(_levels(clips), radii=self.radii, blocks=self.blocks)


class FlowFeatures(Features):
    """Descriptors of flow.

    Attributes:
        method: Flow method.
    """

    method: FlowMethod = "tvl1"

    @property
    def code_versions(self) -> tuple[str, ...]:
        """That of the flow method."""
        return flow_versions(self.method)

    def flow(self, reference: Tensor, target: Tensor) -> Tensor:
        """Flow of pairs of grey clips ``(N, F, H, W)``, ``(N, F, 2, H, W)``, pixels; 0 where it is rounding."""
        pairs = [frames.flatten(0, 1)[:, None] for frames in (reference, target)]
        flow = OnsetApexFlow(method=self.method).flow(*pairs)
        # histograms of directions would make as much of the rounding in a still clip as of motion
        moved = torch.linalg.vector_norm(flow, dim=1, keepdim=True) >= _STILL
        return torch.where(moved, flow, 0).unflatten(0, reference.shape[:2])

    def between_neighbours(self, clips: Tensor) -> Tensor:
        """Flow from each frame to the next, ``(N, frames - 1, 2, H, W)``."""
        return self.flow(clips[:, :-1], clips[:, 1:])


class Hoof(FlowFeatures):
    """HOOF of the flow between neighbouring frames, 270 values by default. See ``hoof``."""

    name: str = "hoof"
    bins: int = Field(default=30, ge=1)
    blocks: tuple[int, int] = (1, 1)

    def describe(self, clips: Tensor) -> Tensor:
        """See ``hoof``."""
        return hoof(self.between_neighbours(clips), bins=self.bins, blocks=self.blocks)


class Fdm(FlowFeatures):
    """FDM of the flow between neighbouring frames, 1152 values by default. See ``fdm``."""

    name: str = "fdm"
    blocks: tuple[int, int] = (8, 8)

    def describe(self, clips: Tensor) -> Tensor:
        """See ``fdm``."""
        return fdm(self.between_neighbours(clips), blocks=self.blocks)


class Osw(FlowFeatures):
    """OSW, as long as LBP-TOP. See ``osw``."""

    name: str = "osw"
    radii: tuple[int, int, int] = (1, 1, 4)
    neighbours: int = Field(default=4, ge=1, le=8)
    uniform: bool = False
    blocks: tuple[int, int] = (5, 5)

    def describe(self, clips: Tensor) -> Tensor:
        """See ``osw``."""
        strain = optical_strain(self.between_neighbours(clips))[:, :, 0]
        return osw(
            _levels(clips),
            strain,
            radii=self.radii,
            neighbours=self.neighbours,
            uniform=self.uniform,
            blocks=self.blocks,
        )


class RegionFeatures(Features):
    """Descriptors of regions; a clip brings no landmarks, so they are those of the mean face in an aligned crop.

    Attributes:
        eye_distance: Distance of the inner eye corners in the crop, fraction of the width.
        eye_height: Their distance from the upper edge, fraction of the height.
    """

    eye_distance: float = Field(default=Crop().eye_distance, gt=0, lt=1)
    eye_height: float = Field(default=Crop().eye_height, gt=0, lt=1)

    def regions(self) -> Tensor:
        """Region of each pixel, ``(H, W)``, 0..35, and -1 outside."""
        crop = Crop(*self.size, self.eye_distance, self.eye_height)
        # similarity wants pixels, in which the corners are more than one apart
        face = torch.from_numpy(mean_face() * 100)
        matrix = similarity(face, crop).float()
        points = face @ matrix[:, :2].T + matrix[:, 2]
        return torch.from_numpy(region_map(points.numpy(), *self.size).astype(np.int64)) - 1


class Mdmo(RegionFeatures, FlowFeatures):
    """MDMO of the flow from the first frame to each other one, 72 values. See ``mdmo``.

    Attributes:
        beta: Weight of the lengths.
    """

    name: str = "mdmo"
    beta: float = Field(default=0.9, gt=0, lt=1)

    def describe(self, clips: Tensor) -> Tensor:
        """See ``mdmo``."""
        flow = self.flow(clips[:, :1].expand(-1, self.frames - 1, -1, -1), clips[:, 1:])
        return mdmo(flow, self.regions().to(clips.device), count=REGIONS, beta=self.beta)


class BiWoof(FlowFeatures):
    """Bi-WOOF of the flow from onset to apex, 200 values by default. See ``bi_woof``."""

    name: str = "bi_woof"
    sampling: Sampling = "equal"
    frames: int = Field(default=2, ge=2, le=2)
    bins: int = Field(default=8, ge=1)
    blocks: tuple[int, int] = (5, 5)

    @property
    def needs_apex(self) -> bool:
        """Always."""
        return True

    def pick(self, frames: Tensor, apex: int | None) -> Tensor:
        """Onset and apex."""
        assert apex is not None
        return frames[onset_apex(apex, len(frames))]

    def describe(self, clips: Tensor) -> Tensor:
        """See ``bi_woof``."""
        flow = self.between_neighbours(clips)[:, 0]
        return bi_woof(flow, optical_strain(flow), bins=self.bins, blocks=self.blocks)


class FromNetwork(Features):
    """Features of pictures from a network that is never trained. See ``network_features``.

    Attributes:
        backbone: Network of timm.
        weights: File of its state; None draws it, always the same.
    """

    backbone: str
    weights: Annotated[Path | None, LATER] = None

    @property
    def weight_files(self) -> tuple[Path, ...]:
        """The network's, where they are given."""
        return () if self.weights is None else (self.weights,)

    @property
    def code_versions(self) -> tuple[str, ...]:
        """Pictures are scaled for a network that was trained."""
        return () if self.weights is None else ("scaled",)

    def check_weights(self) -> None:
        """Those of the network."""
        check_network(self.backbone, self.weights)

    def look(self, pictures: Tensor) -> Tensor:
        """Features of grey pictures ``(N, H, W)``, ``(N, D)``."""
        return network_features(pictures[:, None], backbone=self.backbone, weights=self.weights)


class NetworkFeatures(FromNetwork):
    """What a network of pictures gives of the frames from onset to apex, averaged; 4096 values by default."""

    name: str = "network_features"
    size: tuple[int, int] = (224, 224)
    sampling: Sampling = "equal"
    frames: int = Field(default=5, ge=2)
    backbone: str = "vgg16"

    def describe(self, clips: Tensor) -> Tensor:
        """See ``network_features``."""
        return self.look(clips.flatten(0, 1)).unflatten(0, clips.shape[:2]).mean(1)


class TextureAndApex(RegionFeatures, FromNetwork):
    """LBP-TOP of each region in frames around the apex, and what a network of pictures gives of the apex itself.

    Both halves have length 1; 36 x 48 + 512 values by default. See ``lbp_top`` and ``network_features``.

    Attributes:
        sampling: Always around the apex.
        frames: Sampled frames, an odd number with the apex in the middle.
        radii: Of LBP-TOP.
        neighbours: Of LBP-TOP.
        backbone: Of the apex.
    """

    name: str = "texture_and_apex"
    sampling: Literal["around_apex"] = "around_apex"  # pyright: ignore[reportIncompatibleVariableOverride]
    frames: int = Field(default=11, ge=3)
    radii: tuple[int, int, int] = (1, 1, 2)
    neighbours: int = Field(default=4, ge=1, le=8)
    backbone: str = "resnet18"

    @model_validator(mode="after")
    def _check_frames(self) -> TextureAndApex:
        if self.frames % 2 == 0:
            raise ValueError(f"frames: expected an odd number, so that the apex is in the middle, got {self.frames}")
        return self

    @property
    def needs_apex(self) -> bool:
        """Always."""
        return True

    def pick(self, frames: Tensor, apex: int | None) -> Tensor:
        """Frames around the apex."""
        assert apex is not None
        return frames[around_apex(apex, len(frames), self.frames)]

    def describe(self, clips: Tensor) -> Tensor:
        """See ``lbp_top`` and ``network_features``."""
        regions = Regions(self.regions().to(clips.device), REGIONS)
        texture = lbp_top(_levels(clips), radii=self.radii, neighbours=self.neighbours, blocks=regions)
        apex = self.look(clips[:, self.frames // 2])
        return torch.cat((functional.normalize(texture), functional.normalize(apex)), 1)
