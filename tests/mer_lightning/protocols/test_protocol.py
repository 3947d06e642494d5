import shutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_lightning.datasets.flow_folders import FlowFolders
from mer_lightning.datasets.synthetic.flow_composite import SyntheticFlowComposite
from mer_lightning.protocols import PROTOCOLS, Labelled, fold_seed, get_protocol
from mer_lightning.types import DataError, Sample
from tests.small_tables import fold_of

people = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=7, max_size=40).filter(
    lambda rows: len({owner for owner, _ in rows}) >= 6
)


def labelled_from(rows):
    samples = [Sample("smic", f"s{owner:02d}", f"c{i}", "negative") for i, (owner, _) in enumerate(rows)]
    return Labelled(tuple(samples), tuple(label for _, label in rows))


@given(people, st.sampled_from(["smic-3", "smic-3+inner_subjects"]), st.integers(0, 3))
def test_each_sample_is_tested_once_and_never_beside_its_subject(rows, name, seed):
    labelled = labelled_from(rows)
    folds = get_protocol(name).folds(labelled, seed)
    tested = [row for fold in folds for row in fold.test]
    assert sorted(tested) == [*range(len(labelled.samples))]
    for fold in folds:
        sides = (set(fold.train), set(fold.validation), set(fold.test))
        assert sum(map(len, sides)) == len(set.union(*sides)) == len(labelled.samples)
        owners = [{labelled.samples[row].person for row in side} for side in sides]
        assert not owners[0] & owners[1] | owners[0] & owners[2] | owners[1] & owners[2]
        assert bool(len(fold.validation)) == ("inner" in name)


def test_the_composite_has_442_clips_and_68_folds(official_folder):
    protocol = get_protocol("megc2019")
    labelled = protocol.label(FlowFolders(official_folder))
    assert len(labelled.samples) == 442
    assert len(protocol.folds(labelled)) == 68
    assert [labelled.labels.count(c) for c in range(3)] == [250, 109, 83]


@pytest.mark.parametrize(("name", "clips", "folds"), [("smic-3", 164, 16), ("casme2-3", 145, 24), ("samm-3", 133, 28)])
def test_single_databases_have_the_official_counts(official_folder, name, clips, folds):
    protocol = get_protocol(name)
    labelled = protocol.label(FlowFolders(official_folder))
    assert (len(labelled.samples), len(protocol.folds(labelled))) == (clips, folds)


def test_real_data_with_other_counts_does_not_compare(small_folder):
    with pytest.raises(DataError, match=r"smic must have 70 negative / 51 positive / 43 surprise from 16 subjects"):
        get_protocol("megc2019").label(FlowFolders(small_folder))


def test_the_second_official_list_of_441_clips_has_a_protocol_of_its_own(official_folder, tmp_path):
    """Papers that count 441 clips used the list without SAMM 032_3_1."""
    maps = shutil.copytree(official_folder, tmp_path / "maps")
    next(clip for clip in maps.glob("[0-9]*/u_test/0/*.png") if len(list(clip.parent.iterdir())) > 1).unlink()
    with pytest.raises(DataError, match=r"samm must have 92 negative .*; found 91 negative"):
        get_protocol("megc2019").label(FlowFolders(maps))
    other = get_protocol("megc2019-441")
    labelled = other.label(FlowFolders(maps))
    assert (len(labelled.samples), len(other.folds(labelled))) == (441, 68)


def test_a_missing_database_is_an_error(composite):
    alone = replace(get_protocol("megc2019"), counts={"casme3": (1, 1, 1)}, subjects={"casme3": 1})
    with pytest.raises(DataError, match="no sample of casme3"):
        alone.label(composite)


def test_a_fold_with_a_subject_on_two_sides_cannot_exist():
    with pytest.raises(DataError, match=r"subject smic/s02 is in both train and validation"):
        fold_of("smic/s01", ("smic/s02/a",), ("smic/s02/b",), ("smic/s01/a",))
    with pytest.raises(DataError, match="in both train and test"):
        fold_of("smic/s01", ("smic/s01/b",), (), ("smic/s01/a",))
    with pytest.raises(DataError, match="test must hold this subject alone"):
        fold_of("smic/s01", ("smic/s02/b",), (), ("smic/s03/a",))
    with pytest.raises(DataError, match="no training sample"):
        fold_of("smic/s01", (), (), ("smic/s01/a",))


def test_clips_of_the_same_name_and_subjects_of_two_databases_stay_apart():
    labelled = Labelled((Sample("samm", "s01", "EP01", "positive"), Sample("smic", "s01", "EP01", "negative")), (1, 0))
    folds = PROTOCOLS["smic-3"].folds(labelled)
    assert [fold.held_out for fold in folds] == ["samm/s01", "smic/s01"]


def test_validation_subjects_depend_on_the_seed_and_the_fold_alone(composite):
    protocol = get_protocol("megc2019+inner_subjects")
    labelled = protocol.label(composite)
    assert protocol.folds(labelled, 1) == protocol.folds(labelled, 1) != protocol.folds(labelled, 2)
    assert fold_seed(0, "smic/s01") != fold_seed(0, "smic/s02") != fold_seed(1, "smic/s02")


@pytest.mark.parametrize("selection", ["last_epoch", "inner_subjects"])
def test_inner_folds_test_every_training_subject_once_and_validate_as_the_protocol_does(composite, selection):
    protocol = get_protocol(f"megc2019+{selection}")
    labelled = protocol.label(composite)
    fold = protocol.folds(labelled)[0]
    inner = protocol.inner_folds(fold, labelled, 3)
    assert sorted(row for part in inner for row in part.test) == [*range(len(fold.known))]
    assert [bool(len(part.validation)) for part in inner] == [selection == "inner_subjects"] * 3
    assert protocol.id == ("megc2019" if selection == "last_epoch" else "megc2019+inner_subjects")


def test_validation_has_about_a_fifth_of_each_class():
    protocol = get_protocol("megc2019+inner_subjects")
    labelled = protocol.label(SyntheticFlowComposite(scale=1.0, size=8))
    fold = protocol.folds(labelled)[0]
    for c in range(3):
        share = sum(labelled.labels[row] == c for row in fold.validation) / labelled.labels.count(c)
        assert 0.08 < share < 0.35


def test_protocols_differ_by_hash_and_keep_it():
    assert len({p.hash for p in PROTOCOLS.values()}) == len(PROTOCOLS)
    assert get_protocol("megc2019+inner_subjects").hash != get_protocol("megc2019").hash
    # raise the version of a protocol when this changes: old scores no longer compare
    assert {name: p.hash[:10] for name, p in PROTOCOLS.items()} == {
        "megc2019": "2232887cb2",
        "megc2019-441": "9f99a44b56",
        "smic-3": "4ef61d13f2",
        "casme2-3": "69aa80be27",
        "samm-3": "e9b667674c",
        "megc2019-holdout": "ca31c179a1",
        "casme2-5": "6fdcca6da1",
        "casme2-5-2014": "f6f96dc3da",
        "samm-5": "b9edce5831",
        "megc2018": "e7cfef7dc9",
        "megc2018-holdout": "a74d96f491",
    }


@pytest.mark.parametrize("name", ["megc2020", "megc2019+oracle"])
def test_unknown_protocols_and_selections_are_named(name):
    with pytest.raises(DataError, match="expected one of"):
        get_protocol(name)


def test_casme2_5_has_the_249_clips_of_the_2019_sheet():
    old, new = get_protocol("casme2-5-2014"), get_protocol("casme2-5")
    assert (sum(old.counts["casme2"]), sum(new.counts["casme2"])) == (246, 249)
    assert (old.version, new.version) == (1, 2)


def test_what_only_the_2019_sheet_calls_surprise_is_left_out_of_the_composite():
    protocol = get_protocol("casme2-3")
    later = [key for key, reason in protocol.left_out.items() if "code it differently" in reason]
    assert len(later) == 3
    samples = [Sample("casme2", "sub24", key.split("/")[2], "surprise") for key in later]
    kept = Sample("casme2", "sub24", "EP01_01", "surprise")

    class Two:
        name, synthetic = "two", True

        def __init__(self, emotion):
            self.samples = (*(replace(sample, emotion=emotion) for sample in samples), kept)

    assert protocol.label(Two("surprise")) == protocol.label(Two("sadness"))
    assert [sample.key for sample in protocol.label(Two("surprise")).samples] == [kept.key]


def test_one_subject_cannot_be_left_out():
    alone = Labelled((Sample("smic", "s01", "a", "negative"),), (0,))
    with pytest.raises(DataError, match="at least two of them"):
        PROTOCOLS["smic-3"].folds(alone)


def test_holding_out_a_database_trains_on_the_other_two(composite):
    protocol = get_protocol("megc2019-holdout")
    labelled = protocol.label(composite)
    folds = protocol.folds(labelled)
    assert [fold.held_out for fold in folds] == ["casme2", "samm", "smic"]
    for fold in folds:
        assert {labelled.samples[row].database for row in fold.test} == {fold.held_out}
        assert fold.held_out not in {labelled.samples[row].database for row in fold.train}
        assert len(fold.train) + len(fold.test) == len(labelled.samples)
    with pytest.raises(DataError, match="held-out database is trained on"):
        fold_of("smic", ("smic/s02/b", "samm/006/a"), (), ("smic/s01/a",))
