"""A recipe names code outside the suite: its hash, its cache and its checks cover that code."""

import pytest

from benchmark.methods.own_code import check_code
from benchmark.methods.recipe import Recipe, load_recipe
from benchmark.methods.recipe_check import check_recipe
from benchmark.places import Workspace, working_in
from mer_lightning.motion import get_representation
from mer_lightning.types import DataError
from tests.small_packages import NET, RECIPE, write, write_distribution

MAP = """
from mer_lightning.motion import FlowMap


class Doubled(FlowMap):
    name: str = "doubled"
    times: float = 2.0

    def maps(self, frames):
        return super().maps(frames) * self.times
"""
MEAN = """
import numpy as np


class Nearest:
    def fit(self, known):
        self.classes = known.classes

    def predict(self, inputs):
        return np.zeros((len(inputs), self.classes))
"""
NOISE = """
import torch


class Noise(torch.nn.Module):
    def __init__(self, level: float = 0.1, channels: tuple = ()) -> None:
        super().__init__()
        self.level, self.channels = level, channels

    def forward(self, x):
        return x + self.level * torch.randn_like(x)
"""
ESTIMATOR = """
title: Own
summary: An estimator of one's own.
tier: C
representation: flow_map
estimator: {name: nets.mean.Nearest}
"""
AUGMENTED = (
    RECIPE.replace("nets.small.Net", "ststnet.STSTNet").rstrip().removesuffix("}")
    + ", augmentation: {custom: [{name: nets.noise.Noise, arguments: {level: 0.2}}]}}\n"
)


@pytest.fixture
def root(tmp_path):
    write(
        tmp_path,
        {
            "nets/small.py": NET,
            "nets/maps.py": MAP,
            "nets/mean.py": MEAN,
            "nets/noise.py": NOISE,
            "methods/own.yaml": RECIPE,
            "methods/seen.yaml": RECIPE.replace("flow_map", "nets.maps.Doubled").replace(
                "nets.small.Net", "ststnet.STSTNet"
            ),
            "methods/mean.yaml": ESTIMATOR,
            "methods/augmented.yaml": AUGMENTED,
        },
    )
    with working_in(Workspace(tmp_path)):
        yield tmp_path


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("method", "file"), [("own", "small"), ("seen", "maps"), ("mean", "mean"), ("augmented", "noise")]
)
class TestEveryKind:
    def test_it_is_found_checked_and_said_where_it_is_from(self, method, file):
        recipe = load_recipe(method)
        check_recipe(recipe)
        (code,) = recipe.outside
        assert code.name.startswith(f"nets.{file}.")
        assert code.found_in == "workspace"

    def test_changed_code_is_another_method(self, root, method, file):
        first = load_recipe(method).hash
        path = root / "nets" / f"{file}.py"
        path.write_text(path.read_text() + "# changed\n")
        assert load_recipe(method).hash != first

    def test_a_misspelt_class_is_one_line_that_names_file_and_key(self, root, method, file):
        path = root / "methods" / f"{method}.yaml"
        path.write_text(path.read_text().replace(f"nets.{file}.", f"nets.{file}.No"))
        with pytest.raises(DataError, match=rf"{method}\.yaml: [a-z.0]+: no class No\w+ in nets/{file}\.py"):
            check_recipe(load_recipe(method))

    def test_a_misspelt_file_is_one_line_before_anything_is_run(self, root, method, file):
        path = root / "methods" / f"{method}.yaml"
        path.write_text(path.read_text().replace(f"nets.{file}.", "nets.nosuch."))
        with pytest.raises(
            DataError, match=rf"{method}\.yaml: [a-z.0]+: no module nets\.nosuch; expected nets/nosuch\.py"
        ):
            load_recipe(method)


def test_what_a_file_says_of_its_code_itself_is_refused(root):
    write(root, {"methods/own.yaml": RECIPE + "outside: []\n"})
    with pytest.raises(DataError, match=r"own\.yaml: outside: unknown key"):
        load_recipe("own")


def test_a_recipe_of_the_suite_names_nothing_outside():
    assert load_recipe("ststnet").outside == ()


def test_other_values_keep_the_code(root):
    recipe = load_recipe("own")
    assert recipe.with_values({"training.epochs": 9}).outside == recipe.outside


def test_an_ensemble_is_another_one_when_the_code_of_a_member_changes(root):
    ensemble = (
        "title: E\nsummary: E.\ntier: C\nensemble: {rule: average, members: [{method: own}, {method: majority}]}\n"
    )
    write(root, {"methods/both.yaml": ensemble})
    first = load_recipe("both").hash
    write(root, {"nets/small.py": NET + "# changed\n"})
    assert load_recipe("both").hash != first


def test_code_cannot_be_tuned(root):
    space = "search_space:\n  model.name: {kind: choice, values: [nets.small.Net, nets.noise.Noise]}\n"
    write(root, {"methods/own.yaml": RECIPE.replace("nets.small.Net", "ststnet.STSTNet") + space})
    with pytest.raises(DataError, match=r"search_space: .*code outside the suite cannot be tuned"):
        check_recipe(load_recipe("own"))


def test_a_worker_refuses_code_that_is_not_what_was_planned(root):
    recipe = load_recipe("own")
    write(root, {"nets/small.py": NET + "# changed\n"})
    with pytest.raises(DataError, match="changed since the run was planned"):
        check_code(recipe.outside)


def test_what_is_kept_of_a_map_depends_on_the_code_that_computed_it(tmp_path):
    keys = set()
    for text in (MAP, MAP + "# changed\n"):
        write(tmp_path, {"nets/maps.py": text})
        with working_in(Workspace(tmp_path)):
            keys |= {get_representation("nets.maps.Doubled", {"times": times}).cache_key() for times in (2.0, 3.0)}
    assert len(keys | {get_representation("flow_map").cache_key()}) == 5


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("{name: nets.maps.Doubled, arguments: {time: 2}}", "representation.arguments.time: .* expected times"),
        ("{name: nets.maps.Doubled, arguments: {times: two}}", "representation.arguments.times: "),
        ("nets.small.Net", "representation.name: Net is another kind of class; expected a subclass of FromFrames"),
    ],
)
def test_arguments_of_own_representations_are_held_against_the_class(root, choice, says):
    write(root, {"methods/own.yaml": RECIPE.replace("flow_map", choice)})
    with pytest.raises(DataError, match=says):
        check_recipe(load_recipe("own"))


def test_a_recipe_of_a_distribution_says_which(root, tmp_path):
    points = "[mer_bench.recipes]\nacme = acme.recipes\n[mer_bench.models]\nacme.Net = acme.nets:Net\n"
    files = {
        "acme/__init__.py": "",
        "acme/recipes/__init__.py": "",
        "acme/recipes/acme-net.yaml": RECIPE.replace("nets.small.Net", "acme.Net"),
        "acme/nets.py": NET,
    }
    write_distribution(tmp_path, points, files)
    recipe = load_recipe("acme-net")
    check_recipe(recipe)
    assert [(code.name, code.found_in) for code in recipe.outside] == [("acme.Net", "acme-mer 1.2")]


def test_code_of_a_distribution_that_is_named_by_its_path_says_which_too(tmp_path):
    recipe = Recipe.model_validate_json(
        '{"name": "own", "title": "O", "summary": "O", "tier": "C", "representation": "flow_map",'
        '"model": {"name": "torchvision.models.alexnet.AlexNet"}}'
    )
    from benchmark.methods.own_code import find_code

    (code,) = find_code(recipe.named)
    assert code.found_in.startswith("torchvision ")
