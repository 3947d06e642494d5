"""Training is interrupted as any other program, and what was trained leaves memory at once."""

import signal

import pytest
import torch
from lightning import Callback

from mer_lightning.protocols import PretrainingFold, rows_of
from mer_lightning.settings import Component, Training
from mer_lightning.tasks import Fit, pretrain, train_network, train_networks
from mer_lightning.tasks.trainer import ctrl_c_raises

STSTNET = Component(name="ststnet.STSTNet")
TRAINING = Training.model_validate({"epochs": 1, "batch_size": 16, "optimizer": {"name": "adam", "lr": 1e-3}})


class CtrlC(Callback):
    def on_train_epoch_start(self, *_):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_in_the_middle_of_training_is_a_keyboard_interrupt(smic):
    protocol, labelled, table = smic
    folds = protocol.folds(labelled)[:1]
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train_network(Fit(table, folds[0], callbacks=[CtrlC()]), STSTNET, TRAINING)
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        train_networks([Fit(table, fold, callbacks=[CtrlC()]) for fold in folds], STSTNET, TRAINING)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_program_that_ends_itself_still_does():
    with pytest.raises(SystemExit), ctrl_c_raises():
        raise SystemExit(3)


class Witness(Callback):
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
        train_networks([Fit(table, fold, accelerator="cpu", callbacks=[witness]) for fold in folds], STSTNET, TRAINING)
    else:
        train_network(Fit(table, folds[0], accelerator="cpu", callbacks=[witness]), STSTNET, TRAINING)
    assert witness.left() == 0


def test_pre_trained_weights_outlive_their_network(smic):
    _, labelled, table = smic
    fold = PretrainingFold("smic", labelled.people, rows_of([]), rows_of(labelled.people.codes == 0))
    trained = pretrain(Fit(table, fold, accelerator="cpu", select="val_accuracy"), STSTNET, TRAINING)
    assert sum(value.numel() for name, value in trained.state.items() if name.endswith(("weight", "bias"))) == 1683
    assert all(torch.isfinite(value).all() for value in trained.state.values())
