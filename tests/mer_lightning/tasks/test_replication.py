"""What can be trained at once is measured, and so is what it takes."""

import pytest
import torch

from mer_lightning.settings import Component, Training
from mer_lightning.tasks import Fit, bytes_per_replica, examine, sets_of, train_networks

STSTNET = Component(name="ststnet.STSTNet")


def training(**changes):
    values = {"epochs": 20, "batch_size": 48, "optimizer": {"name": "adam", "lr": 1e-3}} | changes
    return Training.model_validate(values)


@pytest.mark.parametrize(
    ("model", "changes", "says"),
    [
        ("Branching", {}, "data-dependent control flow"),
        ("PlainDropout", {}, "random"),
        ("STSTNet", {"precision": "16-mixed"}, "loss scale"),
        ("STSTNet", {"compile": "default"}, "compiled"),
        ("STSTNet", {"stages": "parts_first"}, "trained first"),
    ],
)
def test_what_cannot_run_at_once_says_why(smic, odd_models, model, changes, says):
    protocol, labelled, table = smic
    component = Component(name=f"ststnet.{model}")
    assert says in examine(table, component, training(**changes)).reason
    with pytest.raises(ValueError, match=says):
        train_networks([Fit(table, fold) for fold in protocol.folds(labelled)[:1]], component, training(**changes))


def test_sets_hold_folds_with_equally_many_batches(smic):
    protocol, labelled, table = smic
    folds = protocol.folds(labelled)
    sets = sets_of(table, folds, training(batch_size=16), 2)
    assert sorted(fold.held_out for part in sets for fold in part) == sorted(fold.held_out for fold in folds)
    assert all(len(part) <= 2 for part in sets)
    assert all(len({-(-len(fold.train) // 16) for fold in part}) == 1 for part in sets)


def test_the_memory_estimate_counts_what_a_replica_keeps(smic):
    _, _, table = smic
    small, large = (
        bytes_per_replica(table, STSTNET, training(batch_size=size), torch.device("cpu")) for size in (64, 256)
    )
    # the 16 maps of 30 x 30 that the convolution gives, at least once
    assert large > 256 * 16 * 30 * 30 * 4
    assert 3.5 < large / small < 4.5
