"""A mistake in a recipe is found before anything trains, and named by file and key."""

import pytest
import torch

import benchmark.methods.recipe_files
import mer_lightning.models.ststnet
from benchmark.files import load_yaml
from benchmark.methods.recipe import Recipe, load_recipe, recipe_names
from benchmark.methods.recipe_check import check_recipe
from benchmark.methods.suite import load_suite, suite_names
from mer_lightning.types import DataError

GOOD = """
title: A
summary: B
tier: A
representation: flow_map
model: {name: ststnet.STSTNet, arguments: {dropout: 0.5}}
training: {epochs: 1, batch_size: 8, optimizer: {name: adam, lr: 5.0e-5}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    monkeypatch.setattr(benchmark.methods.recipe_files, "RECIPES", recipes)
    return recipes


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_loads_and_names_things_that_exist(name):
    recipe = load_recipe(name)
    check_recipe(recipe)
    assert recipe.summary.endswith(".")


@pytest.mark.parametrize("number", ["5e-5", "5.0e-5", "0.00005", "1e2", "1.0e2"])
def test_numbers_are_written_as_people_write_them(folder, number):
    (folder / "method.yaml").write_text(GOOD.replace("5.0e-5", number))
    assert load_recipe("method").training.optimizer.lr == float(number)


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_names_recipes_and_protocols_that_exist(name):
    from mer_lightning.protocols import get_protocol

    suite = load_suite(name)
    assert set(suite.methods) <= set(recipe_names())
    for protocol in suite.protocols:
        get_protocol(protocol)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("title: A", "titel: A", "titel: unknown key"),
        ("summary: B\n", "", "summary: missing"),
        ("epochs: 1", "epochs: 1.5", "training.epochs: Input should be a valid integer"),
        ("epochs: 1", "epochs: 0", "training.epochs: Input should be greater than 0"),
        ("epochs: 1", "epoch: 1", "training.epoch"),
        ("lr: 5.0e-5", "lr: 5.0e-", "training.optimizer.lr: Input should be a valid number, found '5.0e-'"),
        ("name: adam", "name: adamax", "training.optimizer.name: Input should be 'adam', 'adamw' or 'sgd'"),
        ("title: A", "title: A\ntitle: C", 'found duplicate key "title"'),
        ("tier: A", "tier: [A", "line"),
        ("flow_map", "flow_mop", "representation: 'flow_mop' is unknown; did you mean .*expected one of .*flow_map"),
        (
            "flow_map",
            "{name: flow_sequence, arguments: {size: [96, 96], frams: 11}}",
            "representation.arguments.frams: flow_sequence takes no such argument; expected .*frames",
        ),
        (
            "flow_map",
            "{name: flow_sequence, arguments: {size: 96}}",
            "representation.arguments.size: Input should be a valid array, found 96",
        ),
        ("flow_map", "{name: flow_map, argument: {}}", "representation.argument: unknown key"),
        ("flow_map", "[flow_map]", "representation: Input should be"),
        ("flow_map", "lbp_top", "model: lbp_top gives feature vectors, which only an estimator reads"),
        ("ststnet.STSTNet", "ststnet2.STSTNet", "model.name: no file ststnet2.py in mer_lightning/models"),
        ("ststnet.STSTNet", "ststnet.STSTNot", "model.name: no class STSTNot in mer_lightning/models/ststnet.py"),
        ("ststnet.STSTNet", "os.path.Join", "model.name: no module os.path"),
        ("ststnet.STSTNet", "STSTNet", "model.name: expected <file>.<Class> of the suite"),
        ("ststnet.STSTNet", "layers.Tensor", "model.name: Tensor is only imported in mer_lightning/models/layers.py"),
        ("dropout: 0.5", "drop: 0.5", "model.arguments.drop: ststnet.STSTNet takes no such argument"),
        ("dropout: 0.5", "dropout: much", "model.arguments.dropout: Input should be a valid number"),
        (
            "epochs: 1",
            "augmentation: {degrees: 10.0}, epochs: 1",
            "training.augmentation.degrees: u and v of flow_map are scaled apart",
        ),
        (
            "epochs: 1",
            "augmentation: {scale: [1.1, 0.9]}, epochs: 1",
            "training.augmentation: scale must be two factors above 0 in rising order",
        ),
        ("epochs: 1", "augmentation: {acts_on: clips}, epochs: 1", "training.augmentation.acts_on: .*'frames'"),
        (
            "epochs: 1",
            "samples_per_class: 50, class_weights: balanced, epochs: 1",
            "training: samples_per_class balances the classes already",
        ),
        (
            "training: {",
            "search_space: {training.augmentation.acts_on: {kind: choice, values: [maps, frames]}}\n"
            "training: {augmentation: {hflip: 0.5}, ",
            "search_space: training.augmentation.acts_on: what is read cannot be tuned",
        ),
        ("training:", "estimator: {name: majority.Majority}\ntraining:", "either model and training, or estimator"),
        ("batch_size: 8", "batch_size: 0", "training.batch_size: Input should be greater than 0, found 0"),
        ("lr: 5.0e-5", "lr: .inf", "training.optimizer.lr: Input should be a finite number, found inf"),
        ("lr: 5.0e-5", "lr: .nan", "training.optimizer.lr: Input should be a finite number, found nan"),
        ("lr: 5.0e-5", "lr: 0.1, weight_decay: -1.0", "training.optimizer.weight_decay: Input should be greater"),
        ("epochs: 1", "augmentation: {hflip: 1.5}, epochs: 1", "training.augmentation.hflip: Input should be less"),
        (
            "epochs: 1",
            "augmentation: {scale: [1.0, .inf]}, epochs: 1",
            "augmentation.scale.1: Input should be a finite",
        ),
        ("epochs: 1", "loss: {name: focal, alpha: [0.1, 0.9]}, epochs: 1", "alpha: .* each of 3 classes, got 2"),
        ("dropout: 0.5", "dropout: .nan", "model.arguments.dropout: Input should be a finite number"),
        ("dropout: 0.5", "dropout: 1.5", "model.arguments: ststnet.STSTNet cannot be made: ValueError: dropout prob"),
        (
            "ststnet.STSTNet, arguments: {dropout: 0.5}",
            "htnet.HTNet, arguments: {patch: 9}",
            "model.arguments: htnet: 28 x 28 maps do not divide into patches of 9",
        ),
        (
            "ststnet.STSTNet, arguments: {dropout: 0.5}",
            "image_cnn.ImageCNN, arguments: {filters: 0}",
            "model.arguments: image_cnn.ImageCNN has no values in ",
        ),
        (
            "ststnet.STSTNet, arguments: {dropout: 0.5}",
            "dual_attention_resnet.DualAttentionResNet, arguments: {dropout: 1.5}",
            r"model.arguments: dropout: expected a probability in \[0, 1\), got 1.5",
        ),
        (
            "ststnet.STSTNet, arguments: {dropout: 0.5}",
            "timm_backbone.TimmBackbone, arguments: {backbone: resnet18, weights: /none.pth}",
            "model.arguments: /none.pth: no such file",
        ),
    ],
)
def test_a_mistake_is_named_by_file_and_key(folder, old, new, says):
    assert old in GOOD
    (folder / "mine.yaml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(DataError, match=says) as error:
        check_recipe(load_recipe("mine"))
    assert "mine.yaml" in str(error.value)
    assert "\n" not in str(error.value)


ESTIMATOR = """
title: A
summary: B
tier: A
representation: flow_map
estimator: {name: linear_svm.LinearSVM, arguments: {costs: [1.0]}}
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[1.0]", "[-1]", "estimator.arguments.costs: Input should be greater than 0, found"),
        ("[1.0]", "[]", "estimator.arguments.costs: Value should have at least 1 item"),
        (
            "[1.0]",
            "[1.0], inner_folds: 0",
            "estimator.arguments.inner_folds: Input should be greater than or equal to 2",
        ),
        ("[1.0]", "[1.0], channels: [9]", r"estimator.arguments: channels: expected numbers from 0 to 2, got \[9\]"),
        (
            "flow_map",
            "{name: network_features, arguments: {weights: /none.pth}}",
            "representation.arguments: /none.pth: no such file",
        ),
        (
            "flow_map",
            "{name: network_features, arguments: {backbone: resnet1}}",
            "representation.arguments: backbone 'resnet1' is unknown",
        ),
        (
            "flow_map",
            "{name: onset_apex_flow, arguments: {method: raft, weights: /none.pth}}",
            "representation.arguments: /none.pth: not weights of torchvision's raft_small",
        ),
    ],
)
def test_a_value_that_an_estimator_or_what_it_sees_cannot_take_is_named(folder, old, new, says):
    (folder / "mine.yaml").write_text(ESTIMATOR)
    check_recipe(load_recipe("mine"))
    (folder / "mine.yaml").write_text(ESTIMATOR.replace(old, new, 1))
    with pytest.raises(DataError, match=f"mine.yaml: {says}"):
        check_recipe(load_recipe("mine"))


def test_a_recipe_fits_the_classes_of_each_protocol_that_it_is_trained_under(folder):
    alpha = GOOD.replace("epochs: 1", "loss: {name: focal, alpha: [0.1, 0.2, 0.7]}, epochs: 1")
    (folder / "mine.yaml").write_text(alpha)
    check_recipe(load_recipe("mine"), {3})
    with pytest.raises(DataError, match=r"training\.loss\.alpha: expected one value for each of 5 classes, got 3"):
        check_recipe(load_recipe("mine"), {3, 5})


def test_a_network_that_looks_at_its_values_is_made_with_them(folder, monkeypatch):
    class Looks(torch.nn.Linear):
        __module__ = mer_lightning.models.ststnet.__name__

        def __init__(self, in_channels: int = 3, classes: int = 3) -> None:
            super().__init__(in_channels, classes)
            self.largest = float(self.weight.max())

    monkeypatch.setattr(mer_lightning.models.ststnet, "STSTNet", Looks)
    (folder / "mine.yaml").write_text(GOOD.replace("dropout: 0.5", ""))
    check_recipe(load_recipe("mine"))


def test_an_unknown_method_is_answered_with_the_known_ones(folder):
    (folder / "mine.yaml").write_text(GOOD)
    with pytest.raises(DataError, match="method 'yours' is unknown; expected one of mine"):
        load_recipe("yours")


def aliases(levels: int, form: str) -> bytes:
    """Each line holds the line before nine times."""
    lines = [f"a{n}: &a{n} {form.format(', '.join([f'*a{n - 1}'] * 9))}" for n in range(1, levels + 1)]
    return "\n".join(["a0: &a0 {x: 1}", *lines]).encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"\xff\xfe", "not readable"),
        (b"- 1", "keys and values"),
        (b"a: 1\nb: [1", r"x.yaml: line \d: "),
        (b"a:\n\t- b", "line 2: "),
        (b"a: 1\na: 2", 'line 2: found duplicate key "a"'),
        (b"a: {b: 1,\n  b: 2}", 'line 2: found duplicate key "b"'),
        (b"a: 1\nb: *c", "line 2: found undefined alias"),
        (b"a: \x07", "not YAML .unacceptable character"),
        (b"a: 2026-02-31", "line 1: not YAML .day is out of range"),
        (b"a: 1\nb: 2026-02-28", "line 2: .*found a date 2026-02-28; quote a text"),
        (b"a: 1\nb: !!set {x, y}", "line 2: .*found a set"),
        (b"a: 1\nb: !!binary aGk=", "line 2: .*found a binary aGk="),
        (b"a: 1\n? [1, 2]\n: 3", "line 2: expected a word"),
        (b"a: 1\n2026-02-28: 3", "line 2: .*found a date"),
        (b"a: &a [*a]", r"line 1: \*a stands within itself"),
        (b"a: " + b"[" * 2000 + b"]" * 2000, "line 1: nested deeper than 100"),
        (b"a: " + b"[" * 1_000_000, "line 1: nested deeper than 100"),
        (b"a: [" + b"1," * 20_000 + b"]", "line 1: more than 10000 values"),
        (aliases(9, "[{}]"), "line 5: more than 10000 values"),
        (aliases(9, "{{<<: [{}]}}"), "line 5: more than 10000 values"),
    ],
)
def test_a_file_that_is_no_recipe_is_an_error_in_one_line(tmp_path, content, says):
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=says) as error:
        load_yaml(path, Recipe, name="x")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_prose_does_not_change_the_hash_but_every_setting_does(folder):
    def hash_of(text):
        (folder / "mine.yaml").write_text(text)
        return load_recipe("mine").hash

    good = hash_of(GOOD)
    # results are kept under it: a setting that is added later must not change it
    assert good == "bdb614d28c8a28e5efdb2e3c88a2265fec460eb9ab31a4ed94dcaa20c928e868"
    assert hash_of(GOOD.replace("title: A", "title: Z") + "deviations: [none]\n") == good
    assert hash_of(GOOD.replace("epochs: 1", "epochs: 1, shuffle: true")) == good
    for old, new in (("epochs: 1", "epochs: 2"), ("5.0e-5", "6.0e-5"), ("0.5}", "0.6}"), ("tier", "version: 2\ntier")):
        assert hash_of(GOOD.replace(old, new)) != good


def test_arguments_of_a_representation_change_the_hash_and_what_is_computed(folder):
    def recipe_of(representation):
        (folder / "mine.yaml").write_text(GOOD.replace("flow_map", representation))
        return load_recipe("mine")

    plain, other = recipe_of("onset_apex_flow"), recipe_of("{name: onset_apex_flow, arguments: {size: [14, 14]}}")
    assert recipe_of("{name: onset_apex_flow}").hash == plain.hash
    assert other.hash != plain.hash
    assert check_recipe(other).size == (14, 14)
    assert other.with_values({"training.epochs": 2}).representation == other.representation


def test_a_seed_that_is_given_twice_is_one_run():
    assert list(load_recipe("ststnet").seeds_of([3, 0, 3])) == [3, 0]
