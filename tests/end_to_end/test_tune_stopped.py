"""A search that is stopped by Ctrl-C says how to go on, and goes on exactly: ``make smoke``."""

import json
import signal
import subprocess
import sys
import time

import pytest

from benchmark.records.run import load_runs
from tests.end_to_end.test_faults import ENVIRONMENT, PROJECT

pytestmark = pytest.mark.smoke
SPACE = """
search_space:
  training.optimizer.lr: {kind: float, low: 1.0e-4, high: 1.0e-1, log: true}
  training.epochs: {kind: int, low: 4, high: 12}
"""


def tune(folder, *flags):
    (folder / "space.yaml").write_text(SPACE)
    command = [sys.executable, "-m", "benchmark", "tune", "--suite", "smoke", "--method", "ststnet"]
    command += ["--protocol", "smic-3", "--trials", "4", "--space", str(folder / "space.yaml"), "--accelerator", "cpu"]
    command += ["--storage", "journal", "--runs", str(folder / "runs"), "--records", str(folder / "records"), *flags]
    return subprocess.Popen(
        command, cwd=PROJECT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def trials(folder):
    """Trials of every study, but for the time they took."""
    paths = sorted(folder.glob("runs/*-tuned--*/tuning/*.trials.json"))
    return [[{**trial, "seconds": 0} for trial in json.loads(path.read_text())["trials"]] for path in paths]


@pytest.mark.parametrize("flags", [("--executor", "local"), ("--executor", "processes", "--jobs", "2")])
def test_ctrl_c_ends_a_search_at_once_and_the_same_command_goes_on_exactly(tmp_path, flags):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    whole.mkdir()
    stopped.mkdir()
    with tune(whole, "--executor", "local") as process:
        said, _ = process.communicate(timeout=500)
    assert process.returncode == 0
    assert "ststnet · synthetic-smic-3: 4 trials a fold, 5 folds, sampler tpe, pruner hyperband" in said

    with tune(stopped, *flags) as process:
        end = time.monotonic() + 300
        while sum(int(p.read_text() or 0) for p in stopped.glob("runs/*/tuning/*.progress")) < 2:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        said, _ = process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert said.strip().splitlines()[-1] == (
        "mer-bench: stopped; finished trials and folds are kept, the same command goes on"
    )
    assert "Traceback" not in said
    with tune(stopped, *flags) as process:
        process.communicate(timeout=500)
    assert process.returncode == 0
    assert trials(stopped) == trials(whole)
    (one,), (other,) = (load_runs(folder / "records") for folder in (whole, stopped))
    assert other.result() == one.result()
    assert one.recipe["deviations"][-1] == (
        "Searched in a space of this run's own: training.epochs 4 to 12; training.optimizer.lr 0.0001 to 0.1."
    )
