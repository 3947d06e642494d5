"""The list of methods: every system of the papers' tables and every recipe, each with its state."""

import pytest

from benchmark.boards.methods import list_methods
from benchmark.boards.reported import load_reported
from benchmark.methods.recipe import load_recipes, recipe_names
from benchmark.places import REPORTED
from mer_lightning.types import DataError


def test_every_system_of_the_papers_runs_or_says_why_it_cannot():
    states = {listing.name: listing.state for listing in list_methods(REPORTED, load_recipes())}
    assert {name for name, state in states.items() if state != "runs"} == {"c3devol"}
    assert states["c3devol"].startswith("cannot run: ")


def test_the_committed_list_has_every_system_of_the_tables_and_every_recipe():
    listings = {listing.name: listing for listing in list_methods(REPORTED, load_recipes())}
    reported = load_reported(REPORTED)
    rows = {row.method for paper in reported.papers for table in paper.tables for row in table.rows}
    assert rows | set(recipe_names()) <= listings.keys()
    assert {n for n, listing in listings.items() if listing.state == "runs"} == set(recipe_names())
    assert listings["c3devol"].state.startswith("cannot run: ")


def test_a_folder_without_the_list_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"methods.yaml: no such file"):
        list_methods(tmp_path, {})
