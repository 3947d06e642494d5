"""Work that is worth it goes to processes; options that do not fit together are refused."""

import importlib.util

import pytest
import torch

from benchmark.methods.suite import load_suite
from benchmark.records.store import Store
from benchmark.training.executors import Local, Processes, choose_executor
from benchmark.training.plan import make_plan
from mer_lightning.types import DataError
from tests.benchmark.short_runs import short


def test_the_executor_follows_the_work(runs, tmp_path, monkeypatch):
    for user in ("choice", "processes"):
        monkeypatch.setattr(f"benchmark.training.executors.{user}.cores", lambda: 4)
    store = Store(tmp_path)
    assert isinstance(choose_executor("auto", runs, store, "cpu"), Local)
    long = short(make_plan(load_suite("smoke"), methods=["ststnet"]), epochs=100_000)
    chosen = choose_executor("auto", long, store, "cpu")
    assert isinstance(chosen, Processes)
    assert (chosen.workers, chosen.threads) == (4, 1)
    assert (Processes(3).threads, Processes(2).threads, Processes(8).threads) == (1, 2, 1)
    assert isinstance(choose_executor("auto", long, store, "cpu", workers=1), Local)
    assert isinstance(choose_executor("auto", runs, store, "cpu", workers=2), Processes)
    with pytest.raises(DataError, match="--address"):
        choose_executor("local", runs, store, address="auto")
    with pytest.raises(DataError, match="--jobs 2"):
        choose_executor("local", runs, store, workers=2)


@pytest.mark.parametrize("name", ["auto", "local", "processes"])
def test_a_gpu_that_is_not_there_is_one_line(runs, tmp_path, monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DataError, match=r"--accelerator gpu: torch .* finds no GPU here; expected auto or cpu"):
        choose_executor(name, runs, Store(tmp_path), "gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_executor(name, runs, Store(tmp_path), "gpu").accelerator == "gpu"


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_one_line_says_how_to_get_it(runs, tmp_path):
    with pytest.raises(DataError, match=r"Ray is not installed; pip install '\.\[ray\]'"):
        choose_executor("ray", runs, Store(tmp_path))
