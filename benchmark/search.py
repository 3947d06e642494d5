"""One study of Optuna: trials of a recipe on folds that it is given, in any storage, by any number of workers."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from benchmark.search_space import Choice, FloatRange, IntRange, Range, in_order
from benchmark.trials import Watch, inner_uf1
from mer_lightning.protocols import fold_seed
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage
    from optuna.trial import BaseTrial, FrozenTrial, Trial

    from benchmark.recipe import Recipe
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold
    from mer_lightning.tasks import Start

Mode = Literal["nested", "holdout", "global"]
HEARTBEAT_SECONDS = 30
"""A worker on a database server says so often that it lives; three times that, and its trial is done again."""
_POLL_SECONDS = 0.5
_RUNGS = 27
"""Hyperband first looks at a trial after this part of all its epochs."""


class Tuning(Settings):
    """How a method was tuned.

    Attributes:
        mode: ``nested``: a study per held-out subject, on the training subjects; ``holdout``: the same per held-out
            database; ``global``: one study on the tested folds themselves, which is optimistic and never ranked.
        trials: Trials of each study.
        inner_folds: Subject-grouped parts of the training subjects; ``global`` has none.
        sampler: ``tpe``, ``gp`` or ``random`` of Optuna.
        pruner: ``wilcoxon`` compares trials subject by subject after each inner fold, ``hyperband`` as epochs go by.
        timeout: No trial begins when those of its study have taken so many seconds together.
        search_space: What the trials could change.
    """

    mode: Mode = "nested"
    trials: int = Field(ge=1)
    inner_folds: int = Field(default=3, ge=2)
    sampler: Literal["tpe", "gp", "random"] = "tpe"
    pruner: Literal["none", "wilcoxon", "hyperband"] = "none"
    timeout: float | None = Field(default=None, gt=0)
    search_space: dict[str, Range]


@dataclass(frozen=True)
class Search:
    """What a worker needs to take part in the studies of a run.

    Attributes:
        recipe: The method before tuning.
        tuning: How it is tuned.
        seed: Seed of the run.
        run: Id of the run; a study is called ``<run>/<held out>``.
        storage: Where studies are: an Optuna URL, ``grpc://<host>:<port>``, or a path that ends in ``.journal``.
        folder: Folder of the run; with the machine's name it tells workers of different commands apart.
        shared: Other commands may work in the same storage.
    """

    recipe: Recipe
    tuning: Tuning
    seed: int
    run: str
    storage: str
    folder: Path
    shared: bool = False


def search(
    given: Search,
    name: str,
    table: Table,
    folds: Sequence[Fold],
    *,
    worker: int = 0,
    help_only: bool = False,
    accelerator: str = "auto",
    start: Start | None = None,
) -> list[FrozenTrial]:
    """Take part in a study until it has its trials.

    Args:
        given: What is searched, and where.
        name: Whom the study holds out; the draws of the samplers follow from it, the seed and the number of the trial.
        table: The samples that trials may see and no others.
        folds: Splits of them; a trial is worth the pooled UF1 of their test sides.
        worker: Number among the workers of this command; number 0 alone gives the same trials every time.
        help_only: End when every trial is done or taken by somebody, instead of when all are done.
        accelerator: Lightning's accelerator.
        start: Pre-trained weights that every trial starts from.

    Returns:
        Trials that were completed or pruned, in order, at most ``tuning.trials`` of them.
    """
    from optuna.storages import fail_stale_trials
    from optuna.trial import TrialState

    study = _open_study(given, name, folds)
    me = f"{socket.gethostname()}/{hashlib.sha256(str(given.folder.resolve()).encode()).hexdigest()[:8]}/{worker}"
    for left in study.get_trials(states=(TrialState.RUNNING,)):
        # this worker begins here, so what runs under its name is of one that died
        if left.user_attrs.get("worker", [""])[0] == me or not (given.shared or help_only):
            study.tell(left.number, state=TrialState.FAIL)

    def objective(trial: Trial) -> float:
        trial.set_user_attr("worker", [me, os.getpid()])
        values = suggest(trial, given.tuning.search_space)
        watch = make_watch(given, trial, table, folds)
        try:
            return inner_uf1(
                given.recipe.with_values(values),
                table,
                folds,
                seed=given.seed,
                accelerator=accelerator,
                start=start,
                watch=watch,
            )
        finally:
            trial.set_user_attr("epochs", watch.epochs)

    while True:
        done = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
        spent = sum(trial.duration.total_seconds() for trial in done if trial.duration)
        if len(done) >= given.tuning.trials or (done and spent >= (given.tuning.timeout or float("inf"))):
            break
        if len(done) + len(study.get_trials(states=(TrialState.RUNNING,))) >= given.tuning.trials:
            if help_only:
                break
            if _has_heartbeat(given.storage):
                # another command has the last trials; should it die, one of them comes back
                time.sleep(_POLL_SECONDS)
                with _no_warnings():
                    fail_stale_trials(study)
                continue
        # a sampler of its own for each trial: a search that was interrupted goes on as if it had not been
        place = f"{name}/trial {len(done)}" + (f"/worker {worker}" if worker else "")
        study.sampler = make_sampler(given.tuning.sampler, fold_seed(given.seed, place))
        with _no_warnings():
            study.optimize(objective, n_trials=1)
    done.sort(key=lambda trial: trial.number)
    return done[: given.tuning.trials]


def best_of(trials: Sequence[FrozenTrial], space: dict[str, Range]) -> tuple[dict[str, Any], float]:
    """Values of the best completed trial, the first of equals, and what it was worth.

    Raises:
        DataError: None was completed.
    """
    from optuna.trial import FixedTrial, TrialState

    completed = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not completed:
        raise DataError(f"none of {len(trials)} trials was completed; expected one that was not pruned")
    best = max(completed, key=lambda trial: trial.values[0])
    return suggest(FixedTrial(best.params), space), best.values[0]


def suggest(trial: BaseTrial, space: dict[str, Range]) -> dict[str, Any]:
    """Draw a value for each key whose conditions hold."""
    values: dict[str, Any] = {}
    for key in in_order(space):
        given = space[key]
        if any(other not in values or values[other] != value for other, value in given.when.items()):
            continue
        match given:
            case FloatRange():
                values[key] = trial.suggest_float(key, given.low, given.high, log=given.log)
            case IntRange():
                values[key] = trial.suggest_int(key, given.low, given.high)
            case Choice():
                # Optuna keeps only plain values, a recipe also takes lists
                choices = [json.dumps(value) for value in given.values]
                values[key] = json.loads(trial.suggest_categorical(key, choices))
    return values


def make_sampler(name: str, seed: int) -> BaseSampler:
    """A sampler of Optuna by its short name."""
    from optuna import samplers

    with _no_warnings():
        match name:
            case "gp":
                return samplers.GPSampler(seed=seed, deterministic_objective=True)
            case "random":
                return samplers.RandomSampler(seed=seed)
            case _:
                # multivariate by default; groups keep keys of different conditions apart
                return samplers.TPESampler(seed=seed, group=True)


def make_watch(given: Search, trial: Trial, table: Table, folds: Sequence[Fold]) -> Watch:
    """What looks at a trial while it is trained, to count its epochs and end it early."""
    epochs = most_epochs(given.recipe) * len(folds)
    every = max(1, epochs // _RUNGS // 2) if given.tuning.pruner == "hyperband" else 0
    return Watch(table, trial, by_subject=given.tuning.pruner == "wilcoxon", every=every)


def most_epochs(recipe: Recipe) -> int:
    """Epochs of the longest training that a search space allows; 0 for an estimator."""
    if recipe.training is None:
        return 0
    match recipe.search_space.get("training.epochs"):
        case IntRange(high=high):
            return high
        case Choice(values=values):
            return max(values)
        case _:
            return recipe.training.epochs


def make_pruner(tuning: Tuning, epochs: int) -> BasePruner:
    """A pruner of Optuna by its short name.

    Args:
        tuning: Names it.
        epochs: Most epochs of a trial, all inner folds together.
    """
    from optuna import pruners

    with _no_warnings():
        match tuning.pruner:
            case "wilcoxon":
                return pruners.WilcoxonPruner(p_threshold=0.1)
            case "hyperband":
                return pruners.HyperbandPruner(max(1, epochs // _RUNGS), max(2, epochs), 3)
            case _:
                return pruners.NopPruner()


def storage_place(wanted: str, folder: Path) -> tuple[str, bool]:
    """Where studies are, and whether others may be there too.

    Args:
        wanted: ``sqlite`` or ``journal``: a file in the folder of the run; else an URL.
        folder: For those files.

    Raises:
        DataError: Nothing of the kind is known, or what it needs is not installed.
    """
    match wanted.partition("://")[0]:
        case "sqlite" if wanted == "sqlite":
            return f"sqlite:///{folder / 'studies.db'}", False
        case "journal" if wanted == "journal":
            return str(folder / "studies.journal"), False
        case "grpc":
            host, _, port = wanted.removeprefix("grpc://").rpartition(":")
            if not host or not port.isdigit():
                raise DataError(f"--storage {wanted}: expected grpc://<host>:<port>")
            return wanted, True
        case kind if kind.split("+")[0] in {"sqlite", "postgresql", "mysql"} and "://" in wanted:
            return wanted, True
        case _:
            raise DataError(
                f"--storage {wanted}: expected sqlite, journal, or an URL that begins with sqlite://, postgresql://, "
                "postgresql+psycopg://, mysql:// or grpc://"
            )


def check_storage(place: str) -> None:
    """Find out before anything is trained that studies can be kept.

    Raises:
        DataError: A package is missing, or nobody answers.
    """
    try:
        _open_storage(place).get_all_studies()
    except ImportError as error:
        raise DataError(
            f"--storage {_without_password(place)}: {' '.join(str(error).split())[:120]}; pip install '.[tune]'"
        ) from error
    except DataError:
        raise
    except Exception as error:
        # each database has errors of its own
        line = " ".join(str(error).split())[:200]
        raise DataError(f"--storage {_without_password(place)}: cannot be used: {line}") from error


def _open_study(given: Search, name: str, folds: Sequence[Fold]) -> Study:
    import optuna

    # what fails in a trial is the error of its fold, which is kept
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if given.storage.endswith(".journal") and not given.shared:
        _drop_torn_line(given)
    with _no_warnings():
        return optuna.create_study(
            storage=_open_storage(given.storage),
            study_name=f"{given.run}/{name}",
            direction="maximize",
            load_if_exists=True,
            pruner=make_pruner(given.tuning, most_epochs(given.recipe) * len(folds)),
        )


@lru_cache(maxsize=4)
def _open_storage(place: str) -> BaseStorage:
    from optuna import storages
    from optuna.storages.journal import JournalFileBackend

    if place.endswith(".journal"):
        return storages.JournalStorage(JournalFileBackend(place))
    with _no_warnings():
        if place.startswith("grpc://"):
            host, _, port = place.removeprefix("grpc://").rpartition(":")
            proxy = storages.GrpcStorageProxy(host=host, port=int(port))
            try:
                proxy.wait_server_ready(timeout=5)
            except Exception as error:
                raise DataError(f"--storage {place}: no gRPC proxy answers there") from error
            return proxy
        if not _has_heartbeat(place):
            # several workers of one machine: wait for each other's writes instead of failing
            return storages.RDBStorage(place, engine_kwargs={"connect_args": {"timeout": 60}})
        return storages.RDBStorage(
            place,
            engine_kwargs={"pool_pre_ping": True},
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=3 * HEARTBEAT_SECONDS,
            heartbeat_stale_trial_callback=storages.RetryHeartbeatStaleTrialCallback(max_retry=2),
        )


def _has_heartbeat(place: str) -> bool:
    return place.startswith(("postgresql", "mysql"))


def _without_password(place: str) -> str:
    head, _, tail = place.rpartition("@")
    return f"{head.rpartition(':')[0]}:***@{tail}" if head.count(":") > 1 else place


@contextmanager
def _no_warnings() -> Generator[None]:
    """What Optuna calls experimental is chosen on purpose."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.filterwarnings("ignore", message=".*greenlet.*")
        yield


def _drop_torn_line(given: Search) -> None:
    """A full disk or a power cut leaves half a line, behind which Optuna would read nothing any more."""
    journal = Path(given.storage)
    if journal.exists():
        text = journal.read_bytes()
        if not text.endswith(b"\n"):
            journal.write_bytes(text[: text.rfind(b"\n") + 1])
