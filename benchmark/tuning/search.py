"""One study of Optuna: trials of a recipe on folds that it is given, in any storage, by any number of workers."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from benchmark.methods.search_space import Choice, FloatRange, IntRange, Range, in_order
from benchmark.tuning.storages import drop_torn_line, has_heartbeat, no_warnings, open_storage
from benchmark.tuning.trials import Watch, inner_uf1
from mer_lightning.protocols import fold_seed
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import BaseTrial, FrozenTrial, Trial

    from benchmark.methods.recipe import Recipe
    from mer_lightning.tasks import Fit

Mode = Literal["nested", "holdout", "global"]
Pruner = Literal["none", "wilcoxon", "hyperband"]
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
    pruner: Pruner = "none"
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
    given: Search, name: str, fits: Sequence[Fit], *, worker: int = 0, help_only: bool = False
) -> list[FrozenTrial]:
    """Take part in a study until it has its trials.

    Args:
        given: What is searched, and where.
        name: Whom the study holds out; the draws of the samplers follow from it, the seed and the number of the trial.
        fits: What a trial is fitted with, one per inner fold, of one table that has no other samples than trials may
            see; a trial is worth the pooled UF1 of their test sides.
        worker: Number among the workers of this command; number 0 alone gives the same trials every time.
        help_only: End when every trial is done or taken by somebody, instead of when all are done.

    Returns:
        Trials that ended, in order: at most ``tuning.trials`` that were completed or pruned, and those that failed.
    """
    from optuna.trial import TrialState

    # here, since no_warnings below would turn on again the warnings that it turns off
    import mer_lightning.tasks  # noqa: F401  # pyright: ignore[reportUnusedImport]

    me = f"{socket.gethostname()}/{hashlib.sha256(str(given.folder.resolve()).encode()).hexdigest()[:8]}/{worker}"
    study = _joined_study(given, name, len(fits), me, help_only=help_only)

    def objective(trial: Trial) -> float:
        trial.set_user_attr("worker", [me, os.getpid()])
        values = suggest(trial, given.tuning.search_space)
        watch = make_watch(given, trial, fits)
        try:
            return inner_uf1(given.recipe.with_values(values), fits, watch)
        finally:
            trial.set_user_attr("epochs", watch.epochs)

    while True:
        done = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
        spent = sum(trial.duration.total_seconds() for trial in done if trial.duration)
        say_progress(given.folder, name, len(done))
        if len(done) >= given.tuning.trials or (done and spent >= (given.tuning.timeout or float("inf"))):
            break
        if len(done) + len(study.get_trials(states=(TrialState.RUNNING,))) >= given.tuning.trials:
            if help_only:
                break
            if has_heartbeat(given.storage):
                _wait_for_others(study)
                continue
        # a sampler of its own for each trial: a search that was interrupted goes on as if it had not been
        place = f"{name}/trial {len(done)}" + (f"/worker {worker}" if worker else "")
        study.sampler = make_sampler(given.tuning.sampler, fold_seed(given.seed, place))
        with no_warnings(), _ctrl_c_raises():
            study.optimize(objective, n_trials=1)
    done.sort(key=lambda trial: trial.number)
    ended = [*done[: given.tuning.trials], *study.get_trials(states=(TrialState.FAIL,))]
    return sorted(ended, key=lambda trial: trial.number)


def _joined_study(given: Search, name: str, folds: int, me: str, *, help_only: bool) -> Study:
    """The study, without trials that a worker of this name left when it died."""
    from optuna.trial import TrialState

    study = _open_study(given, name, folds)
    for left in study.get_trials(states=(TrialState.RUNNING,)):
        # this worker begins here, so what runs under its name is of one that died
        if left.user_attrs.get("worker", [""])[0] == me or not (given.shared or help_only):
            study.tell(left.number, state=TrialState.FAIL)
    if given.tuning.pruner == "hyperband" and not given.shared and not help_only:
        study = _without_failed(given, study, name, folds, me)
    return study


def _wait_for_others(study: Study) -> None:
    """Another command has the last trials; should it die, one of them comes back."""
    from optuna.storages import fail_stale_trials

    time.sleep(_POLL_SECONDS)
    with no_warnings():
        fail_stale_trials(study)


@contextmanager
def _ctrl_c_raises() -> Generator[None]:
    """Ctrl-C while Optuna stores a trial ends in an error of Optuna's own, which would pass for a failed fold."""
    try:
        yield
    except Exception as error:
        before = error.__context__
        while before is not None:
            if isinstance(before, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            before = before.__context__
        raise


def _without_failed(given: Search, study: Study, name: str, folds: int, me: str) -> Study:
    """The study as if no trial had failed: Hyperband draws by the number of a trial, and compares with failed ones.

    Only where trials are left and nobody else has taken part, whose work this would undo. What a kill in the middle of
    it loses is trained again.
    """
    import optuna
    from optuna.trial import TrialState

    trials = study.get_trials()
    done = [trial for trial in trials if trial.state != TrialState.FAIL]
    alone = all(trial.user_attrs.get("worker", [me])[0] == me for trial in trials)
    if not alone or len(done) == len(trials) or len(done) >= given.tuning.trials:
        return study
    optuna.delete_study(study_name=study.study_name, storage=open_storage(given.storage))
    study = _open_study(given, name, folds)
    study.add_trials(done)
    return study


def usual_pruner(recipe: Recipe) -> Pruner:
    """What saves most without losing the best trial, see ``tools.perf.tuning``."""
    return "hyperband" if most_epochs(recipe) else "wilcoxon"


def say_progress(folder: Path, name: str, trials: int) -> None:
    """Let whoever watches the folder of a run know how many trials of a study are done."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{file_name(name)}.progress").write_text(str(trials), encoding="ascii")


def read_progress(folder: Path) -> int:
    """Trials that are done in all studies of a run."""
    counts = (path.read_text(encoding="ascii") for path in folder.glob("*.progress"))
    # a worker may be writing just now
    return sum(int(count) for count in counts if count)


def file_name(study: str) -> str:
    """Name of a study as part of a file's name."""
    return study.replace("/", "--")


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

    with no_warnings():
        match name:
            case "gp":
                return samplers.GPSampler(seed=seed, deterministic_objective=True)
            case "random":
                return samplers.RandomSampler(seed=seed)
            case _:
                # multivariate by default; groups keep keys of different conditions apart
                return samplers.TPESampler(seed=seed, group=True)


def make_watch(given: Search, trial: Trial, fits: Sequence[Fit]) -> Watch:
    """What looks at a trial while it is trained, to count its epochs and end it early."""
    epochs = most_epochs(given.recipe) * len(fits)
    every = max(1, epochs // _RUNGS // 2) if given.tuning.pruner == "hyperband" else 0
    return Watch(fits[0].table, trial, by_subject=given.tuning.pruner == "wilcoxon", every=every)


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

    with no_warnings():
        match tuning.pruner:
            case "wilcoxon":
                return pruners.WilcoxonPruner(p_threshold=0.1)
            case "hyperband":
                return pruners.HyperbandPruner(max(1, epochs // _RUNGS), max(2, epochs), 3)
            case _:
                return pruners.NopPruner()


def _open_study(given: Search, name: str, folds: int) -> Study:
    import optuna

    # what fails in a trial is the error of its fold, which is kept
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if given.storage.endswith(".journal") and not given.shared:
        drop_torn_line(Path(given.storage))
    with no_warnings():
        return optuna.create_study(
            storage=open_storage(given.storage),
            study_name=f"{given.run}/{name}",
            direction="maximize",
            load_if_exists=True,
            pruner=make_pruner(given.tuning, most_epochs(given.recipe) * folds),
        )
