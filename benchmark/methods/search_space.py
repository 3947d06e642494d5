"""What tuning may change about a recipe: ranges of values by dotted key, some only where others have a value."""

from __future__ import annotations

import json
import math
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mer_lightning.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MOST_CORNERS = 256


class Conditional(Settings):
    """What tuning may change about one key.

    Attributes:
        when: It is only changed where these other keys of the search space, each a choice, have these values.
    """

    when: dict[str, Any] = Field(default_factory=dict)


class FloatRange(Conditional):
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


class IntRange(Conditional):
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


class Choice(Conditional):
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


def corners(space: Mapping[str, Range]) -> Iterator[dict[str, Any]]:
    """Values at the ends of a search space in every combination, part by part: model, training, estimator.

    Parts do not look at each other. Of one with very many combinations, each end by itself.
    """
    for part in sorted({key.partition(".")[0] for key in space}):
        own = [key for key in space if key.partition(".")[0] == part]
        if math.prod(len(space[key].ends) for key in own) > _MOST_CORNERS:
            yield from (conditions(space, key) | {key: value} for key in own for value in space[key].ends)
        else:
            wanted = {*own, *(other for key in own for other in conditions(space, key))}
            yield from _combined(space, [key for key in in_order(space) if key in wanted], {})


def _combined(space: Mapping[str, Range], keys: Sequence[str], values: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not keys:
        yield values
        return
    key, *rest = keys
    met = all(other in values and values[other] == value for other, value in space[key].when.items())
    for more in [{key: end} for end in space[key].ends] if met else [{}]:
        yield from _combined(space, rest, values | more)


def conditions(space: Mapping[str, Range], key: str) -> dict[str, Any]:
    """Values that other keys must have for a key to be changed, and theirs in turn."""
    found: dict[str, Any] = {}
    for other, value in space[key].when.items():
        found |= conditions(space, other) | {other: value}
    return found
