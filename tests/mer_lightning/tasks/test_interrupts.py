import signal

import pytest
from lightning import Callback
from mer_lightning.tasks.interrupts import ctrl_c_raises

from mer_lightning.settings import Component, Training
from mer_lightning.tasks import train_network, train_networks

STSTNET = Component(name="ststnet.STSTNet")
TRAINING = Training.model_validate({"epochs": 2, "batch_size": 16, "optimizer": {"name": "adam", "lr": 1e-3}})


class CtrlC(Callback):
    def on_train_epoch_start(self, *_):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_in_the_middle_of_training_is_a_keyboard_interrupt(smic):
    protocol, labelled, table = smic
    folds = protocol.folds(labelled)[:1]
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train_network(table, folds[0], STSTNET, TRAINING, callbacks=[CtrlC()])
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        train_networks(table, folds, STSTNET, TRAINING, seeds=[0], callbacks=[CtrlC()])
    assert signal.getsignal(signal.SIGINT) is before


def test_a_program_that_ends_itself_still_does():
    with pytest.raises(SystemExit), ctrl_c_raises():
        raise SystemExit(3)
