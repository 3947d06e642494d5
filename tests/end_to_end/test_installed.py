"""The wheel in an environment of its own, in an empty folder: everything works there, and nothing else is written.

Run by ``make installed``, which needs a minute and no network where packages are cached.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from benchmark.places import SHIPPED
from benchmark.records.run import load_run
from tests.benchmark.evidence.predicted import write_about, write_predictions

PROJECT = Path(__file__).parents[2]
pytestmark = pytest.mark.installed


def contents(folder):
    """What lies in a folder, by size and time of its last change."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = (status.st_size, status.st_mtime_ns)
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A fresh environment with the locked packages and the wheel, whose own folders take no files."""
    folder = tmp_path_factory.mktemp("environment")
    wheels = folder / "wheels"
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels], cwd=PROJECT, check=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    given = os.environ | {"VIRTUAL_ENV": str(folder / "venv")}
    lock = PROJECT / "requirements" / "project.lock"
    subprocess.run([uv, "pip", "install", "-q", "--require-hashes", "-r", lock], env=given, check=True)
    subprocess.run([uv, "pip", "install", "-q", "--no-deps", wheel], env=given, check=True)
    (packages,) = (folder / "venv" / "lib").glob("python3.*/site-packages")
    own = [packages / "benchmark", packages / "mer_lightning"]
    subprocess.run([folder / "venv" / "bin" / "python", "-m", "compileall", "-q", *own], check=True)
    for root in own:
        for path in (root, *root.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder / "venv", packages
    for root in own:
        for path in (root, *root.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.fixture(scope="module")
def bench(environment, tmp_path_factory):
    """Run a command of the installed suite in an empty folder, as somebody with an empty home."""
    venv, packages = environment
    home, work = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "OMP_NUM_THREADS") if name in os.environ}
    given = kept | {"HOME": str(home), "WANDB_MODE": "offline", "WANDB_SILENT": "true"}

    def run(*words, status=0):
        done = subprocess.run(
            [venv / "bin" / "mer-bench", *map(str, words)],
            cwd=work,
            env=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    run.work, run.packages, run.python, run.environment = work, packages, venv / "bin" / "python", given
    return run


def draw_clips(bench):
    """Clips of four invented people, drawn by the example, with the environment's own Python."""
    shutil.copy(PROJECT / "examples" / "own_database" / "draw.py", bench.work / "draw.py")
    subprocess.run([bench.python, "draw.py"], cwd=bench.work, env=bench.environment, check=True)


def write_others(bench):
    """Predictions of somebody else, whose scores are those of a shipped record."""
    record = load_run(SHIPPED / "records" / "smic-3" / "linear-svm" / "seed0.json")
    write_predictions(bench.work / "predictions.csv", record)
    write_about(bench.work / "about.yaml", title="Their Net")


def test_everything_works_in_an_empty_folder_and_nothing_else_changes(bench):
    before = {name: contents(bench.packages / name) for name in ("benchmark", "mer_lightning")}
    assert "shipped/reported/megc2019.yaml" in before["benchmark"]

    # what is shipped can be read before anything was done here
    assert "ststnet" in bench("methods")
    assert "linear-svm" in bench("compare", "--protocol", "megc2019", "linear-svm", "ststnet")
    assert "clean" in bench("audit")
    assert "possible" in bench("check-claim", "--protocol", "megc2019", "--uf1", "0.7353", "--uar", "0.7605")
    assert "pass" in bench("verify-papers")
    assert list(bench.work.iterdir()) == []

    said = bench("run", "--suite", "smoke", "--executor", "local")
    assert f"records: {bench.work / 'records'}" in said

    # a method of one's own, by name and by path, in worker processes
    bench("new", "method", "my-net")
    (bench.work / "elsewhere").mkdir()
    (bench.work / "elsewhere" / "short-net.yaml").write_text(
        "variant_of: my-net\ntitle: Short\ntraining: {epochs: 1}\n"
    )
    methods = ("--method", "my-net", "--method", "elsewhere/short-net.yaml")
    bench("run", "--suite", "smoke", *methods, "--executor", "processes", "--jobs", "2")

    # clips of one's own, with a protocol of one's own
    draw_clips(bench)
    bench("data", "index", "clips")
    bench("data", "verify", "clips/clips.csv")
    bench("new", "database", "mylab", "--data", "clips")
    bench("run", "--suite", "mylab", "--data", "clips", "--method", "majority", "--method", "linear-svm")
    assert (bench.work / "protocols" / "mylab.yaml").exists()

    # predictions of somebody else
    write_others(bench)
    assert "0.5790" in bench("score", "predictions.csv", "--protocol", "smic-3")
    assert "record:" in bench("contribute", "predictions.csv", "--about", "about.yaml", "--protocol", "smic-3")

    bench("leaderboards")
    boards = bench.work / "boards"
    assert (boards / "site" / "index.html").exists()
    assert "(own code)" in (boards / "mine-synthetic-smic-3.md").read_text()
    assert "Linear SVM" in (boards / "synthetic-mylab.md").read_text()
    assert "Their Net (contributed)" in (boards / "smic-3.md").read_text()
    compared = json.loads(bench("compare", "--protocol", "mine-synthetic-smic-3", "--json"))
    assert set(compared["methods"]) == {"linear-svm", "majority", "my-net", "off-apexnet", "short-net"}
    assert "majority--synthetic-smic-3--s0" in bench("audit", "records")
    assert "clean" in bench("audit", "runs")

    # what was recorded says itself what its protocol is
    (bench.work / "protocols" / "mylab.yaml").unlink()
    assert "linear-svm" in bench("compare", "--records", "records", "--protocol", "synthetic-mylab")

    assert {name: contents(bench.packages / name) for name in before} == before
    made = {path.name for path in bench.work.iterdir()}
    given = {"about.yaml", "clips", "draw.py", "elsewhere", "predictions.csv"}
    assert made - given == {
        "boards",
        "contributed",
        "methods",
        "nets",
        "protocols",
        "records",
        "runs",
        "suites",
        "tests",
    }
