"""A method of one's own from the first command to the table, in a folder of one's own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.small_packages import write

PROJECT = os.fspath(Path(__file__).parents[2])
ENVIRONMENT = os.environ | {"WANDB_MODE": "disabled", "OMP_NUM_THREADS": "1", "PYTHONPATH": PROJECT, "COLUMNS": "200"}
COMMAND = [sys.executable, "-m", "benchmark"]


@pytest.fixture
def workspace(tmp_path):
    """A new method whose network trains for a moment only."""
    bench(tmp_path, "new", "method", "my-net")
    recipe = tmp_path / "methods" / "my-net.yaml"
    recipe.write_text(recipe.read_text().replace("epochs: 60", "epochs: 2"))
    return tmp_path


def bench(folder, *arguments, status=0):
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def record(folder, method="my-net"):
    return json.loads((folder / "records" / "synthetic-smic-3" / method / "seed0.json").read_text())


@pytest.mark.slow
class TestOwnMethod:
    def test_its_record_and_its_table_say_whose_code_it_is(self, workspace):
        bench(workspace, "run", "--suite", "smoke", "--method", "my-net", "--method", "majority")
        (code,) = record(workspace)["recipe"]["outside"]
        assert (code["name"], code["found_in"]) == ("nets.my_net.MyNet", "workspace")
        assert "outside" not in record(workspace, "majority")["recipe"]
        bench(workspace, "leaderboards")
        table = (workspace / "boards" / "mine-synthetic-smic-3.md").read_text()
        assert "My net (own code)" in table
        assert f"Code outside the suite: nets.my_net.MyNet (workspace, sources {code['hash'][:10]})." in table
        assert "Majority class (own code)" not in table

    def test_changed_code_is_a_new_run_and_unchanged_code_is_not(self, workspace):
        runs = ("run", "--suite", "smoke", "--method", "methods/my-net.yaml")
        bench(workspace, *runs)
        first = record(workspace)["run"]
        bench(workspace, *runs)
        assert [path.name for path in (workspace / "runs").glob("my-net--*")] == [first]
        net = workspace / "nets" / "my_net.py"
        net.write_text(net.read_text().replace("nn.ReLU()", "nn.GELU()"))
        bench(workspace, *runs)
        assert record(workspace)["run"] != first
        assert len(list((workspace / "runs").glob("my-net--*"))) == 2

    @pytest.mark.parametrize(
        ("right", "wrong", "says"),
        [
            ("my_net.MyNet", "my_net.MyNett", "methods/my-net.yaml: model.name: no class MyNett in nets/my_net.py"),
            (
                "my_net.MyNet",
                "my_nett.MyNet",
                "methods/my-net.yaml: model.name: no module nets.my_nett; expected nets/",
            ),
            ("{width: 16", "{wide: 16", "methods/my-net.yaml: model.arguments.wide: nets.my_net.MyNet takes no such"),
            ("{width: 16", "{width: 0", "methods/my-net.yaml: model.arguments: nets.my_net.MyNet"),
        ],
    )
    def test_what_is_misspelt_is_one_line(self, workspace, right, wrong, says):
        recipe = workspace / "methods" / "my-net.yaml"
        recipe.write_text(recipe.read_text().replace(right, wrong))
        said = bench(workspace, "run", "--suite", "smoke", "--method", "my-net", status=2)
        assert "Traceback" not in said
        assert says in said.splitlines()[-1]

    def test_an_error_in_ones_own_file_is_one_line_that_names_its_line(self, workspace):
        write(workspace, {"nets/my_net.py": "from torch import nn\n\nclass MyNet(nn.Modul):\n    pass\n"})
        said = bench(workspace, "run", "--suite", "smoke", "--method", "my-net", status=2)
        assert "Traceback" not in said
        assert "model.name: nets/my_net.py, line 3: AttributeError: " in said.splitlines()[-1]

    def test_workers_run_it_and_a_killed_command_goes_on(self, workspace):
        recipe = workspace / "methods" / "my-net.yaml"
        recipe.write_text(recipe.read_text().replace("epochs: 2", "epochs: 20"))
        runs = ("run", "--suite", "smoke", "--method", "my-net", "--executor", "processes", "--jobs", "2")
        with subprocess.Popen([*COMMAND, *runs], cwd=workspace, env=ENVIRONMENT) as killed:
            while not list(workspace.glob("runs/my-net--*/folds/*.json")):
                assert killed.poll() is None
                time.sleep(0.01)
            killed.send_signal(signal.SIGKILL)
        bench(workspace, *runs)
        there = record(workspace)
        assert (there["finished"], there["failed"]) == (5, [])
        bench(workspace, "run", "--suite", "smoke", "--method", "my-net", "--runs", "again", "--records", "other")
        here = json.loads((workspace / "other" / "synthetic-smic-3" / "my-net" / "seed0.json").read_text())
        assert (here["run"], here["confusion"]) == (there["run"], there["confusion"])

    def test_it_is_tuned_and_its_tuned_row_says_whose_code_it_is(self, workspace):
        recipe = workspace / "methods" / "my-net.yaml"
        recipe.write_text(recipe.read_text().replace("epochs: 2", "epochs: 1"))
        tune = ("tune", "--suite", "smoke", "--method", "my-net", "--protocol", "smic-3", "--trials", "1")
        bench(workspace, *tune, "--inner-folds", "2", "--export", "methods/my-best.yaml")
        assert record(workspace, "my-net-tuned")["recipe"]["outside"]
        assert "nets.my_net.MyNet" in bench(workspace, "methods", "--show", "my-best")


def test_a_method_of_ones_own_can_be_planned_without_training(workspace):
    said = bench(workspace, "run", "--suite", "smoke", "--method", "my-net", "--plan")
    assert "could run" in said
    assert not (workspace / "runs").exists()
