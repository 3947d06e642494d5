"""Tuning never sees a held-out subject, gives the same twice, goes on after a kill and lands on the board."""

import json
import zlib
from dataclasses import replace
from functools import partial

import pytest
import torch
from rich.console import Console

import benchmark.methods.recipe_files
import benchmark.tuning.search
import benchmark.tuning.trials
import benchmark.tuning.tune
from benchmark.__main__ import main
from benchmark.boards.board import load_boards
from benchmark.methods.recipe import Recipe, load_recipe
from benchmark.methods.recipe_check import check_recipe
from benchmark.records.run import load_run
from benchmark.records.store import Store
from benchmark.training.executors import Local
from benchmark.training.ledger import Output
from benchmark.training.plan import Run
from benchmark.training.tracking.mirror import NoTracker
from benchmark.tuning.search import Tuning
from benchmark.tuning.trials import inner_uf1
from benchmark.tuning.tune import tune as tune_run
from benchmark.tuning.tune import with_space
from mer_lightning.datamodules import load_table
from mer_lightning.datasets.synthetic.flow_composite import SyntheticFlowComposite
from mer_lightning.metrics import uf1
from mer_lightning.motion import FlowMap
from mer_lightning.protocols import InnerFold, get_protocol
from mer_lightning.protocols.protocol import Labelled
from mer_lightning.settings import Component, Optimizer, Training
from mer_lightning.tasks import FoldResult
from mer_lightning.types import DataError, Prediction
from tests.small_tables import fold_of, keys_of, planned_of

SPACE = {
    "training.optimizer.lr": {"kind": "float", "low": 1e-4, "high": 1e-1, "log": True},
    "training.epochs": {"kind": "int", "low": 1, "high": 2},
    "model.arguments.dropout": {"kind": "choice", "values": (0.0, 0.5)},
}


@pytest.fixture(scope="module")
def run():
    """STSTNet on three invented subjects."""
    recipe = Recipe(
        name="small",
        title="Small",
        summary="Small.",
        tier="C",
        representation="flow_map",
        model=Component(name="ststnet.STSTNet"),
        training=Training(epochs=1, batch_size=64, optimizer=Optimizer(name="adam", lr=1e-3)),
        search_space=SPACE,
    )
    check_recipe(recipe)
    protocol, dataset = get_protocol("smic-3"), SyntheticFlowComposite(scale=0.15)
    labelled = protocol.label(dataset)
    table = load_table(dataset, labelled, 3, FlowMap())
    return Run(recipe, protocol, 0, dataset, labelled, planned_of(table, labelled), protocol.folds(labelled))


def go(run, folder, trials=2, storage="journal", make=None, **options):
    """Tune a run with stores of its own; the record and its folds."""
    store, quiet = Store(folder), Console(quiet=True)
    tuning = Tuning(**{"trials": trials, "inner_folds": 2, "search_space": run.recipe.search_space} | options)
    record = tune_run(
        run,
        tuning,
        Output(store, folder / "records", NoTracker(), quiet),
        lambda work: (make or partial(Local, "cpu"))(work=work),
        storage,
    )
    return record, store.folds(record.run)


@pytest.fixture
def tune(tmp_path):
    return lambda run, trials=2, folder="runs", **options: go(run, tmp_path / folder, trials, **options)


@pytest.fixture
def quick(monkeypatch):
    """Instead of training, a score that is best near a learning rate of 0.01; calls are counted."""
    calls = []

    def train(recipe, fit):
        table, fold = fit.table, fit.fold
        calls.append(fold.held_out)
        lr = recipe.training.optimizer.lr
        skill = 1 / (1 + abs(torch.tensor(lr / 0.01).log().item()))
        predictions = []
        for row in fold.test:
            key, label = table.keys[row], int(table.labels[row])
            right = zlib.crc32(f"{key}{lr:.3g}".encode()) / 2**32 < skill
            predictions.append(Prediction(key, label, label if right else (label + 1) % 3, ()))
        return FoldResult(tuple(predictions), 0.0)

    both(monkeypatch, train)
    return calls


def both(monkeypatch, train):
    """Replace training, in trials and of the winner."""
    monkeypatch.setattr(benchmark.tuning.trials, "train_fold", train)
    monkeypatch.setattr(benchmark.tuning.tune, "train_fold", train)


def values_of(folds):
    return {person: (fold.tuned, fold.inner_uf1) for person, fold in folds.items()}


def trial_values(store_folder, record):
    """Every finished trial of every study: parameters and value."""
    paths = sorted((store_folder / record.run / "tuning").glob("*.trials.json"))
    studies = [json.loads(path.read_text()) for path in paths]
    return {
        study["study"]: [(t["values"], t["value"]) for t in study["trials"] if t["state"] != "fail"]
        for study in studies
    }


def test_no_trial_touches_a_held_out_sample(run, tune, tmp_path, monkeypatch):
    given = []

    def spy(recipe, fits, watch):
        given.append(fits)
        return inner_uf1(recipe, fits, watch)

    monkeypatch.setattr(benchmark.tuning.search, "inner_uf1", spy)
    outer = run.folds[0]
    record, folds = tune(replace(run, folds=(outer,)))
    assert record.complete
    assert len(given) == 2
    known = keys_of([*outer.train, *outer.validation], run.table.keys)
    for fit in (fit for fits in given for fit in fits):
        assert sorted(fit.table.keys) == sorted(known)
        assert fit.fold.total == len(known)

    # whatever the held-out subject's maps and labels are, every trial comes out the same
    rows = run.table.rows(outer.test)
    inputs, labels = run.table.inputs.clone(), run.table.labels.clone()
    inputs[rows], labels[rows] = 1e4, (labels[rows] + 1) % 3
    garbled = Labelled(run.labelled.samples, tuple(labels.tolist()))
    table = replace(run.table, inputs=inputs, labels=labels, content_hash="garbage")
    other = replace(run, folds=(outer,), planned=planned_of(table, garbled), labelled=garbled)
    other, same = tune(other, folder="garbled")
    assert other.run != record.run
    assert other.confusion != record.confusion
    assert values_of(same) == values_of(folds)
    assert trial_values(tmp_path / "garbled", other) == trial_values(tmp_path / "runs", record)


@pytest.mark.parametrize("protocol", ["smic-3", "smic-3+inner_subjects", "megc2019-holdout"])
def test_inner_folds_test_every_training_subject_once(protocol):
    protocol = get_protocol(protocol)
    labelled = protocol.label(SyntheticFlowComposite(scale=0.3, size=8))
    for fold in protocol.folds(labelled):
        own = {*range(len(fold.known))}
        inner = protocol.inner_folds(fold, labelled, 3)
        assert sorted(row for split in inner for row in split.test) == sorted(own)
        for split in inner:
            assert {*split.train, *split.validation, *split.test} == own
            assert bool(len(split.validation)) == (protocol.selection == "inner_subjects")
        assert protocol.inner_folds(fold, labelled, 3) == inner


@pytest.mark.parametrize(
    ("train", "validation", "test", "says"),
    [
        ("a/1/x", "a/2/x", "a/3/x", None),
        ("a/1/x", "", "a/0/x", "a sample of a/0, who is held out, is in it"),
        ("a/0/x", "", "a/1/x", "a sample of a/0, who is held out, is in it"),
        ("a/1/x", "a/0/x", "a/2/x", "a sample of a/0, who is held out, is in it"),
        ("a/1/x", "", "a/1/y", "subject a/1 is in both train and test"),
        ("a/1/x", "", "", "no test sample is left"),
        ("", "", "a/1/x", "no training sample is left"),
    ],
)
def test_an_inner_fold_with_the_held_out_subject_cannot_be_made(train, validation, test, says):
    sides = (tuple(filter(None, [side])) for side in (train, validation, test))
    if says is None:
        fold_of("a/0#1", *sides, kind=InnerFold, outside="a/0")
    else:
        with pytest.raises(DataError, match=says):
            fold_of("a/0#1", *sides, kind=InnerFold, outside="a/0")


def test_the_same_seed_gives_the_same_trials(run, tune, quick, tmp_path):
    (one, folds), (two, again) = tune(run, 3), tune(run, 3, folder="again")
    assert trial_values(tmp_path / "runs", one) == trial_values(tmp_path / "again", two)
    assert values_of(folds) == values_of(again)
    assert one.result() == two.result()
    other, _ = tune(replace(run, seed=1), 3, folder="other")
    assert trial_values(tmp_path / "other", other) != trial_values(tmp_path / "runs", one)


class Killed(BaseException):
    """Ends a search where it stands, as a killed process would: nothing on the way catches it."""


def test_a_search_that_was_killed_trains_only_what_is_missing(run, tune, quick, monkeypatch, tmp_path):
    trials = 12  # beyond the ten that the sampler draws before it learns
    whole, folds = tune(run, trials, folder="whole")
    a_fold = 2 * trials + 1
    assert len(quick) == a_fold * len(run.folds)
    train = benchmark.tuning.trials.train_fold

    def dies(*given, **options):
        if len(quick) == a_fold + 21:  # in the eleventh trial of the second fold
            raise Killed
        return train(*given, **options)

    quick.clear()
    with monkeypatch.context() as broken:
        both(broken, dies)
        with pytest.raises(Killed):
            tune(run, trials)
    journal = tmp_path / "runs" / whole.run / "tuning" / "studies.journal"
    journal.write_bytes(journal.read_bytes() + b'{"op_code": 4, "wor')  # as a full disk would leave it
    quick.clear()
    record, resumed = tune(run, trials)
    assert len(quick) == a_fold * (len(run.folds) - 1) - 2 * 10
    assert record.result() == whole.result()
    assert values_of(resumed) == values_of(folds)
    assert trial_values(tmp_path / "runs", record) == trial_values(tmp_path / "whole", whole)
    quick.clear()
    assert tune(run, trials)[0].result() == whole.result()
    assert quick == []


def test_the_best_values_train_the_outer_fold_once(run, tune, monkeypatch):
    seen = []
    train = benchmark.tuning.tune.train_fold

    def spy(recipe, fit):
        seen.append((fit.fold.held_out, recipe.training.optimizer.lr))
        return train(recipe, fit)

    monkeypatch.setattr(benchmark.tuning.tune, "train_fold", spy)
    record, folds = tune(run, 1)
    for person, fold in folds.items():
        assert [lr for name, lr in seen if name == person] == [fold.tuned["training.optimizer.lr"]]
        assert set(fold.tuned) == set(SPACE)
    inner = sum(fold.inner_uf1 for fold in folds.values()) / len(folds)
    assert record.recipe["tuning"]["trials"] == 1
    assert record.tuning.mode == "nested"
    assert record.tuning.trials == record.tuning.studies == len(run.folds)
    assert record.tuning.optimism == pytest.approx(inner - float(uf1(record.matrices().sum(0))), abs=1e-5)
    # two inner folds, each trained for as many epochs as the trial says
    epochs = sum(2 * fold.tuned["training.epochs"] for fold in folds.values())
    assert record.tuning.epochs == epochs
    assert "optuna" in record.versions


def test_a_fold_that_fails_is_recorded_and_the_others_go_on(run, tune, quick, monkeypatch):
    train = benchmark.tuning.trials.train_fold

    def broken(recipe, fit):
        if fit.fold.held_out.startswith(run.folds[1].held_out):
            raise RuntimeError("out of luck")
        return train(recipe, fit)

    with monkeypatch.context() as context:
        both(context, broken)
        record, _ = tune(run)
    assert record.failed == (run.folds[1].held_out,)
    assert record.finished == len(run.folds) - 1
    assert record.tuning.optimism is None
    assert tune(run)[0].complete


def test_how_it_was_tuned_is_part_of_the_run(run, tune, quick):
    one = tune(run, 1)[0]
    more = tune(run, 2)[0]
    space = {**run.recipe.search_space}
    space.pop("training.epochs")
    less = tune(replace(run, recipe=run.recipe.model_copy(update={"search_space": space})), 1)[0]
    assert len({one.run, more.run, less.run}) == 3
    assert one.run.startswith("small-tuned--")
    plain = run.recipe.model_copy(update={"search_space": {}})
    assert plain.hash == run.recipe.hash
    with pytest.raises(DataError, match=r"recipes/small.yaml: search_space: missing"):
        tune(replace(run, recipe=plain))


def test_a_second_process_does_not_tune_the_same_run(run, tune, quick, tmp_path, monkeypatch):
    def meanwhile(*given, **options):
        with pytest.raises(DataError, match="another process is tuning this run"):
            tune(run)
        raise KeyboardInterrupt

    monkeypatch.setattr(benchmark.tuning.search, "inner_uf1", meanwhile)
    with pytest.raises(KeyboardInterrupt):
        tune(run)


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ("training.epochs: {kind: int, low: 0, high: 2}", "training.epochs: Input should be greater than 0, found 0"),
        ("model.arguments.dropout: {kind: choice, values: [0.5, 1.5]}", "model.arguments: ststnet.STSTNet cannot be"),
        ("training.loss: {kind: choice, values: [{name: focal, alpha: [0.5, 0.5]}, {}]}", "each of 3 classes, got 2"),
    ],
)
def test_a_space_that_the_recipe_does_not_take_is_named_by_its_file(run, tmp_path, space, says):
    file = tmp_path / "space.yaml"
    file.write_text(f"search_space: {{{space}}}")
    with pytest.raises(DataError, match=f"{file}: search_space: .*{says}"):
        with_space(run, file)
    ensemble = replace(run, recipe=load_recipe("flow-average"))
    with pytest.raises(DataError, match="an ensemble has nothing to tune"):
        with_space(ensemble, file)


def test_the_command_puts_an_estimator_on_the_board(tmp_path, monkeypatch, capsys):
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    text = (benchmark.methods.recipe_files.RECIPES / "linear-svm.yaml").read_text().partition("search_space")[0]
    costs = "search_space: {estimator.arguments.costs: {kind: choice, values: [[0.01], [1.0]]}}\n"
    (recipes / "linear-svm.yaml").write_text(text + costs)
    monkeypatch.setattr(benchmark.methods.recipe_files, "RECIPES", recipes)
    places = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records"), "--accelerator", "cpu"]
    command = ["tune", "--suite", "smoke", "--method", "linear-svm", "--protocol", "smic-3", *places]
    assert main([*command, "--trials", "2"]) == 0
    assert "linear-svm-tuned · synthetic-smic-3 · seed 0: UF1" in capsys.readouterr().out
    path = tmp_path / "records" / "synthetic-smic-3" / "linear-svm-tuned" / "seed0.json"
    assert load_run(path).complete
    (board,) = load_boards(tmp_path)
    (row,) = board.rows
    assert row.method == "linear-svm-tuned"
    assert row.title == "Linear SVM, tuned"
    assert not row.unranked
    assert row.notes[-1].startswith("Tuned (nested, tpe): 10 trials in 5 studies,")
    assert "inner UF1 minus outer UF1 = " in row.notes[-1]
    assert main([*command, "--trials", "0"]) == 2
    assert "--trials: Input should be greater than or equal to 1, found 0" in capsys.readouterr().err
