"""kill -9 in the middle of a benchmark loses nothing: ``make smoke``."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.records.run import load_runs

PROJECT = Path(__file__).parents[2]


def bench(folder):
    command = [sys.executable, "-m", "benchmark", "run", "--suite", "smoke", "--accelerator", "cpu"]
    return [*command, "--runs", str(folder / "runs"), "--records", str(folder / "records")]


def results(folder):
    return {(r.method, r.board, r.seed): r.result() for r in load_runs(folder / "records")}


@pytest.mark.smoke
def test_a_killed_benchmark_goes_on_and_gives_the_same_records(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    environment = os.environ | {"WANDB_MODE": "disabled"}
    subprocess.run(bench(whole), cwd=PROJECT, env=environment, check=True)

    deaths = 0
    for enough in (1, 3):  # die in the first network's folds, then some folds later
        with subprocess.Popen(bench(killed), cwd=PROJECT, env=environment) as process:
            while process.poll() is None:
                if len(list(killed.glob("runs/off-apexnet*/folds/*.json"))) >= enough:
                    process.send_signal(signal.SIGKILL)
                    deaths += 1
                    break
                time.sleep(0.005)
    assert deaths == 2
    assert len(list(killed.glob("runs/off-apexnet*/folds/*.json"))) < 5
    assert not list(killed.glob("records/*/off-apexnet/*"))
    done = {path: path.stat().st_mtime_ns for path in killed.glob("runs/*/folds/*.json")}

    subprocess.run(bench(killed), cwd=PROJECT, env=environment, check=True)
    assert results(killed) == results(whole)
    assert {path: path.stat().st_mtime_ns for path in done} == done


@pytest.mark.smoke
def test_an_interrupt_stops_soon_and_says_how_to_go_on(tmp_path):
    environment = os.environ | {"WANDB_MODE": "disabled"}
    with subprocess.Popen(bench(tmp_path), cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob("runs/off-apexnet*/folds/*.json")):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr is not None
        assert "the same command goes on" in process.stderr.read()
