"""What is added up of a suite's cost: steps, folds, and stages that runs share."""

import time

import numpy as np
import pytest

from benchmark.training.cost import Cost, RunCost, StageCost
from benchmark.training.estimate import Workers
from benchmark.training.pace import Pace, Timed, steps_of, time_fold
from mer_lightning.datamodules import PlannedTable
from mer_lightning.models.ststnet import STSTNet
from mer_lightning.motion import get_representation
from mer_lightning.protocols import Fold, People, get_protocol
from mer_lightning.settings import Augmentation, Component, Optimizer, Training
from mer_lightning.synthetic.flow_composite import SyntheticFlowComposite
from mer_lightning.tasks import Fit

TRAINING = Training(epochs=10, batch_size=8, optimizer=Optimizer(name="adam", lr=1e-3))


def fold(train=20, test=4):
    people = People.of(["a/1"] * train + ["a/2"] * test)
    return Fold("a/2", people, np.arange(train, train + test, dtype=np.int32))


class TestStepsOfAnEpoch:
    def test_count_a_smaller_batch_by_its_size(self):
        assert steps_of(fold(20), 3, TRAINING) == 2.5

    def test_follow_what_an_epoch_draws(self):
        nine = TRAINING.model_copy(update={"augmentation": Augmentation(nine_positions=5)})
        assert steps_of(fold(16), 3, nine) == 18
        assert steps_of(fold(20), 3, nine.model_copy(update={"samples_per_class": 16})) == 6


class TestPaceOfAFold:
    def test_is_that_of_its_epochs_predictions_and_the_rest(self):
        pace = Pace(step=0.2, epoch=0.1, sample=0.5, fold=3.0, memory=0, measured=0)
        assert pace.of(fold(20, 4), 3, TRAINING) == pytest.approx(3 + 10 * (2.5 * 0.2 + 0.1) + 4 * 0.5)

    def test_of_an_estimator_is_one_fit(self):
        assert Pace(fold=3.0, memory=0, measured=0).of(fold(), 3, None) == 3.0


class TestCost:
    def test_divides_folds_among_workers_and_stages_not(self):
        run = RunCost("m", "p", 0, folds=2, missing=2, recorded="no", epochs=1, hours=6.0, memory=0)
        stage = StageCost("s", ("m",), 0, samples=1, epochs=1, kept=False, hours=2.0, memory=0)
        cost = Cost("t", "d", 3, 1, (run, run), (stage,), 2, 0.25, 1.0, 0, 0, 0, 0.0)
        assert cost.hours == 0.25 + 1.0 + 2.0 + 12.0 / 3
        assert (cost.to_json()["hours"], cost.to_json()["stages_hours"]) == (cost.hours, 2.0)


class TestWorkers:
    def test_are_those_that_run_would_take(self, monkeypatch):
        monkeypatch.setattr("benchmark.training.estimate.cores", lambda: 8)
        monkeypatch.setattr("benchmark.training.executors.choice.cores", lambda: 8)
        few, many = 1000, 10_000_000
        assert Workers(accelerator="cpu").of(few) == (1, None)
        assert Workers(accelerator="cpu").of(many) == (8, 1)
        assert Workers("auto", 2, "cpu").of(few) == (2, 4)
        assert Workers("local", None, "cpu").of(many) == (1, None)


def small_table():
    """A few flow maps of a few people."""
    dataset = SyntheticFlowComposite(scale=0.1)
    labelled = get_protocol("smic-3").label(dataset)
    return PlannedTable(dataset, labelled, 3, get_representation("flow_map")).get()


def slow(forward, seconds):
    """A network that takes so long for each sample."""

    def slept(self, inputs):
        time.sleep(seconds * len(inputs))
        return forward(self, inputs)

    return slept


class TestTimingAFold:
    """Of a network that sleeps, so that its seconds are known."""

    def test_finds_the_seconds_of_a_step_whatever_its_batch(self, monkeypatch):
        table = small_table()
        people = table.people
        train = len(table.keys) - int((people.codes == 0).sum())
        whole = Fold(people.names[0], people, np.flatnonzero(people.codes == 0).astype(np.int32))
        monkeypatch.setattr("mer_lightning.models.ststnet.STSTNet.forward", slow(STSTNet.forward, 0.004))
        for batch_size in (4, 64):
            training = TRAINING.model_copy(update={"batch_size": batch_size, "epochs": 1000})
            timed = Timed(Component(name="ststnet.STSTNet"), training)
            pace = time_fold(Fit(table, whole, accelerator="cpu"), timed, 0.5)
            sleeps = 0.004 * train
            found = pace.step * steps_of(whole, table.classes, training) + pace.epoch
            assert sleeps < found < 3 * sleeps
