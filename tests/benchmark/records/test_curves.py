"""A run's learning curve is the mean over its folds, small enough to be committed, and decides no result."""

import pytest

from benchmark.records.curves import POINTS, average_curves, mean_curve
from benchmark.records.run import load_run, record_path, save_run
from tests.benchmark.example_records import fold, run_record


def trained(person, **curve):
    return fold(person).model_copy(update={"curve": curve})


def test_curves_are_averaged_over_the_folds_that_have_them():
    folds = [
        trained("smic/s01", train_loss=(3.0, 1.0), val_uf1=(0.5, 0.7)),
        trained("smic/s02", train_loss=(1.0,)),
    ]
    assert average_curves(folds) == [{"train_loss": 2.0, "val_uf1": 0.5}, {"train_loss": 1.0, "val_uf1": 0.7}]
    assert average_curves([fold()]) == []


def test_a_long_curve_keeps_its_ends_and_few_points():
    folds = [trained(person, train_loss=tuple(map(float, range(800)))) for person in ("smic/s01", "smic/s02")]
    curve = mean_curve(folds)
    assert (curve.epochs[0], curve.epochs[-1], len(curve.epochs)) == (1, 800, POINTS)
    assert curve.values["train_loss"] == tuple(float(epoch - 1) for epoch in curve.epochs)


def test_a_short_curve_is_kept_whole_and_rounded():
    curve = mean_curve([trained("smic/s01", train_loss=(1 / 3, 2 / 3))])
    assert (curve.epochs, curve.values) == ((1, 2), {"train_loss": (0.3333, 0.6667)})
    assert mean_curve([fold()]) is None


def test_a_curve_is_added_to_a_record_that_lacks_it_and_changes_nothing_else(tmp_path):
    curve = mean_curve([trained("smic/s01", train_loss=(1.0, 0.5))])
    save_run(tmp_path, run_record(seconds=1.0))
    path = save_run(tmp_path, run_record(seconds=2.0, curve=curve))
    assert (load_run(path).curve, load_run(path).seconds) == (curve, 1.0)
    before = path.read_bytes()
    save_run(tmp_path, run_record(curve=mean_curve([trained("smic/s01", train_loss=(9.0, 9.0))])))
    save_run(tmp_path, run_record())
    assert path.read_bytes() == before
    assert path == record_path(tmp_path, run_record())


@pytest.mark.parametrize("points", [1, 59, 60, 61, 3000])
def test_epochs_rise_and_are_never_more_than_allowed(points):
    epochs = mean_curve([trained("smic/s01", train_loss=(0.5,) * points)]).epochs
    assert list(epochs) == sorted(set(epochs))
    assert len(epochs) == min(points, POINTS)
