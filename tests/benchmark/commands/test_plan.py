"""What ``mer-bench plan`` says before anything is trained, and what it measures once."""

import json

import pytest

from benchmark.__main__ import main

PLAN = ["plan", "--suite", "smoke", "--executor", "local", "--accelerator", "cpu"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setattr("benchmark.training.pace.SECONDS", 0.2)
    return tmp_path


def plan(capsys, *flags):
    assert main([*PLAN, *flags]) == 0
    return capsys.readouterr()


class TestPlan:
    def test_says_what_every_method_takes_and_trains_nothing(self, home, capsys):
        said = json.loads(plan(capsys, "--json").out)
        assert [(run["method"], run["folds"], run["missing"], run["epochs"]) for run in said["runs"]] == [
            ("majority", 5, 5, 0),
            ("linear-svm", 5, 5, 0),
            ("off-apexnet", 5, 5, 100),
        ]
        network = said["runs"][-1]["hours"]
        assert network > 10 * said["runs"][0]["hours"] > 0
        assert said["hours"] == pytest.approx(said["starting_hours"] + said["reading_hours"] + said["folds_hours"])
        assert (said["workers"], said["stages"], said["starts"]) == (1, [], 0)
        assert not (home / "records").exists()
        assert not list(home.glob("runs/*/folds"))

    @pytest.mark.usefixtures("home")
    def test_measures_a_machine_once_and_again_when_asked_to(self, capsys):
        first = plan(capsys).out
        assert "measuring: off-apexnet under smic-3" in first
        second = plan(capsys).out
        assert "measuring" not in second
        assert "in all about" in second
        assert "measured on this machine just now" in second
        assert "measuring: off-apexnet" in plan(capsys, "--anew").out

    def test_says_how_old_the_measurements_are(self, home, capsys, monkeypatch):
        plan(capsys)
        (kept,) = home.glob("runs/calibration/*.json")
        import time

        now = time.time()
        monkeypatch.setattr("time.time", lambda: now + 3 * 86400)
        assert "measured on this machine 3 days ago; --anew measures it again" in plan(capsys).out
        kept.write_text(kept.read_text().replace('"fold": ', '"fold": 9'))
        said = plan(capsys).out
        assert "its checksum does not fit" in said
        assert "measuring: off-apexnet" in said

    @pytest.mark.usefixtures("home")
    def test_measures_under_every_protocol_its_own_rows(self, capsys):
        flags = ["--protocol", "smic-3", "--protocol", "casme2-3", "--method", "linear-svm", "--method", "majority"]
        said = json.loads(plan(capsys, *flags, "--json").out)
        folds = {(run["method"], run["protocol"]): run["folds"] for run in said["runs"]}
        assert len(folds) == 4
        assert folds["linear-svm", "casme2-3"] != folds["linear-svm", "smic-3"]
        assert all(run["hours"] > 0 for run in said["runs"])

    @pytest.mark.usefixtures("home")
    def test_counts_folds_that_are_here(self, capsys):
        assert main(["run", *PLAN[1:], "--method", "majority"]) == 0
        capsys.readouterr()
        said = json.loads(plan(capsys, "--method", "majority", "--json").out)
        assert [(run["missing"], run["hours"], run["recorded"]) for run in said["runs"]] == [(0, 0.0, "yes")]

    @pytest.mark.usefixtures("home")
    def test_refuses_what_could_not_run(self, capsys):
        assert main([*PLAN, "--method", "no-such-method"]) == 2
        assert "no-such-method" in "".join(capsys.readouterr())
