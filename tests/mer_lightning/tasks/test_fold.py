"""Training a fold through Lightning does what a plain loop does, and nothing with the held-out subject."""

import lightning
import pytest
import torch
from torch.nn.functional import cross_entropy

from mer_lightning.datamodules import IndexLoader
from mer_lightning.metrics import confusion_matrix, uar, uf1
from mer_lightning.models.ststnet import STSTNet
from mer_lightning.protocols import fold_seed, get_protocol
from mer_lightning.settings import Component, Training
from mer_lightning.tasks import Fit, fit_estimator, fit_network, train_network, train_networks
from mer_lightning.tasks.classifier import ClassifierTask
from mer_lightning.types import Batch, DivergedError
from tests.small_tables import keys_of

STSTNET = Component(name="ststnet.STSTNet")


def training(**changes):
    values = {"epochs": 3, "batch_size": 16, "optimizer": {"name": "adam", "lr": 1e-3}} | changes
    return Training.model_validate(values)


def test_a_fold_equals_the_plain_loop(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[1]
    result = train_network(Fit(table, fold), STSTNET, training())

    seed = fold_seed(0, fold.held_out)
    lightning.seed_everything(seed, verbose=False)
    model = STSTNet()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    loader = IndexLoader(table.rows(fold.train), 16, torch.Generator().manual_seed(seed))
    losses = []
    for _ in range(3):
        total = 0.0
        for rows in loader:
            optimizer.zero_grad()
            loss = cross_entropy(model(table.inputs[rows]), table.labels[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(fold.train))
    model.eval()
    with torch.no_grad():
        scores = model(table.inputs[table.rows(fold.test)]).softmax(1)
    assert result.curve["train_loss"] == pytest.approx(losses, rel=1e-5)
    assert torch.allclose(torch.tensor([p.scores for p in result.predictions]), scores, atol=2e-6)
    assert [p.key for p in result.predictions] == keys_of(fold.test, table.keys)


def test_a_training_that_diverged_predicts_nobody(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[1]
    beyond = training(optimizer={"name": "adam", "lr": 1e20})
    with pytest.raises(DivergedError, match=f"^{fold.held_out}: class scores are not finite"):
        train_network(Fit(table, fold), STSTNET, beyond)
    with pytest.raises(DivergedError, match=f"^{fold.held_out}: class scores are not finite"):
        train_networks(
            [Fit(table, fold, seed) for fold, seed in zip([fold, fold], [0, 1], strict=True)], STSTNET, beyond
        )


SMALL_RESNET = Component(name="timm_backbone.TimmBackbone", arguments={"backbone": "resnet10t"})


def test_channels_last_changes_nothing_but_rounding(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[1]
    plain, rearranged = (
        train_network(Fit(table, fold), SMALL_RESNET, training(epochs=1, memory_format=order))
        for order in ("contiguous", "channels_last")
    )
    assert rearranged.curve["train_loss"] == pytest.approx(plain.curve["train_loss"], rel=1e-3)


def test_one_sample_more_than_the_batches_hold_can_be_trained_on(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[1]
    # five strides of two leave one value per channel of a 28 x 28 map, by which no batch of one can be normalised
    size = len(fold.train) - 1
    result = train_network(Fit(table, fold), SMALL_RESNET, training(epochs=1, batch_size=size))
    assert len(result.curve["train_loss"]) == 1


def test_channels_last_reaches_the_weights(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[1]
    fitted = fit_network(Fit(table, fold), SMALL_RESNET, training(epochs=1, memory_format="channels_last"))
    convolutions = [layer for layer in fitted.task.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert all(layer.weight.is_contiguous(memory_format=torch.channels_last) for layer in convolutions)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["default", "cuda_graphs"])
def test_a_compiled_fold_equals_an_eager_one(smic, how):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[1]
    model = Component(name="ststnet.STSTNet", arguments={"dropout": 0.0})
    eager, compiled = (train_network(Fit(table, fold), model, training(compile=way)) for way in ("no", how))
    assert compiled.curve["train_loss"] == pytest.approx(eager.curve["train_loss"], rel=1e-4)
    assert [p.prediction for p in compiled.predictions] == [p.prediction for p in eager.predictions]


def test_the_same_seed_gives_the_same_fold_whatever_ran_before(smic):
    protocol, labelled, table = smic
    fold, other = protocol.folds(labelled)[:2]
    first = train_network(Fit(table, fold, seed=3), STSTNET, training())
    train_network(Fit(table, other, seed=5), STSTNET, training())
    again = train_network(Fit(table, fold, seed=3), STSTNET, training())
    assert (first.predictions, first.curve) == (again.predictions, again.curve)
    assert train_network(Fit(table, fold, seed=4), STSTNET, training()).predictions != first.predictions


def test_labels_and_inputs_of_the_held_out_subject_change_no_weight(smic):
    from dataclasses import replace

    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    rows = table.rows(fold.test)
    inputs, labels = table.inputs.clone(), table.labels.clone()
    labels[rows] = (labels[rows] + 1) % 3
    honest = train_network(Fit(table, fold), STSTNET, training())
    relabelled = train_network(Fit(replace(table, labels=labels), fold), STSTNET, training())
    assert [p.scores for p in honest.predictions] == [p.scores for p in relabelled.predictions]
    inputs[rows] = 0.5
    blank = train_network(Fit(replace(table, inputs=inputs), fold), STSTNET, training())
    assert honest.curve == blank.curve


def test_inner_subjects_predicts_with_the_epoch_of_the_best_validation_uf1(smic):
    _, labelled, table = smic
    fold = get_protocol("smic-3+inner_subjects").folds(labelled)[0]
    result = train_network(Fit(table, fold), STSTNET, training(epochs=12, optimizer={"name": "adam", "lr": 0.01}))
    scores = result.curve["val_uf1"]
    assert len(scores) == 12
    assert result.epoch == 1 + scores.index(max(scores))
    # stopping a run at that epoch gives the same predictions
    stopped = train_network(
        Fit(table, fold), STSTNET, training(epochs=result.epoch, optimizer={"name": "adam", "lr": 0.01})
    )
    assert stopped.predictions == result.predictions


def test_validation_is_scored_as_boards_are_when_a_class_is_absent():
    labels, guesses = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1])
    logits = torch.nn.functional.one_hot(guesses, 3).float()
    task = ClassifierTask(torch.nn.Identity(), training().optimizer, classes=3)
    task.validation_step(Batch(logits, labels, torch.arange(4)), 0)
    task.on_validation_epoch_end()
    curve = {name: values[0] for name, values in task.curve.items() if values}
    matrix = confusion_matrix(labels, guesses, 3)
    assert curve == pytest.approx({"val_accuracy": 0.75, "val_uf1": uf1(matrix), "val_uar": uar(matrix)})


def test_balanced_class_weights_change_the_loss_and_survive_a_missing_class(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    plain, weighted = (
        train_network(Fit(table, fold), STSTNET, training(class_weights=kind)).curve["train_loss"]
        for kind in ("none", "balanced")
    )
    assert plain != weighted
    assert all(map(torch.isfinite, torch.tensor(weighted)))


def test_augmentation_acts_in_training_only(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    changes = {"augmentation": {"hflip": 1.0}, "epochs": 1, "optimizer": {"name": "sgd", "lr": 1e-12}}
    mirrored = train_network(Fit(table, fold), STSTNET, training(**changes))
    plain = train_network(Fit(table, fold), STSTNET, training(**changes | {"augmentation": None}))
    assert mirrored.curve["train_loss"] != plain.curve["train_loss"]


@pytest.fixture(scope="module")
def video():
    """(fold, table of maps, table of frames) of a few clips."""
    from mer_lightning.datamodules import PlannedTable
    from mer_lightning.datasets.synthetic.composite import SyntheticComposite
    from mer_lightning.motion import OnsetApexFlow

    protocol, dataset = get_protocol("smic-3"), SyntheticComposite(0.05, size=48)
    labelled = protocol.label(dataset)
    representation = OnsetApexFlow(flow_size=(48, 48), method="farneback")
    tables = [PlannedTable(dataset, labelled, 3, representation, holds=holds).get() for holds in ("maps", "frames")]
    return protocol.folds(labelled)[0], *tables


def test_frames_without_a_change_train_and_predict_as_maps_do(video):
    fold, maps, frames = video
    plain = train_network(Fit(maps, fold), STSTNET, training())
    acting = train_network(Fit(frames, fold), STSTNET, training(augmentation={"acts_on": "frames"}))
    assert acting.curve["train_loss"] == pytest.approx(plain.curve["train_loss"], rel=1e-4)
    scores = [torch.tensor([p.scores for p in result.predictions]) for result in (plain, acting)]
    assert torch.allclose(*scores, atol=1e-4)


def test_mirrored_frames_train_as_mirrored_maps_do(video):
    fold, maps, frames = video
    once = {"epochs": 1, "optimizer": {"name": "sgd", "lr": 1e-12}}
    plain = train_network(Fit(maps, fold), STSTNET, training(**once)).curve["train_loss"]
    flow = train_network(Fit(maps, fold), STSTNET, training(augmentation={"hflip": 1.0}, **once)).curve["train_loss"]
    acting = training(augmentation={"hflip": 1.0, "acts_on": "frames"}, **once)
    assert train_network(Fit(frames, fold), STSTNET, acting).curve["train_loss"] == pytest.approx(flow, rel=1e-3)
    assert plain != pytest.approx(flow, rel=1e-3)


def test_what_the_augmentation_acts_on_must_be_in_the_table(video):
    fold, maps, frames = video
    with pytest.raises(ValueError, match="acts on frames, the table holds maps"):
        train_network(Fit(maps, fold), STSTNET, training(augmentation={"acts_on": "frames"}))
    with pytest.raises(ValueError, match="acts on maps, the table holds frames"):
        train_network(Fit(frames, fold), STSTNET, training())


def test_equal_classes_at_nine_positions_train(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    result = train_network(
        Fit(table, fold),
        STSTNET,
        training(samples_per_class=9, augmentation={"nine_positions": 2, "quarter_turns": True}),
    )
    assert all(map(torch.isfinite, torch.tensor(result.curve["train_loss"])))


def test_an_estimator_fits_on_train_and_validation_and_predicts_the_rest(smic):
    _, labelled, table = smic
    fold = get_protocol("smic-3+inner_subjects").folds(labelled)[0]
    result = fit_estimator(Fit(table, fold), Component(name="majority.Majority"))
    shares = torch.bincount(table.labels[table.rows(fold.known)], minlength=3)
    assert [p.key for p in result.predictions] == keys_of(fold.test, table.keys)
    assert result.predictions[0].scores == pytest.approx((shares / shares.sum()).tolist(), abs=1e-6)


def test_the_number_of_classes_comes_from_the_protocol(smic):
    from dataclasses import replace

    protocol, labelled, table = smic
    five = replace(table, labels=torch.arange(len(table.labels)) % 5, classes=5)
    result = train_network(Fit(five, protocol.folds(labelled)[0]), STSTNET, training(epochs=1))
    assert {len(p.scores) for p in result.predictions} == {5}


@pytest.mark.gpu
def test_a_fold_trains_on_the_gpu_as_on_the_cpu(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    # without dropout and shuffling both devices see the same numbers up to rounding
    model = Component(name="ststnet.STSTNet", arguments={"dropout": 0.0})
    gpu, cpu = (
        train_network(Fit(table, fold, accelerator=accelerator), model, training(shuffle=False))
        for accelerator in ("gpu", "cpu")
    )
    assert gpu.curve["train_loss"] == pytest.approx(cpu.curve["train_loss"], rel=1e-3)
    mirrored = training(augmentation={"hflip": 0.5, "shift": 0.1})
    assert len(train_network(Fit(table, fold, accelerator="gpu"), STSTNET, mirrored).predictions) == len(fold.test)
