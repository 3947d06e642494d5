"""Ray gives what this process gives, and loses nothing when it stops."""

import importlib.util
import threading
import time

import pytest
import torch

from benchmark.records.store import Store
from benchmark.training.executors import Local, Ray
from mer_lightning.types import DataError
from tests.benchmark import fake_work
from tests.benchmark.short_runs import results


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
