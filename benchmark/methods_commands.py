"""``mer-bench methods``: every recipe, and every system of the papers' tables, whether it runs or why not."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column
from rich.table import Table as Columns

from benchmark.recipe import RECIPES, Recipe, load_recipe, recipe_names
from benchmark.reported import Method, load_methods
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse

REPORTED = Path(__file__).resolve().parent.parent / "leaderboards" / "reported"
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
    """

    name: str
    title: str
    tier: str
    source: str
    state: str
    summary: str


def add_methods_command(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],  # pyright: ignore[reportPrivateUsage]
) -> None:
    """Register ``methods``; it sets ``handler``.

    Args:
        subparsers: What ``add_subparsers`` of the application's parser gave.
    """
    parser = subparsers.add_parser("methods", help="list the methods and the systems of the papers, or show one")
    parser.add_argument("name", nargs="?", help="a method")
    parser.add_argument("--state", choices=[RUNS, PLANNED, "cannot-run"], help="only these")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(handler=_methods)


def list_methods(reported: Path) -> list[Listing]:
    """Every system of the papers' tables in the order of ``methods.yaml``, then every other recipe by name.

    Args:
        reported: ``leaderboards/reported``.

    Raises:
        DataError: A recipe or ``methods.yaml`` is not what it should be, or a system that cannot run has a recipe.
    """
    recipes = {name: load_recipe(name) for name in recipe_names()}
    listings: list[Listing] = []
    for method in load_methods(reported):
        recipe = recipes.pop(method.id, None)
        if recipe is not None and method.cannot_run:
            raise DataError(f"method '{method.id}' has a recipe, but cannot run: {method.cannot_run}")
        listings.append(_of_paper(method, recipe))
    for recipe in recipes.values():
        source = f"{recipe.paper.authors.split(',')[0]} et al., {recipe.paper.year}" if recipe.paper else "–"
        listings.append(Listing(recipe.name, recipe.title, recipe.tier, source, RUNS, recipe.summary))
    return listings


def _of_paper(method: Method, recipe: Recipe | None) -> Listing:
    if recipe is not None:
        return Listing(method.id, recipe.title, recipe.tier, method.paper, RUNS, recipe.summary)
    state = f"cannot run: {method.cannot_run}" if method.cannot_run else PLANNED
    return Listing(method.id, method.title, method.tier, method.paper, state, "")


def _methods(arguments: argparse.Namespace) -> int:
    if arguments.name:
        return _show(arguments.name, arguments.json)
    wanted = (arguments.state or "").replace("-", " ")
    listings = [listing for listing in list_methods(REPORTED) if listing.state.startswith(wanted)]
    if arguments.json:
        print(json.dumps([_dump(listing) for listing in listings], indent=1, ensure_ascii=False))
        return 0
    table = Columns(Column("method", no_wrap=True), "tier", "source", "state", "title")
    for listing in listings:
        table.add_row(listing.name, listing.tier, listing.source, listing.state, listing.title)
    console = Console(highlight=False)
    console.print(table)
    running = sum(listing.state == RUNS for listing in listings)
    console.print(f"{len(listings)} methods, {running} run")
    return 0


def _show(name: str, as_json: bool) -> int:
    listing = next((listing for listing in list_methods(REPORTED) if listing.name == name), None)
    if listing is None:
        raise DataError(f"method '{name}' is unknown; `mer-bench methods` lists all of them")
    if as_json:
        print(json.dumps(_dump(listing), indent=1, ensure_ascii=False))
        return 0
    print(f"{listing.title}, tier {listing.tier}, {listing.source}: {listing.state}")
    if listing.state == RUNS:
        print((RECIPES / f"{name}.yaml").read_text(encoding="utf-8"), end="")
    return 0


def _dump(listing: Listing) -> dict[str, Any]:
    """The listing, with the whole recipe where there is one."""
    recipe = load_recipe(listing.name).model_dump(mode="json") if listing.state == RUNS else {}
    return asdict(listing) | recipe
