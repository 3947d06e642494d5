"""Motion: optical flow, strain, apex spotting, and what a model sees of a clip."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mer_lightning.mistakes import first_mistake
from mer_lightning.motion.descriptor_representations import DESCRIPTORS, Features
from mer_lightning.motion.dynamic_image import DynamicImage
from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.flow_map import FlowMap
from mer_lightning.motion.flow_representations import (
    S0_FLOW_SEQUENCE,
    S0_FRAMES_AND_FLOW,
    S1_FLOW_SEQUENCE,
    S2_FLOW_SEQUENCE,
    FlowSequence,
    OnsetApexFlow,
)
from mer_lightning.motion.frames import FromFrames, Magnification
from mer_lightning.motion.image_representations import ApexFrame, FrameSequence
from mer_lightning.motion.masked import masked_farneback_flow
from mer_lightning.motion.raft import raft_flow
from mer_lightning.motion.representation import Representation
from mer_lightning.motion.spotting import spot_apex
from mer_lightning.motion.strain import optical_strain
from mer_lightning.motion.tvl1 import tvl1_flow
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

REPRESENTATIONS: dict[str, FlowMap | FromFrames] = {
    representation.name: representation
    for representation in (
        FlowMap(),
        OnsetApexFlow(),
        FlowSequence(),
        S0_FLOW_SEQUENCE,
        S0_FRAMES_AND_FLOW,
        S1_FLOW_SEQUENCE,
        S2_FLOW_SEQUENCE,
        ApexFrame(),
        FrameSequence(),
        DynamicImage(),
        *DESCRIPTORS,
    )
}
"""Every representation a recipe may name, each with the arguments it has unless told otherwise."""


def get_representation(name: str, arguments: Mapping[str, Any] | None = None) -> Representation:
    """A representation with other arguments than its own.

    Args:
        name: One of ``REPRESENTATIONS``.
        arguments: By name, as YAML gives them: a list stands for a tuple.

    Raises:
        DataError: No such representation or argument, or an argument does not fit; the message starts with its key
            in a recipe.
    """
    if name not in REPRESENTATIONS:
        raise DataError(f"representation: '{name}' is unknown; expected one of {', '.join(REPRESENTATIONS)}")
    default = REPRESENTATIONS[name]
    known = [key for key in type(default).model_fields if key != "name"]
    for key in arguments or {}:
        if key not in known:
            raise DataError(
                f"representation.arguments.{key}: {name} takes no such argument; expected {', '.join(known) or 'none'}"
            )
    try:
        # strict through JSON: a list may fill a tuple, but text never becomes a number
        given = default.model_dump(mode="json") | dict(arguments or {})
        return type(default).model_validate_json(json.dumps(given))  # pyright: ignore[reportReturnType]
    except TypeError as error:
        raise DataError(f"representation.arguments: {error}") from error
    except ValidationError as error:
        raise DataError(first_mistake(error, "representation", "arguments")) from error


__all__ = [
    "REPRESENTATIONS",
    "ApexFrame",
    "DynamicImage",
    "Features",
    "FlowMap",
    "FlowSequence",
    "FrameSequence",
    "FromFrames",
    "Magnification",
    "OnsetApexFlow",
    "Representation",
    "farneback_flow",
    "get_representation",
    "masked_farneback_flow",
    "optical_strain",
    "raft_flow",
    "spot_apex",
    "tvl1_flow",
]
