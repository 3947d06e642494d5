"""Optical flow, strain, apex spotting, representations and their cache: batched tensors on any device."""

from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.frame_representations import ApexFrame, FlowSequence, FrameSequence, OnsetApexFlow
from mer_lightning.motion.masked import masked_farneback_flow
from mer_lightning.motion.raft import raft_flow
from mer_lightning.motion.spotting import spot_apex
from mer_lightning.motion.strain import optical_strain
from mer_lightning.motion.tvl1 import tvl1_flow

__all__ = [
    "ApexFrame",
    "FlowSequence",
    "FrameSequence",
    "OnsetApexFlow",
    "farneback_flow",
    "masked_farneback_flow",
    "optical_strain",
    "raft_flow",
    "spot_apex",
    "tvl1_flow",
]
