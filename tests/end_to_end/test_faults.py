"""Real processes that are killed, interrupted, doubled and starved of disk: ``make smoke``."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmark.records.run import load_runs
from benchmark.records.store import Store

pytestmark = pytest.mark.smoke
PROJECT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"WANDB_MODE": "disabled", "OMP_NUM_THREADS": "1"}


def bench(folder, *flags):
    command = [sys.executable, "-m", "benchmark", "run", "--suite", "smoke", "--method", "off-apexnet"]
    places = ["--runs", str(folder / "runs"), "--records", str(folder / "records")]
    return [*command, "--accelerator", "cpu", *places, *flags]


def start(folder, *flags, **options):
    return subprocess.Popen(bench(folder, *flags), cwd=PROJECT, env=ENVIRONMENT, **options)


def results(folder):
    return {(r.method, r.board, r.seed): r.result() for r in load_runs(folder / "records")}


def folds(folder):
    return [p for p in folder.glob("runs/off-apexnet*/folds/*.json") if not p.name.endswith(".error.json")]


def children(pid):
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The records of a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    subprocess.run(bench(folder, "--executor", "local"), cwd=PROJECT, env=ENVIRONMENT, check=True)
    return results(folder)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
def test_workers_of_a_killed_program_go_with_it_and_the_next_program_goes_on(tmp_path, whole):
    with start(tmp_path, "--executor", "processes", "--jobs", "2") as driver:
        while not folds(tmp_path):
            assert driver.poll() is None
            time.sleep(0.01)
        workers = children(driver.pid)
        driver.send_signal(signal.SIGKILL)
    assert workers
    deadline = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, workers))
    assert not results(tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in folds(tmp_path)}
    subprocess.run(bench(tmp_path, "--executor", "processes", "--jobs", "2"), cwd=PROJECT, env=ENVIRONMENT, check=True)
    assert results(tmp_path) == whole
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_an_interrupt_stops_the_workers_within_five_seconds_and_says_how_to_go_on(tmp_path, whole):
    with start(
        tmp_path, "--executor", "processes", "--jobs", "2", stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as driver:
        while not folds(tmp_path):
            assert driver.poll() is None
            time.sleep(0.01)
        # as a terminal does it: to every process of the group
        os.killpg(driver.pid, signal.SIGINT)
        began = time.monotonic()
        assert driver.wait(timeout=30) == 130
        assert time.monotonic() - began < 5
        error = driver.stderr.read()
    assert error.strip() == "mer-bench: stopped; finished folds are kept, the same command goes on"
    subprocess.run(bench(tmp_path), cwd=PROJECT, env=ENVIRONMENT, check=True)
    assert results(tmp_path) == whole


def test_two_programs_on_one_store_share_the_work(tmp_path, whole):
    both = [start(tmp_path, "--executor", name, stdout=subprocess.PIPE) for name in ("local", "local")]
    seen = {}
    while any(program.poll() is None for program in both):
        for path in folds(tmp_path):
            # a fold that is written twice would get another inode
            assert seen.setdefault(path, path.stat().st_ino) == path.stat().st_ino
        time.sleep(0.02)
    for program in both:
        assert program.wait() == 0
        program.stdout.close()
    assert results(tmp_path) == whole
    assert not list(tmp_path.rglob("*.part"))


def test_a_disk_that_is_full_gives_one_line_and_a_readable_store(tmp_path, whole):
    def limit():
        # a manifest is smaller than this, the record of a fold is not
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))

    command = bench(tmp_path, "--executor", "local")
    starved = subprocess.run(
        command, cwd=PROJECT, env=ENVIRONMENT, preexec_fn=limit, stderr=subprocess.PIPE, text=True, check=False
    )
    assert starved.returncode == 2
    assert starved.stderr.count("\n") == 1
    assert "cannot be written: File too large" in starved.stderr
    store = Store(tmp_path / "runs")
    (manifest,) = store.manifests()
    assert not store.folds(manifest.run)
    assert not list(tmp_path.rglob("*.part"))
    subprocess.run(command, cwd=PROJECT, env=ENVIRONMENT, check=True)
    assert results(tmp_path) == whole
