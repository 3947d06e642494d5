"""Whatever stops a command, the user reads one line of it."""

from pathlib import Path

import pytest

from benchmark.__main__ import main


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (OSError(28, "No space left on device", "/somewhere/a.npy"), 2, "/somewhere/a.npy: No space left on device"),
        (NotADirectoryError(20, "Not a directory", "runs"), 2, "runs: Not a directory"),
        (KeyboardInterrupt(), 130, "stopped; finished folds are kept, the same command goes on"),
    ],
    ids=["full", "file", "ctrl-c"],
)
def test_what_stops_a_command_is_one_line(error, status, says, monkeypatch, capsys):
    def stopped(*_):
        raise error

    monkeypatch.setattr("benchmark.commands.methods.load_recipes", stopped)
    assert main(["methods"]) == status
    assert capsys.readouterr().err == f"mer-bench: {says}\n"


def test_an_output_that_takes_nothing_is_one_line(monkeypatch, capfd):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert main(["methods", "--json"]) == 2
    assert capfd.readouterr().err == "mer-bench: output: No space left on device\n"
