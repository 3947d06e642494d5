"""Recipes: one YAML file is one competing method; the folder is the registry."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import Field

from benchmark.yaml_files import load_yaml
from mer_lightning.settings import Component, Settings, Training
from mer_lightning.types import DataError

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
