"""The recipes of S2 and S3 say what their papers print."""

from __future__ import annotations

import pytest
import torch

from benchmark.methods.recipe import load_recipe
from benchmark.methods.recipe_check import check_recipe
from mer_lightning.augmentation import cut_distance
from mer_lightning.motion import get_representation
from mer_lightning.protocols.schemes import PRETRAINING
from mer_lightning.tasks.losses import classification_loss, loss_weights

KERNELS = ("s3d-cnn", "s3d-cnn-2d", "s3d-cnn-3d")
OPEN = ("optimiser", "without a margin", "alpha 10", "mean 0 and deviation 1", "activations")


@pytest.mark.parametrize("name", KERNELS)
def test_s2_from_scratch_is_trained_as_its_section_3_4_2_prints(name):
    training = load_recipe(name).training
    assert (training.optimizer.lr, training.epochs) == (1e-4, 40)
    assert (training.schedule.every, training.schedule.factor) == (10, 0.1)


@pytest.mark.parametrize("name", [f"{name}-transfer" for name in KERNELS])
def test_s2_transferred_is_trained_as_its_section_3_2_prints(name):
    recipe = load_recipe(name)
    first, then = recipe.transfer.training, recipe.training
    assert (first.optimizer.lr, first.epochs, first.batch_size, first.samples_per_class) == (1e-4, 80, 20, 1500)
    assert (first.schedule.every, first.schedule.factor) == (20, 0.1)
    assert (then.optimizer.lr, then.epochs, then.batch_size, then.samples_per_class) == (1e-5, 40, 10, 50)
    assert (then.schedule.every, then.schedule.factor) == (10, 0.1)
    assert first.augmentation.quarter_turns and not then.augmentation.quarter_turns


@pytest.mark.parametrize("name", [*KERNELS, *(f"{name}-transfer" for name in KERNELS)])
def test_s2_cuts_both_kinds_of_expressions_at_nine_positions_and_magnifies_micro_expressions_alone(name):
    recipe = load_recipe(name)
    stages = [(recipe.sees, recipe.training)]
    if recipe.transfer:
        stages.append((recipe.pretraining[0], recipe.transfer.training))
    for choice, training in stages:
        representation = get_representation(choice.name, choice.arguments)
        assert cut_distance(training, representation) == representation.margin == 10
        assert (representation.size, representation.frames, representation.together) == ((96, 96), 11, "sequence")
    magnified = [get_representation(choice.name, choice.arguments).magnification for choice, _ in stages]
    assert [one and one.alpha for one in magnified] == [10.0, None][: len(stages)]
    check_recipe(recipe, (5,))


@pytest.mark.parametrize("name", [*KERNELS, *(f"{name}-transfer" for name in KERNELS)])
def test_s2_lists_what_is_open_and_is_not_called_exact(name):
    recipe = load_recipe(name)
    said = " ".join(recipe.deviations)
    assert recipe.tier == "B"
    assert all(words in said for words in OPEN)
    assert "learning rate" not in said


def test_s3_learns_ckplus_by_the_focal_loss_of_its_equation_10():
    recipe = load_recipe("dual-attention-transfer")
    training = recipe.transfer.training
    assert training.loss == recipe.training.loss
    assert training.loss.name == "focal_one_vs_rest"
    # the stills of CK+: three of each of its 327 sequences
    classes = PRETRAINING["ckplus"].classes
    counts = torch.tensor([45, 18, 59, 25, 69, 28, 83]) * 3
    alpha = loss_weights(training, counts)
    assert torch.allclose(alpha, 1 - counts / 981)
    logits = torch.linspace(-1, 1, len(classes))[None]
    p, y = logits[0].sigmoid(), 2
    by_hand = -(alpha[y] * (1 - p[y]) ** 2 * p[y].log())
    by_hand -= sum((1 - alpha[i]) * p[i] ** 2 * (1 - p[i]).log() for i in range(len(classes)) if i != y)
    assert torch.allclose(classification_loss(logits, torch.tensor([y]), training.loss, alpha), by_hand)
