"""Every recipe, and every system of the papers' tables, whether it runs or why not."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchmark.boards.reported import Method, load_methods
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmark.methods.recipe import Recipe

RUNS, PLANNED = "runs", "planned"


@dataclass(frozen=True, slots=True)
class Listing:
    """One line of the list.

    Attributes:
        name: Method.
        title: Name for people.
        tier: A to D.
        source: Where it was published; ``s0`` to ``s4`` are the papers whose tables are kept, ``–`` a baseline.
        state: ``runs`` with a recipe of that name, else ``planned`` or ``cannot run: <reason>``.
        summary: One sentence, from the recipe.
        of: Whose recipe it is: nothing where it is shipped, else as of a ``RecipeFile``.
    """

    name: str
    title: str
    tier: str
    source: str
    state: str
    summary: str
    of: str = ""


def list_methods(
    reported: Path, recipes: Mapping[str, Recipe], owners: Mapping[str, str] = MappingProxyType({})
) -> list[Listing]:
    """Every system of the papers' tables in the order of ``methods.yaml``, then every other recipe by name.

    Args:
        reported: ``leaderboards/reported``.
        recipes: From ``load_recipes``.
        owners: Whose recipes those are that are not shipped, by name.

    Raises:
        DataError: ``methods.yaml`` is not what it should be, or a recipe is shipped of a system that cannot run.
    """
    others = dict(recipes)
    listings: list[Listing] = []
    for method in load_methods(reported):
        recipe = others.pop(method.id, None)
        if recipe is not None and method.cannot_run and not owners.get(method.id):
            raise DataError(f"method '{method.id}' has a recipe, but cannot run: {method.cannot_run}")
        listings.append(_of_paper(method, recipe, owners.get(method.id, "")))
    for recipe in others.values():
        source = f"{recipe.paper.authors.split(',')[0]} et al., {recipe.paper.year}" if recipe.paper else "–"
        of = owners.get(recipe.name, "")
        listings.append(Listing(recipe.name, recipe.title, recipe.tier, source, RUNS, recipe.summary, of))
    return listings


def _of_paper(method: Method, recipe: Recipe | None, of: str) -> Listing:
    if recipe is not None:
        return Listing(method.id, recipe.title, recipe.tier, method.paper, RUNS, recipe.summary, of)
    state = f"cannot run: {method.cannot_run}" if method.cannot_run else PLANNED
    return Listing(method.id, method.title, method.tier, method.paper, state, "")
