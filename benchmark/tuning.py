"""Tune a method inside the training subjects of each fold; the only module that knows Optuna."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from benchmark.jobs import fold_record, train_fold
from benchmark.recipe import RECIPES, Choice, FloatRange, IntRange, Range, Recipe
from benchmark.runner import FoldProgress, begin_run, keep_fold, make_record
from mer_lightning.metrics import confusion_matrix, uf1
from mer_lightning.protocols import fold_seed
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    from optuna.trial import BaseTrial, FrozenTrial
    from rich.console import Console

    from benchmark.plan import Run
    from benchmark.records import FoldRecord, RunRecord, Store
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold, InnerFold


class Tuning(Settings):
    """How a method was tuned.

    Attributes:
        trials: Trials of each outer fold.
        inner_folds: Subject-grouped parts of its training subjects.
        search_space: What the trials could change.
    """

    trials: int = Field(ge=1)
    inner_folds: int = Field(ge=2)
    search_space: dict[str, Range]


class TunedRecipe(Recipe):
    """A recipe whose values in the search space are chosen anew in each fold; made by ``tune_nested``, never a file."""

    tuning: Tuning

    @property
    def hash(self) -> str:
        """SHA-256 of the recipe's own hash and of how it was tuned."""
        tuning = json.dumps(self.tuning.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(f"{super().hash}/{tuning}".encode()).hexdigest()


def tune_nested(
    run: Run,
    *,
    trials: int,
    store: Store,
    console: Console,
    inner_folds: int = 3,
    accelerator: str = "auto",
) -> RunRecord:
    """Tune each missing fold on its training subjects alone, train it with the best values, predict and record it.

    Args:
        run: The untuned method; its seed is also the seed of the search.
        trials: Trials of each fold.
        store: Local records; folds and trials that are in it are not trained again.
        console: Where progress is shown.
        inner_folds: Subject-grouped parts of the training subjects, each tested once per trial.
        accelerator: Lightning's accelerator.

    Returns:
        The record of ``<method>-tuned``, not yet written; ``failed`` names the folds that ended in an error.

    Raises:
        DataError: The recipe has no search space, there is nothing to split, or another process tunes the same run.
    """
    tuned = replace(run, recipe=_tuned_recipe(run.recipe, trials, inner_folds))
    inner = {fold.held_out: run.protocol.inner_folds(fold, run.labelled, inner_folds, run.seed) for fold in run.folds}
    with _alone(store.folder(tuned.id) / "tuning") as folder, FoldProgress(console, len(run.folds)) as progress:
        missing = begin_run(tuned, store)
        progress.start_run(tuned, already=len(run.folds) - len(missing))
        for fold in missing:
            keep_fold(
                tuned, fold, store, partial(_tune_fold, run, fold, inner[fold.held_out], trials, folder, accelerator)
            )
            progress.fold_done()
        record = _describe(make_record(tuned, store, accelerator), trials, store)
        progress.finish_run(record)
    return record


def inner_uf1(recipe: Recipe, table: Table, folds: Sequence[InnerFold], *, seed: int, accelerator: str) -> float:
    """Train a recipe on every inner fold and pool the predictions: the value of a trial.

    Args:
        recipe: With the values of the trial.
        table: The training samples of the outer fold and no others.
        folds: Splits of them.
        seed: Seed of the run, the same for all trials.
        accelerator: Lightning's accelerator.
    """
    predictions = [
        prediction
        for fold in folds
        for prediction in train_fold(recipe, table, fold, seed=seed, accelerator=accelerator).predictions
    ]
    labels, guesses = [p.label for p in predictions], [p.prediction for p in predictions]
    return float(uf1(confusion_matrix(labels, guesses, table.classes)))


def _tuned_recipe(recipe: Recipe, trials: int, inner_folds: int) -> TunedRecipe:
    if not recipe.search_space:
        raise DataError(f"{RECIPES.name}/{recipe.name}.yaml: search_space: missing; it says what may be tuned")
    if trials < 1 or inner_folds < 2:
        raise DataError(f"tuning needs a trial and two inner folds; found {trials} and {inner_folds}")
    given: dict[str, Any] = dict(recipe)
    given |= {
        "name": f"{recipe.name}-tuned",
        "title": f"{recipe.title}, tuned",
        "tuning": Tuning(trials=trials, inner_folds=inner_folds, search_space=recipe.search_space),
    }
    return TunedRecipe(**given)


def _tune_fold(
    run: Run, fold: Fold, inner: Sequence[InnerFold], trials: int, folder: Path, accelerator: str
) -> FoldRecord:
    from optuna.trial import FixedTrial

    # the held-out subject is not even in the table that trials are given
    seen = run.table.only((*fold.train, *fold.validation))
    journal = folder / f"{fold.held_out.replace('/', '--')}.journal"
    done = _search(run.recipe, seen, inner, trials, journal, fold.held_out, run.seed, accelerator)
    best = max(done, key=lambda trial: trial.values[0])  # the first of equals
    values = _suggest(FixedTrial(best.params), run.recipe.search_space)
    result = train_fold(run.recipe.with_values(values), run.table, fold, seed=run.seed, accelerator=accelerator)
    searched = sum(trial.duration.total_seconds() for trial in done if trial.duration is not None)
    return fold_record(fold, run.table, result).model_copy(
        update={"tuned": values, "inner_uf1": best.values[0], "seconds": round(result.seconds + searched, 4)}
    )


def _search(
    recipe: Recipe,
    seen: Table,
    inner: Sequence[InnerFold],
    trials: int,
    journal: Path,
    name: str,
    seed: int,
    accelerator: str,
) -> list[FrozenTrial]:
    """Run the trials that the journal lacks and return all complete ones, in order."""
    import optuna
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _drop_torn_line(journal)
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(JournalFileBackend(str(journal))),
        study_name=name,
        direction="maximize",
        load_if_exists=True,
    )
    for left in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(left.number, state=TrialState.FAIL)  # nobody else tunes this run, so its process is dead
    while len(done := study.get_trials(states=(TrialState.COMPLETE,))) < trials:
        # a sampler of its own for each trial: a search that was interrupted goes on as if it had not been
        study.sampler = optuna.samplers.TPESampler(seed=fold_seed(seed, f"{name}/trial {len(done)}"))
        trial = study.ask()
        changed = recipe.with_values(_suggest(trial, recipe.search_space))
        study.tell(trial, inner_uf1(changed, seen, inner, seed=seed, accelerator=accelerator))
    return done


def _suggest(trial: BaseTrial, space: Mapping[str, Range]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, given in sorted(space.items()):
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


def _describe(record: RunRecord, trials: int, store: Store) -> RunRecord:
    """Add how it was tuned and, once every fold is in, how optimistic the inner score was."""
    said = f"Tuned: {trials} trials by nested subject-grouped folds"
    if record.complete:
        inner = [fold.inner_uf1 for fold in store.folds(record.run).values() if fold.inner_uf1 is not None]
        gap = float(np.mean(inner)) - float(uf1(record.matrices().sum(0)))
        said += f"; mean inner UF1 minus outer UF1 = {gap:+.4f}"
    return record.model_copy(
        update={
            "recipe": record.recipe | {"deviations": [*record.recipe["deviations"], f"{said}."]},
            "versions": record.versions | {"optuna": importlib.metadata.version("optuna")},
        }
    )


@contextmanager
def _alone(folder: Path) -> Generator[Path]:
    """Keep every other process out of a folder; the lock goes with the process, however it ends."""
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"{folder}: another process is tuning this run") from error
        yield folder


def _drop_torn_line(journal: Path) -> None:
    """A full disk or a power cut leaves half a line, behind which Optuna would read nothing any more."""
    if journal.exists():
        text = journal.read_bytes()
        if not text.endswith(b"\n"):
            journal.write_bytes(text[: text.rfind(b"\n") + 1])
