"""Recipes: one YAML file is one competing method; the folder is the registry."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from benchmark.yaml_files import load_yaml
from mer_lightning.settings import Component, Settings, Training
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from mer_lightning.motion import Representation

RECIPES = Path(__file__).parent / "recipes"


class Paper(Settings):
    """Where a method was published."""

    authors: str
    title: str
    venue: str
    year: int = Field(ge=1990)
    url: str = ""


class Recipe(Settings):
    """One competing method, complete: nothing about it is a command-line flag.

    Attributes:
        name: The file's own name.
        title: Name in tables.
        summary: One sentence for people.
        tier: A exact from paper or code, B faithful with stated choices, C only inspired by it.
        paper: Where it was published; none for baselines.
        version: Raised when a code change alters what the same recipe computes.
        representation: Name of a representation of ``mer_lightning.motion``.
        model: A network of ``mer_lightning.models``, with ``training``.
        training: How the network is fitted.
        estimator: Instead of a network, an estimator of ``mer_lightning.descriptors``.
        deviations: What differs from the paper; printed below every table.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    summary: str
    tier: Literal["A", "B", "C"]
    paper: Paper | None = None
    version: int = Field(default=1, ge=1)
    representation: str
    model: Component | None = None
    training: Training | None = None
    estimator: Component | None = None
    deviations: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 of everything that decides a result; titles and prose do not."""
        # without defaults, so that a new setting with the old behaviour as its default leaves old results valid
        fields = {"version", "representation", "model", "training", "estimator"}
        deciding = self.model_dump(mode="json", include=fields, exclude_defaults=True)
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()

    def check(self) -> Representation:
        """Make sure, before anything trains, that everything the recipe names exists and fits.

        Returns:
            The representation that it names.

        Raises:
            DataError: A name is unknown, an argument does not fit, or the parts do not make one method.
        """
        from mer_lightning.motion import REPRESENTATIONS  # imports torch, which listing recipes must not

        file = f"{RECIPES.name}/{self.name}.yaml"
        if (self.model is None) == (self.estimator is None) or (self.model is None) != (self.training is None):
            raise DataError(f"{file}: expected either model and training, or estimator")
        if self.representation not in REPRESENTATIONS:
            raise DataError(
                f"{file}: representation: '{self.representation}' is unknown; "
                f"expected one of {', '.join(REPRESENTATIONS)}"
            )
        for key, part, room in (
            ("model", self.model, "mer_lightning.models"),
            ("estimator", self.estimator, "mer_lightning.descriptors"),
        ):
            if part is not None:
                try:
                    part.load(room)
                except DataError as error:
                    raise DataError(f"{file}: {key}.{error}") from error
        return REPRESENTATIONS[self.representation]


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
