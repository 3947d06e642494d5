"""Motion: optical flow, strain, apex spotting, and what a model sees of a clip."""

from __future__ import annotations

import json
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mer_lightning.mistakes import first_mistake, unknown
from mer_lightning.motion.cut_flow import CutFlowSequence
from mer_lightning.motion.descriptor_representations import Features
from mer_lightning.motion.dynamic_image import DynamicImage
from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.flow_map import FlowMap
from mer_lightning.motion.flow_representations import FlowSequence, OnsetApexFlow
from mer_lightning.motion.frames import FromFrames, Magnification
from mer_lightning.motion.image_representations import ApexFrame, FrameSequence
from mer_lightning.motion.masked import masked_farneback_flow
from mer_lightning.motion.raft import raft_flow
from mer_lightning.motion.representation import Representation
from mer_lightning.motion.spotting import spot_apex
from mer_lightning.motion.strain import optical_strain
from mer_lightning.motion.tvl1 import tvl1_flow
from mer_lightning.outside import find_place, load_class
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping


def find_representations() -> dict[str, FlowMap | FromFrames]:
    """What the files of this folder define, by name: classes with a default ``name``, and values with one of their own.

    Raises:
        DataError: Two are of one name.
    """
    kinds = (FlowMap, FromFrames)
    found: dict[str, FlowMap | FromFrames] = {}
    for file in sorted(info.name for info in iter_modules(__path__)):
        module = import_module(f"{__name__}.{file}")
        own = {key: value for key, value in vars(module).items() if not key.startswith("_")}
        classes = [
            value
            for value in own.values()
            if isinstance(value, type)
            and issubclass(value, kinds)
            and value.__module__ == module.__name__
            and not value.model_fields["name"].is_required()
        ]
        made = [cls() for cls in classes]  # pyright: ignore[reportCallIssue] - their names have defaults
        for one in (*made, *(value for value in own.values() if isinstance(value, kinds))):
            if found.setdefault(one.name, one) != one:
                raise DataError(f"motion/{file}.py: a representation is called {one.name} already")
    return found


REPRESENTATIONS = find_representations()
"""Every representation a recipe may name, each with the arguments it has unless told otherwise; a file adds its own."""


def get_representation(name: str, arguments: Mapping[str, Any] | None = None) -> Representation:
    """A representation with other arguments than its own.

    Args:
        name: One of ``REPRESENTATIONS``; or of a class outside the suite, see ``Component``.
        arguments: By name, as YAML gives them: a list stands for a tuple.

    Raises:
        DataError: No such representation or argument, or an argument does not fit; the message starts with its key
            in a recipe.
    """
    kind, own = _kind_of(name)
    known = [key for key in kind.model_fields if key != "name"]
    for key in arguments or {}:
        if key not in known:
            raise DataError(
                f"representation.arguments.{key}: {name} takes no such argument; expected {', '.join(known) or 'none'}"
            )
    try:
        # strict through JSON: a list may fill a tuple, but text never becomes a number
        return kind.model_validate_json(json.dumps(own | dict(arguments or {})))  # pyright: ignore[reportReturnType]
    except TypeError as error:
        raise DataError(f"representation.arguments: {error}") from error
    except ValidationError as error:
        raise DataError(first_mistake(error, "representation", "arguments")) from error


def _kind_of(name: str) -> tuple[type[FlowMap | FromFrames], dict[str, Any]]:
    """The class of a representation, and the arguments that it has unless told otherwise."""
    if name in REPRESENTATIONS:
        default = REPRESENTATIONS[name]
        return type(default), default.model_dump(mode="json")
    try:
        place = find_place(name, __name__)
        found = None if place is None else load_class(place)
    except DataError as error:
        raise DataError(f"representation.{error}") from error
    if found is None:
        raise DataError("representation: " + unknown("", name, REPRESENTATIONS).lstrip())
    if not issubclass(found, FlowMap | FromFrames):
        raise DataError(
            f"representation.name: {found.__name__} is another kind of class; expected a subclass of FromFrames"
        )
    return found, {"name": name} if found.model_fields["name"].is_required() else {}


__all__ = [
    "REPRESENTATIONS",
    "ApexFrame",
    "CutFlowSequence",
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
    "find_representations",
    "get_representation",
    "masked_farneback_flow",
    "optical_strain",
    "raft_flow",
    "spot_apex",
    "tvl1_flow",
]
