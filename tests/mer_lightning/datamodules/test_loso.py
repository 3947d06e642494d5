import numpy as np
import pytest
import torch

from mer_lightning.datamodules import IndexLoader, LOSODataModule, PlannedTable, batch_sizes, load_table
from mer_lightning.datasets.synthetic.composite import SyntheticComposite
from mer_lightning.motion import ApexFrame, FlowMap, OnsetApexFlow
from mer_lightning.motion.cache import Cache
from mer_lightning.protocols import Labelled, get_protocol
from mer_lightning.types import DataError
from tests.small_tables import table_of


def test_an_epoch_holds_every_row_once_in_a_new_order_each_time():
    rows = torch.arange(100, 143)
    loader = IndexLoader(rows, 16, torch.Generator().manual_seed(0))
    first, second = (torch.cat(list(loader)) for _ in range(2))
    assert len(list(loader)) == len(loader) == 3
    assert torch.equal(first.sort().values, rows)
    assert torch.equal(second.sort().values, rows)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("rows", "size", "expected"),
    [
        (43, 16, [16, 16, 11]),
        (48, 16, [16, 16, 16]),
        (33, 16, [16, 17]),
        (1, 16, [1]),
        (3, 1, [1, 1, 1]),
        (0, 16, []),
        (34, 16, [16, 16, 2]),
    ],
)
def test_one_row_left_over_joins_the_batch_before_it(rows, size, expected):
    loader = IndexLoader(torch.arange(rows), size, torch.Generator().manual_seed(0))
    assert batch_sizes(rows, size) == [len(batch) for batch in loader] == expected
    assert len(loader) == len(expected)
    assert sorted(torch.cat([torch.arange(0), *loader]).tolist()) == list(range(rows))


def test_without_a_generator_rows_keep_their_order():
    assert torch.equal(torch.cat(list(IndexLoader(torch.arange(5), 2))), torch.arange(5))


@pytest.mark.parametrize("name", ["smic-3", "smic-3+inner_subjects"])
def test_loaders_give_exactly_the_rows_of_their_side(smic, name):
    _, labelled, table = smic
    for fold in get_protocol(name).folds(labelled):
        data = LOSODataModule(table, fold, batch_size=7)
        sides = {
            "train": data.train_dataloader(),
            "validation": data.val_dataloader(),
            "test": data.predict_dataloader(),
        }
        for side, loader in sides.items():
            rows = torch.cat(list(loader)).tolist() if loader else []
            assert sorted(rows) == sorted(getattr(fold, side))


def test_a_batch_is_gathered_with_its_labels(smic):
    protocol, labelled, table = smic
    data = LOSODataModule(table, protocol.folds(labelled)[0], batch_size=4)
    rows = torch.tensor([3, 1])
    batch = data.on_after_batch_transfer(rows, 0)
    assert torch.equal(batch.inputs, table.inputs[[3, 1]])
    assert batch.labels.tolist() == [labelled.labels[3], labelled.labels[1]]
    assert torch.equal(batch.rows, rows)


class Copied:
    """A composite in which one subject's clip is a copy of another's."""

    name, release, kind, synthetic = "copied", "none", "flow_maps", True

    def __init__(self, composite):
        self._composite = composite
        self.samples = composite.samples
        self._twins = [next(s for s in self.samples if s.subject == subject) for subject in ("sm01", "sm02")]

    def read(self, sample):
        return self._composite.read(self._twins[0] if sample == self._twins[1] else sample)


def test_one_content_under_two_subjects_is_an_error(composite):
    dataset = Copied(composite)
    with pytest.raises(DataError, match=r"smic/sm02/.*: same content as smic/sm01/"):
        load_table(dataset, get_protocol("smic-3").label(dataset), 3, FlowMap())


def test_a_representation_of_another_kind_of_data_is_refused(composite):
    with pytest.raises(DataError, match="apex_frame needs frames, synthetic-flow has flow_maps"):
        load_table(composite, get_protocol("smic-3").label(composite), 3, ApexFrame())


def test_video_is_read_in_parts_and_computed_once(tmp_path, monkeypatch):
    monkeypatch.setattr("mer_lightning.datamodules.planned._CLIPS_AT_ONCE", 2)
    video = SyntheticComposite(scale=0.05, size=48, frames=0.1)
    listed = get_protocol("smic-3").label(video)
    labelled = Labelled(listed.samples[:5], listed.labels[:5])
    cache = Cache(tmp_path)
    first = PlannedTable(video, labelled, 3, FlowMap(), cache=cache).get()
    assert first.inputs.shape == (len(labelled.samples), 3, 28, 28)
    assert torch.equal(load_table(video, labelled, 3, FlowMap()).inputs, first.inputs)
    entries = list(cache.entries())
    assert len(entries) == len(labelled.samples)
    monkeypatch.setattr(FlowMap, "__call__", lambda *_: pytest.fail("computed again"))
    again = PlannedTable(video, labelled, 3, FlowMap(), cache=cache).get()
    assert torch.equal(again.inputs, first.inputs)
    assert again.content_hash == first.content_hash


def test_the_content_hash_sees_every_byte_and_label(composite):
    labelled = get_protocol("smic-3").label(composite)
    table = load_table(composite, labelled, 3, FlowMap())

    class Changed(Copied):
        def read(self, sample):
            clip = self._composite.read(sample)
            return np.where(sample == self.samples[-1], 255 - clip, clip)

    assert load_table(composite, labelled, 3, FlowMap()).content_hash == table.content_hash
    assert load_table(Changed(composite), labelled, 3, FlowMap()).content_hash != table.content_hash


def test_nine_positions_are_those_of_the_training_rows_alone(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    data = LOSODataModule(table, fold, batch_size=7, nine_positions=2)
    drawn = torch.cat(list(data.train_dataloader()))
    total = len(table.keys)
    train = table.rows(fold.train)
    assert torch.equal((drawn % total).sort().values, train.repeat(9).sort().values)
    assert (drawn // total).bincount().tolist() == [len(train)] * 9
    assert torch.equal(torch.cat(list(data.predict_dataloader())), table.rows(fold.test))


def test_classes_are_drawn_in_equal_numbers_from_the_training_subjects(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    data = LOSODataModule(table, fold, batch_size=7, samples_per_class=20, nine_positions=2, seed=3)
    epochs = [torch.cat(list(loader)) for loader in [data.train_dataloader()] for _ in range(2)]
    rows = epochs[0] % len(table.keys)
    assert table.labels[rows].bincount().tolist() == [20, 20, 20]
    assert not set(rows.tolist()) & set(table.rows(fold.test).tolist())
    # the same samples in another order
    assert torch.equal(*(epoch.sort().values for epoch in epochs))
    assert not torch.equal(*epochs)
    other = LOSODataModule(table, fold, batch_size=7, samples_per_class=20, nine_positions=2, seed=4)
    assert not torch.equal(torch.cat(list(other.train_dataloader())).sort().values, epochs[0].sort().values)


def test_maps_are_computed_of_the_frames_of_a_batch():
    dataset = SyntheticComposite(0.05, size=48)
    labelled = get_protocol("smic-3").label(dataset)
    representation = OnsetApexFlow(size=(24, 24), flow_size=(48, 48), method="farneback")
    whole = PlannedTable(dataset, labelled, 3, representation).get()
    frames = PlannedTable(dataset, labelled, 3, representation, holds="frames").get()
    assert frames.inputs.shape == (len(labelled.samples), 1, 2, 48, 48)
    assert frames.content_hash == whole.content_hash
    fold = get_protocol("smic-3").folds(labelled)[0]
    batches = [LOSODataModule(table, fold, batch_size=4) for table in (whole, frames)]
    rows = torch.tensor([2, 0])
    maps, computed = (data.on_after_batch_transfer(rows, 0).inputs for data in batches)
    assert torch.allclose(maps, computed, atol=1e-4)


def test_frames_are_cached_apart_from_maps(tmp_path):
    dataset = SyntheticComposite(0.05, size=32)
    samples = dataset.samples[:2]
    representation = ApexFrame(size=(8, 8))
    for holds, shape in (("maps", (2, 3, 8, 8)), ("frames", (2, 3, 1, 8, 8))) * 2:
        readings = table_of(dataset, samples, representation, holds=holds, cache=Cache(tmp_path))
        assert readings.inputs.shape == shape
    assert len(list(Cache(tmp_path).entries())) == 4


def test_precomputed_maps_have_no_frames(composite):
    with pytest.raises(DataError, match=r"training\.augmentation\.acts_on: expected a dataset of frames"):
        table_of(composite, composite.samples, FlowMap(), holds="frames")
