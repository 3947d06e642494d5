"""The offline W&B run holds the numbers of the record, and no trouble with W&B reaches the benchmark."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmark.records.fold import confusion_of
from benchmark.records.run import save_run
from benchmark.records.store import Store
from benchmark.training.tracking.mirror import NoTracker, WandbTracker, make_tracker
from mer_lightning.metrics import uar, uf1
from tests.benchmark.example_records import fold, run_record


@pytest.fixture
def recorded(tmp_path):
    """(run folder, record file, record) of a finished run with learning curves."""
    pairs = {"smic/s01": ((0, 0), (1, 1), (2, 0)), "smic/s02": ((0, 0), (1, 2))}
    folds = [
        fold(person, values).model_copy(update={"curve": {"train_loss": (1.0 + i, 0.5 + i)}})
        for i, (person, values) in enumerate(pairs.items())
    ]
    record = run_record(confusion=confusion_of(folds, 3), run="m--smic-3--s0--0")
    store = Store(tmp_path / "runs")
    for f in folds:
        store.save_fold(record.run, f)
    return store.folder(record.run), save_run(tmp_path / "records", record), record


def read_back(root):
    """What ``wandb leet`` reads from the one offline run below ``root``: (summary, history and the rest)."""
    (path,) = root.rglob("*.wandb")
    inspect = [str(Path(sys.executable).parent / "wandb"), "leet", "inspect", "--json"]
    summary = subprocess.run([*inspect, "--summary", str(path)], capture_output=True, check=True).stdout
    everything = subprocess.run([*inspect, str(path)], capture_output=True, check=True, text=True).stdout
    return json.loads(summary), everything


def test_an_offline_run_holds_config_curves_confusion_folds_and_summary(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder, path, record = recorded
    tracker = WandbTracker(tmp_path / "wandb", "my-suite", Console(quiet=True))
    tracker.publish(folder, path)
    tracker.close()
    assert not (tmp_path / "home").exists(), "all that W&B writes lies in its own folder"
    summary, everything = read_back(tmp_path / "wandb")
    total = record.matrices().sum(0)
    found = summary["summary"]
    assert found["uf1"] == pytest.approx(float(uf1(total)))
    assert found["uar"] == pytest.approx(float(uar(total)))
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["train_loss"] == pytest.approx(1.0)  # mean over folds of the last epoch
    text = json.dumps(summary) + everything
    assert all(word in text for word in ("my-suite", "loso", "recipe_hash", "confusion", "folds"))


def test_a_process_that_was_ready_mirrors_the_run_and_keeps_its_own_log(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder, path, record = recorded
    root = tmp_path / "wandb"
    tracker = WandbTracker(root, "my-suite", Console(quiet=True))
    tracker.expect()
    ready = tracker._ready
    tracker.expect()
    assert tracker._ready is ready
    tracker.publish(folder, path)
    assert tracker._workers == {folder.name: ready}
    tracker.close()
    summary, _ = read_back(root)
    assert summary["summary"]["uf1"] == pytest.approx(float(uf1(record.matrices().sum(0))))
    assert [log.name for log in root.glob("*.log")] == [f"{folder.name}.log"]


def test_a_process_that_was_ready_for_nothing_leaves_nothing(tmp_path):
    tracker = WandbTracker(tmp_path, "s", Console(quiet=True))
    tracker.expect()
    ready = tracker._ready
    tracker.close()
    assert ready.poll() is not None
    assert not list(tmp_path.iterdir())


def test_a_process_that_died_before_it_was_needed_is_replaced(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder, path, _ = recorded
    tracker = WandbTracker(tmp_path / "wandb", "s", Console(quiet=True))
    tracker.expect()
    tracker._ready.kill()
    tracker._ready.wait()
    tracker.publish(folder, path)
    tracker.close()
    read_back(tmp_path / "wandb")


def test_what_tuning_chose_is_a_table_of_the_run(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder, path, _ = recorded
    store = Store(folder.parent)
    for done in store.folds(folder.name).values():
        chosen = {"training.optimizer.lr": 0.125}
        store.save_fold(folder.name, done.model_copy(update={"tuned": chosen, "inner_uf1": 0.5}))
    tracker = WandbTracker(tmp_path / "wandb", "s", Console(quiet=True))
    tracker.publish(folder, path)
    tracker.close()
    (table,) = (tmp_path / "wandb").rglob("tuning*.table.json")
    found = json.loads(table.read_text())
    assert found["columns"] == ["held out", "inner UF1", "training.optimizer.lr"]
    assert found["data"] == [["smic/s01", 0.5, 0.125], ["smic/s02", 0.5, 0.125]]


def test_a_failure_of_wandb_is_one_line_and_no_error(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    console = Console(record=True, width=400, file=(tmp_path / "out").open("w"))
    folder, path, _ = recorded
    path.write_text("{}")  # the worker will fail on this
    tracker = WandbTracker(tmp_path / "wandb", "s", console)
    tracker.publish(folder, path)
    tracker.close()
    assert "W&B did not take m--smic-3--s0--0" in console.export_text()


def test_a_place_that_takes_no_files_costs_the_mirror_alone(recorded, tmp_path):
    console = Console(record=True, width=400, file=(tmp_path / "out").open("w"))
    (tmp_path / "wandb").write_text("a file in its place")
    folder, path, _ = recorded
    tracker = WandbTracker(tmp_path / "wandb", "s", console)
    tracker.expect()
    tracker.publish(folder, path)
    tracker.close()
    said = console.export_text()
    assert f"W&B did not take {folder.name}: {tmp_path / 'wandb'}: File exists" in said


def test_without_wandb_or_with_tracking_disabled_nothing_is_tracked(tmp_path, monkeypatch):
    assert isinstance(make_tracker(tmp_path, "s", Console()), NoTracker)  # WANDB_MODE=disabled in tests
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert isinstance(make_tracker(tmp_path, "s", Console()), WandbTracker)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert isinstance(make_tracker(tmp_path, "s", Console()), NoTracker)
