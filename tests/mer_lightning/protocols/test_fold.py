"""Folds are row numbers: they say what they hold, cannot be changed, and thousands of them take little memory."""

import pickle

import numpy as np
import pytest

from mer_lightning.protocols import Fold, Labelled, People, get_protocol
from mer_lightning.types import Sample

PEOPLE = People.of(["smic/s02", "smic/s01", "smic/s03", "smic/s01", "smic/s02"])


def test_people_are_counted_by_their_place_among_all_names():
    assert PEOPLE.names == ("smic/s01", "smic/s02", "smic/s03")
    assert PEOPLE.codes.tolist() == [1, 0, 2, 0, 1]
    assert PEOPLE.at([4, 3]) == ["smic/s02", "smic/s01"]


def test_whatever_is_not_tested_validating_or_unused_trains_in_order():
    fold = Fold("smic/s01", PEOPLE, [1, 3], [2])
    assert (fold.train.tolist(), fold.known.tolist(), fold.total) == ([0, 4], [0, 2, 4], 5)
    assert fold.samples == {"train": 2, "validation": 1}
    rest = Fold("smic/s01", PEOPLE, [1], [], [3, 0])
    assert (rest.train.tolist(), rest.known.tolist()) == ([2, 4], [2, 4])
    assert rest.samples == {"train": 2, "validation": 0}


def test_a_fold_cannot_be_changed_and_is_the_same_after_a_journey():
    tested = np.array([1, 3], np.int32)
    fold = Fold("smic/s01", PEOPLE, tested)
    tested[0] = 0
    assert fold.test.tolist() == [1, 3]
    with pytest.raises(ValueError, match="read-only"):
        fold.test[0] = 0
    again = pickle.loads(pickle.dumps(fold))
    assert again == fold != Fold("smic/s02", PEOPLE, [0, 4])
    assert hash(again) == hash(fold)


def test_folds_of_many_people_take_no_more_than_what_they_test():
    samples = tuple(Sample("smic", f"s{person:03d}", str(clip), "") for person in range(200) for clip in range(5))
    folds = get_protocol("smic-3").folds(Labelled(samples, tuple(row % 3 for row in range(1000))))
    assert len(folds) == 200
    assert sum(len(pickle.dumps(fold)) for fold in folds) < 200 * 1500
    assert sum(fold.test.nbytes + fold.validation.nbytes + fold.unused.nbytes for fold in folds) == 4 * 1000
