"""Folds at once give what folds one by one give, and what goes wrong with one of them is named."""

from dataclasses import replace

import pytest
import torch

from benchmark.methods.suite import load_suite
from benchmark.records.fold import FoldRecord
from benchmark.training.executors import Local
from benchmark.training.jobs import Job, RunFold, do_job
from benchmark.training.plan import make_plan
from mer_lightning.models.replicas import running_replicas
from mer_lightning.models.ststnet import STSTNet
from mer_lightning.tasks import examine
from tests.benchmark.short_runs import results, short


def test_folds_at_once_give_the_predictions_of_folds_one_by_one(bench, network):
    alone, _ = bench(network, Local("cpu"), "alone")
    together, printed = bench(network, Local("cpu"), "together", at_once=3)
    assert results(together) == results(alone)
    assert "at once" not in printed


class Hungry(STSTNet):
    """Takes more memory than there is where more than two run together."""

    # a recipe names only what its file defines
    __module__ = STSTNet.__module__

    def forward(self, x):
        replicas = running_replicas()
        if replicas is not None and len(replicas.sizes) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x)


@pytest.fixture
def hungry(network, monkeypatch):
    monkeypatch.setattr("mer_lightning.models.ststnet.STSTNet", Hungry)
    return network


def test_folds_that_do_not_fit_are_tried_in_halves(bench, hungry, monkeypatch):
    tried = []
    import mer_lightning.tasks

    real = mer_lightning.tasks.train_networks
    monkeypatch.setattr(
        "mer_lightning.tasks.train_networks",
        lambda fits, *rest: tried.append(len(fits)) or real(fits, *rest),
    )
    (record,), printed = bench(hungry, Local("cpu"), at_once=5)
    assert record.complete
    assert tried[:2] == [5, 3]
    assert "5 folds at once: OutOfMemoryError: CUDA out of memory; going on with 3" in printed


def test_a_fold_that_fails_among_others_is_named_and_the_others_are_kept(bench, network, monkeypatch):
    import mer_lightning.tasks

    real = mer_lightning.tasks.train_network

    def broken(fit, *rest):
        if fit.fold.held_out.endswith("02"):
            raise RuntimeError("this one")
        return real(fit, *rest)

    def all_broken(*_, **__):
        raise RuntimeError("one of them")

    monkeypatch.setattr("mer_lightning.tasks.train_network", broken)
    monkeypatch.setattr("mer_lightning.tasks.train_networks", all_broken)
    (record,), printed = bench(network, Local("cpu"), at_once=5)
    assert record.failed == ("smic/sm02",)
    assert record.finished == record.folds - 1
    assert "RuntimeError: one of them; going on with 1" in printed


def test_a_fold_whose_training_diverged_failed(bench, network):
    optimizer = network[0].recipe.training.optimizer.model_copy(update={"lr": 1e20})
    training = network[0].recipe.training.model_copy(update={"optimizer": optimizer})
    diverging = [replace(run, recipe=run.recipe.model_copy(update={"training": training})) for run in network]
    (record,), _ = bench(diverging, Local("cpu"))
    assert len(record.failed) == record.folds


def test_a_method_that_cannot_run_at_once_says_why_and_runs(bench, monkeypatch):
    class Branching(STSTNet):
        __module__ = STSTNet.__module__

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
    outcomes = do_job(Job(run.recipe, tuple(RunFold(run.id, 0, fold) for fold in folds), how), run.table, "cpu")
    assert [o.held_out for o in outcomes] == [fold.held_out for fold in folds]
    assert all(isinstance(o.result, FoldRecord) for o in outcomes)
