"""Motion: what a model sees of a clip."""

from mer_lightning.motion.flow_map import FlowMap
from mer_lightning.motion.representation import Representation

REPRESENTATIONS: dict[str, Representation] = {r.name: r for r in (FlowMap(),)}
"""Every representation a recipe may name."""

__all__ = ["REPRESENTATIONS", "FlowMap", "Representation"]
