"""The whole path on small invented data: what is missing is trained, what fails is recorded, the rest goes on."""

import json

import pytest

from benchmark.__main__ import main
from benchmark.records.run import load_run, load_runs
from benchmark.records.store import Store
from mer_lightning.tasks import train_network


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Run the smoke suite with two epochs, in folders of its own."""
    trained = []

    def short(fit, model, training):
        trained.append(fit.fold.held_out)
        return train_network(fit, model, training.model_copy(update={"epochs": 2}))

    monkeypatch.setattr("mer_lightning.tasks.train_network", short)

    def run(*flags):
        trained.clear()
        places = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records")]
        return main(["run", "--suite", "smoke", "--accelerator", "cpu", *places, *flags])

    run.trained, run.folder = trained, tmp_path
    return run


def test_a_suite_trains_once_and_then_nothing(bench, capsys):
    assert bench() == 0
    records = load_runs(bench.folder / "records")
    assert {r.method for r in records} == {"majority", "linear-svm", "off-apexnet"}
    assert all(r.complete and r.board == "synthetic-smic-3" for r in records)
    assert all(int(r.matrices().sum()) == int(records[0].matrices().sum()) for r in records)
    files = {p: p.read_bytes() for p in (bench.folder / "records").rglob("*.json")}
    assert bench() == 0
    assert bench.trained == []
    assert {p: p.read_bytes() for p in files} == files
    assert "UF1" in capsys.readouterr().out


def test_a_failing_fold_is_recorded_and_the_others_go_on(bench, capsys, monkeypatch):
    import mer_lightning.tasks

    short = mer_lightning.tasks.train_network

    def broken(fit, *rest):
        if fit.fold.held_out.endswith("02"):
            raise RuntimeError("out of\nluck")
        return short(fit, *rest)

    monkeypatch.setattr("mer_lightning.tasks.train_network", broken)
    assert bench("--method", "off-apexnet") == 1
    out = capsys.readouterr().out
    assert "incomplete" in out
    assert "smic/sm02" in out
    (record,) = load_runs(bench.folder / "records")
    assert not record.complete
    assert record.failed == ("smic/sm02",)
    store = Store(bench.folder / "runs")
    assert store.errors(record.run) == {"smic/sm02": "RuntimeError: out of luck"}
    monkeypatch.setattr("mer_lightning.tasks.train_network", short)
    assert bench("--method", "off-apexnet") == 0
    assert bench.trained == ["smic/sm02"]
    (record,) = load_runs(bench.folder / "records")
    assert record.complete
    assert record.failed == ()


def test_a_run_that_goes_on_gives_the_record_of_one_that_never_stopped(bench):
    assert bench("--method", "off-apexnet") == 0
    path = next((bench.folder / "records").rglob("*.json"))
    whole = load_run(path).result()
    folds = sorted((bench.folder / "runs").glob("*/folds/*.json"))
    folds[0].unlink()
    folds[1].write_text("{")  # as a full disk would leave it, were files not renamed into place
    path.unlink()
    assert bench("--method", "off-apexnet") == 0
    assert len(bench.trained) == 2
    assert load_run(path).result() == whole


@pytest.mark.parametrize(
    "change",
    [
        lambda predictions: predictions[0].update(prediction=7),
        lambda predictions: predictions[0].update(label=(predictions[0]["label"] + 1) % 3),
        lambda predictions: predictions[0].update(key="smic/stranger/clip_000"),
        lambda predictions: predictions.pop(),
        lambda predictions: predictions.append(predictions[0]),
    ],
)
def test_a_kept_fold_that_is_not_one_of_the_run_is_named_and_nothing_is_recorded(bench, capsys, change):
    assert bench("--method", "majority") == 0
    (record,) = (bench.folder / "records").rglob("*.json")
    record.unlink()
    path = next((bench.folder / "runs").glob("*/folds/*.json"))
    body = json.loads(path.read_text())
    # as from before there were checksums
    del body["checksum"]
    change(body["predictions"])
    path.write_text(json.dumps(body))
    capsys.readouterr()
    assert bench("--method", "majority") == 2
    said = capsys.readouterr().err
    assert f"{path}: expected a class in 0..2 for each clip of {body['held_out']}" in said
    assert said.count("\n") == 1
    assert not record.exists()
    path.unlink()
    assert bench("--method", "majority") == 0
    assert load_run(record).complete


def test_another_seed_is_another_run_and_estimators_need_only_one(bench):
    assert bench("--seed", "0", "--seed", "1") == 0
    seeds = {(r.method, r.seed) for r in load_runs(bench.folder / "records")}
    assert seeds == {("majority", 0), ("linear-svm", 0), ("off-apexnet", 0), ("off-apexnet", 1)}


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--suite", "nosuch"], "suite 'nosuch' is unknown"),
        (["--method", "nosuch"], "method 'nosuch' is unknown"),
        (["--protocol", "nosuch"], "protocol 'nosuch' is unknown"),
        (["--data", "/tmp"], "invents its data"),
        (["--suite", "megc2019-flow"], "--data"),
        (["--suite", "megc2019-flow", "--data", "/no/such"], "/no/such: no such folder"),
    ],
)
def test_bad_input_is_one_line_exit_2_and_nothing_is_written(bench, capsys, flags, says):
    assert bench(*flags) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not list(bench.folder.iterdir())


def test_damaged_data_leaves_existing_records_untouched(bench, small_folder, capsys):
    assert bench("--method", "majority") == 0
    files = {p: p.read_bytes() for p in bench.folder.rglob("*.json")}
    next(small_folder.rglob("*.png")).write_bytes(b"broken")
    assert bench("--suite", "megc2019-flow", "--data", str(small_folder)) == 2
    assert {p: p.read_bytes() for p in bench.folder.rglob("*.json")} == files


def test_status_says_how_far_each_run_is(bench, capsys):
    assert main(["status", "--runs", str(bench.folder / "runs")]) == 0
    assert "nothing has been run" in capsys.readouterr().out
    assert bench("--method", "majority") == 0
    next((bench.folder / "runs").glob("*/folds/*.json")).unlink()
    capsys.readouterr()
    assert main(["status", "--runs", str(bench.folder / "runs")]) == 0
    folds = len(list((bench.folder / "runs").glob("*/folds/*.json")))
    assert f"{folds}/{folds + 1}" in capsys.readouterr().out


def test_methods_lists_and_shows_recipes(capsys):
    assert main(["methods"]) == 0
    assert "off-apexnet" in capsys.readouterr().out
    assert main(["methods", "--show", "off-apexnet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["training"]["epochs"] == 100
    assert main(["methods", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) >= 4
    assert main(["methods", "--show", "nosuch"]) == 2


@pytest.mark.parametrize("flags", [["run", "--seed", "one"], ["run", "--accelerator", "abacus"], ["fly"], []])
def test_bad_flags_exit_2(flags, capsys):
    with pytest.raises(SystemExit) as stop:
        main(flags)
    assert stop.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
