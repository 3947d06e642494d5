"""Where folds are trained changes nothing, and no worker that dies takes anything with it."""

import os
import signal
import threading
import time
from contextlib import closing

import pytest
import torch

from benchmark.records.store import Store
from benchmark.training.executors import Local, Processes
from benchmark.training.jobs import Job, RunFold
from tests.benchmark import fake_work
from tests.benchmark.short_runs import results


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
    jobs = (Job(run.recipe, (RunFold(run.id, 0, fold),)) for fold in run.folds)
    os.environ["FAKE_SECONDS"] = "60"
    try:
        executor = Processes(2, "cpu", fake_work.sleep_a_second)
        start = time.monotonic()
        with closing(executor.run(jobs, {run.id: run.planned})) as ended:
            threading.Timer(6, signal.raise_signal, [signal.SIGINT]).start()
            with pytest.raises(KeyboardInterrupt):
                next(ended)
        assert time.monotonic() - start < 6 + 5
    finally:
        del os.environ["FAKE_SECONDS"]
