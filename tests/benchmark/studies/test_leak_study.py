"""``mer-bench leak-study`` on invented data: what is trained, kept, printed, and never ranked."""

import json

import numpy as np
import pytest
import torch

from benchmark.__main__ import main
from benchmark.boards.board import load_boards
from benchmark.boards.leakage import load_leak_boards, render_leaks
from benchmark.evidence.habits import load_leak, load_leaks
from benchmark.methods.suite import load_suite
from benchmark.records.store import Store
from benchmark.studies.leak_study import FITS, PARTS
from benchmark.training.plan import make_plan
from mer_lightning.tasks import train_network
from mer_lightning.types import person_of
from tests.benchmark.commands.a_project import make_project
from tests.small_tables import keys_of


@pytest.fixture
def study(tmp_path, monkeypatch, capsys):
    """Run a study of the smoke suite with three epochs, in folders of its own."""
    trained = []

    def short(fit, model, training):
        trained.append(fit.fold.held_out)
        return train_network(fit, model, training.model_copy(update={"epochs": 3}))

    monkeypatch.setattr("benchmark.studies.leak_study.train_network", short)

    def run(*flags):
        trained.clear()
        places = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "leaderboards" / "leaks")]
        code = main(["leak-study", "--suite", "smoke", "--accelerator", "cpu", *places, *flags])
        said = capsys.readouterr()
        return code, said.out, said.err

    run.trained, run.folder = trained, tmp_path
    return run


def test_a_network_is_trained_once_and_only_once(study):
    code, out, _ = study("--method", "off-apexnet", "--json")
    assert code == 0
    body = json.loads(out)
    assert body["candidates"] == {"kind": "epoch", "number": 3}
    assert len(study.trained) == len(set(study.trained)) == 5
    habits = {row["name"]: row for row in body["habits"]}
    assert set(habits) == {"test_oracle", "best_common", "fold_mean", "test_oracle_fold_mean"}
    assert habits["test_oracle"]["leaky"]["accuracy"] >= body["honest"]["accuracy"]
    assert habits["best_common"]["leaky"]["uf1"] >= body["honest"]["uf1"]
    assert body["best_of"][0] == {"number": 1, "uf1": body["honest"]["uf1"]}
    code, out, _ = study("--method", "off-apexnet")
    assert (code, study.trained) == (0, [])
    assert "never ranked" in out
    (picture,) = (study.folder / "runs" / "leaks").glob("off-apexnet*/leaks.svg")
    assert "random guesses" in picture.read_text()


def test_the_honest_row_is_an_ordinary_run(study, monkeypatch):
    def short(fit, model, training):
        return train_network(fit, model, training.model_copy(update={"epochs": 3}))

    monkeypatch.setattr("mer_lightning.tasks.train_network", short)
    records = study.folder / "leaderboards" / "records"
    places = ["--runs", str(study.folder / "ordinary"), "--records", str(records)]
    assert main(["run", "--suite", "smoke", "--accelerator", "cpu", "--method", "off-apexnet", *places]) == 0
    study("--method", "off-apexnet")
    (ordinary,) = load_boards(study.folder / "leaderboards")[0].rows
    (leak,) = load_leaks(study.folder / "leaderboards" / "leaks")
    assert (
        ordinary.scores["all"]["accuracy"].mean
        == np.trace(leak.honest.matrices().sum(0)) / leak.honest.matrices().sum()
    )
    folds = next(iter((study.folder / "ordinary").glob("off*/folds/*.json"))).read_text()
    assert json.loads(folds)["candidates"] == []


def test_an_ordinary_fold_in_the_store_is_trained_again_for_its_candidates(study):
    study("--method", "off-apexnet")
    store = Store(study.folder / "runs" / "leaks")
    (manifest,) = store.manifests()
    fold = next(iter(store.folds(manifest.run).values()))
    store.save_fold(manifest.run, fold.model_copy(update={"candidates": ()}))
    study("--method", "off-apexnet")
    assert study.trained == [fold.held_out]


def test_the_candidates_of_an_estimator_are_its_costs(study, monkeypatch):
    monkeypatch.setattr("benchmark.studies.leak_study.FITS", {})
    code, out, _ = study("--method", "linear-svm", "--json")
    assert code == 0
    body = json.loads(out)
    assert (body["candidates"], body["best_of"]) == ({"kind": "C", "number": 9}, [])
    habits = {row["name"]: row for row in body["habits"]}
    assert habits["test_oracle"]["leaky"]["accuracy"] >= habits["best_common"]["leaky"]["accuracy"]
    assert habits["best_common"]["leaky"]["accuracy"] > 0.5


@pytest.mark.slow
def test_an_estimator_shows_every_habit(study):
    code, _, _ = study("--method", "linear-svm")
    assert code == 0
    record = load_leak(study.folder / "leaderboards" / "leaks" / "synthetic-smic-3" / "linear-svm" / "seed0.json")
    assert (record.candidates, record.number, record.best_of) == ("C", 9, ())
    assert set(record.outcomes) == {"test_oracle", "best_common", *FITS}
    # copies of a tested clip among the training clips
    assert np.trace(sum(map(np.array, record.outcomes["augmented_before_split"].values()))) > np.trace(
        sum(map(np.array, record.outcomes["augmented_inside"].values()))
    )


def test_a_study_never_becomes_a_row(study):
    study("--method", "majority")
    leaderboards = study.folder / "leaderboards"
    assert load_boards(leaderboards) == []
    files = render_leaks(leaderboards, load_leak_boards(leaderboards))
    assert {path.name for path in files} == {"leakage.md", "leakage.svg"}
    assert files == render_leaks(leaderboards, load_leak_boards(leaderboards))
    page = files[leaderboards / "leakage.md"]
    assert "| Majority class | `fold_mean` |" in page
    assert "Synthetic data:" in page


@pytest.mark.parametrize(
    ("habit", "board", "says"),
    [
        ("nosuch", "smic-3", "rows.0.habit: expected one of"),
        ("noise", "nosuch", "rows.0.board: protocol 'nosuch' is unknown"),
    ],
)
def test_what_others_found_must_name_a_habit_and_a_board(study, capsys, monkeypatch, habit, board, says):
    study("--method", "majority")
    leaderboards = study.folder / "leaderboards"
    path = leaderboards / "leaks" / "elsewhere.yaml"
    row = "method: m, what: w, honest: 0.5, leaky: 0.6, source: s, why: y"
    path.write_text(f"rows:\n- {{habit: {habit}, board: {board}, {row}}}\n")
    make_project(leaderboards.parent, monkeypatch)
    assert main(["leaderboards", "--check"]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_a_study_that_is_not_what_the_page_shows_is_drift(study, capsys, monkeypatch):
    study("--method", "majority")
    leaderboards = study.folder / "leaderboards"
    make_project(leaderboards.parent, monkeypatch)
    assert main(["leaderboards", "--check"]) == 1
    assert "leakage.md: differs from the records" in capsys.readouterr().err
    assert main(["leaderboards"]) == 0
    assert main(["leaderboards", "--check"]) == 0


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--method", "nosuch"], "method 'nosuch' is unknown"),
        (["--method", "majority", "--protocol", "nosuch"], "protocol 'nosuch' is unknown"),
        (["--method", "majority", "--svg", "/nosuch/x.svg"], "--svg /nosuch/x.svg: cannot be written"),
    ],
)
def test_a_mistake_is_one_line(study, flags, says):
    code, _, error = study(*flags)
    assert code == 2
    assert says in error
    assert error.count("\n") == 1


def test_a_failing_fold_is_named_and_the_others_are_kept(study, monkeypatch):
    def broken(fit, model, training):
        if fit.fold.held_out.endswith("02"):
            raise RuntimeError("out of luck")
        return train_network(fit, model, training.model_copy(update={"epochs": 1}))

    monkeypatch.setattr("benchmark.studies.leak_study.train_network", broken)
    code, _, error = study("--method", "off-apexnet")
    assert code == 2
    assert "folds failed: smic/" in error
    (manifest,) = Store(study.folder / "runs" / "leaks").manifests()
    assert len(Store(study.folder / "runs" / "leaks").done(manifest.run)) == 4


@pytest.fixture(scope="module")
def run():
    (run,) = make_plan(load_suite("smoke"), methods=["linear-svm"])
    return run


@pytest.mark.parametrize("name", FITS)
def test_every_fit_tests_every_clip_once_under_its_own_label(run, name):
    tested = {}
    labels = dict(zip(run.table.keys, run.table.labels.tolist(), strict=True))
    for one in FITS[name](run):
        table, test = one.fit.table, one.fit.fold.test
        for key, label in zip(keys_of(test, table.keys), table.labels[table.rows(test)].tolist(), strict=True):
            assert one.key_of[key] not in tested
            tested[one.key_of[key]] = label
    assert tested == labels


@pytest.mark.parametrize(("name", "leaks"), [("augmented_inside", False), ("augmented_before_split", True)])
def test_copies_of_tested_people_train_only_where_that_is_the_habit(run, name, leaks):
    person = {content: person_of(key) for key, content in zip(run.table.keys, run.table.contents, strict=True)}
    shared = 0
    for fit in (one.fit for one in FITS[name](run)):
        people = [{person[fit.table.contents[row][1:]] for row in side} for side in (fit.fold.train, fit.fold.test)]
        shared += len(people[0] & people[1])
    assert (shared > 0) is leaks


def test_a_random_split_has_ten_parts_and_all_classes_in_training(run):
    fits = [one.fit for one in FITS["random_split"](run)]
    assert len(fits) == PARTS
    for fit in fits:
        assert len(set(fit.table.labels[fit.table.rows(fit.fold.train)].tolist())) == 3


def test_standardising_apart_looks_at_the_training_side_alone(run):
    for pair in zip(FITS["scaled_apart"](run), FITS["scaled_together"](run), strict=True):
        apart, together = (one.fit for one in pair)
        train = apart.table.inputs[apart.table.rows(apart.fold.train)]
        assert train.mean(0).abs().max() < 1e-5
        deviation = train.std(0, correction=0)
        assert torch.all((deviation < 1e-5) | ((deviation - 1).abs() < 1e-3))
        whole = together.table.inputs
        assert whole.mean(0).abs().max() < 1e-5
