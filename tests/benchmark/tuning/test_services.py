"""Studies on a real PostgreSQL, and behind Optuna's gRPC proxy: started here on loopback, stopped afterwards."""

import importlib.util
import multiprocessing
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import benchmark.tuning.storages
from benchmark.training.executors import Processes
from benchmark.tuning.search import Search, Tuning, search
from mer_lightning.tasks import Fit
from tests.benchmark.tuning.searches import RATES, make_run, network
from tests.benchmark.tuning.test_tune import go
from tests.benchmark.tuning.test_workers import kill_a_worker

pytestmark = pytest.mark.services

TRIALS = 12


def binary(name):
    """A program of PostgreSQL; Debian keeps them out of the path."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = shutil.which(name) or next(map(str, places), None)
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed (Debian: apt-get install postgresql)")
    return found


def need(*packages):
    for name in packages:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed; make test-services brings it")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def postgres():
    """URL of an empty database of a server of its own, which runs as an unprivileged user."""
    need("psycopg")
    initdb, server = binary("initdb"), binary("postgres")
    user = "nobody" if os.geteuid() == 0 else None
    given = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    # not pytest's folder, which nobody else may enter
    root = Path(tempfile.mkdtemp(prefix="mer-postgres-"))
    process = None
    try:
        if user:
            shutil.chown(root, user)
        data, port = root / "data", free_port()
        command = [initdb, "-D", str(data), "-U", "mer", "-A", "trust", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, cwd=root, **given)
        command = [server, "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(root), "-F"]
        with (root / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=root, **given)
        url = f"postgresql+psycopg://mer@127.0.0.1:{port}/postgres"
        wait_for(port, process)
        yield url
    finally:
        if process is not None:
            # its fast shutdown: the usual one would wait for every connection to be closed
            process.send_signal(signal.SIGINT)
            process.wait(60)
        shutil.rmtree(root)


def wait_for(port, process, patience=60):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            time.sleep(1)
            return
    raise AssertionError(f"nothing answers on port {port}")


def take_part(url, folder):
    """A command of its own on one study, as another machine would run it."""
    benchmark.tuning.storages.HEARTBEAT_SECONDS = 1
    run = network(make_run(), **RATES)
    fold = run.folds[0]
    tuning = Tuning(trials=TRIALS, search_space=RATES)
    given = Search(run.recipe, tuning, 0, "two-machines", url, Path(folder), shared=True)
    inner = run.protocol.inner_folds(fold, run.labelled, 2)
    seen = run.table.only(fold.known)
    search(given, fold.held_out, [Fit(seen, part, accelerator="cpu") for part in inner])


def test_a_study_on_postgresql_outlives_the_kill_of_one_of_its_commands(postgres, tmp_path):
    import optuna

    context = multiprocessing.get_context("spawn")
    commands = [context.Process(target=take_part, args=(postgres, str(tmp_path / str(n)))) for n in range(2)]
    for command in commands:
        command.start()
    killed = kill_a_worker(lambda: [postgres], str, lambda: any(command.is_alive() for command in commands))
    for command in commands:
        command.join(300)
    assert sorted(command.exitcode for command in commands) == [-9, 0]
    storage = optuna.storages.RDBStorage(postgres)
    (name,) = optuna.get_all_study_names(storage)
    trials = optuna.load_study(study_name=name, storage=storage).trials
    states = [trial.state.name for trial in trials]
    assert states[killed] == "FAIL"
    assert set(states) == {"FAIL", "COMPLETE"}
    assert states.count("COMPLETE") >= TRIALS
    # it was done again, with the same values
    (again,) = [trial for trial in trials if trial.system_attrs.get("failed_trial") == killed]
    assert again.params == trials[killed].params
    assert again.state.name == "COMPLETE"


def test_two_workers_tune_behind_the_grpc_proxy_of_a_postgresql(postgres, tmp_path):
    need("grpc")
    port = free_port()
    serve = (
        "import sys, optuna; optuna.storages.run_grpc_proxy_server("
        "optuna.storages.RDBStorage(sys.argv[1]), host='127.0.0.1', port=int(sys.argv[2]))"
    )
    process = subprocess.Popen([sys.executable, "-c", serve, postgres, str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        run = make_run()
        one = replace(run, folds=run.folds[:2])
        made = partial(Processes, 2, "cpu")
        record, folds = go(one, tmp_path / "runs", 3, storage=f"grpc://127.0.0.1:{port}", make=made)
    finally:
        process.terminate()
        process.wait(30)
    alone, same = go(one, tmp_path / "alone", 3)
    assert record.complete
    # where studies are changes nothing
    assert record.confusion == alone.confusion
    assert [fold.tuned for fold in folds.values()] == [fold.tuned for fold in same.values()]
