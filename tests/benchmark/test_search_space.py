"""A key is drawn where its condition holds, and every network can be tuned."""

import optuna
import pytest

from benchmark.recipe import load_recipe, recipe_names
from benchmark.recipe_check import check_recipe
from benchmark.search_space import conditions
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
