"""Small runs, where to train them, and a small leaderboard."""

import pytest
from rich.console import Console

from benchmark.methods.suite import load_suite
from benchmark.records.run import save_run
from benchmark.records.store import Store
from benchmark.training.ledger import Output
from benchmark.training.plan import make_plan
from benchmark.training.runner import run_all
from benchmark.training.tracking.mirror import NoTracker
from tests.benchmark.example_records import BAD, GOOD, record
from tests.benchmark.short_runs import short


@pytest.fixture
def runs():
    return short(make_plan(load_suite("smoke")))


@pytest.fixture
def network():
    return short(make_plan(load_suite("smoke"), methods=["ststnet"]))


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Train runs with an executor in a folder of its own; gives the records and what was printed."""
    monkeypatch.setenv("FAKE_WORK", str(tmp_path))

    def run(runs, executor, name="a", **options):
        console = Console(record=True, width=200, file=(tmp_path / "out").open("a"))
        records = run_all(
            runs,
            Output(Store(tmp_path / name / "runs"), tmp_path / name / "records", NoTracker(), console),
            executor,
            **options,
        )
        return records, console.export_text()

    run.folder = tmp_path
    return run


@pytest.fixture
def leaderboards(tmp_path):
    for r in (record("good"), record("bad", pairs=BAD), record("bad", 1, GOOD)):
        save_run(tmp_path / "records", r)
    (tmp_path / "reported").mkdir()
    (tmp_path / "reported" / "megc2019.yaml").write_text(
        "board: megc2019\nrows:\n- name: Bad et al.\n  method: bad\n  selection: test\n"
        "  scores: {all: {uf1: 0.9, uar: 0.91}}\n  source: Somewhere 2020\n  note: Too good.\n"
    )
    return tmp_path
