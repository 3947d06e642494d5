"""Every trial is a W&B run in the group of its study, offline too, and no trouble with W&B stops a study."""

import json
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from rich.console import Console

import benchmark.tuning.trials
from benchmark.records.run import load_run
from benchmark.records.store import Store
from benchmark.training.executors import Local
from benchmark.training.ledger import Output
from benchmark.training.tracking.mirror import WandbTracker
from benchmark.tuning.search import Tuning
from benchmark.tuning.tune import tune
from mer_lightning.tasks import FoldResult
from mer_lightning.types import Prediction
from tests.benchmark.tuning.searches import RATES, make_run, network
from tests.benchmark.tuning.test_tune import Killed, both
from tests.small_tables import keys_of


@pytest.fixture
def simple(monkeypatch):
    """Instead of training: everybody is right with a large learning rate, nobody with a small one."""

    def train(recipe, fit):
        wrong = recipe.training.optimizer.lr < 1e-4
        labels = fit.table.labels[fit.table.rows(fit.fold.test)].tolist()
        keys = keys_of(fit.fold.test, fit.table.keys)
        made = (Prediction(key, label, (label + wrong) % 3, ()) for key, label in zip(keys, labels, strict=True))
        return FoldResult(tuple(made), 0.0, {"train_loss": (0.0,) * 8})

    both(monkeypatch, train)


@pytest.fixture
def run():
    """One fold of a network, with too many subjects for a trial that is wrong about all of them to go on."""
    whole = network(make_run(scale=1, size=8), **RATES)
    return replace(whole, folds=whole.folds[:1])


def tune_it(run, folder, console):
    """Tune with W&B; the record and what is told of the trials."""
    tracker = WandbTracker(folder / "wandb", "s", console)
    record = tune(
        run,
        Tuning(trials=4, sampler="random", pruner="wilcoxon", search_space=RATES),
        Output(Store(folder / "runs"), folder / "records", tracker, console),
        lambda work: Local("cpu", work),
    )
    tracker.close()
    (path,) = (folder / "runs" / record.run / "tuning").glob("*.trials.json")
    return record, json.loads(path.read_text())


@dataclass
class Mirrored:
    """What one offline run holds."""

    name: str
    group: str
    kind: str
    config: dict = field(default_factory=dict)
    summary: dict = field(default_factory=dict)
    exit_code: int = -1


def mirrored(root):
    """Every offline run below ``root``, read by W&B's own program."""
    inspect = [str(Path(sys.executable).parent / "wandb"), "leet", "inspect", "--json"]
    for path in root.rglob("*.wandb"):
        lines = subprocess.run([*inspect, str(path)], capture_output=True, check=True, text=True).stdout.splitlines()
        rows = list(map(json.loads, lines))
        (run,) = [row["run"] for row in rows if row["type"] == "run"]
        found = Mirrored(run["display_name"], run["run_group"], run["job_type"], run["config"]["update"])
        for row in rows:
            if row["type"] == "summary":
                found.summary |= row["summary"]["update"]
            if row["type"] == "exit":
                found.exit_code = row["exit"]["exit_code"]
        yield found


def test_every_trial_is_a_run_of_its_studys_group_pruned_and_failed_ones_too(run, tmp_path, monkeypatch, simple):
    monkeypatch.setenv("WANDB_MODE", "offline")
    train, calls = benchmark.tuning.trials.train_fold, []

    def dies(*given, **options):
        calls.append(given)
        if len(calls) == 5:  # in the second trial
            raise Killed
        return train(*given, **options)

    monkeypatch.setattr(benchmark.tuning.trials, "train_fold", dies)
    with pytest.raises(Killed):
        tune_it(run, tmp_path, Console(quiet=True))
    record, study = tune_it(run, tmp_path, Console(quiet=True))
    states = [trial["state"] for trial in study["trials"]]
    assert states == ["complete", "fail", "complete", "complete", "pruned"]

    found = list(mirrored(tmp_path / "wandb"))
    (whole,) = [one for one in found if one.kind == "loso"]
    assert whole.summary["tuning_trials"] == record.tuning.trials == 4
    trials = {one.name: one for one in found if one.kind == "trial"}
    assert len(trials) == len(found) - 1 == 5
    for trial in study["trials"]:
        one = trials[f"{study['study']} · trial {trial['number']}"]
        assert one.group == f"{record.run}/{study['study']}"
        assert one.config["training.optimizer.lr"] == pytest.approx(trial["values"]["training.optimizer.lr"])
        assert (one.summary["state"], one.summary["epochs"]) == (trial["state"], trial["epochs"])
        # one that was pruned or failed is worth nothing, not 0
        assert one.summary["value"] == trial["value"]
        assert one.exit_code == (trial["state"] == "fail")


def test_a_study_ends_as_it_would_without_wandb_when_wandb_fails(run, tmp_path, monkeypatch, simple):
    """The package raises where it is imported: only the mirror imports it, and only the mirror fails."""
    alone, study = tune_it(run, tmp_path / "alone", Console(quiet=True))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "wandb.py").write_text("raise RuntimeError('wandb is out of order')\n")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    monkeypatch.syspath_prepend(str(broken))
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    console = Console(record=True, width=400, file=(tmp_path / "out").open("w"))
    record, same = tune_it(run, tmp_path / "runs", console)
    assert f"W&B did not take {record.run}; see " in console.export_text()
    assert "wandb is out of order" in (tmp_path / "runs" / "wandb" / f"{record.run}.log").read_text()
    assert record.result() == alone.result()
    told = [[{**trial, "seconds": 0} for trial in one["trials"]] for one in (study, same)]
    assert told[0] == told[1]


def test_a_study_that_wandb_chokes_on_in_the_middle_is_safe(run, tmp_path, monkeypatch, simple):
    monkeypatch.setenv("WANDB_MODE", "offline")
    record, study = tune_it(run, tmp_path, Console(quiet=True))
    (path,) = (tmp_path / "runs" / record.run / "tuning").glob("*.trials.json")
    path.write_text(json.dumps(study | {"trials": [study["trials"][0], {"number": 1}]}))
    console = Console(record=True, width=400, file=(tmp_path / "out").open("w"))
    tracker = WandbTracker(tmp_path / "again", "s", console)
    (kept,) = (tmp_path / "records").rglob("*.json")
    tracker.publish(path.parents[1], kept)
    tracker.close()
    assert f"W&B did not take {record.run}" in console.export_text()
    # what came before is there, and the record is untouched
    assert sorted(one.kind for one in mirrored(tmp_path / "again")) == ["loso", "trial"]
    assert load_run(kept).complete
