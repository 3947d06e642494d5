"""What tuning may change about a recipe: ranges of values by dotted key, some only where others have a value."""

from __future__ import annotations

import json
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mer_lightning.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


class Entry(Settings):
    """What tuning may change about one key.

    Attributes:
        when: It is only changed where these other keys of the search space, each a choice, have these values.
    """

    when: dict[str, Any] = Field(default_factory=dict)


class FloatRange(Entry):
    """A real number between two others, both included; ``log`` draws its logarithm evenly."""

    kind: Literal["float"]
    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _check(self) -> FloatRange:
        if not self.low < self.high:
            raise ValueError("low must be less than high")
        if self.log and self.low <= 0:
            raise ValueError("low must be greater than 0 where log is true")
        return self

    @property
    def ends(self) -> tuple[float, ...]:
        """Values that a recipe must take for it to take all."""
        return (self.low, self.high)


class IntRange(Entry):
    """A whole number between two others, both included."""

    kind: Literal["int"]
    low: int
    high: int

    @model_validator(mode="after")
    def _check(self) -> IntRange:
        if not self.low < self.high:
            raise ValueError("low must be less than high")
        return self

    @property
    def ends(self) -> tuple[int, ...]:
        """Values that a recipe must take for it to take all."""
        return (self.low, self.high)


class Choice(Entry):
    """One of several values of any type."""

    kind: Literal["choice"]
    values: tuple[Any, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _check(self) -> Choice:
        if len({json.dumps(value) for value in self.values}) < len(self.values):
            raise ValueError("a value is given twice")
        return self

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that a recipe must take for it to take all."""
        return self.values


Range = Annotated[FloatRange | IntRange | Choice, Field(discriminator="kind")]


class Space(Settings):
    """What tuning may change, in a file of its own.

    Attributes:
        search_space: As that of a recipe.
    """

    search_space: dict[str, Range] = Field(min_length=1)

    @field_validator("search_space")
    @classmethod
    def _check_conditions(cls, space: dict[str, Range]) -> dict[str, Range]:
        return checked(space)


def checked(space: dict[str, Range]) -> dict[str, Range]:
    """The same space, whose conditions can hold.

    Raises:
        ValueError: A condition names no choice of the space, a value that it does not have, or keys depend on each
            other in a circle.
    """
    for key, entry in space.items():
        for other, value in entry.when.items():
            parent = space.get(other)
            if not isinstance(parent, Choice):
                raise ValueError(f"{key}: when.{other}: expected a choice of the search space")
            if value not in parent.values:
                raise ValueError(f"{key}: when.{other}: expected one of {list(parent.values)}, found {value!r}")
    in_order(space)
    return space


def in_order(space: Mapping[str, Range]) -> list[str]:
    """Keys of a search space, each behind those that it depends on, else sorted.

    Raises:
        ValueError: Keys depend on each other in a circle.
    """
    graph = {key: sorted(entry.when) for key, entry in sorted(space.items())}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ValueError(f"when: {' -> '.join(error.args[1])} is a circle") from error


def conditions(space: Mapping[str, Range], key: str) -> dict[str, Any]:
    """Values that other keys must have for a key to be changed, and theirs in turn."""
    found: dict[str, Any] = {}
    for other, value in space[key].when.items():
        found |= conditions(space, other) | {other: value}
    return found
