import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mer_lightning.protocols import (
    Definition,
    Labelled,
    definition_of,
    get_protocol,
    own_protocols,
    register_protocol,
)
from mer_lightning.types import DataError, Sample

LAB = {
    "name": "mylab",
    "title": "My lab",
    "classes": ("good", "bad"),
    "labels": {"lab": {"happy": "good", "sad": "bad", "odd": None}},
}


def define(**changes):
    return Definition.model_validate_json(json.dumps(LAB | changes))


def people(*names, each=2):
    samples = [Sample("lab", name, f"c{i}", "happy") for name in names for i in range(each)]
    return Labelled(tuple(samples), tuple(i % 2 for i in range(len(samples))))


class Found:
    name, release, kind, synthetic, choices = "lab", "r", "frames", False, {}

    def __init__(self, *samples):
        self.samples = samples


class TestADefinition:
    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "version": st.integers(1, 9),
                "held_out": st.sampled_from(["subject", "database"]),
                "metric": st.sampled_from(["uar", "kappa"]),
                "left_out": st.just({"lab/s1/c1": "hidden"}),
                "expected": st.just({"lab": {"clips": {"bad": 1, "good": 2}, "subjects": 3}}),
                "source": st.just("here"),
            },
        )
    )
    def test_is_told_again_from_its_protocol(self, changes):
        definition = define(**changes)
        assert definition_of(definition.protocol()) == definition
        assert Definition.model_validate_json(definition.model_dump_json()) == definition

    def test_of_a_split_is_too(self):
        definition = define(split={"test": ["s1"], "validation": ["lab/s2"]})
        again = definition_of(definition.protocol())
        assert again.split.test == ("lab/s1",)
        assert again.protocol() == definition.protocol()
        assert Definition.model_validate_json(again.model_dump_json()) == again

    def test_is_none_of_the_suites(self):
        assert definition_of(get_protocol("megc2019")) is None

    def test_counts_are_in_the_hash_only_where_they_are_given(self):
        plain, counted = define().protocol(), define(expected={"lab": {"clips": {"good": 1, "bad": 1}, "subjects": 2}})
        assert plain.hash != counted.protocol().hash
        assert plain.hash == define(title="Another title", metric="kappa").protocol().hash

    @pytest.mark.parametrize(
        "changes",
        [
            {"version": 2},
            {"classes": ["bad", "good"]},
            {"labels": {"lab": {"happy": "good", "sad": "bad", "odd": "bad"}}},
            {"held_out": "database"},
            {"split": {"test": ["s1"]}},
            {"left_out": {"lab/s1/c1": "hidden"}},
        ],
    )
    def test_everything_that_decides_a_score_is_in_the_hash(self, changes):
        assert define(**changes).protocol().hash != define().protocol().hash

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"name": "synthetic-lab"}, "does not begin with synthetic-"),
            ({"name": "My Lab"}, "pattern"),
            ({"name": "claims"}, "expected another name than claims, leakage"),
            ({"title": "x" * 201}, "title"),
            ({"title": "My | lab"}, "title"),
            ({"classes": ["good", " bad"]}, "classes"),
            ({"classes": ["good"]}, "at least 2"),
            ({"classes": ["good", "Good"]}, "differ by more than case"),
            ({"classes": ["good", "bad", "new"]}, "no label becomes 'new'"),
            ({"labels": {"lab": {"happy": "well"}}}, "labels.lab.happy: expected null or one of good, bad"),
            ({"labels": {"all": {"happy": "good", "sad": "bad"}}}, "database 'all'"),
            ({"metric": "f2"}, "metric 'f2' is unknown; expected one of"),
            ({"expected": {"lab": {"clips": {"good": 1}, "subjects": 1}}}, "expected.lab"),
            ({"left_out": {"s1/c1": "why"}}, "left_out.s1/c1"),
            ({"split": {"test": []}}, "split.test"),
            ({"split": {"test": ["other/s1"]}}, "'other/s1': expected <database>/<subject>"),
            ({"split": {"test": ["s1"], "validation": ["lab/s1"]}}, "lab/s1 is named twice"),
            ({"held_out": "database", "split": {"test": ["s1"]}}, "a split says who is held out"),
            ({"folds": 3}, "folds"),
        ],
    )
    def test_that_cannot_be_is_refused_by_its_key(self, changes, said):
        with pytest.raises(ValidationError, match=said.replace(".", r"\.")):
            define(**changes)


class TestAnOwnProtocol:
    def test_labels_and_counts_what_it_expects(self):
        found = Found(
            Sample("lab", "s1", "c1", "happy"), Sample("lab", "s2", "c1", "sad"), Sample("lab", "s2", "c2", "odd")
        )
        assert define().protocol().label(found).labels == (0, 1)
        expected = {"lab": {"clips": {"good": 1, "bad": 2}, "subjects": 2}}
        with pytest.raises(DataError, match="lab must have 1 good / 2 bad from 2 subjects; found 1 good / 1 bad"):
            define(expected=expected).protocol().label(found)
        with pytest.raises(DataError, match="emotion 'tense' is unknown to label scheme mylab"):
            define().protocol().label(Found(Sample("lab", "s1", "c1", "tense")))
        spelt = define(labels={"lab": {"Happy": "good", "Sad": "bad"}}).protocol()
        with pytest.raises(DataError, match="expected one of Happy, Sad; labels are read in lower case"):
            spelt.label(Found(Sample("lab", "s1", "c1", "happy")))

    def test_leaves_out_only_clips_that_are_there(self):
        found = Found(Sample("lab", "s1", "c1", "happy"), Sample("lab", "s2", "c1", "sad"))
        assert define(left_out={"lab/s1/c1": "blurred"}).protocol().label(found).keys == ("lab/s2/c1",)
        misspelt = define(left_out={"lab/s1/c01": "blurred"}).protocol()
        with pytest.raises(DataError, match=r"left_out\.lab/s1/c01: lab has no such clip"):
            misspelt.label(found)
        # a small twin need not have what is left out of the database
        found.synthetic = True
        assert len(misspelt.label(found).keys) == 2

    @given(st.integers(8, 12), st.integers(0, 3), st.booleans(), st.data())
    def test_a_split_tests_its_subjects_alone_and_trains_on_nobody_of_them(self, count, seed, select, data):
        names = [f"s{i}" for i in range(count)]
        test = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        others = [name for name in names if name not in test]
        validation = data.draw(st.lists(st.sampled_from(others), max_size=1, unique=True))
        labelled = people(*names)
        protocol = define(split={"test": test, "validation": validation}).protocol()
        protocol = replace(protocol, selection="inner_subjects") if select else protocol
        (fold,) = protocol.folds(labelled, seed)
        who = np.array([sample.subject for sample in labelled.samples])
        assert fold.held_out == "test"
        assert {*who[fold.test]} == {*test}
        assert not {*who[fold.train]} & {*test, *validation}
        if validation:
            assert {*who[fold.validation]} == ({*validation} if select else set())
        assert bool(len(fold.validation)) == select
        for inner in protocol.inner_folds(fold, labelled, 2, seed):
            known = who[fold.known][np.concatenate([inner.train, inner.validation, inner.test])]
            assert not {*known} & {*test}

    def test_a_split_of_somebody_who_is_not_there_is_refused(self):
        with pytest.raises(DataError, match=r"split\.test: nothing of lab/s9 is scored"):
            define(split={"test": ["s9"]}).protocol().folds(people("s1", "s2"))


class TestKnownProtocols:
    def test_are_known_until_their_scope_ends(self):
        with own_protocols():
            register_protocol(define(), "a.yaml")
            assert get_protocol("mylab+inner_subjects").selection == "inner_subjects"
            with own_protocols(), pytest.raises(DataError, match="'mylab' is unknown"):
                get_protocol("mylab")
            assert get_protocol("mylab").title == "My lab"

    def test_one_name_is_one_protocol(self):
        with own_protocols():
            register_protocol(define(), "a.yaml")
            assert register_protocol(define(title="Renamed"), "b.yaml").title == "My lab"
            with pytest.raises(
                DataError, match=r"b\.yaml: protocol mylab is not that of a\.yaml: they differ in metric"
            ):
                register_protocol(define(metric="uar"), "b.yaml")

    def test_a_name_of_the_suites_is_refused(self):
        with pytest.raises(DataError, match=r"b\.yaml: the suite has a protocol smic-3"):
            register_protocol(define(name="smic-3"), "b.yaml")

    def test_a_definition_stands_for_itself(self):
        assert get_protocol("mylab", define()).name == "mylab"
        with pytest.raises(DataError, match="expected other, as the protocol is called"):
            get_protocol("other", define())
