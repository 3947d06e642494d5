"""What was trained leaves memory at once, although Trainer and task still refer to each other."""

import lightning
import pytest
import torch

from mer_lightning.protocols import PretrainingFold
from mer_lightning.settings import Component, Training
from mer_lightning.tasks import pretrain, train_network, train_networks

STSTNET = Component(name="ststnet.STSTNet")
TRAINING = Training.model_validate({"epochs": 1, "batch_size": 16, "optimizer": {"name": "adam", "lr": 1e-3}})


class Witness(lightning.Callback):
    """Keeps Trainer and task, as the ring of the two does."""

    def on_fit_end(self, trainer, pl_module):
        self.trainer, self.task = trainer, pl_module
        assert self.left() > 1683

    def left(self):
        states = [state for optimizer in self.trainer.optimizers for state in optimizer.state.values()]
        values = [value for state in states for value in state.values()]
        values += [part for weight in self.task.parameters() for part in (weight, weight.grad) if part is not None]
        return sum(value.numel() for value in values)


@pytest.mark.parametrize("at_once", [False, True], ids=["one fold", "folds at once"])
def test_a_trained_network_is_gone(smic, at_once):
    protocol, labelled, table = smic
    folds, witness = protocol.folds(labelled)[:2], Witness()
    if at_once:
        train_networks(table, folds, STSTNET, TRAINING, seeds=[0, 0], accelerator="cpu", callbacks=[witness])
    else:
        train_network(table, folds[0], STSTNET, TRAINING, accelerator="cpu", callbacks=[witness])
    assert witness.left() == 0


def test_pre_trained_weights_outlive_their_network(smic):
    _, labelled, table = smic
    first = min(sample.person for sample in labelled.samples)
    train, validation = (
        tuple(sample.key for sample in labelled.samples if (sample.person == first) == own) for own in (False, True)
    )
    trained = pretrain(table, PretrainingFold("smic", train, validation, ()), STSTNET, TRAINING, accelerator="cpu")
    assert sum(value.numel() for name, value in trained.state.items() if name.endswith(("weight", "bias"))) == 1683
    assert all(torch.isfinite(value).all() for value in trained.state.values())
