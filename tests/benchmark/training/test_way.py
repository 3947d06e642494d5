"""From the command to Lightning there are few steps, and each of them does something."""

import traceback
from pathlib import Path

import lightning

from benchmark.__main__ import main

ROOT = Path(__file__).parents[3]
OURS = (ROOT / "benchmark", ROOT / "mer_lightning")
MOST = 8


def test_from_the_command_to_the_trainer_there_are_at_most_eight_steps(tmp_path, monkeypatch):
    ways = []

    def fit(*_, **__):
        frames = [f for f in traceback.extract_stack() if any(Path(f.filename).is_relative_to(room) for room in OURS)]
        ways.append([f"{Path(frame.filename).stem}.{frame.name}" for frame in frames])
        raise KeyboardInterrupt

    monkeypatch.setattr(lightning.Trainer, "fit", fit)
    places = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records")]
    command = ["run", "--suite", "smoke", "--method", "off-apexnet", "--executor", "local", "--accelerator", "cpu"]
    assert main([*command, *places]) == 130
    (way,) = ways
    # `main` only finds the handler of the command
    assert way[:2] == ["__main__.main", "run._run"]
    assert way[-2:] == ["fold.fit_network", "fold._fit_built"]
    assert len(way) - 1 <= MOST, way
