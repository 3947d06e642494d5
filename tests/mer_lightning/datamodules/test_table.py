"""A table that is read late is the table that would have been read at once, or an error."""

import dataclasses

import numpy as np
import pytest
import torch

from mer_lightning.datamodules import PlannedTable, content_hash, load_table, read_contents
from mer_lightning.motion import get_representation
from mer_lightning.motion.cache import Cache
from mer_lightning.protocols import Labelled, get_protocol
from mer_lightning.synthetic.composite import SyntheticComposite
from mer_lightning.synthetic.flow_composite import SyntheticFlowComposite
from mer_lightning.types import DataError
from tests.small_tables import table_of


@pytest.mark.parametrize(
    "dataset", [SyntheticFlowComposite(scale=0.15), SyntheticComposite(scale=0.05, size=64)], ids=["maps", "frames"]
)
def test_what_samples_are_made_of_is_known_before_any_map_is(dataset):
    labelled = get_protocol("smic-3").label(dataset)
    table = load_table(dataset, labelled, 3, get_representation("flow_map"))
    told = []
    contents = read_contents(dataset, labelled.samples, progress=told.append)
    digests = [contents[key][0] for key in labelled.keys]
    assert digests == list(table.contents)
    assert content_hash(labelled, digests) == table.content_hash
    assert sum(told) == len(labelled.samples)


def test_it_is_read_when_asked_for_once_and_again_after_it_was_let_go():
    dataset = SyntheticFlowComposite(scale=0.15)
    labelled = get_protocol("smic-3").label(dataset)
    contents = read_contents(dataset, labelled.samples)
    planned = PlannedTable(dataset, labelled, 3, get_representation("flow_map"), contents=contents)
    digest = planned.content_hash
    assert planned.table is None
    first = planned.get()
    assert planned.get() is planned.table is first
    assert first.content_hash == digest
    planned.let_go()
    assert planned.table is None
    again = planned.get()
    assert again is not first
    torch.testing.assert_close(again.inputs, first.inputs, atol=0, rtol=0)


def test_members_that_see_something_else_lie_beside_and_what_is_there_is_not_read_again():
    dataset = Counted()
    labelled = Labelled(dataset.samples, (0, 1))
    frame, small = (
        PlannedTable(dataset, labelled, 2, get_representation("apex_frame", {"size": [size, size]})) for size in (16, 8)
    )
    frame.get()
    reads = dataset.reads
    both = dataclasses.replace(frame, table=None, beside={"a": frame, "b": small, "c": small}).get()
    assert both.inputs is frame.get().inputs
    assert both.seen_by("a") is both
    assert both.seen_by("b").inputs.shape[-1] == 8
    assert both.seen_by("b") is both.seen_by("c")
    assert small.table is None
    assert dataset.reads == reads + 2


class Counted:
    """Two clips, of which one may be exchanged, and a count of how often a clip was read."""

    name, release, kind, synthetic = "two", "1", "frames", True

    def __init__(self):
        whole = SyntheticComposite(scale=0.05, size=48)
        self.samples = whole.samples[:2]
        self._read, self.reads, self.changed = whole.read, 0, False

    def read(self, sample):
        self.reads += 1
        return 255 - self._read(sample) if self.changed else self._read(sample)


def test_what_the_cache_has_is_not_read_again(tmp_path):
    dataset = Counted()
    representation = get_representation("apex_frame", {"size": [8, 8]})
    known = read_contents(dataset, dataset.samples)
    reads = [dataset.reads]
    found = []
    for _ in range(2):
        found.append(table_of(dataset, dataset.samples, representation, cache=Cache(tmp_path), contents=known))
        reads.append(dataset.reads)
    assert reads == [2, 4, 4]
    assert torch.equal(found[0].inputs, found[1].inputs)
    assert found[0].contents == found[1].contents == tuple(known[sample.key][0] for sample in dataset.samples)
    # without what is known of them they are read, and found in the cache all the same
    again = table_of(dataset, dataset.samples, representation, cache=Cache(tmp_path))
    assert torch.equal(again.inputs, found[0].inputs)
    assert len(list(Cache(tmp_path).entries())) == 2


def test_an_entry_of_the_cache_of_another_shape_is_computed_again_and_that_is_said(tmp_path, caplog):
    dataset = Counted()
    representation = get_representation("apex_frame", {"size": [8, 8]})
    whole = table_of(dataset, dataset.samples, representation, cache=Cache(tmp_path))
    for place in (0, 1):
        entry = list(Cache(tmp_path).entries())[place]
        Cache(tmp_path).put(entry.key, np.zeros((1, 4, 4), np.float32))
        again = table_of(dataset, dataset.samples, representation, cache=Cache(tmp_path))
        assert torch.equal(again.inputs, whole.inputs)
        assert "is of something else; it and those beside it are computed again" in caplog.messages[place]


def test_values_that_are_not_finite_are_named_by_their_clip(tmp_path):
    dataset = Counted()
    representation = get_representation("apex_frame", {"size": [8, 8]})
    table_of(dataset, dataset.samples, representation, cache=Cache(tmp_path))
    for entry in Cache(tmp_path).entries():
        Cache(tmp_path).put(entry.key, np.full((1, 8, 8), np.inf, np.float32))
    with pytest.raises(DataError, match=f"^{dataset.samples[0].key}: apex_frame of it has values that are not finite"):
        table_of(dataset, dataset.samples, representation, cache=Cache(tmp_path))


def test_a_sample_that_is_read_again_and_is_another_is_an_error(tmp_path):
    dataset = Counted()
    known = read_contents(dataset, dataset.samples)
    dataset.changed = True
    with pytest.raises(DataError, match=f"^{dataset.samples[0].key}: was changed since it was planned"):
        table_of(dataset, dataset.samples, get_representation("apex_frame"), cache=Cache(tmp_path), contents=known)


def test_one_clip_of_two_people_is_refused_before_any_map_is_computed():
    dataset = SyntheticFlowComposite(scale=0.15)
    labelled = get_protocol("smic-3").label(dataset)
    contents = [digest for digest, _ in read_contents(dataset, labelled.samples).values()]
    other = next(i for i, sample in enumerate(labelled.samples) if sample.person != labelled.samples[0].person)
    contents[other] = contents[0]
    with pytest.raises(DataError, match="a clip of another subject"):
        content_hash(labelled, contents)
