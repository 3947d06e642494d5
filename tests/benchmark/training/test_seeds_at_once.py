"""Folds of several seeds in one fit: each is what it is alone, and whatever goes wrong stays with its own seed."""

import os
import subprocess
import sys
from collections import Counter

import pytest
import torch

import mer_lightning.tasks
from benchmark.methods.suite import load_suite
from benchmark.records.store import Store
from benchmark.training.executors import Local, Processes
from benchmark.training.executors.executor import DEATHS
from benchmark.training.executors.processes import _after_death
from benchmark.training.jobs import Job, RunFold, do_job
from benchmark.training.locks import FoldLocks
from benchmark.training.plan import make_plan
from mer_lightning.models.replicas import running_replicas
from mer_lightning.models.ststnet import STSTNet
from tests.benchmark import fake_work
from tests.benchmark.short_runs import results, short

SEEDS = (0, 1, 2)


def plan(protocol="smic-3"):
    return short(make_plan(load_suite("smoke"), methods=["ststnet"], protocols=[protocol], seeds=SEEDS))


@pytest.fixture
def seeds():
    return plan()


@pytest.fixture
def trained(monkeypatch):
    """The (seed, held-out subject) of each replica of each fit."""
    fits, real = [], mer_lightning.tasks.train_networks

    def spy(members, *rest):
        fits.append([(fit.seed, fit.fold.held_out) for fit in members])
        return real(members, *rest)

    monkeypatch.setattr("mer_lightning.tasks.train_networks", spy)
    return fits


def curves(folder, records):
    store = Store(folder / "runs")
    return {(r.seed, p): f.curve["train_loss"] for r in records for p, f in store.folds(r.run).items()}


@pytest.mark.parametrize("protocol", ["smic-3", "smic-3+inner_subjects"])
def test_seeds_at_once_give_the_records_of_seeds_one_by_one(bench, trained, protocol):
    runs = plan(protocol)
    alone, _ = bench(runs, Local("cpu"), "alone", at_once=1)
    assert not trained
    together, printed = bench(runs, Local("cpu"), "together", at_once=100)
    assert "at once" not in printed
    assert results(together) == results(alone)
    assert any(len({seed for seed, _ in fit}) == len(SEEDS) for fit in trained)
    ours, theirs = (
        curves(bench.folder / name, records) for name, records in (("together", together), ("alone", alone))
    )
    assert sorted(ours) == sorted((run.seed, fold.held_out) for run in runs for fold in run.folds)
    for place, values in theirs.items():
        assert ours[place] == pytest.approx(values, rel=1e-3), place
    # else equal results would show nothing
    person = runs[0].folds[0].held_out
    assert len({theirs[seed, person] for seed in SEEDS}) == len(SEEDS)


def test_a_set_is_filled_across_seeds_and_earlier_seeds_come_first(bench, seeds, trained):
    bench(seeds, Local("cpu"), at_once=8)
    assert sum(map(len, trained)) == sum(len(run.folds) for run in seeds)
    assert all(len(fit) <= 8 for fit in trained)
    assert any(len({seed for seed, _ in fit}) > 1 for fit in trained)
    assert all(fit == sorted(fit, key=lambda member: member[0]) for fit in trained)


def test_what_is_there_of_one_seed_is_not_trained_with_the_others(bench, seeds, trained):
    first, *_ = bench(seeds[:1], Local("cpu", fake_work.guess_first))
    records, _ = bench(seeds, Local("cpu"), at_once=100)
    assert {seed for fit in trained for seed, _ in fit} == {1, 2}
    assert results(records[:1]) == results(first)
    assert all(record.complete for record in records)


def test_methods_and_protocols_are_never_in_one_fit(bench, trained):
    runs = short(make_plan(load_suite("smoke"), methods=["ststnet", "off-apexnet"], seeds=(0, 1)), epochs=1)
    records, _ = bench(runs, Local("cpu"), at_once=100)
    assert {(record.method, record.seed) for record in records} == {
        (method, seed) for method in ("ststnet", "off-apexnet") for seed in (0, 1)
    }
    assert sum(map(len, trained)) == sum(len(run.folds) for run in runs)


class Hungry(STSTNet):
    """Takes more memory than there is where more than four run together."""

    # a recipe names only what its file defines
    __module__ = STSTNet.__module__

    def forward(self, x):
        replicas = running_replicas()
        if replicas is not None and len(replicas.sizes) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x)


def test_seeds_that_do_not_fit_together_are_tried_in_halves(bench, trained, monkeypatch):
    monkeypatch.setattr("mer_lightning.models.ststnet.STSTNet", Hungry)
    runs = plan()
    records, printed = bench(runs, Local("cpu"), at_once=100)
    assert all(record.complete for record in records)
    assert "folds at once: OutOfMemoryError: CUDA out of memory; going on with" in printed
    most = max(map(len, trained))
    assert most > 4
    assert -(-most // 2) in map(len, trained)
    done = [member for fit in trained if len(fit) <= 4 for member in fit]
    assert len(done) == len(set(done))


def test_a_fold_of_one_seed_that_fails_is_missing_in_that_run_alone(bench, seeds, monkeypatch):
    real = mer_lightning.tasks.train_network

    def broken(fit, *rest):
        if (fit.seed, fit.fold.held_out) == (1, "smic/sm02"):
            raise RuntimeError("this one")
        return real(fit, *rest)

    def all_broken(*_, **__):
        raise RuntimeError("one of them")

    monkeypatch.setattr("mer_lightning.tasks.train_network", broken)
    monkeypatch.setattr("mer_lightning.tasks.train_networks", all_broken)
    records, printed = bench(seeds, Local("cpu"), at_once=100)
    assert [record.failed for record in records] == [(), ("smic/sm02",), ()]
    assert [record.complete for record in records] == [True, False, True]
    assert "RuntimeError: one of them; going on with 1" in printed


def test_a_fold_of_one_seed_that_another_program_trains_is_left_to_it(bench, seeds, trained):
    run, people = seeds[1], [fold.held_out for fold in seeds[1].folds]
    store = Store(bench.folder / "a" / "runs")
    folder = store.folder(run.id)
    folder.mkdir(parents=True)
    read, write = os.pipe()
    # a process of its own, since locks do not keep a process from itself; it never trains what it took
    code = f"""
import os, sys
from pathlib import Path
from benchmark.training.locks import FoldLocks
locks = FoldLocks(Path({str(folder)!r}))
assert locks.take({people[1]!r})
os.write({write}, b"x")
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, pass_fds=[write]) as other:
        os.read(read, 1)
        assert not FoldLocks(folder).take(people[1])

        def work(job, table, accelerator):
            outcomes = do_job(job, table, accelerator)
            if job.members[-1].seed == SEEDS[-1]:
                other.stdin.close()
                other.wait()
            return outcomes

        records, _ = bench(seeds, Local("cpu", work), at_once=100)
    assert all(record.complete for record in records)
    # alone and last, when the other program had gone
    assert (1, people[1]) not in [member for fit in trained for member in fit]


@pytest.mark.slow
def test_processes_train_seeds_at_once_too(bench, seeds):
    here, _ = bench(seeds, Local("cpu", fake_work.train), "here", at_once=4)
    there, _ = bench(seeds, Processes(2, "cpu", fake_work.train), "there", at_once=4)
    assert results(there) == results(here)


def test_deaths_of_a_worker_are_counted_for_each_seed(seeds):
    members = tuple(RunFold(run.id, run.seed, run.folds[0]) for run in seeds[:2])
    deaths = Counter((member.run, member.fold.held_out) for member in members)
    again, outcomes = _after_death(Job(seeds[0].recipe, members), deaths)
    assert [job.members for job in again] == [(member,) for member in members]
    assert outcomes == ()
    first, second = again
    deaths[first.run, first.folds[0].held_out] = DEATHS
    failed, (outcome,) = _after_death(first, deaths)
    assert (failed, outcome.held_out) == ([], first.folds[0].held_out)
    assert "died 3 times" in outcome.result.message
    assert _after_death(second, deaths) == ([second], ())
