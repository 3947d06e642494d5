"""The network of every recipe is exported, survives a file and stays on a device, on samples as it sees them.

A network that several recipes have on samples of one shape is tried once.
"""

import functools
import io
import json

import numpy as np
import pytest
import torch

from benchmark.methods.recipe import load_recipe, recipe_names
from mer_lightning.motion import get_representation
from mer_lightning.settings import Component
from tests.benchmark.methods.test_every_recipe import SMALLER
from tests.pretended_device import OnDevice, moved, pretended_device

NAMES = [name for name in recipe_names() if load_recipe(name).model is not None]
# what takes long to export or to run whole
SLOW = ("s0-", "me-resnet", "dual-branch", "elrcn", "magga-like", "at-net", "htnet")


def marked(name):
    slow = name.startswith(SLOW) and name not in {"dual-branch-flow", "htnet-small"}
    return pytest.param(name, marks=pytest.mark.slow) if slow else name


@functools.cache
def shape_of(representation):
    chosen = json.loads(representation)
    if chosen["arguments"].get("method") == "raft":
        chosen["arguments"] |= {"method": "tvl1"}
    made = get_representation(chosen["name"], chosen["arguments"])
    return tuple(made([np.full((10, 64, 64, 3), 128, dtype=np.uint8)], [5]).shape[1:])


def inputs_of(recipe):
    about = {"name": recipe.representation.name, "arguments": recipe.representation.arguments}
    shape = shape_of(json.dumps(about, sort_keys=True))
    return torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))


def build(recipe, inputs, seed=0):
    torch.manual_seed(seed)
    smaller = recipe.model.arguments | SMALLER.get(recipe.name, {})
    given = {"classes": 4, "in_channels": inputs.shape[1]}
    return Component(name=recipe.model.name, arguments=smaller).build("mer_lightning.models", **given).eval()


@pytest.fixture(scope="module")
def tried():
    return set()


@pytest.fixture(scope="module")
def moved_before():
    return set()


@pytest.mark.parametrize("name", [marked(name) for name in NAMES])
def test_it_is_exported_and_survives_a_file(name, tried):
    recipe = load_recipe(name)
    inputs = inputs_of(recipe)
    network = json.dumps([recipe.model.model_dump(), list(inputs.shape)], sort_keys=True)
    if network not in tried:
        try_it(recipe, inputs)
        tried.add(network)


@pytest.mark.parametrize("name", [marked(name) for name in NAMES])
def test_it_keeps_everything_it_needs_on_its_device(name, moved_before):
    recipe = load_recipe(name)
    inputs = inputs_of(recipe)
    network = json.dumps([recipe.model.model_dump(), list(inputs.shape)], sort_keys=True)
    if network in moved_before:
        return
    moved_before.add(network)
    model = build(recipe, inputs)
    with torch.no_grad():
        gave = model(inputs)
    with pretended_device() as device:
        there = moved(model)(inputs.to(device))
    assert isinstance(there, OnDevice)
    torch.testing.assert_close(there.held, gave, atol=1e-4, rtol=1e-3)


def try_it(recipe, inputs):
    with torch.no_grad():
        model, other = build(recipe, inputs), build(recipe, inputs, seed=1)
        gave = model(inputs)
        assert gave.shape == (2, 4)
        file = io.BytesIO()
        torch.save(model.state_dict(), file)
        file.seek(0)
        assert not torch.equal(other(inputs), gave)
        other.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(other(inputs), gave)
        exported = torch.export.export(model, (inputs,)).module()
        torch.testing.assert_close(exported(inputs), gave, atol=1e-4, rtol=1e-4)
