"""What a fold gave is counted by the person who was tested."""

import pytest

from benchmark.records.fold import confusion_of
from mer_lightning.types import DataError
from tests.benchmark.example_records import fold


def test_predictions_are_counted_truth_by_row():
    counted = confusion_of([fold("smic/s02", pairs=((1, 1),)), fold("smic/s01", pairs=((0, 2), (0, 0)))], 3)
    assert list(counted) == ["smic/s01", "smic/s02"]
    assert counted["smic/s01"] == ((1, 0, 1), (0, 0, 0), (0, 0, 0))


def test_a_prediction_of_a_class_that_there_is_not_is_named():
    with pytest.raises(DataError, match=r"fold smic/s01: smic/s01/c1: expected classes in 0\.\.2"):
        confusion_of([fold(pairs=((0, 0), (1, 7)))], 3)
