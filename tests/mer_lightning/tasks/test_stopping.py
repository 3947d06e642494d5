"""Training ends where the validating subjects of its own training side have not got better for a while."""

import pytest

from mer_lightning.protocols import get_protocol
from mer_lightning.settings import Component, Training
from mer_lightning.tasks import Fit, train_network, train_networks

STILL = Component(name="ststnet.STSTNet", arguments={"dropout": 0.0})


def training(**changes):
    values = {"epochs": 30, "batch_size": 128, "optimizer": {"name": "adam", "lr": 2e-3}} | changes
    return Training.model_validate(values)


def end_of(scores, patience):
    """Epochs that are trained and the one that predicts, both from 1, by hand: the first of equals is the best."""
    best = 0
    for epoch, score in enumerate(scores):
        if score > scores[best]:
            best = epoch
        if epoch - best == patience:
            return epoch + 1, best + 1
    return len(scores), best + 1


@pytest.fixture(scope="module")
def folds(smic):
    return get_protocol("smic-3+inner_subjects").folds(smic[1])


@pytest.mark.parametrize("patience", [1, 4])
def test_a_fold_ends_so_many_epochs_after_its_best_and_is_the_whole_one_up_to_there(smic, folds, patience):
    fit = Fit(smic[2], folds[0])
    whole = train_network(fit, STILL, training())
    stopped = train_network(fit, STILL, training(patience=patience))
    trained, best = end_of(whole.curve["val_uf1"], patience)
    assert trained < 30, "the fold must show something"
    assert stopped.curve == {name: values[:trained] for name, values in whole.curve.items()}
    assert stopped.epoch == best
    short = train_network(fit, STILL, training(epochs=best))
    assert stopped.predictions == short.predictions


def test_more_patience_than_epochs_changes_nothing(smic, folds):
    fit = Fit(smic[2], folds[1])
    whole, patient = (train_network(fit, STILL, training(epochs=8, patience=p)) for p in (None, 8))
    assert (whole.predictions, whole.epoch, whole.curve) == (patient.predictions, patient.epoch, patient.curve)


def test_without_validating_subjects_all_epochs_are_trained(smic):
    protocol, labelled, table = smic
    fit = Fit(table, protocol.folds(labelled)[0])
    plain, patient = (train_network(fit, STILL, training(epochs=4, patience=p)) for p in (None, 1))
    assert len(patient.curve["train_loss"]) == 4
    assert plain.predictions == patient.predictions


def test_the_held_out_subject_does_not_decide_when_it_ends(smic, folds):
    from dataclasses import replace

    table, fold = smic[2], folds[0]
    inputs, labels, rows = table.inputs.clone(), table.labels.clone(), table.rows(fold.test)
    inputs[rows], labels[rows] = 0.5, (labels[rows] + 1) % 3
    honest = train_network(Fit(table, fold), STILL, training(patience=3))
    blank = train_network(Fit(replace(table, inputs=inputs, labels=labels), fold), STILL, training(patience=3))
    assert honest.curve == blank.curve
    assert honest.epoch == blank.epoch


def test_folds_at_once_end_each_at_an_epoch_of_its_own(smic, folds):
    fits = [Fit(smic[2], fold, accelerator="cpu") for fold in folds]
    together = train_networks(fits, STILL, training(patience=3))
    lengths = set()
    for fit, ours in zip(fits, together, strict=True):
        alone = train_network(fit, STILL, training(patience=3))
        lengths.add(len(alone.curve["train_loss"]))
        assert ours.epoch == alone.epoch
        assert ours.curve.keys() == alone.curve.keys()
        for name, values in alone.curve.items():
            assert ours.curve[name] == pytest.approx(values, abs=1e-4, rel=1e-3), name
        assert [p.prediction for p in ours.predictions] == [p.prediction for p in alone.predictions]
    assert len(lengths) > 1, "the folds must show something"


def test_candidates_of_epochs_that_were_not_trained_are_those_of_the_last_one(smic, folds):
    fit = Fit(smic[2], folds[0], every_epoch=True)
    result = train_network(fit, STILL, training(patience=2))
    trained = len(result.curve["train_loss"])
    assert trained < 30
    for row, prediction in zip(result.candidates, result.predictions, strict=True):
        assert len(row) == 30
        assert set(row[trained - 1 :]) == {row[-1]}
        assert int(row[result.epoch - 1]) == prediction.prediction


def test_what_is_not_said_is_neither_hashed_nor_recorded():
    assert not {"patience", "stages"} & training().model_dump().keys()
    assert training(patience=3).model_dump()["patience"] == 3
    assert Training.model_validate(training(patience=3, stages="parts_first").model_dump()).stages == "parts_first"
