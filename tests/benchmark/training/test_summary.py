"""What a run's record says of the folds that are in the store."""

import pytest
import torch

from benchmark.records.store import Store
from benchmark.training.executors import Local
from benchmark.training.summary import make_record


@pytest.fixture
def run(runs):
    return next(run for run in runs if run.recipe.name == "off-apexnet")


def test_the_record_carries_what_decided_it(bench, run):
    (record,), _ = bench([run], Local("cpu"))
    assert torch.__version__.startswith(record.versions["torch"])
    assert record.recipe["training"]["optimizer"]["lr"] == 1e-4
    assert record.data.synthetic
    assert len(record.data.table_hash) == 64
    assert record.seconds > 0
    assert record.device.startswith("CPU")


def test_what_might_be_searched_is_not_in_the_record(run, tmp_path):
    assert run.recipe.search_space
    record = make_record(run, Store(tmp_path), "cpu")
    assert "search_space" not in record.recipe
    assert record.recipe_hash == run.recipe.hash


def test_without_a_fold_in_the_store_the_run_is_incomplete(run, tmp_path):
    record = make_record(run, Store(tmp_path), "cpu")
    assert (record.finished, record.folds, record.failed) == (0, len(run.folds), ())
    assert record.confusion == {}
    assert record.curve is None
