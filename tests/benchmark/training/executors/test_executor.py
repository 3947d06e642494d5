"""One process and one store: what another program trains is left to it, and a full disk is said."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.records.run import load_runs
from benchmark.records.store import Store
from benchmark.training.executors import Local
from benchmark.training.executors.executor import copy_of
from benchmark.training.jobs import Job, RunFold
from benchmark.training.locks import FoldLocks
from mer_lightning.types import DataError
from tests.benchmark import fake_work


def test_a_fold_that_another_program_trains_is_left_to_it(bench, network):
    (run,) = network
    store = Store(bench.folder / "a" / "runs")
    folder = store.folder(run.id)
    folder.mkdir(parents=True)
    people = [fold.held_out for fold in run.folds]
    read, write = os.pipe()
    # a process of its own: locks do not keep a process from itself
    code = f"""
import os, sys
from pathlib import Path
from benchmark.training.locks import FoldLocks
locks = FoldLocks(Path({str(folder)!r}))
assert locks.take({people[1]!r})
os.write({write}, b"x")
sys.stdin.read()
"""
    import subprocess
    import sys

    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, pass_fds=[write]) as other:
        os.read(read, 1)
        assert not FoldLocks(folder).take(people[1])
        trained = []

        def work(job, table, accelerator):
            trained.extend(fold.held_out for fold in job.folds)
            if len(trained) == len(people) - 1:
                # the other one finishes its fold
                (outcome,) = fake_work.guess_first(
                    Job(run.recipe, (RunFold(run.id, 0, run.folds[1]),)), table, accelerator
                )
                store.save_fold(run.id, outcome.result)
                other.stdin.close()
                other.wait()
            return fake_work.guess_first(job, table, accelerator)

        (record,), _ = bench(network, Local("cpu", work))
    assert record.complete
    assert people[1] not in trained


def test_a_full_disk_is_one_clear_line_and_leaves_the_store_readable(bench, network, monkeypatch):
    (run,) = network
    written, fsync = [], os.fsync

    def full(handle):
        written.append(handle)
        if len(written) > 4:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match=r"cannot be written: No space left on device"):
        bench(network, Local("cpu", fake_work.guess_first))
    monkeypatch.undo()
    store = Store(bench.folder / "a" / "runs")
    assert len(store.folds(run.id)) == 3
    assert not list(bench.folder.rglob("*.part"))
    (record,), _ = bench(network, Local("cpu", fake_work.guess_first))
    assert record.complete


def test_records_of_the_fixture_are_where_they_belong(bench, network):
    bench(network, Local("cpu", fake_work.guess_first))
    assert len(load_runs(Path(bench.folder) / "a" / "records")) == 1


def test_workers_get_one_copy_of_a_table_and_it_is_forgotten_when_the_next_one_comes(network):
    (run,) = network
    first, second = run.planned, replace(run.planned)
    copies, made, forgotten = {}, [], []

    def make(table):
        made.append(table)
        return len(made)

    assert [copy_of(first, copies, make, forgotten.append) for _ in range(2)] == [1, 1]
    assert made == [first.table]
    assert copy_of(second, copies, make, forgotten.append) == 2
    assert not forgotten
    first.let_go()
    assert copy_of(second, copies, make, forgotten.append) == 2
    assert forgotten == [1]
