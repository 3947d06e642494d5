"""Nine positions that were cut out of the recording: read once, held beside the table, drawn in training alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mer_lightning.augmentation import cut_distance, moves
from mer_lightning.datamodules import LOSODataModule, PlannedTable, Table
from mer_lightning.motion import CutFlowSequence, OnsetApexFlow
from mer_lightning.motion.cache import Cache
from mer_lightning.protocols import Labelled, pretraining_fold
from mer_lightning.protocols.schemes import PRETRAINING
from mer_lightning.settings import Augmentation, Optimizer, Training
from mer_lightning.synthetic.composite import SyntheticDatabase
from mer_lightning.tasks.fold import check_held

SMALL = CutFlowSequence(size=(12, 12), flow_size=(24, 24), frames=3, margin=4, method="farneback")


def labelled(dataset):
    scheme = PRETRAINING["ckplus"]
    rows = [(sample, scheme.label(sample)) for sample in dataset.samples]
    return Labelled(tuple(sample for sample, _ in rows), tuple(label for _, label in rows))


def training(**augmentation):
    augmentation = Augmentation(**augmentation)
    return Training(epochs=1, batch_size=4, optimizer=Optimizer(name="adam", lr=0.1), augmentation=augmentation)


@pytest.fixture(scope="module")
def ckplus():
    dataset = SyntheticDatabase("ckplus", scale=0.05, size=32)
    return dataset, labelled(dataset)


@pytest.fixture(scope="module")
def table(ckplus):
    return PlannedTable(*ckplus, 7, SMALL, distance=3).get()


def test_the_first_position_is_what_a_model_sees_otherwise(ckplus, table):
    dataset, rows = ckplus
    plain = PlannedTable(*ckplus, 7, SMALL).get()
    assert torch.equal(plain.inputs, table.inputs)
    assert plain.content_hash == table.content_hash
    assert table.positions.shape == (len(rows.samples), 9, 3, 2, 12, 12)
    clip = dataset.read(rows.samples[3])
    for position, move in enumerate(moves(3)):
        assert torch.equal(table.positions[3, position], SMALL.moved([clip], moves=[move])[0, 0])


def test_training_draws_positions_and_prediction_does_not(ckplus, table):
    fold = pretraining_fold(ckplus[1], 0, table.contents)
    data = LOSODataModule(table, fold, batch_size=5, nine_positions=3)
    total = len(table.keys)
    batch = torch.tensor([2 + 5 * total, 7, 7 + 8 * total])
    data.trainer = type("Fitting", (), {"training": True})()
    inputs = data.on_after_batch_transfer(batch, 0).inputs
    assert torch.equal(inputs, torch.stack([table.positions[2, 5], table.positions[7, 0], table.positions[7, 8]]))
    data.trainer.training = False
    assert torch.equal(data.on_after_batch_transfer(batch % total, 0).inputs, table.inputs[batch % total])


def test_a_part_and_another_device_have_their_positions(table):
    part = table.only(np.array([4, 1], np.int32))
    assert torch.equal(part.positions, table.positions[[4, 1]])
    assert torch.equal(part.inputs, table.inputs[[4, 1]])
    moved = table.to(torch.device("meta"))
    assert moved.positions.device == moved.inputs.device == torch.device("meta")
    # one memory for both
    assert part.inputs.data_ptr() == part.positions.data_ptr()


def test_they_are_cached_apart_and_by_their_distance(ckplus, tmp_path):
    dataset, rows = ckplus
    few = Labelled(rows.samples[:2], rows.labels[:2])
    for number, distance in enumerate((0, 3, 4), 1):
        made = PlannedTable(dataset, few, 7, SMALL, distance=distance, cache=Cache(tmp_path)).get()
        again = PlannedTable(dataset, few, 7, SMALL, distance=distance, cache=Cache(tmp_path)).get()
        assert len([*Cache(tmp_path).entries()]) == 2 * number
        assert torch.equal(made.inputs, again.inputs)
        assert made.positions is None or torch.equal(made.positions, again.positions)


def test_another_distance_than_that_of_the_table_is_refused(table):
    with pytest.raises(ValueError, match="positions 3 pixels apart, got 2"):
        table.at(torch.tensor([0]), torch.tensor([1]), 2)
    with pytest.raises(ValueError, match="nine positions are 4 pixels apart, in the table 3"):
        check_held(table, training(nine_positions=4))
    check_held(table, training(nine_positions=3))
    check_held(table, training())


def test_what_has_no_margin_shifts_its_maps():
    assert cut_distance(training(nine_positions=3), SMALL) == 3
    assert cut_distance(training(nine_positions=3, acts_on="frames"), SMALL) == 0
    assert cut_distance(training(nine_positions=3), SMALL.model_copy(update={"margin": 0})) == 0
    assert cut_distance(training(nine_positions=3), OnsetApexFlow()) == cut_distance(None, SMALL) == 0


def test_1500_of_a_class_are_nine_times_as_many_sequences_of_ckplus():
    rows = labelled(SyntheticDatabase("ckplus"))
    contents = tuple(key.encode() for key in rows.keys)
    fold = pretraining_fold(rows, 0, contents)
    labels, train = torch.tensor(rows.labels), len(fold.train)
    table = Table(rows.keys, torch.zeros(327, 1), labels, 7, SMALL, "", contents)
    distinct = {}
    for distance in (0, 10):
        drawn = LOSODataModule(table, fold, batch_size=20, samples_per_class=1500, nine_positions=distance)
        pool = drawn.train_dataloader().rows
        assert labels[pool % 327].bincount().tolist() == [1500] * 7
        distinct[distance] = len(pool.unique())
    # no class has so many at nine positions that 1500 would leave one out
    assert distinct == {0: train, 10: 9 * train}
    assert distinct[10] >= 9 * 261
