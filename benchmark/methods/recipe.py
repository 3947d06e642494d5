"""Recipes: one YAML file is one competing method; the folder is the registry."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError, field_serializer, field_validator, model_serializer, model_validator

from benchmark.files import fill, yaml_text
from benchmark.methods.own_code import OwnCode, find_code
from benchmark.methods.recipe_files import (
    RECIPE_NAME,
    is_written_out,
    read_recipe,
    recipe_files,
    recipe_path,
    recipe_paths,
    recipe_place,
)
from benchmark.methods.search_space import Range, checked
from mer_lightning.mistakes import first_mistake
from mer_lightning.outside import AUGMENTATIONS, ESTIMATORS, MODELS, REPRESENTATIONS
from mer_lightning.settings import Component, Settings, Title, Training
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DECIDING = {"version", "representation", "model", "training", "transfer", "estimator", "ensemble", "parts", "outside"}
"""Keys of a recipe that decide a result, and so its hash."""
_TUNABLE = {"model", "training", "estimator"}


class Paper(Settings):
    """Where a method was published."""

    authors: str
    title: str
    venue: str
    year: int = Field(ge=1990)
    url: str = ""


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
    """Pre-training on a database of other people, shared by what decides it; every fold starts from its weights.

    Attributes:
        database: ``ckplus`` or ``fer2013``, all seven classes; a fifth of the people (FER2013: a part) validates.
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


class Member(Settings):
    """A method in an ensemble.

    Attributes:
        method: Name of its recipe.
        seeds: How many times it is trained, each with a seed of its own; their scores are averaged. Those of run 0 are
            the seeds 0, 1, ... of the method by itself.
        weight: How much it counts in an average.
    """

    method: str
    seeds: int = Field(default=1, ge=1)
    weight: float = Field(default=1.0, ge=1e-6, le=1e6)

    def seeds_of(self, seed: int) -> list[int]:
        """Seeds of the member in a run with this seed, never those of another run."""
        return [seed * self.seeds + number for number in range(self.seeds)]


class Ensemble(Settings):
    """Several methods that are trained on the same fold and predict together.

    Attributes:
        rule: ``average`` of class scores, or ``stacking``: an estimator on them.
        members: Methods by themselves, each once.
        top: Of stacking: an estimator of ``mer_lightning.descriptors``, fitted inside the training subjects.
        inner_folds: Of stacking: subject-grouped inner folds whose scores it is fitted on.
    """

    rule: Literal["average", "stacking"]
    members: tuple[Member, ...] = Field(min_length=1)
    top: Component = Component(name="logistic.Logistic")
    inner_folds: int = Field(default=5, ge=2)

    @model_validator(mode="after")
    def _check(self) -> Ensemble:
        names = [member.method for member in self.members]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"members: {name} is given twice; seeds trains it several times, weight counts it so")
        if sum(member.seeds for member in self.members) < 2:
            raise ValueError("members: expected two methods, or two seeds of one")
        if self.rule == "average" and self.model_fields_set & {"top", "inner_folds"}:
            raise ValueError("top and inner_folds belong to stacking")
        if self.rule == "stacking" and any("weight" in member.model_fields_set for member in self.members):
            raise ValueError("weight belongs to average; stacking learns what members are worth")
        return self


class Recipe(Settings):
    """One competing method, complete: nothing about it is a command-line flag.

    Attributes:
        name: The file's own name.
        title: Name in tables.
        summary: One sentence for people.
        tier: A exact from paper or code, B faithful with stated choices, C only inspired by it.
        paper: Where it was published; none for baselines.
        version: Raised when a code change alters what the same recipe computes.
        representation: What it sees; an ensemble leaves that to its members.
        model: A network of ``mer_lightning.models``, with ``training``.
        training: How the network is fitted.
        transfer: What its weights start from; drawn anew in every fold when absent.
        estimator: Instead of a network, an estimator of ``mer_lightning.descriptors``.
        ensemble: Instead of both, several methods together.
        parts: Recipes of its members, by name; filled in when a file is read.
        outside: Code outside the suite that it names itself, not its members; filled in when a file is read.
        search_space: What ``mer-bench tune`` may change, by dotted key, e.g. ``training.optimizer.lr``.
        chosen_on: Whom its values were chosen on, if tuning chose them.
        deviations: What differs from the paper; printed below every table.
        unranked: Why its scores are shown but have no place in a table, e.g. that it looks at the held-out subject's
            unlabelled samples; empty for what competes.
    """

    name: str = Field(pattern=RECIPE_NAME)
    title: Title
    summary: str
    tier: Literal["A", "B", "C"]
    paper: Paper | None = None
    version: int = Field(default=1, ge=1)
    representation: RepresentationChoice | None = None
    model: Component | None = None
    training: Training | None = None
    transfer: Transfer | None = None
    estimator: Component | None = None
    ensemble: Ensemble | None = None
    parts: dict[str, Recipe] = Field(default_factory=dict)
    outside: tuple[OwnCode, ...] = ()
    search_space: dict[str, Range] = Field(default_factory=dict)
    chosen_on: Chosen | None = None
    deviations: tuple[str, ...] = ()
    unranked: str = ""

    @field_validator("search_space")
    @classmethod
    def _check_conditions(cls, space: dict[str, Range]) -> dict[str, Range]:
        return checked(space)

    @field_serializer("parts")
    def _what_decides(self, parts: dict[str, Recipe]) -> dict[str, Any]:
        return {name: part._deciding() for name, part in parts.items()}

    @property
    def sees(self) -> RepresentationChoice:
        """The representation of a method by itself."""
        assert self.representation is not None, "an ensemble has members"
        return self.representation

    @property
    def trained(self) -> tuple[Recipe, ...]:
        """Methods by themselves that are trained: it, or the members of an ensemble."""
        return tuple(self.parts[member.method] for member in self.ensemble.members) if self.ensemble else (self,)

    @property
    def names(self) -> str:
        """Names of the methods that are trained."""
        return ", ".join(part.name for part in self.trained)

    @property
    def seeded(self) -> bool:
        """False where every seed gives the same result: no network is trained and no people are divided by chance."""
        rule = self.ensemble.rule if self.ensemble else None
        return depends_on_seed(rule, ((part.training, part.estimator) for part in self.trained))

    def seeds_of(self, seeds: Sequence[int]) -> Sequence[int]:
        """Those of some seeds that a run is worth, each once; the first alone where all give the same result."""
        return list(dict.fromkeys(seeds)) if self.seeded else seeds[:1]

    @property
    def epochs(self) -> int:
        """Passes over the training side of a fold, those of all members, seeds and inner folds together."""
        if self.ensemble is None:
            return self.training.epochs if self.training else 0
        times = self.ensemble.inner_folds if self.ensemble.rule == "stacking" else 1
        return times * sum(m.seeds * self.parts[m.method].epochs for m in self.ensemble.members)

    @property
    def named(self) -> list[tuple[str, str, str]]:
        """Key, name and room of every class that it names itself."""
        transfer = self.transfer
        names = [
            ("representation", self.representation, REPRESENTATIONS),
            ("model", self.model, MODELS),
            ("estimator", self.estimator, ESTIMATORS),
            ("ensemble.top", self.ensemble and self.ensemble.top, ESTIMATORS),
            ("transfer.representation", transfer and transfer.representation, REPRESENTATIONS),
        ]
        for key, training in (("training", self.training), ("transfer.training", transfer and transfer.training)):
            for number, one in enumerate(training.augmentation.custom if training and training.augmentation else ()):
                names.append((f"{key}.augmentation.custom.{number}", one, AUGMENTATIONS))
        return [(key, one.name, room) for key, one, room in names if one is not None]

    def _deciding(self) -> dict[str, Any]:
        # without defaults, so that a new setting with the old behaviour as its default leaves old results valid
        # (a field with a serializer of its own never counts as default)
        include = DECIDING if self.parts else DECIDING - {"parts"}
        return self.model_dump(mode="json", include=include, exclude_defaults=True)

    @property
    def hash(self) -> str:
        """SHA-256 of everything that decides a result; titles and prose do not."""
        return hashlib.sha256(json.dumps(self._deciding(), sort_keys=True).encode()).hexdigest()

    @property
    def pretraining(self) -> tuple[RepresentationChoice, Component, Training]:
        """Representation, model and training of the pre-training stage.

        Raises:
            ValueError: There is no such stage.
        """
        if self.transfer is None or self.model is None:
            raise ValueError(f"{self.name} has no pre-training stage")
        model = self.model.model_copy(update={"arguments": self.model.arguments | self.transfer.arguments})
        return self.transfer.representation or self.sees, model, self.transfer.training

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
            raise DataError(first_mistake(error)) from error


def depends_on_seed(rule: str | None, trained: Iterable[tuple[object, object]]) -> bool:
    """Whether results of a method differ with the seed of the run.

    Args:
        rule: That of an ensemble; None for a method by itself.
        trained: Training and estimator of it or of each member, of which one is None.
    """
    return rule == "stacking" or any(training is not None or estimator is None for training, estimator in trained)


def recipe_names() -> list[str]:
    """Names of all recipes, sorted."""
    return list(recipe_paths())


def load_recipes(problems: list[str] | None = None) -> dict[str, Recipe]:
    """Read all recipes, sorted by name, without those that are not shipped and cannot be used.

    Args:
        problems: Told why, a line each.

    Raises:
        DataError: One that is shipped is not what it should be.
    """
    found: dict[str, Recipe] = {}
    files = recipe_files()
    # a file of the user's that has the name of a shipped one keeps ensembles of that from being read, too
    doubled = any(file.problem for file in files.values() if not file.of)
    for name, file in files.items():
        try:
            found[name] = load_recipe(name)
        except DataError as error:
            if not file.of and not doubled:
                raise
            if problems is not None:
                problems.append(str(error))
    return found


def load_recipe(name: str) -> Recipe:
    """Read one recipe, and those of its members where it is an ensemble.

    Raises:
        DataError: No such recipe, its file is not what it should be, or a member is no method by itself.
    """
    recipe = _read_recipe(name)
    if recipe.ensemble is None:
        return recipe
    parts: dict[str, Recipe] = {}
    for place, member in enumerate(recipe.ensemble.members):
        where = f"{recipe_path(name)}: ensemble.members.{place}.method"
        try:
            part = _read_recipe(member.method)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        if part.ensemble is not None:
            raise DataError(f"{where}: {part.name} is an ensemble itself; expected a method")
        parts[part.name] = part
    return recipe.model_copy(update={"parts": parts})


def recipe_text(name: str) -> str:
    """A whole recipe as YAML: its file, or, of a variant or a shortened one, everything that it takes over too.

    Raises:
        DataError: No such recipe, or a file is not YAML.
    """
    if is_written_out(name):
        return recipe_path(name).read_text(encoding="utf-8")
    values = read_recipe(name)
    # settings stand together, prose has lines of its own
    return "".join(
        yaml_text({key: values[key]}, together=isinstance(values[key], dict) and key != "paper")
        for key in Recipe.model_fields
        if key in values
    )


def _read_recipe(name: str) -> Recipe:
    place = recipe_place(name)
    recipe = fill(Recipe, read_recipe(name) | {"name": name}, place)
    for key in ("parts", "outside"):
        if key in recipe.model_fields_set:
            raise DataError(f"{place}: {key}: unknown key")
    try:
        return recipe.model_copy(update={"outside": find_code(recipe.named)})
    except DataError as error:
        raise DataError(f"{place}: {error}") from error
