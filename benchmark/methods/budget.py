"""Budgets: one YAML file says how the recipes of a paper are shortened to what two CPU cores can pay.

A recipe ``X`` that a budget names is there a second time as ``X-short``: whole, strict and hashed like any other, but
without a file of its own. The folder is the registry.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import Field

from benchmark.files import load_yaml
from benchmark.places import BUDGETS
from mer_lightning.settings import Settings, Title

if TYPE_CHECKING:
    from pathlib import Path

SHORT = "-short"
"""What the name of a shortened recipe ends in."""
_PROSE = {"deviations"}


class Changes(Settings):
    """What recipes have instead: keys of theirs, one by one, as a variant's file says them; ``null`` takes one away.

    Attributes:
        representation: What they see.
        model: Arguments of their networks.
        training: How these are fitted.
        transfer: Pre-training, of recipes that have it.
    """

    representation: dict[str, Any] = Field(default_factory=dict)
    model: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)
    transfer: dict[str, Any] = Field(default_factory=dict)

    @property
    def patch(self) -> dict[str, Any]:
        """The keys that are given."""
        return self.model_dump(exclude_unset=True, exclude=_PROSE)


class Shortened(Changes):
    """What one recipe has instead, after what all of its budget have.

    Attributes:
        deviations: What differs from the paper in it alone.
    """

    deviations: tuple[str, ...] = ()


class Budget(Settings):
    """How the recipes of one paper are shortened, all alike.

    Attributes:
        name: The file's own name, that of the paper.
        title: Name on pages.
        summary: One sentence that each of its recipes adds to its own.
        every: What each of its recipes has instead.
        recipes: The recipes that it shortens, each with what it has instead besides; mostly nothing.
        deviations: What differs from the paper in each of them; printed after the recipe's own.
    """

    name: str
    title: Title
    summary: str
    every: Changes = Changes()
    recipes: dict[str, Shortened] = Field(min_length=1)
    deviations: tuple[str, ...] = Field(min_length=1)

    @property
    def shortened(self) -> tuple[str, ...]:
        """Names of the recipes that it makes."""
        return tuple(f"{name}{SHORT}" for name in self.recipes)


def load_budgets(folder: Path = BUDGETS) -> dict[str, Budget]:
    """Read all budgets of a folder by name, sorted; none where there is no such folder.

    Raises:
        DataError: A file is not what it should be; the message names the file and the key.
    """
    return {path.stem: _load_one(path, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.yaml"))}


@lru_cache(maxsize=64)
def _load_one(path: Path, _changed: int) -> Budget:
    """Whoever asks for one recipe asks for the names of all."""
    return load_yaml(path, Budget, name=path.stem)
