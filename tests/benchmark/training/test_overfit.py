"""Every network of the five systems, as its recipe has it, learns eight clips of the invented CASME II by heart.

Recipes that differ in data, loss or start alone share a row: the sweeps of S1 over frames and thresholds that of
``me-resnet``, those with transfer that of the same network without, ``dual-attention-ce`` that of the focal loss.
"""

import json
from itertools import groupby

import pytest
from lightning import Callback

from benchmark.methods.budget import SHORT
from benchmark.methods.recipe import load_recipe, recipe_names
from benchmark.methods.recipe_check import check_recipe
from mer_lightning.datamodules import load_table
from mer_lightning.protocols import Fold, Labelled, get_protocol, rows_of
from mer_lightning.settings import Optimizer
from mer_lightning.synthetic.composite import SyntheticDatabase
from mer_lightning.tasks import Fit, train_network

SYSTEMS = ("s0-", "me-resnet", "s3d-cnn", "dual-attention", "dual-branch")
# published systems; its flow network's weights are a file or a download
NAMES = [
    n for n in recipe_names() if n.startswith(SYSTEMS) and n != "dual-branch-raft" and not n.endswith(("-flow", SHORT))
]
BOUND = 0.1
# a step of S0 on all of its 20 frames passes 1.5 * 10^12 operations; nothing in its network depends on their number
FEWER_FRAMES = {"s0-": 4}
# method -> learning rate of Adam and most steps
ROWS = {
    "s0-fused": (1e-4, 200),
    "s0-fused-fc6": (1e-4, 200),
    "s0-fused-untrained": (1e-4, 200),
    "s0-fused-segments": (1e-4, 200),
    "s0-spatial": (1e-4, 200),
    "s0-temporal": (1e-4, 200),
    "me-resnet": (1e-4, 40),
    "me-resnet-3d": (1e-4, 40),
    "me-resnet-farneback": (1e-4, 40),
    "me-resnet-resnet50": (1e-4, 40),
    "s3d-cnn": (3e-4, 150),
    "s3d-cnn-2d": (3e-4, 150),
    "s3d-cnn-3d": (3e-4, 150),
    "dual-attention": (1e-4, 60),
    "dual-attention-channel": (1e-4, 60),
    "dual-attention-focal": (1e-4, 60),
    "dual-attention-spatial": (1e-4, 60),
    "dual-branch": (1e-4, 40),
    "dual-branch-uvm": (1e-4, 40),
    "dual-branch-uvs": (1e-4, 40),
}


def network_of(name):
    """What two recipes must share to share a row: the network and what kind of input it has."""
    recipe = load_recipe(name)
    assert recipe.model is not None
    return json.dumps([recipe.model.model_dump(), recipe.representation.name], sort_keys=True)


def without_dropout(model):
    return model.model_copy(update={"arguments": model.arguments | {"dropout": 0.0}})


def learnt(curve):
    """Whether at some step all clips were right and the loss was below the bound."""
    return any(
        accuracy == 1.0 and loss < BOUND
        for loss, accuracy in zip(curve["train_loss"], curve["train_accuracy"], strict=True)
    )


class UntilLearnt(Callback):
    """End the training one step later: callbacks come before the task, whose curve has the steps before this one."""

    def on_train_epoch_end(self, trainer, pl_module):
        trainer.should_stop = learnt(pl_module.curve)


@pytest.fixture(scope="module")
def eight():
    """Dataset, samples and fold: two clips of each of four classes train, each of another person."""
    dataset = SyntheticDatabase("casme2", release="casme2-2014")
    labelled = get_protocol("casme2-5-2014").label(dataset)
    chosen, people = [], set()
    for label in range(4):
        for sample, found in zip(labelled.samples, labelled.labels, strict=True):
            if found == label and sample.person not in people and sum(x == label for _, x in chosen) < 2:
                people.add(sample.person)
                chosen.append((sample, found))
    other = next(s for s in labelled.samples if s.person not in people)
    chosen.append((other, 4))
    chosen.sort(key=lambda row: row[0].key)
    few = Labelled(tuple(s for s, _ in chosen), tuple(x for _, x in chosen))
    fold = Fold(other.person, few.people, rows_of([s is other for s in few.samples]))
    assert len(fold.train) == len(people) == 8
    return dataset, few, fold


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_it_learns_eight_clips_by_heart(name, eight):
    dataset, labelled, fold = eight
    recipe = load_recipe(name)
    assert recipe.model is not None and recipe.training is not None
    lr, steps = ROWS[name]
    training = recipe.training.model_copy(
        update={
            "epochs": steps,
            "batch_size": 8,
            "optimizer": Optimizer(name="adam", lr=lr),
            "schedule": None,
            "samples_per_class": None,
            "augmentation": None,
            "precision": "32-true",
        }
    )
    representation = check_recipe(recipe)
    for system, frames in FEWER_FRAMES.items():
        if name.startswith(system):
            representation = representation.model_copy(update={"frames": frames})
    table = load_table(dataset, labelled, 5, representation)
    model = without_dropout(recipe.model) if "dropout" in recipe.model.arguments else recipe.model
    result = train_network(Fit(table, fold, accelerator="cpu", callbacks=[UntilLearnt()]), model, training)
    loss = result.curve["train_loss"]
    assert learnt(result.curve), f"{loss[0]:.3f} to {loss[-1]:.3f} in {len(loss)} steps"


def test_every_network_of_the_systems_has_one_row():
    rows = {network: list(names) for network, names in groupby(sorted(NAMES, key=network_of), key=network_of)}
    assert [sum(name in ROWS for name in names) for names in rows.values()] == [1] * len(rows), rows
