"""Losses against values computed by hand, against kornia and torchvision, and in training."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kornia.losses import focal_loss
from pydantic import ValidationError
from torch.nn.functional import cross_entropy, one_hot
from torchvision.ops import sigmoid_focal_loss

from mer_lightning.settings import Component, Loss, Training
from mer_lightning.tasks import Fit, train_network
from mer_lightning.tasks.losses import classification_loss, loss_weights
from mer_lightning.types import DataError

FOCAL, ONE_VS_REST = Loss(name="focal"), Loss(name="focal_one_vs_rest")
BATCH = st.integers(0, 999).map(
    lambda seed: (
        3 * torch.randn(6, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64),
        torch.randint(4, (6,), generator=torch.Generator().manual_seed(seed)),
    )
)
GAMMA = st.sampled_from([0.0, 1.0, 2.0, 3.5])


def settings(**loss):
    return Training.model_validate(
        {"epochs": 2, "batch_size": 16, "optimizer": {"name": "adam", "lr": 1e-3}, "loss": loss}
    )


def test_focal_loss_by_hand():
    # softmax of (log 3, 0) is (3/4, 1/4)
    logits = torch.tensor([[math.log(3), 0.0], [math.log(3), 0.0]])
    labels = torch.tensor([0, 1])
    right, wrong = -((1 / 4) ** 2) * math.log(3 / 4), -((3 / 4) ** 2) * math.log(1 / 4)
    assert classification_loss(logits, labels, FOCAL).item() == pytest.approx((right + wrong) / 2)
    weighted = classification_loss(logits, labels, FOCAL, torch.tensor([2.0, 0.5]))
    assert weighted.item() == pytest.approx((2 * right + 0.5 * wrong) / 2)


def test_one_vs_rest_by_hand():
    # sigmoid(log 3) = 3/4 for the true class, sigmoid(0) = 1/2 for the other
    logits = torch.tensor([[math.log(3), 0.0]])
    true, other = -((1 / 4) ** 2) * math.log(3 / 4), -((1 / 2) ** 2) * math.log(1 / 2)
    labels = torch.tensor([0])
    assert classification_loss(logits, labels, ONE_VS_REST).item() == pytest.approx(true + other)
    weighted = classification_loss(logits, labels, ONE_VS_REST, torch.tensor([0.9, 0.7]))
    assert weighted.item() == pytest.approx(0.9 * true + 0.3 * other)


@given(BATCH, GAMMA)
def test_focal_loss_equals_kornia(batch, gamma):
    logits, labels = batch
    weights = torch.tensor([0.5, 1.0, 2.0, 0.0], dtype=logits.dtype)
    for given_weights in (None, weights):
        theirs = focal_loss(logits, labels, None, gamma, "none", given_weights).sum(1).mean()
        torch.testing.assert_close(
            classification_loss(logits, labels, Loss(name="focal", gamma=gamma), given_weights), theirs
        )


@given(BATCH, GAMMA, st.sampled_from([-1.0, 0.25, 0.9]))
def test_one_vs_rest_equals_torchvision(batch, gamma, alpha):
    logits, labels = batch
    theirs = sigmoid_focal_loss(logits, one_hot(labels, 4).to(logits), alpha, gamma).sum(1).mean()
    weights = None if alpha < 0 else torch.full((4,), alpha, dtype=logits.dtype)
    ours = classification_loss(logits, labels, Loss(name="focal_one_vs_rest", gamma=gamma), weights)
    torch.testing.assert_close(ours, theirs)


@given(BATCH)
def test_without_gamma_focal_loss_is_cross_entropy(batch):
    torch.testing.assert_close(classification_loss(*batch, Loss(name="focal", gamma=0.0)), cross_entropy(*batch))
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    assert classification_loss(*batch, Loss(), weights) == cross_entropy(*batch, weights)


@pytest.mark.parametrize("name", ["focal", "focal_one_vs_rest"])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_gradients_stay_finite_where_a_class_is_certain(name, gamma):
    logits = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)
    for label in range(3):
        loss = classification_loss(logits, torch.tensor([label]), Loss(name=name, gamma=gamma))
        (grad,) = torch.autograd.grad(loss, logits)
        assert loss.isfinite()
        assert grad.isfinite().all()


@pytest.mark.parametrize("loss", [Loss(), FOCAL, ONE_VS_REST], ids=lambda loss: loss.name)
def test_losses_run_under_vmap(loss):
    logits, labels = torch.randn(3, 5, 4), torch.randint(4, (3, 5))

    def one(logits, labels):
        return classification_loss(logits, labels, loss, torch.tensor([0.1, 0.2, 0.3, 0.4]))

    many = torch.vmap(one)(logits, labels)
    torch.testing.assert_close(many, torch.stack([one(*pair) for pair in zip(logits, labels, strict=True)]))


def test_balanced_weights():
    counts = torch.tensor([6, 2, 0])
    assert loss_weights(settings(), counts) is None
    # N / (C n_c), and 0 for the class that is not there
    assert loss_weights(settings(name="focal", alpha="balanced"), counts).tolist() == pytest.approx([8 / 18, 8 / 6, 0])
    # alpha n = (1 - alpha)(N - n)
    alpha = loss_weights(settings(name="focal_one_vs_rest", alpha="balanced"), counts)
    torch.testing.assert_close(alpha * counts, (1 - alpha) * (8 - counts))
    assert loss_weights(settings(name="focal", alpha=[1.0, 2.0, 3.0]), counts).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        ({"gamma": 1.0}, "gamma and alpha belong to focal losses"),
        ({"alpha": "balanced"}, "gamma and alpha belong to focal losses"),
        ({"name": "focal", "gamma": -1.0}, "greater than or equal to 0"),
        ({"name": "focal", "alpha": [1.0, -1.0]}, "alpha must be 0 or more"),
        ({"name": "focal_one_vs_rest", "alpha": [0.5, 1.5]}, "alpha must be 0 or more, and 1 at most"),
        ({"name": "fokal"}, "Input should be 'cross_entropy'"),
    ],
)
def test_a_loss_that_makes_no_sense_is_named(loss, says):
    with pytest.raises(ValidationError, match=says):
        settings(**loss)


def test_weights_are_given_once():
    body = settings(name="focal").model_dump() | {"class_weights": "balanced"}
    with pytest.raises(ValidationError, match=r"class_weights belong to cross_entropy; focal has loss\.alpha"):
        Training.model_validate(body)
    with pytest.raises(DataError, match=r"training\.loss\.alpha: expected one value for each of 3 classes, got 2"):
        loss_weights(settings(name="focal", alpha=[1.0, 2.0]), torch.tensor([1, 1, 1]))


def test_defaults_are_not_part_of_a_recipe():
    assert settings().model_dump(exclude_defaults=True).keys() == {"epochs", "batch_size", "optimizer"}
    # what a tuner writes back is read again
    for training in (settings(), settings(name="focal", alpha=[0.5, 0.5])):
        assert Training.model_validate_json(training.model_dump_json()) == training


def test_a_fold_minimises_the_loss_of_its_recipe(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    model = Component(name="ststnet.STSTNet", arguments={"dropout": 0.0})
    losses = {
        name: train_network(Fit(table, fold), model, settings(**loss)).curve["train_loss"]
        for name, loss in {
            "cross_entropy": {},
            "same": {"name": "focal", "gamma": 0.0},
            "focal": {"name": "focal"},
            "balanced": {"name": "focal", "alpha": "balanced"},
            "one_vs_rest": {"name": "focal_one_vs_rest"},
        }.items()
    }
    assert losses["same"] == pytest.approx(losses["cross_entropy"], rel=1e-5)
    assert losses["focal"][0] < losses["cross_entropy"][0]
    del losses["same"]
    assert len({values[0] for values in losses.values()}) == 4
