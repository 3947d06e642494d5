"""A run's learning curve is the mean over its folds, small enough to be committed, and decides no result."""

import pytest

from benchmark.records.curves import POINTS, average_curves, converged, learning_of, mean_curve
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


class TestConvergence:
    @pytest.mark.parametrize(
        ("accuracy", "epoch"),
        [
            ((0.9,), 1),
            ((0.9, 0.9, 0.9, 0.9), 1),
            ((0.2, 0.5, 0.85, 0.9, 0.9, 0.9, 0.9, 0.9), 3),
            # a dip late is not yet convergence
            ((0.9, 0.9, 0.9, 0.5, 0.9, 0.9, 0.9, 0.9), 5),
            # the last quarter is two epochs, 0.9 on average
            ((0.2, 0.5, 0.7, 0.8, 0.84, 0.86, 0.85, 0.95), 6),
            ((0.1, 0.2, 0.3, 0.4), 4),
        ],
    )
    def test_is_the_epoch_from_which_accuracy_stays_where_it_ends(self, accuracy, epoch):
        assert converged(accuracy) == epoch

    def test_a_curve_that_swings_to_its_end_converges_with_its_last_epoch(self):
        assert converged((0.1, 0.9) * 8) == 16


class TestLearning:
    def folds(self, number, **curve):
        given = {"train_accuracy": (0.2, 0.8), "train_loss": (1.0, 0.5)} | curve
        return [trained(f"smic/s{k:02d}", **given) for k in range(1, number + 1)]

    def test_is_the_mean_over_folds_of_the_last_epoch(self):
        folds = [*self.folds(1), trained("smic/s09", train_accuracy=(0.1, 0.1, 0.6), train_loss=(3.0, 2.0, 1.0))]
        learning = learning_of(folds)
        assert (learning.epochs, learning.accuracy, learning.loss) == (2.5, 0.7, 0.75)

    def test_keeps_the_6th_and_the_16th_of_26_folds_in_the_order_of_whom_they_hold_out(self):
        folds = self.folds(26)
        folds[5] = trained("smic/s06", train_accuracy=(0.3, 0.6), train_loss=(1.0, 1.0))
        kept = learning_of(folds[::-1]).folds
        assert [curve.fold for curve in kept] == [6, 16]
        assert (kept[0].epochs, kept[0].accuracy) == ((1, 2), (0.3, 0.6))

    def test_keeps_those_in_their_place_where_there_are_fewer(self):
        assert [curve.fold for curve in learning_of(self.folds(9)).folds] == [2, 6]
        assert [curve.fold for curve in learning_of(self.folds(1)).folds] == [1]

    def test_has_no_loss_where_one_is_not_finite(self):
        assert learning_of(self.folds(2, train_loss=(1.0, float("nan")))).loss is None

    def test_is_nothing_for_methods_without_epochs(self):
        assert learning_of([]) is None
        assert learning_of([*self.folds(1), fold("smic/s09")]) is None

    def test_is_added_to_a_record_that_lacks_it_and_leaves_no_trace_in_others(self, tmp_path):
        path = save_run(tmp_path, run_record())
        assert "learning" not in path.read_text()
        learning = learning_of(self.folds(2))
        assert save_run(tmp_path, run_record(seconds=2.0, learning=learning)) == path
        assert (load_run(path).learning, load_run(path).seconds) == (learning, 1.0)
        save_run(tmp_path, run_record(learning=learning_of(self.folds(2, train_accuracy=(0.5, 0.5)))))
        assert load_run(path).learning == learning
