"""Tune a method inside the training subjects of each fold, or on the tested folds and say so."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout
from pydantic import ValidationError

from benchmark.files import load_yaml, write_json
from benchmark.methods.recipe import Recipe
from benchmark.methods.recipe_check import check_values
from benchmark.methods.recipe_files import recipe_file
from benchmark.methods.search_space import Choice, Space, in_order
from benchmark.records.clip_list import check_free
from benchmark.records.fold import FoldRecord, SearchRecord
from benchmark.records.run import SEEN, load_clip_list
from benchmark.training.jobs import Outcome, failure, fold_record, train_fold
from benchmark.training.ledger import begin_run
from benchmark.training.pretraining import prepare_start
from benchmark.training.runner import run_all
from benchmark.tuning.kept import SUFFIX, KeptStudy, KeptTrial
from benchmark.tuning.progress import TrialProgress
from benchmark.tuning.search import Search, Tuning, best_of, file_name, most_epochs, search, usual_pruner
from benchmark.tuning.storages import check_storage, storage_place
from mer_lightning.mistakes import first_mistake
from mer_lightning.tasks import Fit
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from optuna.trial import FrozenTrial
    from rich.console import Console

    from benchmark.methods.search_space import Range
    from benchmark.records.run import RunRecord
    from benchmark.training.executors import Executor, Work
    from benchmark.training.jobs import Job, RunFold
    from benchmark.training.ledger import Output
    from benchmark.training.plan import Run
    from benchmark.tuning.search import Pruner
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold, Labelled, Protocol

ALL = "all"
"""Name of the one study of ``global``."""
_TRIAL_SECONDS = 0.5
"""What mirroring a trial to W&B may take."""


class TunedRecipe(Recipe):
    """A recipe whose values in the search space are chosen anew in each fold; made by ``tune``, never a file."""

    tuning: Tuning

    @property
    def hash(self) -> str:
        """SHA-256 of the recipe's own hash and of how it was tuned."""
        tuning = json.dumps(self.tuning.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(f"{super().hash}/{tuning}".encode()).hexdigest()


@dataclass(frozen=True)
class _Plan:
    """Of which folds a study is made; a worker makes them itself, so that little has to travel."""

    search: Search
    protocol: Protocol
    labelled: Labelled

    def fit(self, member: RunFold, table: Table, accelerator: str) -> Fit:
        """What the fold itself is fitted with."""
        return Fit(table, member.fold, self.search.seed, accelerator, member.start)

    def study(self, fit: Fit) -> tuple[str, list[Fit]]:
        """Name of a fold's study, and what its trials are fitted with and scored on."""
        protocol, fold, seed = self.protocol, fit.fold, self.search.seed
        if self.search.tuning.mode == "global":
            return ALL, [replace(fit, fold=part) for part in protocol.folds(self.labelled, seed)]
        # the held-out subject is not even in the table that trials are given
        seen = fit.table.only(fold.known)
        inner = protocol.inner_folds(fold, self.labelled, self.search.tuning.inner_folds, seed)
        return fold.held_out, [replace(fit, table=seen, fold=part) for part in inner]


def tune(
    run: Run,
    tuning: Tuning,
    output: Output,
    make_executor: Callable[[Work], Executor],
    storage: str = "sqlite",
) -> RunRecord:
    """Tune each missing fold, train it with the best values, predict and record it.

    Studies are spread over the workers, one worker each, which changes no result. Where there are more workers than
    studies, several take part in one, and its trials depend on who was first.

    Args:
        run: The untuned method; its seed is also the seed of the search.
        tuning: How it is tuned.
        output: Where results go; folds and trials that are there are not trained again.
        make_executor: Given what is done with a job, where jobs run.
        storage: Where studies are kept, see ``storage_place``.

    Returns:
        The record of ``<method>-tuned`` or ``<method>-tuned-global``; ``failed`` names folds that ended in an error.

    Raises:
        DataError: Mode, protocol, recipe and pruner do not fit together, there is nothing to split, the storage cannot
            be used, another process tunes the same run, or there are records of other clips, see ``check_free``.
    """
    _check_mode(run, tuning)
    tuned = replace(run, recipe=_tuned_recipe(run.recipe, tuning))
    store, console = output.store, output.console
    check_free([tuned.clip_list], output.records, load_clip_list)
    with _lock_folder(store.folder(tuned.id) / "tuning") as folder:
        plan = _Plan(_search_of(run, tuning, tuned.id, storage, folder), run.protocol, run.labelled)
        missing = begin_run(tuned, store)
        helper = make_executor(partial(_help, plan))
        seen = tuning.mode == "global"
        studies = missing[:1] if seen else missing
        trials = tuning.trials * (1 if seen else len(run.folds))
        progress = partial(TrialProgress, console, len(run.folds), trials, folder)
        # a training that ran already is found by its record; in a single study all workers help first
        if missing and 1 < helper.workers > len(studies):
            start = prepare_start(tuned, store, console.print, accelerator=helper.accelerator)
            with progress():
                _all_help(tuned, studies, helper, start, console)
        executor = make_executor(partial(_tune_folds, plan))
        (record,) = run_all([tuned], output, executor, at_once=1, progress=progress())
    return record


def _search_of(run: Run, tuning: Tuning, tuned: str, storage: str, folder: Path) -> Search:
    place, shared = storage_place(storage, folder)
    check_storage(place)
    return Search(run.recipe, tuning, run.seed, tuned, place, folder, shared)


def _check_mode(run: Run, tuning: Tuning) -> None:
    name, held_out = run.recipe.name, run.protocol.held_out
    if tuning.mode == "holdout" and held_out != "database":
        raise DataError(
            f"--mode holdout: {run.protocol.id} holds out subjects; expected a protocol like megc2019-holdout"
        )
    if tuning.mode == "nested" and held_out == "database":
        raise DataError(f"--mode nested: {run.protocol.id} holds out databases; expected --mode holdout")
    if tuning.pruner == "hyperband" and not most_epochs(run.recipe):
        raise DataError(f"--pruner hyperband: {name} has no epochs; expected none or wilcoxon")
    if tuning.mode != "global":
        for fold in run.folds:
            run.protocol.inner_folds(fold, run.labelled, tuning.inner_folds, run.seed)


def make_tuning(recipe: Recipe, *, pruner: Pruner | Literal["auto"] = "auto", **values: object) -> Tuning:
    """How a recipe is tuned in its own search space.

    Args:
        recipe: The method.
        pruner: ``auto``: the usual one of its kind.
        values: Everything else that a ``Tuning`` takes.

    Raises:
        DataError: The recipe does not say what may be tuned, or a value is not what it should be; the message names
            the flag of ``mer-bench tune``.
    """
    _check_space(recipe)
    chosen = usual_pruner(recipe) if pruner == "auto" else pruner
    try:
        return Tuning.model_validate({"pruner": chosen, "search_space": recipe.search_space, **values})
    except ValidationError as error:
        raise DataError(f"--{first_mistake(error).replace('_', '-', 1)}") from error


def mirror_seconds(run: Run, tuning: Tuning) -> float:
    """How long one may wait until all trials of a run are mirrored to W&B."""
    return max(60.0, _TRIAL_SECONDS * tuning.trials * len(run.folds))


def _check_space(recipe: Recipe) -> None:
    """Make sure that a recipe says what may be tuned.

    Raises:
        DataError: It does not.
    """
    if recipe.ensemble is not None:
        raise DataError(f"{recipe.name}: an ensemble has nothing to tune; tune {recipe.names}")
    if not recipe.search_space:
        raise DataError(f"{recipe_file(recipe.name)}: search_space: missing; it says what may be tuned")


def with_space(run: Run, file: Path) -> Run:
    """The same run with the search space of a file instead of the recipe's own; the tuned recipe says so.

    Raises:
        DataError: The file is not one, the recipe does not take what it allows, or is an ensemble.
    """
    from mer_lightning.motion import get_representation

    space = load_yaml(file, Space).search_space
    parts = [f"{key} {_in_words(space[key])}" for key in in_order(space)]
    deviations = (*run.recipe.deviations, f"Searched in a space of this run's own: {'; '.join(parts)}.")
    recipe = run.recipe.model_copy(update={"search_space": space, "deviations": deviations})
    _check_space(recipe)
    representation = get_representation(recipe.sees.name, recipe.sees.arguments)
    check_values(recipe, representation, str(file), [len(run.protocol.scheme.classes)])
    return replace(run, recipe=recipe)


def _in_words(values: Range) -> str:
    if isinstance(values, Choice):
        return " or ".join(str(value) for value in values.values)
    return f"{values.low:g} to {values.high:g}"


def _tuned_recipe(recipe: Recipe, tuning: Tuning) -> TunedRecipe:
    _check_space(recipe)
    seen = tuning.mode == "global"
    given: dict[str, Any] = dict(recipe)
    given |= {
        "name": f"{recipe.name}-tuned" + ("-global" if seen else ""),
        "title": f"{recipe.title}, tuned" + (" on the tested folds" if seen else ""),
        "tuning": tuning,
    }
    if seen:
        given["unranked"] = SEEN
    return TunedRecipe(**given)


def _all_help(run: Run, studies: Sequence[Fold], executor: Executor, start: Any, console: Console) -> None:  # noqa: ANN401
    from benchmark.training.jobs import Job, RunFold

    each = executor.workers // len(studies)
    # run ids of their own: who dies in one place is counted there
    jobs = [
        Job(run.recipe, (RunFold(f"{run.id}#{worker}", run.seed, fold, start),))
        for fold in studies
        for worker in range(each)
    ]
    console.print(f"{run.recipe.name} · {run.board}: {each} workers in each of {len(studies)} studies")
    with closing(executor.run(iter(jobs), {job.run: run.planned for job in jobs})) as ended:
        for job, outcomes in ended:
            for outcome in outcomes:
                if not isinstance(outcome.result, FoldRecord):
                    console.print(f"{job.run}: a worker gave up: {outcome.result.message}")


def _help(plan: _Plan, job: Job, table: Table, accelerator: str) -> tuple[Outcome, ...]:
    """Take part in the study of a fold until its trials are done or taken."""
    (member,) = job.members
    fold = member.fold
    worker = int(job.run.rpartition("#")[2])
    try:
        search(plan.search, *plan.study(plan.fit(member, table, accelerator)), worker=worker, help_only=True)
    except Exception as error:
        return (Outcome(fold.held_out, failure(error)),)
    return ()


def _tune_folds(plan: _Plan, job: Job, table: Table, accelerator: str) -> tuple[Outcome, ...]:
    """Finish the study of each fold and train it with the best values."""
    outcomes: list[Outcome] = []
    for member in job.members:
        held_out = member.fold.held_out
        try:
            outcomes.append(Outcome(held_out, _tune_fold(plan, member, table, accelerator)))
        except Exception as error:
            outcomes.append(Outcome(held_out, failure(error)))
    return tuple(outcomes)


def _tune_fold(plan: _Plan, member: RunFold, table: Table, accelerator: str) -> FoldRecord:
    given, fit = plan.search, plan.fit(member, table, accelerator)
    name, inner = plan.study(fit)
    trials = search(given, name, inner)
    values, worth = best_of(trials, given.tuning.search_space)
    spent = _spent(given.tuning, [trial for trial in trials if trial.state.name != "FAIL"])
    _write_trials(given, name, trials)
    result = train_fold(given.recipe.with_values(values), fit)
    own = 0.0 if given.tuning.mode == "global" else spent.seconds
    return fold_record(fit, result).model_copy(
        update={"tuned": values, "inner_uf1": worth, "search": spent, "seconds": round(result.seconds + own, 4)}
    )


def _spent(tuning: Tuning, trials: Sequence[FrozenTrial]) -> SearchRecord:
    return SearchRecord(
        mode=tuning.mode,
        sampler=tuning.sampler,
        pruner=tuning.pruner,
        trials=len(trials),
        pruned=sum(trial.state.name == "PRUNED" for trial in trials),
        epochs=sum(trial.user_attrs["epochs"] for trial in trials),
        seconds=round(sum(trial.duration.total_seconds() for trial in trials if trial.duration), 3),
    )


def _write_trials(given: Search, name: str, trials: Sequence[FrozenTrial]) -> None:
    """Keep the trials of a study for pictures and W&B, which need no Optuna then and no storage."""
    kept = tuple(
        KeptTrial.model_validate(
            {
                "number": trial.number,
                "state": trial.state.name.lower(),
                "value": trial.values[0] if trial.values and trial.state.name == "COMPLETE" else None,
                "values": trial.params,
                "epochs": trial.user_attrs.get("epochs", 0),
                "seconds": trial.duration.total_seconds() if trial.duration else 0.0,
            }
        )
        for trial in trials
    )
    study = KeptStudy(run=given.run, study=name, trials=kept)
    write_json(given.folder / f"{file_name(name)}{SUFFIX}", study.model_dump())


@contextmanager
def _lock_folder(folder: Path) -> Generator[Path]:
    """Keep every other process out of a folder; the lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", blocking=False, fallback_to_soft=False):
            yield folder
    except Timeout as error:
        raise DataError(f"{folder}: another process is tuning this run") from error
    except NotImplementedError as error:
        raise DataError(f"{folder}: its file system has no locks; keep runs on another one") from error
