"""``mer-bench methods``: every recipe, and every system of the papers' tables, whether it runs or why not."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table as Columns

from benchmark.boards.methods import PLANNED, RUNS, Listing, list_methods
from benchmark.commands.options import METHOD, answer_options
from benchmark.commands.output import open_console, print_csv, print_table
from benchmark.methods.recipe import load_recipe, load_recipes, recipe_text
from benchmark.methods.recipe_files import name_of, offer_problems, recipe_files
from benchmark.places import REPORTED
from mer_lightning.mistakes import unknown
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from benchmark.commands.options import Commands
    from benchmark.methods.recipe import Recipe


def add_methods_command(commands: Commands) -> None:
    """Register ``methods``; it sets ``handler``."""
    parser = commands.add_parser(
        "methods", parents=[answer_options()], help="list the methods and the systems of the papers, or show one"
    )
    parser.add_argument("--show", metavar="NAME", help=f"one, with its whole recipe: {METHOD}")
    parser.add_argument("--state", choices=[RUNS, PLANNED, "cannot-run"], help="only these")
    parser.set_defaults(handler=_methods)


def _methods(arguments: argparse.Namespace) -> int:
    if arguments.show:
        return _show_method(name_of(arguments.show), arguments.json)
    problems: list[str] = []
    recipes = load_recipes(problems)
    wanted = (arguments.state or "").replace("-", " ")
    listings = [one for one in list_methods(REPORTED, recipes, _owners()) if one.state.startswith(wanted)]
    if arguments.json:
        print(json.dumps([_dump(listing, recipes) for listing in listings], indent=1, ensure_ascii=False))
    elif arguments.csv:
        fields = [field.name for field in dataclasses.fields(Listing)]
        print_csv(fields, ([getattr(listing, name) for name in fields] for listing in listings))
    else:
        _print_list(listings)
    # beside the list, which stays whole for programs
    for problem in (*offer_problems(), *problems):
        print(f"mer-bench: not listed: {problem}", file=sys.stderr)
    return 0


def _owners() -> dict[str, str]:
    return {name: file.of for name, file in recipe_files().items() if file.of}


def _print_list(listings: list[Listing]) -> None:
    """The reasons of what cannot run stand below."""
    table = Columns("method", "tier", "state", "title", "source", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for listing in listings:
        state = listing.state.partition(":")[0]
        source = ", ".join(filter(None, (listing.source.replace("–", "" if listing.of else "–"), listing.of)))
        table.add_row(listing.name, listing.tier, state, listing.title, source)
    console = open_console()
    print_table(console, table)
    for listing in listings:
        if ":" in listing.state:
            console.print(f"{listing.name} {listing.state}")
    running = sum(listing.state == RUNS for listing in listings)
    console.print(f"{len(listings)} methods, {running} run")


def _show_method(name: str, as_json: bool) -> int:
    recipes = load_recipes()
    listing = next((one for one in list_methods(REPORTED, recipes, _owners()) if one.name == name), None)
    if listing is None and name in recipe_files():
        # one of the user's that cannot be read says why
        load_recipe(name)
    if listing is None:
        raise DataError(unknown("method", name, recipes, "`mer-bench methods`"))
    if as_json:
        print(json.dumps(_dump(listing, recipes), indent=1, ensure_ascii=False))
        return 0
    of = f", of {listing.of}" if listing.of else ""
    print(f"{listing.title}, tier {listing.tier}, {listing.source}{of}: {listing.state}")
    if listing.state == RUNS:
        print(recipe_text(name), end="")
    return 0


def _dump(listing: Listing, recipes: Mapping[str, Recipe]) -> dict[str, Any]:
    """The listing, with the whole recipe where there is one."""
    return dataclasses.asdict(listing) | (
        recipes[listing.name].model_dump(mode="json") if listing.state == RUNS else {}
    )
