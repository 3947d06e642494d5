"""A table that is read late is the table that would have been read at once, or an error."""

import dataclasses

import pytest
import torch

from mer_lightning.datamodules import LateTable, content_hash, load_table, read_contents
from mer_lightning.datasets.synthetic.composite import SyntheticComposite
from mer_lightning.datasets.synthetic.flow_composite import SyntheticFlowComposite
from mer_lightning.motion import get_representation
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
    assert contents == table.contents
    assert content_hash(labelled, contents) == table.content_hash
    assert sum(told) == len(labelled.samples)


def test_it_is_read_when_asked_for_once_and_again_after_it_was_let_go():
    dataset, reads = SyntheticFlowComposite(scale=0.15), []
    labelled = get_protocol("smic-3").label(dataset)

    def read():
        reads.append(load_table(dataset, labelled, 3, get_representation("flow_map")))
        return reads[-1]

    late = LateTable(content_hash(labelled, read_contents(dataset, labelled.samples)), read)
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


def test_one_clip_of_two_people_is_refused_before_any_map_is_computed():
    dataset = SyntheticFlowComposite(scale=0.15)
    labelled = get_protocol("smic-3").label(dataset)
    contents = list(read_contents(dataset, labelled.samples))
    other = next(i for i, sample in enumerate(labelled.samples) if sample.person != labelled.samples[0].person)
    contents[other] = contents[0]
    with pytest.raises(DataError, match="a clip of another subject"):
        content_hash(labelled, contents)
