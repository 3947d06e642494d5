"""Recipes: one YAML file is one competing method; the folder is the registry."""

from __future__ import annotations

import hashlib
import json
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_serializer, model_validator

from benchmark.yaml_files import explain, load_yaml
from mer_lightning.settings import Component, Settings, Training
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

RECIPES = Path(__file__).parent / "recipes"
_DECIDING = {"version", "representation", "model", "training", "transfer", "estimator"}
_TUNABLE = {"model", "training", "estimator"}


class Paper(Settings):
    """Where a method was published."""

    authors: str
    title: str
    venue: str
    year: int = Field(ge=1990)
    url: str = ""


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
        return _checked(space)


class RepresentationChoice(Settings):
    """What a method sees; a name alone stands for the representation with the arguments it has of itself.

    Attributes:
        name: Name of a representation of ``mer_lightning.motion``.
        arguments: Other values for its arguments.
    """

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @model_serializer
    def _as_written(self) -> str | dict[str, Any]:
        return {"name": self.name, "arguments": self.arguments} if self.arguments else self.name


class Transfer(Settings):
    """Pre-training on a database of other people, once per recipe and seed; every fold starts from its weights.

    Attributes:
        database: ``ckplus`` or ``fer2013``, all seven classes; a fifth of the people (FER2013: PublicTest) validates.
        stills: Take so many last frames of each clip as pictures of their own (S3: 3); 0 keeps clips.
        representation: What is seen of it; that of the recipe when absent.
        arguments: Arguments of the model that differ from the recipe's, e.g. fewer dimensions.
        training: How the network is fitted.
        keep: Weights of the epoch that is best on the validating people, or of the last one.
        freeze: Keep what the model's paper does not fine-tune as it was pre-trained.
    """

    database: Literal["ckplus", "fer2013"]
    stills: int = Field(default=0, ge=0)
    representation: RepresentationChoice | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    training: Training
    keep: Literal["best_epoch", "last_epoch"] = "best_epoch"
    freeze: bool = False


class Chosen(Settings):
    """Whom the values of a recipe were chosen on; written by ``mer-bench tune --export``.

    Attributes:
        run: The tuned run.
        protocol: Its protocol.
        databases: Databases whose people it has seen; on them the recipe is never ranked.
        mode: Of tuning.
        folds: Number of folds that the values are from.
        inner_uf1: Mean UF1 of the studies' best trials.
        table_hash: SHA-256 of the keys and labels that it has seen.
    """

    run: str
    protocol: str
    databases: tuple[str, ...] = Field(min_length=1)
    mode: str
    folds: int
    inner_uf1: float
    table_hash: str


class Recipe(Settings):
    """One competing method, complete: nothing about it is a command-line flag.

    Attributes:
        name: The file's own name.
        title: Name in tables.
        summary: One sentence for people.
        tier: A exact from paper or code, B faithful with stated choices, C only inspired by it.
        paper: Where it was published; none for baselines.
        version: Raised when a code change alters what the same recipe computes.
        representation: What it sees.
        model: A network of ``mer_lightning.models``, with ``training``.
        training: How the network is fitted.
        transfer: What its weights start from; drawn anew in every fold when absent.
        estimator: Instead of a network, an estimator of ``mer_lightning.descriptors``.
        search_space: What ``mer-bench tune`` may change, by dotted key, e.g. ``training.optimizer.lr``.
        chosen_on: Whom its values were chosen on, if tuning chose them.
        deviations: What differs from the paper; printed below every table.
        unranked: Why its scores are shown but have no place in a table, e.g. that it looks at the held-out subject's
            unlabelled samples; empty for what competes.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    summary: str
    tier: Literal["A", "B", "C"]
    paper: Paper | None = None
    version: int = Field(default=1, ge=1)
    representation: RepresentationChoice
    model: Component | None = None
    training: Training | None = None
    transfer: Transfer | None = None
    estimator: Component | None = None
    search_space: dict[str, Range] = Field(default_factory=dict)
    chosen_on: Chosen | None = None
    deviations: tuple[str, ...] = ()
    unranked: str = ""

    @field_validator("search_space")
    @classmethod
    def _check_conditions(cls, space: dict[str, Range]) -> dict[str, Range]:
        return _checked(space)

    @property
    def hash(self) -> str:
        """SHA-256 of everything that decides a result; titles and prose do not."""
        # without defaults, so that a new setting with the old behaviour as its default leaves old results valid
        deciding = self.model_dump(mode="json", include=_DECIDING, exclude_defaults=True)
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()

    @property
    def origin(self) -> str:
        """Name of the recipe that it was made from; its own where it is a file."""
        return self.name

    @property
    def pretraining(self) -> tuple[RepresentationChoice, Component, Training]:
        """Representation, model and training of the pre-training stage.

        Raises:
            ValueError: There is no such stage.
        """
        if self.transfer is None or self.model is None:
            raise ValueError(f"{self.name} has no pre-training stage")
        model = self.model.model_copy(update={"arguments": self.model.arguments | self.transfer.arguments})
        return self.transfer.representation or self.representation, model, self.transfer.training

    def with_values(self, values: Mapping[str, Any]) -> Recipe:
        """The same recipe with other values at dotted keys, e.g. ``training.optimizer.lr``.

        Raises:
            DataError: The recipe has no such key, or does not take the value there; the message names the key.
        """
        changed = self.model_dump(mode="json")
        for key, value in values.items():
            *parents, last = key.split(".")
            place: Any = changed if parents and parents[0] in _TUNABLE else None
            for parent in parents:
                place = place.get(parent) if isinstance(place, dict) else None
            if not isinstance(place, dict):
                raise DataError(f"{key}: unknown key")
            place[last] = value
        try:
            return type(self).model_validate_json(json.dumps(changed))
        except ValidationError as error:
            raise DataError(explain(error)) from error


def _checked(space: dict[str, Range]) -> dict[str, Range]:
    """The same space, whose conditions can hold."""
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


def recipe_names() -> list[str]:
    """Names of all recipes, sorted."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name: str) -> Recipe:
    """Read one recipe.

    Raises:
        DataError: No such recipe, or its file is not what it should be.
    """
    if name not in recipe_names():
        raise DataError(f"method '{name}' is unknown; expected one of {', '.join(recipe_names())}")
    return load_yaml(RECIPES / f"{name}.yaml", Recipe, name=name)
