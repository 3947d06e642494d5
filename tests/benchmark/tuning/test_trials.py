"""A trial is ended where it is not worth going on with, and looking on changes no result."""

import json
from dataclasses import replace

import optuna
import pytest

import benchmark.tuning.search
import benchmark.tuning.trials
from benchmark.tuning.trials import inner_uf1
from mer_lightning.tasks import Fit, FoldResult
from mer_lightning.types import DataError, Prediction
from tests.benchmark.tuning.searches import RATES, make_run, network
from tests.benchmark.tuning.test_tune import both, go
from tests.small_tables import keys_of


@pytest.fixture(scope="module")
def run():
    return make_run()


def test_trials_that_are_behind_on_the_same_subjects_are_ended(tmp_path, monkeypatch):
    def train(recipe, fit):
        wrong = recipe.training.optimizer.lr < 1e-4
        labels = fit.table.labels[fit.table.rows(fit.fold.test)].tolist()
        guesses = [(label + wrong) % 3 for label in labels]
        keys = keys_of(fit.fold.test, fit.table.keys)
        made = (Prediction(key, *pair, ()) for key, *pair in zip(keys, labels, guesses, strict=True))
        return FoldResult(tuple(made), 0.0, {"train_loss": (0.0,) * 8})

    both(monkeypatch, train)
    run = network(make_run(scale=1, size=8), **RATES)
    one = replace(run, folds=run.folds[:1])
    record, _ = go(one, tmp_path / "runs", 8, pruner="wilcoxon", sampler="random", inner_folds=3)
    study = json.loads(next((tmp_path / "runs" / record.run / "tuning").glob("*.trials.json")).read_text())
    first_good = next(n for n, t in enumerate(study["trials"]) if t["value"] == 1)
    later = study["trials"][first_good + 1 :]
    bad = [trial for trial in later if trial["values"]["training.optimizer.lr"] < 1e-4]
    assert 0 < len(bad) < len(later)
    for trial in later:
        # one inner fold of five subjects is enough against the best trial; the others are trained in full
        expected = ("pruned", None, 8) if trial in bad else ("complete", 1.0, 24)
        assert (trial["state"], trial["value"], trial["epochs"]) == expected
    assert record.tuning.pruned == len(bad)
    assert record.tuning.epochs == sum(trial["epochs"] for trial in study["trials"])


def test_trials_are_ended_in_the_middle_of_training(tmp_path):
    run = network(make_run(scale=0.3), **RATES)
    one = replace(run, folds=run.folds[:1])
    record, _ = go(one, tmp_path / "runs", 12, pruner="hyperband", sampler="random", inner_folds=3)
    study = json.loads(next((tmp_path / "runs" / record.run / "tuning").glob("*.trials.json")).read_text())
    epochs = [trial["epochs"] for trial in study["trials"]]
    assert record.tuning.epochs == sum(epochs)
    assert any(count % 8 for count in epochs)
    assert all(t["epochs"] == 24 for t in study["trials"] if t["state"] == "complete")
    with pytest.raises(DataError, match="--pruner hyperband: machine has no epochs; expected none or wilcoxon"):
        go(make_run(), tmp_path / "runs", 2, pruner="hyperband")


@pytest.mark.parametrize(("at_once", "looks"), [(False, [3, 6, 9, 12, 15]), (True, [4, 6, 10, 12, 16])])
def test_looking_on_changes_no_result(tmp_path, at_once, looks):
    run = network(make_run(scale=0.2), **RATES)
    fold = run.folds[0]
    seen, inner = run.table.only(fold.known), run.protocol.inner_folds(fold, run.labelled, 2)
    fits = [Fit(seen, part, accelerator="cpu") for part in inner]
    reports = []

    class Judge:
        def report(self, value, step):
            reports.append((step, value))

        def should_prune(self):
            return False

    watch = benchmark.tuning.trials.Watch(seen, Judge(), every=3)
    plain = inner_uf1(run.recipe, fits, at_once=at_once)
    assert inner_uf1(run.recipe, fits, watch, at_once=at_once) == plain
    # every third epoch of both inner folds together; as one, two epochs pass at a time
    assert [step for step, _ in reports] == looks
    assert all(0 <= value <= 1 for _, value in reports)
    assert watch.epochs == 16
    if at_once:
        # all epochs of all inner folds are over: what is seen last is what the trial is worth
        assert reports[-1][1] == plain
        # and so does training the inner folds as one
        alone = inner_uf1(run.recipe, fits, at_once=False)
        assert plain == pytest.approx(alone, abs=0.05)


def test_inner_folds_that_are_trained_as_one_are_ended_as_one(tmp_path):
    run = network(make_run(scale=0.2), **RATES)
    fold = run.folds[0]
    seen, inner = run.table.only(fold.known), run.protocol.inner_folds(fold, run.labelled, 2)
    fits = [Fit(seen, part, accelerator="cpu") for part in inner]

    class Judge:
        def report(self, _, step):
            self.step = step

        def should_prune(self):
            return self.step >= 6

    watch = benchmark.tuning.trials.Watch(seen, Judge(), every=3)
    with pytest.raises(optuna.TrialPruned):
        inner_uf1(run.recipe, fits, watch, at_once=True)
    assert watch.epochs == 6
