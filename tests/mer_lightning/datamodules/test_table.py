"""A table that is read late is the table that would have been read at once, or an error."""

import dataclasses

import pytest
import torch

from mer_lightning.datamodules import LateTable, content_hash, load_table, read_contents, read_samples
from mer_lightning.datasets.synthetic.composite import SyntheticComposite
from mer_lightning.datasets.synthetic.flow_composite import SyntheticFlowComposite
from mer_lightning.motion import get_representation
from mer_lightning.motion.cache import Cache
from mer_lightning.protocols import get_protocol
from mer_lightning.types import DataError


@pytest.mark.parametrize(
    "dataset", [SyntheticFlowComposite(scale=0.15), SyntheticComposite(scale=0.05, size=64)], ids=["maps", "frames"]
)
def test_what_samples_are_made_of_is_known_before_any_map_is(dataset):
    labelled = get_protocol("smic-3").label(dataset)
    table = load_table(dataset, labelled, 3, get_representation("flow_map"))
    told = []
    contents = read_contents(dataset, labelled.samples, progress=told.append)
    digests = [content.digest for content in contents]
    assert digests == list(table.contents)
    assert content_hash(labelled, digests) == table.content_hash
    assert sum(told) == len(labelled.samples)


def test_it_is_read_when_asked_for_once_and_again_after_it_was_let_go():
    dataset, reads = SyntheticFlowComposite(scale=0.15), []
    labelled = get_protocol("smic-3").label(dataset)

    def read():
        reads.append(load_table(dataset, labelled, 3, get_representation("flow_map")))
        return reads[-1]

    late = LateTable(load_table(dataset, labelled, 3, get_representation("flow_map")).content_hash, read)
    assert not late.is_read
    assert late.get() is late.get() is reads[0]
    late.let_go()
    assert not late.is_read
    assert late.get() is reads[1]
    torch.testing.assert_close(reads[1].inputs, reads[0].inputs, atol=0, rtol=0)


def test_a_sample_that_was_changed_in_between_is_an_error():
    dataset = SyntheticFlowComposite(scale=0.15)
    table = load_table(dataset, get_protocol("smic-3").label(dataset), 3, get_representation("flow_map"))
    late = LateTable("before", lambda: dataclasses.replace(table, content_hash="after"))
    with pytest.raises(DataError, match="flow_map: a sample was changed since it was planned"):
        late.get()


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
        found.append(read_samples(dataset, dataset.samples, representation, cache=Cache(tmp_path), known=known))
        reads.append(dataset.reads)
    assert reads == [2, 4, 4]
    assert torch.equal(found[0].inputs, found[1].inputs)
    assert found[0].contents == found[1].contents == tuple(content.digest for content in known)
    # without what is known of them they are read, and found in the cache all the same
    again = read_samples(dataset, dataset.samples, representation, cache=Cache(tmp_path))
    assert torch.equal(again.inputs, found[0].inputs)
    assert len(list(Cache(tmp_path).entries())) == 2


def test_a_sample_that_is_read_again_and_is_another_is_an_error(tmp_path):
    dataset = Counted()
    known = read_contents(dataset, dataset.samples)
    dataset.changed = True
    with pytest.raises(DataError, match=f"^{dataset.samples[0].key}: was changed since it was planned"):
        read_samples(dataset, dataset.samples, get_representation("apex_frame"), cache=Cache(tmp_path), known=known)


def test_one_clip_of_two_people_is_refused_before_any_map_is_computed():
    dataset = SyntheticFlowComposite(scale=0.15)
    labelled = get_protocol("smic-3").label(dataset)
    contents = [content.digest for content in read_contents(dataset, labelled.samples)]
    other = next(i for i, sample in enumerate(labelled.samples) if sample.person != labelled.samples[0].person)
    contents[other] = contents[0]
    with pytest.raises(DataError, match="a clip of another subject"):
        content_hash(labelled, contents)
