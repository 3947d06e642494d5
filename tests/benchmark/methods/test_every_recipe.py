"""Every recipe trains one fold of a few invented clips for one epoch, as it stands in its file."""

from dataclasses import replace

import pytest
import torch

from benchmark.methods.recipe import load_recipe, recipe_names
from benchmark.methods.recipe_check import check_recipe
from benchmark.training.jobs import train_fold
from mer_lightning.datamodules import PlannedTable
from mer_lightning.protocols import Fold, Labelled, get_protocol, rows_of
from mer_lightning.synthetic.composite import SyntheticComposite
from mer_lightning.tasks import Fit
from tests.small_tables import keys_of

_SMALL = {"backbone": "test_efficientnet"}
# networks of a hundred million weights: the same class with fewer; whole they are built without storage, see
# test_verification, and those that fit into 6 GiB with their optimiser are trained whole by the slow test
SMALLER = {
    "htnet": {"width": 24},
    "htnet-short": {"width": 24},
    "htnet-ten": {"width": 24},
    "elrcn": _SMALL | {"hidden": 32},
    "elrcn-se": _SMALL | {"hidden": 32},
    "magga-like": {"backbone": "vgg11"},
}
# what is not quick has to compute flow between many frames, or is a large network
QUICK = {name for name in recipe_names() if {part.sees.name for part in load_recipe(name).trained} == {"flow_map"}} | {
    "rcn-a",
    "rcn-s",
    "rcn-w",
    "dynamic-image",
    "fcnn-3d",
    "image-cnn",
    "magga-like",
}
# its flow network's weights are a file or a download
WITHOUT_FILES = [name for name in recipe_names() if name != "dual-branch-raft"]
WHOLE = ("htnet", "magga-like")


@pytest.fixture(scope="module")
def world():
    """(dataset, labelled, fold) of SMIC's twin: two clips of each class train, the clips of another subject test."""
    dataset = SyntheticComposite(scale=0.2, size=64)
    labelled = get_protocol("smic-3").label(dataset)
    subjects = sorted({sample.person for sample in labelled.samples})
    held_out = subjects[0]
    test = [sample.key for sample in labelled.samples if sample.key.startswith(f"{held_out}/")][:2]
    train: set[str] = set()
    for label in range(3):
        pairs = zip(labelled.samples, labelled.labels, strict=True)
        others = [sample.key for sample, found in pairs if found == label and not sample.key.startswith(f"{held_out}/")]
        # of different people, since some methods choose settings among them
        train |= {others[0], others[-1]}
    chosen = [
        (sample, label)
        for sample, label in zip(labelled.samples, labelled.labels, strict=True)
        if sample.key in {*train, *test}
    ]
    few = Labelled(tuple(sample for sample, _ in chosen), tuple(label for _, label in chosen))
    return dataset, few, Fold(held_out, few.people, rows_of([sample.key in test for sample in few.samples]))


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in WITHOUT_FILES]
)
def test_it_trains_and_predicts(name, world):
    recipe = load_recipe(name)
    for key, value in SMALLER.get(name, {}).items():
        assert recipe.model is not None
        arguments = recipe.model.arguments | {key: value}
        recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"arguments": arguments})})
    train_one_epoch(recipe, world)


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_it_trains_whole(name, world):
    train_one_epoch(load_recipe(name), world)


def train_one_epoch(recipe, world):
    dataset, labelled, fold = world
    check_recipe(recipe)
    tables = {part.name: read(part, dataset, labelled) for part in recipe.trained}
    first, *_ = tables.values()
    if recipe.ensemble is None:
        recipe = for_one_epoch(recipe)
    else:
        recipe = recipe.model_copy(update={"parts": {part.name: for_one_epoch(part) for part in recipe.trained}})
    result = train_fold(recipe, Fit(replace(first, beside=tables), fold, accelerator="cpu"))
    if recipe.training:
        assert all(torch.tensor(result.curve["train_loss"]).isfinite())
        assert result.epoch == 1
    assert [prediction.key for prediction in result.predictions] == keys_of(fold.test, labelled.keys)
    for prediction in result.predictions:
        assert len(prediction.scores) == 3
        assert all(torch.tensor(prediction.scores).isfinite())


def read(recipe, dataset, labelled):
    augmentation = recipe.training and recipe.training.augmentation
    holds = augmentation.acts_on if augmentation else "maps"
    return PlannedTable(dataset, labelled, 3, check_recipe(recipe), holds=holds).get()


def for_one_epoch(recipe):
    if recipe.training is None:
        return recipe
    changes = {"epochs": 1} | ({"samples_per_class": 2} if recipe.training.samples_per_class else {})
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=changes)})


def test_smaller_ones_are_recipes():
    assert set(recipe_names()) >= {*SMALLER, *QUICK, *WHOLE}
