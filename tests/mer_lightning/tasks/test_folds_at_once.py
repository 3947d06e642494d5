"""K folds at once give what K folds one by one give: the same batches, the same masks, the same weights."""

import lightning
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mer_lightning.models.conv_relu_norm_pool import ConvReluNormPool2d
from mer_lightning.models.layers import Dropout
from mer_lightning.models.replicas import Replicas, run_replicas, skeleton_of
from mer_lightning.protocols import get_protocol
from mer_lightning.settings import Component, Training
from mer_lightning.tasks import Fit, Start, build_model, examine, sets_of, train_network, train_networks

STSTNET = Component(name="ststnet.STSTNet")
STILL = Component(name="ststnet.STSTNet", arguments={"dropout": 0.0})


def training(**changes):
    values = {"epochs": 20, "batch_size": 48, "optimizer": {"name": "adam", "lr": 1e-3}} | changes
    return Training.model_validate(values)


@pytest.fixture
def fitted(monkeypatch):
    """Weights and buffers of every task as it predicts with them, by name; those of replicas are stacked."""
    states, predict = [], lightning.Trainer.predict

    def spy(trainer, task, data):
        if hasattr(task, "model"):
            both = task.model.named_parameters(), task.model.named_buffers()
        else:
            both = enumerate(task.weights), enumerate(task._stacked_buffers())
        states.append([{name: value.detach().clone() for name, value in own} for own in both])
        return predict(trainer, task, data)

    monkeypatch.setattr(lightning.Trainer, "predict", spy)
    return states


def assert_same(table, folds, model, recipe, fitted, seeds=None, atol=1e-4):
    seeds = seeds or [0] * len(folds)
    together = train_networks(
        [Fit(table, fold, seed, accelerator="cpu") for fold, seed in zip(folds, seeds, strict=True)], model, recipe
    )
    alone = [
        train_network(Fit(table, fold, seed=seed, accelerator="cpu"), model, recipe)
        for fold, seed in zip(folds, seeds, strict=True)
    ]
    stacked, singles = fitted[0], fitted[1:]
    for k, single in enumerate(singles):
        for own, all_k, rtol in zip(single, stacked, (0, 1e-4), strict=True):
            for (name, value), values in zip(own.items(), all_k.values(), strict=True):
                torch.testing.assert_close(values[k], value, rtol=rtol, atol=atol, msg=name)
    for ours, theirs in zip(together, alone, strict=True):
        assert [(p.key, p.label, p.prediction) for p in ours.predictions] == [
            (p.key, p.label, p.prediction) for p in theirs.predictions
        ]
        assert ours.epoch == theirs.epoch
        assert ours.curve.keys() == theirs.curve.keys()
        for name, values in theirs.curve.items():
            assert ours.curve[name] == pytest.approx(values, abs=1e-4, rel=1e-3), name
    return together


@pytest.mark.parametrize("model", [STILL, STSTNET], ids=["dropout off", "dropout on"])
@pytest.mark.parametrize(("optimizer", "lr"), [("adam", 2e-4), ("adamw", 2e-4), ("sgd", 5e-3)])
def test_folds_at_once_equal_folds_one_by_one(smic, fitted, model, optimizer, lr):
    # Adam divides gradients by their own size, so at higher rates rounding alone moves the weights apart
    protocol, labelled, table = smic
    recipe = training(optimizer={"name": optimizer, "lr": lr, "weight_decay": 0.01})
    folds = [fold for fold in protocol.folds(labelled) if len(fold.train) > 48]
    # the folds differ in size, so the last batch of some is padded
    assert len({len(fold.train) for fold in folds}) > 1
    assert_same(table, folds, model, recipe, fitted)


def test_each_replica_selects_its_own_epoch_on_its_own_validation_subjects(smic, fitted):
    _, labelled, table = smic
    folds = get_protocol("smic-3+inner_subjects").folds(labelled)
    recipe = training(batch_size=128, optimizer={"name": "adam", "lr": 2e-3})
    results = assert_same(table, folds, STSTNET, recipe, fitted, atol=1e-3)
    assert len({result.epoch for result in results}) > 1


def test_augmentation_and_class_weights_are_each_fold_s_own(smic, fitted):
    protocol, labelled, table = smic
    folds = [fold for fold in protocol.folds(labelled) if len(fold.train) > 48]
    recipe = training(epochs=4, class_weights="balanced", augmentation={"hflip": 0.5, "shift": 0.1})
    assert_same(table, folds, STSTNET, recipe, fitted)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": {"name": "focal", "alpha": "balanced"}},
        {"loss": {"name": "focal_one_vs_rest"}, "schedule": {"every": 1, "factor": 0.5}},
        {"samples_per_class": 10, "augmentation": {"nine_positions": 2}},
    ],
    ids=["focal", "one against the rest, falling rate", "nine positions, balanced"],
)
def test_whatever_a_recipe_may_say_holds_for_each_replica(smic, fitted, changes):
    protocol, labelled, table = smic
    recipe = training(epochs=3, optimizer={"name": "sgd", "lr": 5e-3}, **changes)
    (folds, *_) = sets_of(table, protocol.folds(labelled)[-3:], recipe, 3)
    assert_same(table, folds, STSTNET, recipe, fitted)


def test_seeds_run_at_once_as_folds_do(smic, fitted):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    recipe = training(optimizer={"name": "sgd", "lr": 5e-3})
    results = assert_same(table, [fold] * 3, STSTNET, recipe, fitted, seeds=[0, 1, 2])
    assert len({result.curve["train_loss"] for result in results}) == 3


def test_a_model_that_cannot_be_padded_runs_in_groups_of_equal_size(smic, fitted, odd_models):
    protocol, labelled, table = smic
    model = Component(name="ststnet.MeanOfOthers")
    how = examine(table, model, training())
    assert (how.reason, how.pads) == ("", False)
    folds = [fold for fold in protocol.folds(labelled) if len(fold.train) > 48]
    assert_same(table, folds, model, training(epochs=5), fitted)


def test_folds_with_different_numbers_of_batches_are_refused(smic):
    protocol, labelled, table = smic
    folds = sorted(protocol.folds(labelled), key=lambda fold: len(fold.train))
    with pytest.raises(ValueError, match="equally many training batches"):
        train_networks([Fit(table, fold) for fold in [folds[0], folds[-1]]], STILL, training(batch_size=1))


def test_padding_touches_neither_statistics_nor_gradients():
    torch.manual_seed(0)
    models = [
        nn.Sequential(ConvReluNormPool2d(2, 2, 3, window=(3, 3, 1)), nn.BatchNorm2d(2), Dropout(0.5)).double()
        for _ in range(2)
    ]
    weights, buffers = torch.func.stack_module_state(models)
    skeleton = skeleton_of(models[0])
    outputs, states = [], []
    for rest in (0.0, 1e6):
        inputs = torch.randn(2, 6, 2, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        inputs[1, 4:] = rest
        own = {name: buffer.clone() for name, buffer in buffers.items()}
        generators = tuple(torch.Generator().manual_seed(k) for k in range(2))
        y = run_replicas(skeleton, weights, own, inputs, Replicas((6, 4), generators))
        outputs.append(y[1, :4])
        states.append(own)
    torch.testing.assert_close(*outputs)
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name])


@pytest.mark.gpu
@pytest.mark.parametrize("model", [STILL, STSTNET], ids=["dropout off", "dropout on"])
def test_folds_at_once_on_the_gpu_equal_folds_one_by_one_there(smic, model):
    protocol, labelled, table = smic
    folds = [fold for fold in protocol.folds(labelled) if len(fold.train) > 48]
    together = train_networks([Fit(table, fold, accelerator="gpu") for fold in folds], model, training(epochs=5))
    for fold, ours in zip(folds, together, strict=True):
        alone = train_network(Fit(table, fold, accelerator="gpu"), model, training(epochs=5))
        assert ours.curve["train_loss"] == pytest.approx(alone.curve["train_loss"], rel=1e-3)


def test_each_replica_starts_from_its_own_weights(smic, tmp_path, monkeypatch):
    from mer_lightning.models import ststnet

    monkeypatch.setattr(ststnet.STSTNet, "head_name", "head", raising=False)
    monkeypatch.setattr(ststnet.STSTNet, "frozen_in_transfer", (), raising=False)
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    starts = []
    for number in range(2):
        torch.manual_seed(number)
        state = {name: value.contiguous() for name, value in build_model(table, STSTNET).state_dict().items()}
        starts.append(Start(tmp_path / f"{number}.safetensors"))
        save_file(state, starts[-1].weights)
    recipe = training(epochs=3, optimizer={"name": "sgd", "lr": 5e-3})
    fits = [Fit(table, fold, start=start, accelerator="cpu") for start in starts]
    results = train_networks(fits, STSTNET, recipe)
    for result, start in zip(results, starts, strict=True):
        alone = train_network(Fit(table, fold, start=start, accelerator="cpu"), STSTNET, recipe)
        assert result.curve["train_loss"] == pytest.approx(alone.curve["train_loss"], rel=1e-4)
    assert results[0].curve != results[1].curve
