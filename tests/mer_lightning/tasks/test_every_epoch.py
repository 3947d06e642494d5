"""Looking at the held-out subject after every epoch leaves no trace in what is trained."""

import lightning
import pytest
import torch

from mer_lightning.protocols import get_protocol
from mer_lightning.settings import Component, Training
from mer_lightning.tasks import Fit, fit_network, train_network
from mer_lightning.tasks.every_epoch import EveryEpoch

# dropout and batch normalisation, order and augmentation: whatever a look could disturb
STSTNET = Component(name="ststnet.STSTNet", arguments={"dropout": 0.5})
TRAINING = Training.model_validate(
    {
        "epochs": 4,
        "batch_size": 16,
        "optimizer": {"name": "adam", "lr": 1e-3},
        "augmentation": {"hflip": 0.5, "shift": 0.1},
    }
)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_weights_statistics_and_random_numbers_are_those_of_a_run_without(smic, precision):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[1]
    training = TRAINING.model_copy(update={"precision": precision})

    def fit(*callbacks):
        fitted = fit_network(Fit(table, fold, seed=3, accelerator="cpu", callbacks=callbacks), STSTNET, training)
        return fitted.task.state_dict(), torch.get_rng_state(), fitted.task.curve

    plain, state, curve = fit()
    watched, watched_state, watched_curve = fit(EveryEpoch(3))
    assert plain.keys() == watched.keys()
    assert all(torch.equal(plain[name], watched[name]) for name in plain)
    assert torch.equal(state, watched_state)
    assert curve == watched_curve


@pytest.mark.parametrize("selection", ["", "+inner_subjects"])
def test_predictions_are_those_of_a_run_without_and_of_the_epoch_that_counts(smic, selection):
    _, labelled, table = smic
    fold = get_protocol(f"smic-3{selection}").folds(labelled)[0]
    plain = train_network(Fit(table, fold), STSTNET, TRAINING)
    watched = train_network(Fit(table, fold, every_epoch=True), STSTNET, TRAINING)
    assert watched.predictions == plain.predictions
    assert (watched.epoch, watched.curve) == (plain.epoch, plain.curve)
    assert plain.candidates == ()
    assert [len(row) for row in watched.candidates] == [TRAINING.epochs] * len(fold.test)
    assert [int(row[watched.epoch - 1]) for row in watched.candidates] == [p.prediction for p in plain.predictions]


def test_every_epoch_is_what_a_training_of_so_many_epochs_predicts(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[2]
    whole = train_network(Fit(table, fold, every_epoch=True), STSTNET, TRAINING)
    for epochs in (1, 2, 3):
        short = train_network(Fit(table, fold), STSTNET, TRAINING.model_copy(update={"epochs": epochs}))
        assert [int(row[epochs - 1]) for row in whole.candidates] == [p.prediction for p in short.predictions]


class Drawing(torch.nn.Module):
    """A model that draws random numbers even in evaluation, with a part that is never in training mode."""

    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 28 * 28, 3))
        self.still = torch.nn.BatchNorm2d(3).eval()

    def forward(self, maps):
        return self.body(self.still(maps)) + torch.rand(1)


def test_random_numbers_and_modes_are_put_back(smic, monkeypatch):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[1]
    monkeypatch.setattr("mer_lightning.tasks.fold.build_model", lambda *_: Drawing())

    class Modes(lightning.Callback):
        def __init__(self):
            self.seen = []

        def on_train_epoch_end(self, trainer, pl_module):
            del trainer
            self.seen.append([part.training for part in pl_module.modules()])

    def fit(*first):
        modes = Modes()
        fitted = fit_network(Fit(table, fold, seed=3, accelerator="cpu", callbacks=(*first, modes)), STSTNET, TRAINING)
        return fitted.task.state_dict(), modes.seen

    plain, modes = fit()
    watched, watched_modes = fit(EveryEpoch(3))
    assert all(torch.equal(plain[name], watched[name]) for name in plain)
    assert modes == watched_modes


def test_more_classes_than_digits_are_refused():
    with pytest.raises(ValueError, match="36 classes at most, not 37"):
        EveryEpoch(37)
