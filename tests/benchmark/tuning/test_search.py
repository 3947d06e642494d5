"""A study takes trials from several workers, loses none to a kill, ends hopeless ones, and says what it has seen."""

import os
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, ttest_1samp

import benchmark.tuning.search
import benchmark.tuning.trials
from benchmark.boards.board import load_boards
from benchmark.methods.recipe import load_recipe
from benchmark.records.run import save_run
from benchmark.training.jobs import train_fold
from benchmark.training.pretraining import stage_of
from benchmark.tuning.search import Search, Tuning, best_of, search, usual_pruner
from benchmark.tuning.trials import inner_uf1
from benchmark.tuning.tune import _tuned_recipe
from mer_lightning.metrics import uf1
from mer_lightning.tasks import Fit
from mer_lightning.types import DataError, DivergedError
from tests.benchmark.tuning.searches import RATES, SPACE, make_run, network, trials_of
from tests.benchmark.tuning.test_tune import Killed, go, values_of


@pytest.fixture(scope="module")
def run():
    return make_run()


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random"])
def test_every_sampler_gives_the_same_trials_twice(run, tmp_path, sampler):
    one = replace(run, folds=run.folds[:1])
    twice = [go(one, tmp_path / f"runs{n}", 4, sampler=sampler)[1] for n in range(2)]
    chosen, again = ({k: (f.tuned, f.inner_uf1) for k, f in folds.items()} for folds in twice)
    assert chosen == again != {}


def test_a_trial_that_diverges_is_worth_nothing_and_is_not_tried_again(run, tmp_path, monkeypatch):
    tried = []

    def diverges(recipe, fit):
        tried.append(recipe)
        if recipe == tried[0]:
            raise DivergedError(f"{fit.fold.held_out}: class scores are not finite")
        return train_fold(recipe, fit)

    monkeypatch.setattr(benchmark.tuning.trials, "train_fold", diverges)
    one = replace(run, folds=run.folds[:1])
    record, folds = go(one, tmp_path / "runs", 3)
    worth = [trial["value"] for trial in trials_of(tmp_path / "runs", record)]
    assert worth[0] == 0 < min(worth[1:])
    assert len(worth) == 3
    assert tried.count(tried[0]) == 1
    assert {fold.inner_uf1 for fold in folds.values()} == {max(worth)}


def test_ctrl_c_while_a_trial_is_stored_ends_the_search(run, tmp_path, monkeypatch):
    def stored_halfway(study, objective, n_trials):
        try:
            raise KeyboardInterrupt
        finally:
            raise UnboundLocalError("updated_state")

    monkeypatch.setattr("optuna.study.Study.optimize", stored_halfway)
    with pytest.raises(KeyboardInterrupt):
        go(replace(run, folds=run.folds[:1]), tmp_path / "runs", 2)


def test_holdout_tunes_on_two_databases_and_reports_on_the_third(tmp_path, monkeypatch):
    run, given = make_run("megc2019-holdout", 0.1), []

    def spy(recipe, fits, watch):
        given.append({key.split("/")[0] for key in fits[0].table.keys})
        return inner_uf1(recipe, fits, watch)

    monkeypatch.setattr(benchmark.tuning.search, "inner_uf1", spy)
    record, folds = go(run, tmp_path / "runs", 1, mode="holdout")
    assert not record.unranked
    assert record.tuning.mode == "holdout"
    assert sorted(map(sorted, given)) == [["casme2", "samm"], ["casme2", "smic"], ["samm", "smic"]]
    assert list(folds) == ["casme2", "samm", "smic"]
    with pytest.raises(DataError, match="megc2019-holdout holds out databases; expected --mode holdout"):
        go(run, tmp_path / "runs", 1)
    with pytest.raises(DataError, match="smic-3 holds out subjects; expected a protocol like megc2019-holdout"):
        go(make_run(), tmp_path / "runs", 1, mode="holdout")


def test_global_tuning_says_that_it_has_seen_the_tested_and_is_not_ranked(run, tmp_path):
    honest, _ = go(run, tmp_path / "runs", 2)
    record, folds = go(run, tmp_path / "runs", 4, mode="global")
    assert record.method == "machine-tuned-global"
    assert record.unranked
    assert record.tuning.studies == 1
    assert record.tuning.trials == 4
    assert record.tuning.optimism is None
    # the winner of the study is trained again, with the same result
    assert {fold.inner_uf1 for fold in folds.values()} == {float(uf1(record.matrices().sum(0)))}
    for one in (honest, record):
        save_run(tmp_path / "records", one)
    (board,) = load_boards(tmp_path)
    first, last = board.rows
    assert (first.method, first.unranked) == ("machine-tuned", "")
    assert last.method == "machine-tuned-global"
    assert last.title == "Machine, tuned on the tested folds (not ranked)"
    assert last.unranked == "Its values were chosen by looking at people who are tested here."
    assert board.place(first, "all", "uf1") == 0
    assert board.place(last, "all", "uf1") is None


@pytest.mark.slow
def test_of_shuffled_labels_nested_tuning_learns_nothing_and_global_tuning_does(tmp_path, monkeypatch):
    """Labels are drawn evenly from three classes, for every shuffle anew.

    One held-out subject of each shuffle is predicted after nested tuning. Their labels are independent of each other
    and of everything that the trials saw, so that the number of right guesses is binomial with a third, exactly. A
    subject that tuning had looked at would be guessed as well as ``global`` guesses: 0.4 instead of a third.
    """
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nothing is pulled out of the wall here
    rng = np.random.default_rng(0)
    shuffles, right, tested, seen = 36, 0, 0, []
    for shuffle in range(shuffles):
        run = make_run(size=8, labels=lambda labels: rng.integers(0, 3, len(labels)).tolist())
        own = replace(run, folds=(run.folds[shuffle % len(run.folds)],))
        matrix = go(own, tmp_path / str(shuffle), 12)[0].matrices().sum(0)
        right, tested = right + matrix.trace(), tested + matrix.sum()
        matrix = go(run, tmp_path / f"{shuffle}-global", 12, mode="global")[0].matrices().sum(0)
        seen.append(matrix.trace() / matrix.sum())
    assert tested > 300
    low, high = binom.interval(0.98, tested, 1 / 3)
    assert low <= right <= high
    # shuffles are independent of each other: how likely is their mean if looking were worth nothing?
    assert ttest_1samp(seen, 1 / 3, alternative="greater").pvalue < 1e-6
    assert np.mean(seen) > high / tested


def test_what_nested_tuning_would_score_if_it_looked_is_noticed(tmp_path, monkeypatch):
    """The same binomial bound, of a search that is handed the tested subject: it can fail."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    rng = np.random.default_rng(0)
    right = tested = 0
    for shuffle in range(12):
        run = make_run(size=8, labels=lambda labels: rng.integers(0, 3, len(labels)).tolist())
        fold = run.folds[shuffle % len(run.folds)]
        tuning = Tuning(trials=12, search_space=SPACE)
        given = Search(run.recipe, tuning, 0, "r", str(tmp_path / f"{shuffle}.journal"), tmp_path)
        trials = search(given, fold.held_out, [Fit(run.table, fold, accelerator="cpu")])
        best = run.recipe.with_values(best_of(trials, SPACE)[0])
        guesses = train_fold(best, Fit(run.table, fold, accelerator="cpu")).predictions
        right, tested = right + sum(p.label == p.prediction for p in guesses), tested + len(guesses)
    assert right > binom.interval(0.98, tested, 1 / 3)[1]


def test_a_search_with_hyperband_goes_on_as_if_it_had_not_been_killed(tmp_path, monkeypatch):
    run = network(make_run(scale=0.2), **RATES)
    one, options = replace(run, folds=run.folds[:1]), {"pruner": "hyperband", "sampler": "random"}
    whole, folds = go(one, tmp_path / "whole", 12, **options)
    train, calls = benchmark.tuning.trials.train_fold, []

    def dies(*given, **options):
        calls.append(given)
        if len(calls) in {6, 9}:
            raise Killed
        return train(*given, **options)

    for _ in range(2):
        with monkeypatch.context() as broken:
            broken.setattr(benchmark.tuning.trials, "train_fold", dies)
            with pytest.raises(Killed):
                go(one, tmp_path / "runs", 12, **options)
    record, resumed = go(one, tmp_path / "runs", 12, **options)
    assert whole.tuning.pruned > 0
    assert record.result() == whole.result()
    told = [trials_of(tmp_path / place, record) for place in ("whole", "runs")]
    assert told[0] == told[1]
    assert values_of(resumed) == values_of(folds)


def test_a_trial_that_failed_is_told_and_does_not_count(run, tmp_path, monkeypatch):
    one = replace(run, folds=run.folds[:1])
    train, calls = benchmark.tuning.trials.train_fold, []

    def dies(*given, **options):
        calls.append(given)
        if len(calls) == 3:
            raise Killed
        return train(*given, **options)

    monkeypatch.setattr(benchmark.tuning.trials, "train_fold", dies)
    with pytest.raises(Killed):
        go(one, tmp_path, 3)
    record, _ = go(one, tmp_path, 3)
    assert [trial["state"] for trial in trials_of(tmp_path, record)] == ["complete", "fail", "complete", "complete"]
    assert record.tuning.trials == 3


def test_the_usual_pruner_looks_at_epochs_where_there_are_any():
    assert usual_pruner(load_recipe("ststnet")) == "hyperband"
    assert usual_pruner(load_recipe("linear-svm")) == "wilcoxon"


def test_a_study_stops_begin_of_trials_when_its_time_is_up(run, tmp_path):
    one = replace(run, folds=run.folds[:1])
    record, _ = go(one, tmp_path / "runs", 50, timeout=1e-6)
    assert record.tuning.trials == 1


def test_every_trial_starts_from_the_pre_trained_weights(run, tmp_path, monkeypatch):
    starts = []
    train = benchmark.tuning.trials.train_fold

    def spy(recipe, fit):
        starts.append(fit.start)
        return train(recipe, replace(fit, start=None))

    monkeypatch.setattr(benchmark.tuning.trials, "train_fold", spy)
    fold = run.folds[0]
    given = Search(run.recipe, Tuning(trials=1, search_space=SPACE), 0, "r", str(tmp_path / "s.journal"), tmp_path)
    seen, inner = run.table.only(fold.known), run.protocol.inner_folds(fold, run.labelled, 2)
    search(given, fold.held_out, [Fit(seen, part, accelerator="cpu", start="weights") for part in inner])
    assert starts == ["weights"] * 2
    recipe = load_recipe("s3d-cnn-transfer")
    assert stage_of(_tuned_recipe(recipe, Tuning(trials=1, search_space=SPACE))) == stage_of(recipe)
