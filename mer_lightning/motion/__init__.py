"""Motion: optical flow, strain, apex spotting, and what a model sees of a clip."""

from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.flow_map import FlowMap
from mer_lightning.motion.frame_representations import (
    S0_FLOW_SEQUENCE,
    S1_FLOW_SEQUENCE,
    S2_FLOW_SEQUENCE,
    ApexFrame,
    FlowSequence,
    FrameSequence,
    OnsetApexFlow,
)
from mer_lightning.motion.masked import masked_farneback_flow
from mer_lightning.motion.raft import raft_flow
from mer_lightning.motion.representation import Representation
from mer_lightning.motion.spotting import spot_apex
from mer_lightning.motion.strain import optical_strain
from mer_lightning.motion.tvl1 import tvl1_flow

REPRESENTATIONS: dict[str, Representation] = {
    representation.name: representation
    for representation in (
        FlowMap(),
        OnsetApexFlow(),
        S0_FLOW_SEQUENCE,
        S1_FLOW_SEQUENCE,
        S2_FLOW_SEQUENCE,
        ApexFrame(),
        FrameSequence(),
    )
}
"""Every representation a recipe may name."""

__all__ = [
    "REPRESENTATIONS",
    "ApexFrame",
    "FlowMap",
    "FlowSequence",
    "FrameSequence",
    "OnsetApexFlow",
    "Representation",
    "farneback_flow",
    "masked_farneback_flow",
    "optical_strain",
    "raft_flow",
    "spot_apex",
    "tvl1_flow",
]
