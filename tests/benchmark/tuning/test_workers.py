"""Several workers on studies give what one gives, and outlive a kill."""

import os
import signal
import threading
import time
from functools import partial

import optuna
import pytest

from benchmark.training.executors import Processes
from tests.benchmark.tuning.searches import RATES, make_run, network, study_of
from tests.benchmark.tuning.test_tune import go


@pytest.fixture(scope="module")
def run():
    return make_run()


@pytest.mark.slow
def test_workers_with_a_study_each_give_what_one_alone_gives(run, tmp_path):
    alone, folds = go(run, tmp_path / "alone", 3)
    both, same = go(run, tmp_path / "both", 3, make=partial(Processes, 2, "cpu"), storage="sqlite")
    assert both.result() | {"tuning": None} == alone.result() | {"tuning": None}
    assert {k: (f.tuned, f.inner_uf1) for k, f in same.items()} == {k: (f.tuned, f.inner_uf1) for k, f in folds.items()}


@pytest.mark.slow
def test_the_study_of_two_workers_outlives_the_kill_of_one(tmp_path):
    run, trials, result = network(make_run(), **RATES), 10, []
    options = {"mode": "global", "storage": "sqlite", "make": partial(Processes, 2, "cpu")}
    # joins processes by itself
    work = threading.Thread(target=lambda: result.append(go(run, tmp_path / "runs", trials, **options)))
    work.start()
    # once a worker has begun: whoever opens an empty file makes its tables
    places = lambda: list((tmp_path / "runs").glob("*/tuning/*.progress"))  # noqa: E731
    killed = kill_a_worker(places, lambda p: f"sqlite:///{p.with_name('studies.db')}", work.is_alive)
    work.join(timeout=500)
    (record, _) = result[0]
    assert record.complete
    assert record.tuning.trials == trials
    found = study_of(record, tmp_path / "runs")
    states = {trial.number: trial.state.name for trial in found}
    assert states[killed] == "FAIL"
    assert "RUNNING" not in states.values()
    assert sum(state == "COMPLETE" for state in states.values()) >= trials
    # both took part, and a new process went on in the place of the dead one
    workers = {tuple(trial.user_attrs["worker"]) for trial in found}
    assert len({name for name, _ in workers}) == 2
    assert len({process for _, process in workers}) >= 3


def kill_a_worker(places, url, going, patience=240):
    """Kill, in the middle of a trial, a process that works on the only study of a storage; the trial's number."""
    from optuna.trial import TrialState

    end = time.monotonic() + patience
    storage = None
    while time.monotonic() < end:
        assert going(), "everybody has ended"
        time.sleep(0.05)
        if storage is None:
            if not (found := places()):
                continue
            try:
                storage = optuna.storages.RDBStorage(url(found[0]))
            except Exception:
                continue
        if len(optuna.get_all_study_names(storage)) != 1:
            continue
        study = optuna.load_study(study_name=optuna.get_all_study_names(storage)[0], storage=storage)
        if not study.get_trials(states=(TrialState.COMPLETE,)):
            continue
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            if "worker" not in trial.user_attrs:
                continue
            process = trial.user_attrs["worker"][1]
            os.kill(process, signal.SIGSTOP)
            now = next(t for t in study.get_trials() if t.number == trial.number)
            if now.state == TrialState.RUNNING:
                os.kill(process, signal.SIGKILL)
                return trial.number
            os.kill(process, signal.SIGCONT)
    raise AssertionError("no trial was seen running")
