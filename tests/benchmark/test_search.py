"""A study takes trials from several workers, loses none to a kill, ends hopeless ones, and says what it has seen."""

import io
import json
import os
import signal
import threading
import time
from dataclasses import replace
from functools import partial

import numpy as np
import optuna
import pytest
from rich.console import Console
from scipy.stats import binom, ttest_1samp

import benchmark.search
import benchmark.trials
from benchmark.cli import main
from benchmark.executors import Processes
from benchmark.jobs import train_fold
from benchmark.plan import Run, check_recipe
from benchmark.recipe import Recipe, load_recipe, recipe_names
from benchmark.records import FoldRecord, save_run
from benchmark.runner import make_record
from benchmark.search import Search, Tuning, best_of, make_sampler, say_progress, search, suggest, usual_pruner
from benchmark.search_space import Choice, FloatRange, conditions
from benchmark.storages import _make_tables, storage_place
from benchmark.store import Store
from benchmark.tables import load_boards
from benchmark.trials import inner_uf1
from benchmark.tune_export import export, typical
from benchmark.tune_pictures import draw_studies
from benchmark.tune_progress import TrialProgress
from benchmark.tuning import _tuned_recipe
from benchmark.yaml_files import load_yaml
from mer_lightning.datamodules import LateTable, load_table
from mer_lightning.datasets.synthetic.flow_composite import SyntheticFlowComposite
from mer_lightning.metrics import uf1
from mer_lightning.motion import FlowMap
from mer_lightning.protocols import Labelled, get_protocol
from mer_lightning.settings import Component, Optimizer, Training
from mer_lightning.tasks import FoldResult
from mer_lightning.types import DataError, Prediction
from tests.benchmark.test_tuning import Killed, both, go, values_of

SPACE = {
    "estimator.arguments.costs": FloatRange(kind="float", low=0.01, high=100.0, log=True),
    "estimator.arguments.kernel": Choice(kind="choice", values=("linear", "rbf")),
    "estimator.arguments.gamma": FloatRange(
        kind="float", low=1.0, high=300.0, log=True, when={"estimator.arguments.kernel": "rbf"}
    ),
    "estimator.arguments.channels": Choice(kind="choice", values=((0, 1, 2), (0, 1), (1, 2), (1,), (0,), (2,))),
}


def make_run(protocol="smic-3", scale=0.3, size=28, labels=None):
    """The SVM on a few invented subjects."""
    recipe = Recipe(
        name="machine",
        title="Machine",
        summary="Small.",
        tier="C",
        representation="flow_map",
        estimator=Component(name="linear_svm.LinearSVM"),
        search_space=SPACE,
    )
    protocol, dataset = get_protocol(protocol), SyntheticFlowComposite(scale=scale, size=size)
    labelled = protocol.label(dataset)
    if labels is not None:
        labelled = Labelled(labelled.samples, tuple(labels(labelled.labels)))
    table = load_table(dataset, labelled, 3, FlowMap())
    return Run(recipe, protocol, 0, dataset, labelled, LateTable.of(table), protocol.folds(labelled))


def network(run, **space):
    """A network of two streams instead of the machine."""
    training = Training(epochs=8, batch_size=64, optimizer=Optimizer(name="adam", lr=1e-2))
    model = Component(name="ststnet.STSTNet")
    recipe = run.recipe.model_copy(
        update={"model": model, "training": training, "estimator": None, "search_space": space}
    )
    return replace(run, recipe=recipe)


RATES = {"training.optimizer.lr": FloatRange(kind="float", low=1e-7, high=1e-1, log=True)}


@pytest.fixture(scope="module")
def run():
    return make_run()


def study_of(record, folder, name="studies.db"):
    """All trials of the only study, failed ones included."""
    place = folder / record.run / "tuning" / name
    storage = optuna.storages.RDBStorage(f"sqlite:///{place}")
    (only,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=only, storage=storage).trials


def test_a_key_is_drawn_where_its_condition_holds(run):
    study = optuna.create_study(sampler=make_sampler("tpe", 0))
    drawn = [suggest(study.ask(), SPACE) for _ in range(20)]
    for values in drawn:
        check_recipe(run.recipe.with_values(values))
        assert ("estimator.arguments.gamma" in values) == (values["estimator.arguments.kernel"] == "rbf")
    assert {values["estimator.arguments.kernel"] for values in drawn} == {"linear", "rbf"}


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random"])
def test_every_sampler_gives_the_same_trials_twice(run, tmp_path, sampler):
    one = replace(run, folds=run.folds[:1])
    twice = [go(one, tmp_path / f"runs{n}", 4, sampler=sampler)[1] for n in range(2)]
    chosen, again = ({k: (f.tuned, f.inner_uf1) for k, f in folds.items()} for folds in twice)
    assert chosen == again != {}


def test_holdout_tunes_on_two_databases_and_reports_on_the_third(tmp_path, monkeypatch):
    run, given = make_run("megc2019-holdout", 0.1), []

    def spy(recipe, table, folds, **options):
        given.append({key.split("/")[0] for key in table.keys})
        return inner_uf1(recipe, table, folds, **options)

    monkeypatch.setattr(benchmark.search, "inner_uf1", spy)
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
        matrix = go(run, tmp_path / str(shuffle), 12, mode="global")[0].matrices().sum(0)
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
        trials = search(given, fold.held_out, run.table, (fold,), accelerator="cpu")
        best = run.recipe.with_values(best_of(trials, SPACE)[0])
        guesses = train_fold(best, run.table, fold, seed=0, accelerator="cpu").predictions
        right, tested = right + sum(p.label == p.prediction for p in guesses), tested + len(guesses)
    assert right > binom.interval(0.98, tested, 1 / 3)[1]


def test_trials_that_are_behind_on_the_same_subjects_are_ended(tmp_path, monkeypatch):
    def train(recipe, table, fold, *, seed, accelerator, start=None, callbacks=()):
        wrong = recipe.training.optimizer.lr < 1e-4
        labels = table.labels[table.rows(fold.test)].tolist()
        guesses = [(label + wrong) % 3 for label in labels]
        made = (Prediction(key, *pair, ()) for key, *pair in zip(fold.test, labels, guesses, strict=True))
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


def test_a_search_with_hyperband_goes_on_as_if_it_had_not_been_killed(tmp_path, monkeypatch):
    run = network(make_run(scale=0.2), **RATES)
    one, options = replace(run, folds=run.folds[:1]), {"pruner": "hyperband", "sampler": "random"}
    whole, folds = go(one, tmp_path / "whole", 12, **options)
    train, calls = benchmark.trials.train_fold, []

    def dies(*given, **options):
        calls.append(given)
        if len(calls) in {6, 9}:
            raise Killed
        return train(*given, **options)

    for _ in range(2):
        with monkeypatch.context() as broken:
            broken.setattr(benchmark.trials, "train_fold", dies)
            with pytest.raises(Killed):
                go(one, tmp_path / "runs", 12, **options)
    record, resumed = go(one, tmp_path / "runs", 12, **options)
    assert whole.tuning.pruned > 0
    assert record.result() == whole.result()
    told = [trials_of(tmp_path / place, record) for place in ("whole", "runs")]
    assert told[0] == told[1]
    assert values_of(resumed) == values_of(folds)


def trials_of(folder, record):
    """What is told of the trials of the only study, but for the time they took."""
    (path,) = (folder / record.run / "tuning").glob("*.trials.json")
    return [{**trial, "seconds": 0} for trial in json.loads(path.read_text())["trials"]]


def test_a_trial_that_failed_is_told_and_does_not_count(run, tmp_path, monkeypatch):
    one = replace(run, folds=run.folds[:1])
    train, calls = benchmark.trials.train_fold, []

    def dies(*given, **options):
        calls.append(given)
        if len(calls) == 3:
            raise Killed
        return train(*given, **options)

    monkeypatch.setattr(benchmark.trials, "train_fold", dies)
    with pytest.raises(Killed):
        go(one, tmp_path, 3)
    record, _ = go(one, tmp_path, 3)
    assert [trial["state"] for trial in trials_of(tmp_path, record)] == ["complete", "fail", "complete", "complete"]
    assert record.tuning.trials == 3


def test_progress_counts_trials_of_all_studies_and_the_time_that_is_left(tmp_path):
    say_progress(tmp_path, "smic/s01", 5)
    text = io.StringIO()
    shown = TrialProgress(Console(file=text, width=200), folds=3, trials=15, folder=tmp_path)
    with shown:
        say_progress(tmp_path, "smic/s02", 2)
        say_progress(tmp_path, "smic/s01", 4)
        say_progress(tmp_path, "smic/s01", 6)
        wait_until(lambda: "8/15" in shown.line(0))
        shown.fold_done()
        # three trials took a minute, seven are left
        assert shown.line(60) == "1/3 folds, 8/15 trials, about 2 min left"
        shown._last_line -= 60
        say_progress(tmp_path, "smic/s03", 1)
        wait_until(lambda: "1/3 folds, 9/15 trials" in text.getvalue())


def wait_until(happened, patience=20):
    end = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_usual_pruner_looks_at_epochs_where_there_are_any():
    assert usual_pruner(load_recipe("ststnet")) == "hyperband"
    assert usual_pruner(load_recipe("linear-svm")) == "wilcoxon"


NEURAL = [name for name in recipe_names() if load_recipe(name).model is not None]


@pytest.mark.parametrize("name", NEURAL)
def test_every_network_can_be_tuned(name):
    recipe = load_recipe(name)
    assert recipe.search_space
    assert "training.optimizer.lr" in recipe.search_space
    for key, entry in recipe.search_space.items():
        for value in entry.ends:
            # the values under which the key is drawn at all, and the value in the place that it names
            changed = recipe.with_values(conditions(recipe.search_space, key) | {key: value}).model_dump(mode="json")
            for part in key.split("."):
                changed = changed[part]
            assert changed == (list(value) if isinstance(value, tuple) else value)
    check_recipe(recipe)


@pytest.mark.parametrize(("at_once", "looks"), [(False, [3, 6, 9, 12, 15]), (True, [4, 6, 10, 12, 16])])
def test_looking_on_changes_no_result(tmp_path, at_once, looks):
    run = network(make_run(scale=0.2), **RATES)
    fold = run.folds[0]
    seen, inner = run.table.only(fold.train), run.protocol.inner_folds(fold, run.labelled, 2)
    reports = []

    class Judge:
        def report(self, value, step):
            reports.append((step, value))

        def should_prune(self):
            return False

    watch = benchmark.trials.Watch(seen, Judge(), every=3)
    given = {"seed": 0, "accelerator": "cpu", "at_once": at_once}
    plain = inner_uf1(run.recipe, seen, inner, **given)
    assert inner_uf1(run.recipe, seen, inner, watch=watch, **given) == plain
    # every third epoch of both inner folds together; as one, two epochs pass at a time
    assert [step for step, _ in reports] == looks
    assert all(0 <= value <= 1 for _, value in reports)
    assert watch.epochs == 16
    if at_once:
        # all epochs of all inner folds are over: what is seen last is what the trial is worth
        assert reports[-1][1] == plain
        # and so does training the inner folds as one
        alone = inner_uf1(run.recipe, seen, inner, seed=0, accelerator="cpu", at_once=False)
        assert plain == pytest.approx(alone, abs=0.05)


def test_inner_folds_that_are_trained_as_one_are_ended_as_one(tmp_path):
    run = network(make_run(scale=0.2), **RATES)
    fold = run.folds[0]
    seen, inner = run.table.only(fold.train), run.protocol.inner_folds(fold, run.labelled, 2)

    class Judge:
        def report(self, _, step):
            self.step = step

        def should_prune(self):
            return self.step >= 6

    watch = benchmark.trials.Watch(seen, Judge(), every=3)
    with pytest.raises(optuna.TrialPruned):
        inner_uf1(run.recipe, seen, inner, seed=0, accelerator="cpu", watch=watch, at_once=True)
    assert watch.epochs == 6


def test_a_study_stops_begin_of_trials_when_its_time_is_up(run, tmp_path):
    one = replace(run, folds=run.folds[:1])
    record, _ = go(one, tmp_path / "runs", 50, timeout=1e-6)
    assert record.tuning.trials == 1


def test_every_trial_starts_from_the_pre_trained_weights(run, tmp_path, monkeypatch):
    starts = []
    train = benchmark.trials.train_fold

    def spy(*given, start=None, **options):
        starts.append(start)
        return train(*given, start=start, **options)

    monkeypatch.setattr(benchmark.trials, "train_fold", spy)
    fold = run.folds[0]
    given = Search(run.recipe, Tuning(trials=1, search_space=SPACE), 0, "r", str(tmp_path / "s.journal"), tmp_path)
    seen, inner = run.table.only(fold.train), run.protocol.inner_folds(fold, run.labelled, 2)
    search(given, fold.held_out, seen, inner, accelerator="cpu", start="weights")
    assert starts == ["weights"] * 2
    tuned = _tuned_recipe(load_recipe("s3d-cnn-transfer"), Tuning(trials=1, search_space=SPACE))
    assert tuned.origin == "s3d-cnn-transfer"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("mongodb://x", "expected sqlite, journal, or an URL"),
        ("postgres", "expected sqlite, journal, or an URL"),
        ("grpc://localhost", "expected grpc://<host>:<port>"),
    ],
)
def test_an_unknown_storage_is_named(tmp_path, wanted, says):
    with pytest.raises(DataError, match=says) as error:
        storage_place(wanted, tmp_path)
    assert f"--storage {wanted}: " in str(error.value)


def test_a_storage_that_cannot_be_used_is_named_before_anything_is_trained(run, tmp_path):
    with pytest.raises(DataError, match=r"--storage sqlite:////nowhere/at/all.db: cannot be used: .*unable to open"):
        go(run, tmp_path / "runs", 1, storage="sqlite:////nowhere/at/all.db")


def test_commands_that_find_an_empty_database_at_the_same_moment_share_it(tmp_path):
    url, made = f"sqlite:///{tmp_path / 'studies.db'}", []
    together = threading.Barrier(4)

    def begin():
        together.wait()
        made.append(_make_tables(url, engine_kwargs={"connect_args": {"timeout": 60}}))

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [storage.get_all_studies() for storage in made] == [[]] * 4


def test_what_folds_chose_becomes_a_recipe_that_says_whom_it_has_seen(run, tmp_path):
    record, _ = go(run, tmp_path / "runs", 3)
    written = export(run, record, Store(tmp_path / "runs"), tmp_path / "mine.yaml")
    read = load_yaml(tmp_path / "mine.yaml", Recipe, name="mine")
    assert read == written
    check_recipe(read)
    assert read.chosen_on.databases == ("smic",)
    assert read.chosen_on.run == record.run
    assert read.hash != run.recipe.hash
    again = make_record(replace(run, recipe=read), Store(tmp_path / "runs"), "cpu")
    assert again.unranked
    assert not make_record(run, Store(tmp_path / "runs"), "cpu").unranked


def test_the_middle_of_what_folds_chose():
    kernel, gamma, cost = (f"estimator.arguments.{name}" for name in ("kernel", "gamma", "costs"))
    chosen = [
        {kernel: "rbf", gamma: 5.0, cost: 1.0},
        {kernel: "rbf", gamma: 3.0, cost: 2.0},
        {kernel: "linear", cost: 50.0},
    ]
    folds = [FoldRecord(held_out="a/1", predictions=(), samples={}, seconds=0, tuned=tuned) for tuned in chosen]
    space = {key: SPACE[key] for key in (kernel, gamma, cost)}
    assert typical(folds, space) == {kernel: "rbf", gamma: 3.0, cost: 2.0}


def test_pictures_are_drawn_from_what_the_run_keeps(run, tmp_path):
    record, _ = go(run, tmp_path / "runs", 6)
    folder = tmp_path / "runs" / record.run
    paths = draw_studies(folder, tmp_path / "pictures")
    assert [path.name for path in paths] == ["history.svg", "importance.svg", "slices.svg", "optimism.svg"]
    texts = [path.read_text() for path in paths]
    assert "outer UF1, pooled: " in texts[-1]
    assert "gamma" in texts[2]
    assert [path.read_text() for path in draw_studies(folder, tmp_path / "again")] == texts
    assert main(["tune-report", str(tmp_path)]) == 2


@pytest.mark.slow
def test_workers_with_a_study_each_give_what_one_alone_gives(run, tmp_path):
    alone, folds = go(run, tmp_path / "alone", 3)
    both, same = go(run, tmp_path / "both", 3, make=partial(Processes, 2, "cpu"), storage="sqlite")
    assert both.result() | {"tuning": None} == alone.result() | {"tuning": None}
    assert {k: (f.tuned, f.inner_uf1) for k, f in same.items()} == {k: (f.tuned, f.inner_uf1) for k, f in folds.items()}


@pytest.mark.slow
def test_the_study_of_two_workers_outlives_the_kill_of_one(tmp_path):
    run, trials, result = network(make_run(), **RATES), 10, []
    options = {"mode": "global", "storage": "sqlite", "make": partial(Processes, 2, "cpu")}
    # joins processes by itself
    work = threading.Thread(target=lambda: result.append(go(run, tmp_path / "runs", trials, **options)))
    work.start()
    # once a worker has begun: whoever opens an empty file makes its tables
    places = lambda: list((tmp_path / "runs").glob("*/tuning/*.progress"))  # noqa: E731
    killed = kill_a_worker(places, lambda p: f"sqlite:///{p.with_name('studies.db')}", work.is_alive)
    work.join(timeout=500)
    (record, _) = result[0]
    assert record.complete
    assert record.tuning.trials == trials
    found = study_of(record, tmp_path / "runs")
    states = {trial.number: trial.state.name for trial in found}
    assert states[killed] == "FAIL"
    assert "RUNNING" not in states.values()
    assert sum(state == "COMPLETE" for state in states.values()) >= trials
    # both took part, and a new process went on in the place of the dead one
    workers = {tuple(trial.user_attrs["worker"]) for trial in found}
    assert len({name for name, _ in workers}) == 2
    assert len({process for _, process in workers}) >= 3


def kill_a_worker(places, url, going, patience=240):
    """Kill, in the middle of a trial, a process that works on the only study of a storage; the trial's number."""
    from optuna.trial import TrialState

    end = time.monotonic() + patience
    storage = None
    while time.monotonic() < end:
        assert going(), "everybody has ended"
        time.sleep(0.05)
        if storage is None:
            if not (found := places()):
                continue
            try:
                storage = optuna.storages.RDBStorage(url(found[0]))
            except Exception:
                continue
        if len(optuna.get_all_study_names(storage)) != 1:
            continue
        study = optuna.load_study(study_name=optuna.get_all_study_names(storage)[0], storage=storage)
        if not study.get_trials(states=(TrialState.COMPLETE,)):
            continue
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            if "worker" not in trial.user_attrs:
                continue
            process = trial.user_attrs["worker"][1]
            os.kill(process, signal.SIGSTOP)
            now = next(t for t in study.get_trials() if t.number == trial.number)
            if now.state == TrialState.RUNNING:
                os.kill(process, signal.SIGKILL)
                return trial.number
            os.kill(process, signal.SIGCONT)
    raise AssertionError("no trial was seen running")
