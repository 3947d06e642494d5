"""Where folds are trained changes nothing, and no worker that dies takes anything with it."""

import importlib.util
import os
import signal
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
import torch
from rich.console import Console

from benchmark.executors import Local, Processes, Ray, choose_executor
from benchmark.jobs import Job, do_job
from benchmark.locks import FoldLocks
from benchmark.plan import load_suite, make_plan
from benchmark.records import FoldRecord, Store, load_runs
from benchmark.runner import run_all
from benchmark.tracking import NoTracker
from mer_lightning.models.replicas import running_replicas
from mer_lightning.models.ststnet import STSTNet
from mer_lightning.tasks import examine
from mer_lightning.types import DataError
from tests.benchmark import fake_work


def short(runs, epochs=2):
    """The same runs with two epochs."""
    from dataclasses import replace

    def recipe(given):
        if given.training is None:
            return given
        return given.model_copy(update={"training": given.training.model_copy(update={"epochs": epochs})})

    return [replace(run, recipe=recipe(run.recipe)) for run in runs]


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
            store=Store(tmp_path / name / "runs"),
            records=tmp_path / name / "records",
            tracker=NoTracker(),
            console=console,
            executor=executor,
            **options,
        )
        return records, console.export_text()

    run.folder = tmp_path
    return run


def results(records):
    return [record.result() for record in records]


@pytest.mark.slow
def test_processes_give_the_records_of_this_process(bench, runs):
    threads = torch.get_num_threads()
    here, _ = bench(runs, Local("cpu", fake_work.train), "here")
    torch.set_num_threads(threads)
    there, _ = bench(runs, Processes(2, "cpu", fake_work.train), "there")
    assert all(record.complete for record in here)
    assert results(there) == results(here)
    stores = [Store(bench.folder / name / "runs") for name in ("here", "there")]
    for record in here:
        one, other = (store.folds(record.run) for store in stores)
        assert {p: f.model_dump(exclude={"seconds"}) for p, f in one.items()} == {
            p: f.model_dump(exclude={"seconds"}) for p, f in other.items()
        }


@pytest.mark.slow
def test_a_worker_that_is_killed_in_mid_fold_is_replaced_and_the_fold_trained_again(bench, runs):
    def kill():
        mark = bench.folder / "pid"
        while not mark.exists() or not mark.read_text():
            time.sleep(0.02)
        os.kill(int(mark.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    start = time.monotonic()
    records, _ = bench(runs, Processes(2, "cpu", fake_work.wait_to_be_killed_once))
    killer.join(1)
    assert time.monotonic() - start < 500, "the fold must not have slept to its end"
    assert results(records) == results(bench(runs, Local("cpu", fake_work.guess_first), "calm")[0])


@pytest.mark.slow
def test_a_fold_that_kills_its_worker_every_time_fails_and_the_others_go_on(bench, network):
    (record,), _ = bench(network, Processes(2, "cpu", fake_work.die_for_one))
    assert record.failed == ("smic/sm02",)
    assert record.finished == record.folds - 1
    assert "died 3 times" in Store(bench.folder / "a" / "runs").errors(record.run)["smic/sm02"]


@pytest.mark.slow
def test_an_error_outside_of_training_is_a_failure_of_its_fold(bench, network):
    (record,), _ = bench(network, Processes(1, "cpu", fake_work.raise_for_one))
    assert record.failed == ("smic/sm02",)
    assert Store(bench.folder / "a" / "runs").errors(record.run) == {"smic/sm02": "RuntimeError: out of luck"}


@pytest.mark.slow
def test_closing_stops_the_workers_at_once(network):
    (run,) = network
    jobs = (Job(run.id, run.recipe, 0, (fold,)) for fold in run.folds)
    os.environ["FAKE_SECONDS"] = "60"
    try:
        executor = Processes(2, "cpu", fake_work.sleep_a_second)
        start = time.monotonic()
        with closing(executor.run(jobs, {run.id: run.table})) as ended:
            threading.Timer(6, signal.raise_signal, [signal.SIGINT]).start()
            with pytest.raises(KeyboardInterrupt):
                next(ended)
        assert time.monotonic() - start < 6 + 5
    finally:
        del os.environ["FAKE_SECONDS"]


def test_folds_at_once_give_the_predictions_of_folds_one_by_one(bench, network):
    alone, _ = bench(network, Local("cpu"), "alone")
    together, printed = bench(network, Local("cpu"), "together", at_once=3)
    assert results(together) == results(alone)
    assert "at once" not in printed


class Hungry(STSTNet):
    """Takes more memory than there is where more than two run together."""

    def forward(self, x):
        replicas = running_replicas()
        if replicas is not None and len(replicas.sizes) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x)


@pytest.fixture
def hungry(network, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr("mer_lightning.models.ststnet.STSTNet", Hungry)
    return [replace(run, table=run.table) for run in network]


def test_folds_that_do_not_fit_are_tried_in_halves(bench, hungry, monkeypatch):
    tried = []
    import mer_lightning.tasks

    real = mer_lightning.tasks.train_networks
    monkeypatch.setattr(
        "mer_lightning.tasks.train_networks",
        lambda table, folds, *rest, **options: tried.append(len(folds)) or real(table, folds, *rest, **options),
    )
    (record,), printed = bench(hungry, Local("cpu"), at_once=5)
    assert record.complete
    assert tried[:2] == [5, 3]
    assert "5 folds at once: OutOfMemoryError: CUDA out of memory; going on with 3" in printed


def test_a_fold_that_fails_among_others_is_named_and_the_others_are_kept(bench, network, monkeypatch):
    import mer_lightning.tasks

    real = mer_lightning.tasks.train_network

    def broken(table, fold, *rest, **options):
        if fold.held_out.endswith("02"):
            raise RuntimeError("this one")
        return real(table, fold, *rest, **options)

    def all_broken(*_, **__):
        raise RuntimeError("one of them")

    monkeypatch.setattr("mer_lightning.tasks.train_network", broken)
    monkeypatch.setattr("mer_lightning.tasks.train_networks", all_broken)
    (record,), printed = bench(network, Local("cpu"), at_once=5)
    assert record.failed == ("smic/sm02",)
    assert record.finished == record.folds - 1
    assert "RuntimeError: one of them; going on with 1" in printed


def test_a_method_that_cannot_run_at_once_says_why_and_runs(bench, monkeypatch):
    class Branching(STSTNet):
        def forward(self, x):
            return super().forward(x if x.sum() > 0 else -x)

    monkeypatch.setattr("mer_lightning.models.ststnet.STSTNet", Branching)
    (record,), printed = bench(short(make_plan(load_suite("smoke"), methods=["ststnet"])), Local("cpu"), at_once=5)
    assert record.complete
    assert "fold by fold: ststnet.STSTNet does not run under vmap" in printed


def test_every_fold_of_a_job_has_an_outcome_in_order(network):
    (run,) = network
    how = examine(run.table, run.recipe.model, run.recipe.training)
    folds = tuple(fold for fold in run.folds if len(fold.train) == len(run.folds[0].train)) or run.folds[:1]
    outcomes = do_job(Job(run.id, run.recipe, 0, folds, how), run.table, "cpu")
    assert [o.held_out for o in outcomes] == [fold.held_out for fold in folds]
    assert all(isinstance(o.result, FoldRecord) for o in outcomes)


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
from benchmark.locks import FoldLocks
locks = FoldLocks(Path({str(folder)!r}), {people!r})
assert locks.take({people[1]!r})
os.write({write}, b"x")
sys.stdin.read()
"""
    import subprocess
    import sys

    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, pass_fds=[write]) as other:
        os.read(read, 1)
        assert not FoldLocks(folder, people).take(people[1])
        trained = []

        def work(job, table, accelerator):
            trained.extend(fold.held_out for fold in job.folds)
            if len(trained) == len(people) - 1:
                # the other one finishes its fold
                (outcome,) = fake_work.guess_first(Job(run.id, run.recipe, 0, (run.folds[1],)), table, accelerator)
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
    assert not list(bench.folder.rglob("*.tmp"))
    (record,), _ = bench(network, Local("cpu", fake_work.guess_first))
    assert record.complete


def test_the_executor_follows_the_work(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmark.executors.cores", lambda: 4)
    store = Store(tmp_path)
    assert isinstance(choose_executor("auto", runs, store, "cpu"), Local)
    long = short(make_plan(load_suite("smoke"), methods=["ststnet"]), epochs=100_000)
    chosen = choose_executor("auto", long, store, "cpu")
    assert isinstance(chosen, Processes)
    assert (chosen.workers, chosen.threads) == (4, 1)
    assert (Processes(3).threads, Processes(2).threads, Processes(8).threads) == (1, 2, 1)
    assert isinstance(choose_executor("auto", long, store, "cpu", workers=1), Local)
    with pytest.raises(DataError, match="--address"):
        choose_executor("local", runs, store, address="auto")
    with pytest.raises(DataError, match="--jobs 2"):
        choose_executor("local", runs, store, workers=2)


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_one_line_says_how_to_get_it(runs, tmp_path):
    with pytest.raises(DataError, match=r"Ray is not installed; pip install '\.\[ray\]'"):
        choose_executor("ray", runs, Store(tmp_path))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs Ray: pip install '.[ray]'")
class TestRay:
    def test_ray_gives_the_records_of_this_process(self, bench, runs):
        threads = torch.get_num_threads()
        here, _ = bench(runs, Local("cpu", fake_work.train), "here")
        torch.set_num_threads(threads)
        there, _ = bench(runs, Ray(None, 2, "cpu", fake_work.train), "there")
        assert results(there) == results(here)

    def test_a_task_whose_worker_dies_is_tried_again_and_fails_in_the_end(self, bench, network):
        (record,), _ = bench(network, Ray(None, 2, "cpu", fake_work.die_for_one))
        assert record.failed == ("smic/sm02",)
        assert record.finished == record.folds - 1

    def test_a_ray_that_stops_loses_nothing_and_a_new_one_goes_on(self, bench, network):
        import ray

        def stop_soon():
            store = Store(bench.folder / "a" / "runs")
            while not store.done(network[0].id):
                time.sleep(0.05)
            ray.shutdown()

        stopper = threading.Thread(target=stop_soon, daemon=True)
        stopper.start()
        with pytest.raises(DataError, match="the same command goes on"):
            bench(network, Ray(None, 1, "cpu", fake_work.sleep_a_second))
        stopper.join()
        done = Store(bench.folder / "a" / "runs").done(network[0].id)
        assert 0 < len(done) < len(network[0].folds)
        (record,), _ = bench(network, Ray(None, 1, "cpu", fake_work.guess_first))
        assert record.complete

    def test_a_wrong_address_is_one_line(self, bench, network):
        with pytest.raises(DataError, match=r"--address 127\.0\.0\.1:1: no Ray answers there"):
            bench(network, Ray("127.0.0.1:1", None, "cpu"))


def test_records_of_the_fixture_are_where_they_belong(bench, network):
    bench(network, Local("cpu", fake_work.guess_first))
    assert len(load_runs(Path(bench.folder) / "a" / "records")) == 1
