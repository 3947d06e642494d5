"""What a recipe's search space allows is tried before anything is trained."""

import pytest

import benchmark.methods.recipe_files
from benchmark.methods.recipe import load_recipe
from benchmark.methods.recipe_check import check_recipe
from mer_lightning.types import DataError
from tests.benchmark.methods.test_recipe import GOOD


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ("training.epoch: {kind: int, low: 1, high: 2}", "search_space: training.epoch: unknown key"),
        ("trainings.epochs: {kind: int, low: 1, high: 2}", "search_space: trainings.epochs: unknown key"),
        ("title: {kind: choice, values: [a, b]}", "search_space: title: unknown key"),
        ("estimator.arguments.c: {kind: int, low: 1, high: 2}", "search_space: estimator.arguments.c: unknown key"),
        (
            "training.augmentation.hflip: {kind: float, low: 0, high: 1}",
            "search_space: training.augmentation.hflip: unknown key",
        ),
        (
            "model.arguments.drop: {kind: float, low: 0, high: 1}",
            "search_space: model.arguments.drop: ststnet.STSTNet takes no such argument",
        ),
        (
            "training.epochs: {kind: int, low: 0, high: 2}",
            "search_space: training.epochs: Input should be greater than 0, found 0",
        ),
        (
            "training.optimizer.name: {kind: choice, values: [adam, adamax]}",
            "search_space: training.optimizer.name: Input should be 'adam', 'adamw' or 'sgd'",
        ),
        ("training.epochs: {kind: int, low: 2, high: 1}", "search_space.training.epochs.int: low must be less"),
        ("training.epochs: {kind: whole, low: 1, high: 2}", "search_space.training.epochs: .*'whole'"),
        ("training.epochs: {kind: int, low: 1, top: 2}", "search_space.training.epochs.int.top: unknown key"),
        (
            "training.optimizer.lr: {kind: float, low: 0, high: 1, log: true}",
            "search_space.training.optimizer.lr.float: low must be greater than 0 where log is true",
        ),
        (
            "training.epochs: {kind: int, low: 1, high: 2, when: {training.shuffle: true}}",
            "training.epochs: when.training.shuffle: expected a choice of the search space",
        ),
        (
            "training.epochs: {kind: int, low: 1, high: 2, when: {training.shuffle: 3}}\n"
            "  training.shuffle: {kind: choice, values: [true, false]}",
            r"when.training.shuffle: expected one of \[True, False\], found 3",
        ),
        (
            "training.shuffle: {kind: choice, values: [true, false], when: {training.precision: 32-true}}\n"
            "  training.precision: {kind: choice, values: [32-true, bf16-mixed], when: {training.shuffle: true}}",
            "when: training.precision -> training.shuffle -> training.precision is a circle",
        ),
        (
            "training.optimizer.lr: {kind: float, low: -5.0, high: 1.0}",
            "search_space: training.optimizer.lr: Input should be greater than 0, found -5.0",
        ),
        (
            "training.optimizer.lr: {kind: float, low: 0.1, high: .inf}",
            "search_space.training.optimizer.lr.float.high: Input should be a finite number, found inf",
        ),
        (
            "model.arguments.dropout: {kind: float, low: 0.0, high: 1.0}",
            "search_space: model.arguments: ststnet.STSTNet cannot be made: ValueError: dropout",
        ),
        (
            "model.arguments.dropout: {kind: choice, values: [0.5, .nan]}",
            "search_space: model.arguments.dropout: Input should be a finite number, found nan",
        ),
        (
            "training.loss.alpha: {kind: choice, values: [none, [0.1, 0.9]]}\n"
            "  training.loss.name: {kind: choice, values: [focal, focal_one_vs_rest]}",
            "search_space: training.loss.alpha: expected one value for each of 3 classes, got 2",
        ),
        (
            # each by itself would do
            "training.loss.name: {kind: choice, values: [cross_entropy, focal]}\n"
            "  training.class_weights: {kind: choice, values: [none, balanced]}",
            "search_space: training: class_weights belong to cross_entropy; focal has loss.alpha "
            r"\(tried training.class_weights: balanced, training.loss.name: focal\)",
        ),
        (
            "training.epochs: {kind: choice, values: [1, 1]}",
            "search_space.training.epochs.choice: a value is given twice",
        ),
    ],
)
def test_a_bad_search_space_is_named_by_file_and_key(tmp_path, monkeypatch, space, says):
    monkeypatch.setattr(benchmark.methods.recipe_files, "RECIPES", tmp_path)
    (tmp_path / "mine.yaml").write_text(f"{GOOD}search_space:\n  {space}\n")
    with pytest.raises(DataError, match=says) as error:
        check_recipe(load_recipe("mine"))
    assert "mine.yaml" in str(error.value)
    assert "\n" not in str(error.value)
