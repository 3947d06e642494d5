"""A suite of many representations holds those in memory that its runs are using, and no other."""

import weakref

import pytest
from rich.console import Console

from benchmark.methods.suite import load_suite
from benchmark.records.store import Store
from benchmark.training.executors import Local, Processes
from benchmark.training.ledger import Output
from benchmark.training.plan import make_plan
from benchmark.training.runner import run_all
from benchmark.training.tracking.mirror import NoTracker
from tests.benchmark import fake_work

RECIPE = """
title: Small
summary: Small.
tier: C
representation: {{name: apex_frame, arguments: {{size: [{side}, {side}], colour: false}}}}
model: {{name: timm_backbone.TimmBackbone, arguments: {{backbone: resnet18}}}}
training: {{epochs: 1, batch_size: 8, optimizer: {{name: adam, lr: 1.0e-3}}}}
"""
SUITE = """
title: Three inputs
summary: Four methods that read three representations.
source: {name: synthetic-video, scale: 0.05}
protocols: [samm-3]
methods: [one, same, two, three]
seeds: [0, 1]
"""


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Run the suite with an executor; ``told`` hears of every run that is complete."""
    (tmp_path / "recipes").mkdir()
    monkeypatch.setattr("benchmark.methods.recipe_files.RECIPES", tmp_path / "recipes")
    for name, side in {"one": 8, "same": 8, "two": 16, "three": 24}.items():
        (tmp_path / "recipes" / f"{name}.yaml").write_text(RECIPE.format(side=side))
    (tmp_path / "three.yaml").write_text(SUITE)

    def run(executor, told=lambda: None):
        class Tracker(NoTracker):
            def publish(self, *_):
                told()

        runs = make_plan(load_suite(str(tmp_path / "three.yaml")))
        assert all(run.planned.table is None for run in runs), "nothing is computed before somebody trains on it"
        records = run_all(
            runs, Output(Store(tmp_path / "runs"), tmp_path / "records", Tracker(), Console(quiet=True)), executor
        )
        assert all(record.complete for record in records)
        assert all(run.planned.table is None for run in runs)
        return runs

    run.folder = tmp_path
    return run


def test_one_table_lives_at_a_time_and_is_read_once_for_all_runs_of_it(bench):
    tables, living = [], []

    def work(job, table, accelerator):
        if all(known() is not table for known in tables):
            tables.append(weakref.ref(table))
        living.append(sum(known() is not None for known in tables))
        return fake_work.guess_first(job, table, accelerator)

    runs = bench(Local("cpu", work))
    assert (len(runs), len(tables)) == (8, 3)
    assert set(living) == {1}
    # what is complete is not even read again
    bench(Local("cpu", work))
    assert len(tables) == 3


@pytest.mark.slow
def test_what_workers_map_is_removed_with_its_table(bench, monkeypatch):
    files = []
    monkeypatch.setattr("tempfile.tempdir", str(bench.folder))
    bench(
        Processes(1, "cpu", fake_work.guess_first), lambda: files.append(len(list(bench.folder.glob("mer-bench-*/*"))))
    )
    # each run is told of after its table is let go of, when one worker has asked for the next job at most
    assert len(files) == 8
    assert max(files) <= 2
    assert not list(bench.folder.glob("mer-bench-*"))
