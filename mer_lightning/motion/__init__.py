"""Optical flow, strain, apex spotting, representations and their cache: batched tensors on any device."""

from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.strain import optical_strain
from mer_lightning.motion.tvl1 import tvl1_flow

__all__ = ["farneback_flow", "optical_strain", "tvl1_flow"]
