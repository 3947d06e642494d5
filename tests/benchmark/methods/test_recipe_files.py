"""A recipe lies anywhere in its folder and may say only what differs from another one."""

from contextvars import copy_context

import pytest

import benchmark.methods.recipe_files
from benchmark.files import read_yaml
from benchmark.methods.recipe import load_recipe, load_recipes, recipe_names, recipe_text
from benchmark.methods.recipe_files import name_of, offer_problems, read_recipe, recipe_file, recipe_files
from benchmark.places import Workspace, working_in
from mer_lightning.types import DataError
from tests import small_packages as own

WHOLE = """
title: A
summary: All of it.
tier: A
representation: flow_map
model: {name: ststnet.STSTNet, arguments: {dropout: 0.5}}
training: {epochs: 2, batch_size: 8, optimizer: {name: adam, lr: 5.0e-5}, schedule: {every: 10, factor: 0.5}}
deviations: [The optimiser is chosen.]
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark.methods.recipe_files, "RECIPES", tmp_path / "recipes")

    def write(place, text):
        path = tmp_path / "recipes" / f"{place}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("s9/whole", WHOLE)
    return write


def test_a_variant_says_what_differs_and_takes_over_the_rest(write):
    write("s9/longer", "variant_of: whole\ntitle: B\ntraining: {epochs: 9}\n")
    longer, whole = load_recipe("longer"), load_recipe("whole")
    assert longer.training.epochs == 9
    assert longer.training.optimizer == whole.training.optimizer
    assert (longer.name, longer.title, longer.summary) == ("longer", "B", whole.summary)
    assert longer.deviations == whole.deviations


def test_null_takes_a_key_away_at_any_depth(write):
    write("s9/steady", "variant_of: whole\ntraining: {schedule: null}\ndeviations: null\n")
    assert "schedule" not in read_recipe("steady")["training"]
    assert load_recipe("steady").deviations == ()


def test_a_variant_of_a_variant_loses_what_its_parent_took_away(write):
    write("s9/steady", "variant_of: whole\ntraining: {schedule: null}\n")
    write("s9/steadier", "variant_of: steady\ntraining: {epochs: 3}\n")
    assert read_recipe("steadier")["training"] == read_recipe("steady")["training"] | {"epochs": 3}


def test_a_name_alone_takes_arguments_of_a_variant(write):
    write("s9/small", "variant_of: whole\nrepresentation: {arguments: {size: [14, 14]}}\n")
    assert read_recipe("small")["representation"] == {"name": "flow_map", "arguments": {"size": [14, 14]}}


def test_a_variant_has_the_hash_of_the_same_recipe_written_out(write):
    write("s9/longer", "variant_of: whole\ntraining: {epochs: 9}\n")
    write("written-out", WHOLE.replace("epochs: 2", "epochs: 9"))
    assert load_recipe("longer").hash == load_recipe("written-out").hash


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("variant_of: nobody\n", "s9/new.yaml: variant_of: method 'nobody' is unknown"),
        ("variant_of: new\n", "variant_of: new is a variant of new"),
        ("variant_of: [whole]\n", "variant_of: expected the name of a method"),
        ("variant_of: whole\ntraining: {epoch: 9}\n", "s9/new.yaml: training.epoch: unknown key"),
        ("variant_of: whole\ntitle: null\n", "s9/new.yaml: title: missing"),
        ("variant_of: whole\ndeviation: null\n", "s9/new.yaml: deviation: null takes a key away, but whole has none"),
        ("variant_of: whole\ntraining: {decay: null}\n", "s9/new.yaml: training.decay: null takes a key away"),
        ("variant_of: whole\nmodel: &m {name: *m}\n", "s9/new.yaml: line 2: *m stands within itself"),
        (
            "variant_of: whole\ntitle: 2019-01-02\n",
            "s9/new.yaml: line 2: expected text, numbers, lists and keys, found a date 2019-01-02; quote a text",
        ),
        ("variant_of: whole\nparts: {}\n", "s9/new.yaml: parts: unknown key"),
    ],
)
def test_a_mistake_is_named_with_the_file_of_the_variant(write, text, says):
    write("s9/new", text)
    with pytest.raises(DataError) as raised:
        load_recipe("new")
    assert says in str(raised.value)


def test_two_files_of_one_name_are_refused(write):
    write("whole", WHOLE)
    with pytest.raises(DataError, match="method 'whole' already has a recipe in"):
        recipe_names()


def test_messages_name_the_file_below_the_folder_of_recipes(write):
    assert recipe_file("whole") == "recipes/s9/whole.yaml"
    assert recipe_file("to-be-written") == "recipes/to-be-written.yaml"


def test_a_variant_is_shown_whole_and_reads_back_as_itself(write, tmp_path):
    write("s9/longer", "variant_of: whole\ntraining: {epochs: 9}\n")
    shown = tmp_path / "shown.yaml"
    shown.write_text(recipe_text("longer"))
    assert read_yaml(shown) == read_recipe("longer")
    assert recipe_text("whole") == WHOLE


def test_the_recipes_that_are_shipped_are_short():
    lines = sum(
        len(path.read_text().splitlines()) for path in {*benchmark.methods.recipe_files.recipe_paths().values()}
    )
    assert lines <= 1700


class TestRecipesOfOnesOwn:
    @pytest.fixture
    def root(self, tmp_path):
        with working_in(Workspace(tmp_path)):
            yield tmp_path

    def test_they_are_found_by_name_anywhere_in_the_workspace(self, root):
        own.write(root, {"methods/tried/longer.yaml": "variant_of: ststnet\ntitle: Longer\ntraining: {epochs: 9}\n"})
        assert load_recipe("longer").model == load_recipe("ststnet").model
        assert recipe_files()["longer"].of == "workspace"
        assert recipe_file("longer") == str(root / "methods" / "tried" / "longer.yaml")

    def test_a_file_is_known_by_its_name_once_it_was_given(self, root):
        own.write(root, {"elsewhere/longer.yaml": "variant_of: ststnet\ntitle: Longer\n"})
        assert copy_context().run(lambda: load_recipe(name_of(f"{root}/elsewhere/longer.yaml")).title) == "Longer"

    def test_a_file_of_the_workspace_may_be_given_by_its_path_too(self, root):
        own.write(root, {"methods/longer.yaml": "variant_of: ststnet\ntitle: Longer\n"})
        assert copy_context().run(name_of, f"{root}/methods/longer.yaml") == "longer"

    def test_a_name_is_given_as_it_is(self):
        assert name_of("whatever") == "whatever"

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ("nosuch.yaml", "nosuch.yaml: no such file"),
            ("folder/net.yml", "expected a file <name>.yaml, or the name of a method"),
            ("elsewhere/ststnet.yaml", "the suite has a method 'ststnet' already; call the file otherwise"),
            ("elsewhere/My Net.yaml", "expected a file <name>.yaml, in lower-case letters, digits and -"),
            ("elsewhere/mine-net.yaml", "'mine-' marks rows of other results in tables; call the file otherwise"),
            ("elsewhere/contributed-a.yaml", "'contributed-' marks rows of other results"),
            ("elsewhere/net-tuned.yaml", "'-tuned' marks rows of other results"),
            ("elsewhere/mine.yaml", "methods/mine.yaml is a method 'mine' already; call the file otherwise"),
        ],
    )
    def test_a_file_that_cannot_be_a_method_is_one_line(self, root, monkeypatch, given, says):
        names = ("ststnet", "My Net", "mine", "mine-net", "contributed-a", "net-tuned")
        names = (*(f"elsewhere/{name}" for name in names), "methods/mine")
        own.write(root, {f"{name}.yaml": "variant_of: ststnet\n" for name in names})
        monkeypatch.chdir(root)
        with pytest.raises(DataError) as raised:
            copy_context().run(name_of, given)
        assert says in str(raised.value)

    def test_a_name_of_the_suite_is_refused_when_it_is_asked_for_and_never_replaces_it(self, root):
        own.write(root, {"methods/ststnet.yaml": "variant_of: majority\n"})
        with pytest.raises(DataError, match=r"methods/ststnet\.yaml: the suite has a method 'ststnet' already"):
            load_recipe("ststnet")
        assert load_recipe("off-apexnet").name == "off-apexnet"
        problems = []
        recipes = load_recipes(problems)
        # neither can ensembles of it be read, and all others can
        assert ("off-apexnet" in recipes, "flow-average" in recipes, len(recipes) > 90) == (True, False, True)
        assert any("flow-average.yaml: ensemble.members" in problem for problem in problems)

    @pytest.mark.parametrize("title", ['"a\\nb"', "''", "'  a'", "x" * 201])
    def test_a_title_can_stand_in_a_table(self, root, title):
        own.write(root, {"methods/longer.yaml": f"variant_of: ststnet\ntitle: {title}\n"})
        with pytest.raises(DataError, match=r"longer\.yaml: title: "):
            load_recipe("longer")

    def test_one_that_is_broken_leaves_the_others_usable(self, root):
        own.write(root, {"methods/broken.yaml": "title: 3\n", "methods/longer.yaml": "variant_of: ststnet\n"})
        problems = []
        recipes = load_recipes(problems)
        assert "longer" in recipes
        assert "broken" not in recipes
        (problem,) = problems
        assert "methods/broken.yaml: title: " in problem

    def test_a_distribution_offers_recipes_and_one_that_has_none_is_named(self, root):
        points = "[mer_bench.recipes]\nacme = acme\nnone = nosuch.recipes\n"
        own.write_distribution(root, points, {"acme/__init__.py": "", "acme/acme-net.yaml": "variant_of: ststnet\n"})
        assert load_recipe("acme-net").training == load_recipe("ststnet").training
        assert recipe_files()["acme-net"].of == "acme-mer 1.2"
        assert offer_problems() == ["acme-mer 1.2: entry point of mer_bench.recipes: no package nosuch.recipes"]
