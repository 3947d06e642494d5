"""Pre-training on other people: who is on which side, what the folds start from, what stays frozen."""

from dataclasses import replace
from functools import partial

import lightning
import pytest
import torch
from safetensors.torch import save_file

from mer_lightning.datamodules import PlannedTable, content_hash
from mer_lightning.motion import get_representation
from mer_lightning.protocols import Labelled, PretrainingFold, get_protocol, pretraining_fold
from mer_lightning.protocols.schemes import CKPLUS_7, FER2013_7
from mer_lightning.settings import Component, Loss, Optimizer, Schedule, Training
from mer_lightning.synthetic.composite import SyntheticComposite, SyntheticDatabase, SyntheticStills
from mer_lightning.tasks import Fit, Start, pretrain, train_network
from mer_lightning.tasks.fold import build_model, fit_network
from mer_lightning.types import DataError
from tests.small_tables import fold_of

S3D = Component(name="s3d_cnn.S3DCNN", arguments={"size": 16, "frames": 4})
SEQUENCE = get_representation("flow_sequence", {"frames": 5, "size": [16, 16], "flow_size": [16, 16]})
TRAINING = Training(epochs=2, batch_size=16, optimizer=Optimizer(name="adam", lr=1e-3))


def labelled_by(dataset, scheme):
    return Labelled(dataset.samples, tuple(scheme.label(sample) for sample in dataset.samples))


@pytest.fixture(scope="module")
def ckplus():
    dataset = SyntheticDatabase("ckplus", scale=0.1, size=32, frames=0.2)
    labelled = labelled_by(dataset, CKPLUS_7)
    return PlannedTable(dataset, labelled, 7, SEQUENCE).get(), labelled


@pytest.fixture(scope="module")
def samm():
    dataset = SyntheticComposite(scale=0.05, size=32, frames=0.05)
    labelled = get_protocol("samm-3").label(dataset)
    return PlannedTable(dataset, labelled, 3, SEQUENCE).get(), get_protocol("samm-3").folds(labelled)


def test_a_fifth_of_the_people_validates_and_nobody_is_tested(ckplus):
    _, labelled = ckplus
    fold = pretraining_fold(labelled)
    people = [set(labelled.people.at(side)) for side in (fold.train, fold.validation)]
    assert not people[0] & people[1]
    assert 0.1 < len(fold.validation) / len(labelled.samples) < 0.35
    assert sorted([*fold.train, *fold.validation]) == [*range(len(labelled.samples))]
    assert fold == pretraining_fold(labelled)
    assert any(fold != pretraining_fold(labelled, seed) for seed in range(1, 6))


def test_fer2013_has_its_own_parts():
    labelled = labelled_by(SyntheticStills(scale=0.0005), FER2013_7)
    fold = pretraining_fold(labelled)
    assert set(labelled.people.at(fold.train)) == {"fer2013/Training"}
    assert set(labelled.people.at(fold.validation)) == {"fer2013/PublicTest"}


def test_a_picture_that_trains_does_not_validate():
    labelled = labelled_by(SyntheticStills(scale=0.0005), FER2013_7)
    plain = pretraining_fold(labelled)
    contents = [key.encode() for key in labelled.keys]
    private = next(row for row, key in enumerate(labelled.keys) if "PrivateTest" in key)
    contents[plain.validation[1]] = contents[private] = contents[plain.train[0]]
    contents[plain.validation[2]] = contents[plain.validation[0]]
    fold = pretraining_fold(labelled, contents=contents)
    assert fold.train.tolist() == plain.train.tolist()
    assert fold.repeated.tolist() == [plain.validation[1]]
    assert fold.validation.tolist() == [plain.validation[0], *plain.validation[2:]]


def test_the_one_test_part_of_a_release_in_folders_validates():
    whole = SyntheticStills(scale=0.0005)
    samples = [replace(s, subject=s.subject if s.subject == "Training" else "Test") for s in whole.samples]
    labels = tuple(FER2013_7.label(sample) for sample in samples)
    labelled = Labelled(tuple(samples), labels)
    fold = pretraining_fold(labelled)
    assert set(labelled.people.at(fold.validation)) == {"fer2013/Test"}
    assert len(fold.known) == len(samples)


def test_parts_that_repeat_each_other_are_read_and_people_who_do_are_refused():
    labelled = labelled_by(SyntheticStills(scale=0.0005), FER2013_7)
    contents = [b"one" for _ in labelled.samples]
    assert content_hash(labelled, contents, people=False)
    with pytest.raises(DataError, match="a clip of another subject"):
        content_hash(labelled, contents)


def test_a_fold_that_tests_or_mixes_is_refused():
    fold = partial(fold_of, "ckplus", kind=PretrainingFold)
    with pytest.raises(DataError, match="no test samples"):
        fold(("ckplus/S1/1",), ("ckplus/S2/1",), ("ckplus/S3/1",))
    with pytest.raises(DataError, match="samm/006 is of another database"):
        fold(("ckplus/S1/1", "samm/006/1"), ("ckplus/S2/1",))
    with pytest.raises(DataError, match="both train and validation"):
        fold(("ckplus/S1/1",), ("ckplus/S1/2",))


def test_the_epoch_that_counts_is_the_best_or_the_last(ckplus):
    table, labelled = ckplus
    fold = pretraining_fold(labelled)
    best, last = (
        pretrain(Fit(table, fold, accelerator="cpu", select=keep), S3D, TRAINING) for keep in ("val_accuracy", None)
    )
    assert best.curve == last.curve
    scores = best.curve["val_accuracy"]
    assert (best.accuracy, best.epoch) == (max(scores), scores.index(max(scores)) + 1)
    assert (last.accuracy, last.epoch) == (scores[-1], 2)


def test_pretraining_minimises_the_loss_that_it_is_told(ckplus):
    table, labelled = ckplus
    fold = pretraining_fold(labelled)
    fit, model = Fit(table, fold, select=None), S3D.model_copy(update={"arguments": S3D.arguments | {"dropout": 0.0}})
    loss = Loss(name="focal_one_vs_rest", gamma=2.0, alpha="balanced")
    # a single step, so that the first epoch's loss is that of the drawn weights
    curve = pretrain(fit, model, TRAINING.model_copy(update={"epochs": 1, "batch_size": 1000, "loss": loss})).curve
    lightning.seed_everything(fit.fold_seed, verbose=False)
    rows = table.rows(fold.train)
    p = build_model(table, model)(table.inputs[rows]).sigmoid()
    true = torch.nn.functional.one_hot(table.labels[rows], 7).bool()
    alpha = 1 - true.float().mean(0)
    by_hand = -torch.where(true, alpha * (1 - p) ** 2 * p.log(), (1 - alpha) * p**2 * (1 - p).log())
    assert curve["train_loss"][0] == pytest.approx(by_hand.sum(1).mean().item(), rel=1e-4)


def test_folds_start_from_the_body_and_keep_what_is_frozen(ckplus, samm, tmp_path):
    table, labelled = ckplus
    pretrained = pretrain(
        Fit(table, pretraining_fold(labelled), accelerator="cpu", select="val_accuracy"), S3D, TRAINING
    )
    save_file(pretrained.state, tmp_path / "w.safetensors")
    own, folds = samm
    start = Start(tmp_path / "w.safetensors", freeze=True)
    model = build_model(own, S3D, start)
    assert torch.equal(model.conv8.spatial.weight, pretrained.state["conv8.spatial.weight"])
    assert model.head.out_features == 3
    fitted = fit_network(Fit(own, folds[0], seed=1, accelerator="cpu", start=start), S3D, TRAINING)
    for name, value in fitted.task.model.state_dict().items():
        frozen = name.split(".")[0] in model.frozen_in_transfer
        if not name.startswith("head."):
            assert torch.equal(value, pretrained.state[name]) == frozen, name
    result = train_network(Fit(own, folds[0], accelerator="cpu", start=start), S3D, TRAINING)
    assert len(result.predictions) == len(folds[0].test)


def test_weights_that_are_not_there_or_do_not_fit_are_named(samm, tmp_path):
    own, _ = samm
    with pytest.raises(DataError, match=r"none\.safetensors: not readable weights"):
        build_model(own, S3D, Start(tmp_path / "none.safetensors"))
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(DataError, match=r"text\.safetensors: not readable weights"):
        build_model(own, S3D, Start(tmp_path / "text.safetensors"))
    save_file({"strange": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="pre-trained weights: conv1"):
        build_model(own, S3D, Start(tmp_path / "other.safetensors"))


def test_the_learning_rate_falls_by_its_schedule(samm):
    own, folds = samm
    training = TRAINING.model_copy(update={"epochs": 5, "schedule": Schedule(every=2, factor=0.1)})
    fitted = fit_network(Fit(own, folds[0], seed=1, accelerator="cpu"), S3D, training)
    (group,) = fitted.task.optimizers().param_groups
    assert group["lr"] == pytest.approx(1e-5)
