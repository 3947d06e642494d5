"""A key is drawn where its condition holds, and every network can be tuned."""

import optuna
import pytest

from benchmark.methods.recipe import load_recipe, recipe_names
from benchmark.methods.recipe_check import check_recipe
from benchmark.methods.search_space import Choice, IntRange, conditions, corners
from benchmark.tuning.search import make_sampler, suggest
from tests.benchmark.tuning.searches import SPACE, make_run


@pytest.fixture(scope="module")
def run():
    return make_run()


def test_a_key_is_drawn_where_its_condition_holds(run):
    study = optuna.create_study(sampler=make_sampler("tpe", 0))
    drawn = [suggest(study.ask(), SPACE) for _ in range(20)]
    for values in drawn:
        check_recipe(run.recipe.with_values(values))
        assert ("estimator.arguments.gamma" in values) == (values["estimator.arguments.kernel"] == "rbf")
    assert {values["estimator.arguments.kernel"] for values in drawn} == {"linear", "rbf"}


def test_the_corners_are_all_that_can_be_drawn_together_of_a_part():
    space = {
        "model.arguments.b": IntRange(kind="int", low=1, high=9, when={"model.arguments.a": "x"}),
        "model.arguments.a": Choice(kind="choice", values=("x", "y")),
        "training.epochs": IntRange(kind="int", low=2, high=3),
    }
    a, b = "model.arguments.a", "model.arguments.b"
    parts = [{a: "x", b: 1}, {a: "x", b: 9}, {a: "y"}, {"training.epochs": 2}, {"training.epochs": 3}]
    assert list(corners(space)) == parts


def test_of_very_many_corners_each_end_is_looked_at():
    space = {f"training.k{n}": IntRange(kind="int", low=0, high=1) for n in range(20)}
    assert list(corners(space)) == [{key: value} for key in space for value in (0, 1)]


NEURAL = [name for name in recipe_names() if load_recipe(name).model is not None]


@pytest.mark.parametrize("name", NEURAL)
def test_every_network_can_be_tuned(name):
    recipe = load_recipe(name)
    assert recipe.search_space
    assert "training.optimizer.lr" in recipe.search_space
    for key, entry in recipe.search_space.items():
        for value in entry.ends:
            # the values under which the key is drawn at all, and the value in the place that it names
            changed = recipe.with_values(conditions(recipe.search_space, key) | {key: value}).model_dump(mode="json")
            for part in key.split("."):
                changed = changed[part]
            assert changed == (list(value) if isinstance(value, tuple) else value)
    check_recipe(recipe)
