"""What a worker does, wherever it is: train some folds and hand back a record or a failure of each."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmark.records.audit import audit_fold
from benchmark.records.fold import FoldRecord, PredictionRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning import Callback

    from benchmark.methods.recipe import Ensemble, Member, Recipe
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold
    from mer_lightning.tasks import AtOnce, FoldResult, Start


@dataclass(frozen=True)
class RunFold:
    """A fold of a run.

    Attributes:
        run: Id of the run.
        seed: Seed of the run.
        fold: The fold.
        start: Pre-trained weights that it starts from; None where there are none.
    """

    run: str
    seed: int
    fold: Fold
    start: Start | None = None


@dataclass(frozen=True)
class Job:
    """Folds that one worker trains: of one run, or of runs that differ in their seeds alone.

    Attributes:
        recipe: The method.
        members: What is trained, one after another or at once.
        how: How they can be trained at once; None trains them one by one.
    """

    recipe: Recipe
    members: tuple[RunFold, ...]
    how: AtOnce | None = None

    @property
    def run(self) -> str:
        """Id of the first member's run; the samples of all are the same."""
        return self.members[0].run

    @property
    def folds(self) -> tuple[Fold, ...]:
        """The fold of each member."""
        return tuple(member.fold for member in self.members)

    def halves(self) -> tuple[Job, ...]:
        """The same in two jobs; itself where it has one member."""
        half = (len(self.members) + 1) // 2
        return tuple(replace(self, members=part) for part in (self.members[:half], self.members[half:]) if part)


@dataclass(frozen=True)
class Failure:
    """Why a fold was not trained: one line, and the traceback if there is one."""

    message: str
    details: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of one fold.

    Attributes:
        held_out: The held-out subject.
        result: Its record, or why there is none.
        note: What the user should hear once per run; empty if nothing.
    """

    held_out: str
    result: FoldRecord | Failure
    note: str = ""


def do_job(job: Job, table: Table, accelerator: str) -> tuple[Outcome, ...]:
    """Train the folds of a job; an error in one goes no further.

    Folds that do not fit into memory together are tried in halves, then one by one. Any other error in folds at once
    also sends them one by one, where it shows whose it is.

    Args:
        job: What to train.
        table: All samples of the protocol.
        accelerator: Lightning's accelerator.

    Returns:
        One outcome per fold, in order.
    """
    if job.how is None or len(job.members) == 1:
        return tuple(_train_one(job.recipe, member, table, accelerator) for member in job.members)
    note = ""
    try:
        return tuple(Outcome(r.held_out, r) for r in _at_once(job, table, accelerator))
    except Exception as error:
        full = is_out_of_memory(error)
        note = f"{len(job.members)} folds at once: {_error_line(error)}"
    # outside of the handler, which would keep the tensors of what failed alive
    _free_memory()
    parts = job.halves() if full else [replace(job, members=(member,)) for member in job.members]
    note += f"; going on with {len(parts[0].members)}"
    outcomes = tuple(outcome for part in parts for outcome in do_job(part, table, accelerator))
    return tuple(replace(outcome, note="; ".join(filter(None, (note, outcome.note)))) for outcome in outcomes)


def train_fold(
    recipe: Recipe,
    table: Table,
    fold: Fold,
    *,
    seed: int,
    accelerator: str,
    start: Start | None = None,
    callbacks: Sequence[Callback] = (),
) -> FoldResult:
    """Fit a recipe's network, estimator or ensemble on one fold and predict its test side.

    Args:
        recipe: The method.
        table: All samples that it may see.
        fold: What is trained and tested on.
        seed: Seed of the run.
        accelerator: Lightning's accelerator.
        start: Pre-trained weights that a network starts from.
        callbacks: What looks on at a network.
    """
    from mer_lightning.tasks import fit_estimator, train_network

    if recipe.ensemble is not None:
        return _train_ensemble(recipe, recipe.ensemble, table, fold, seed=seed, accelerator=accelerator)
    if recipe.estimator is not None:
        return fit_estimator(table, fold, recipe.estimator)
    assert recipe.model is not None and recipe.training is not None, "the plan has checked the recipe"
    return train_network(
        table,
        fold,
        recipe.model,
        recipe.training,
        seed=seed,
        accelerator=accelerator,
        start=start,
        callbacks=callbacks,
    )


def train_together(
    recipe: Recipe,
    table: Table,
    folds: Sequence[Fold],
    seeds: Sequence[int],
    *,
    accelerator: str,
) -> list[list[FoldResult]]:
    """Train a network on every fold with every seed, all as one; see ``mer_lightning.tasks.train_networks``.

    Args:
        recipe: The method.
        table: All samples that it may see.
        folds: What is trained and tested on.
        seeds: Seeds of the run.
        accelerator: Lightning's accelerator.

    Returns:
        For each fold one result per seed; nothing where there is no network, or the model or the memory does not
        allow it.
    """
    from mer_lightning.tasks import examine, places_of, train_networks

    if recipe.model is None or recipe.training is None:
        return []
    how = examine(table, recipe.model, recipe.training)
    if how.reason:
        return []
    replicas = [(fold, seed) for fold in folds for seed in seeds]
    found: dict[int, FoldResult] = {}
    try:
        for places in places_of(table, [fold for fold, _ in replicas], recipe.training, len(replicas)):
            results = train_networks(
                table,
                [replicas[place][0] for place in places],
                recipe.model,
                recipe.training,
                seeds=[replicas[place][1] for place in places],
                accelerator=accelerator,
                how=how,
            )
            found |= dict(zip(places, results, strict=True))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return []
    in_order = [found[place] for place in range(len(replicas))]
    return [in_order[begin : begin + len(seeds)] for begin in range(0, len(in_order), len(seeds))]


def pays_together(accelerator: str) -> bool:
    """True where networks that are trained as one are faster than one after another: on a GPU."""
    from mer_lightning.devices import device_of

    return device_of(accelerator).type == "cuda"


def _train_ensemble(
    recipe: Recipe, ensemble: Ensemble, table: Table, fold: Fold, *, seed: int, accelerator: str
) -> FoldResult:
    from mer_lightning.tasks import Trained, average, stack

    def member_of(member: Member) -> Trained:
        part, seeds = recipe.parts[member.method], member.seeds_of(seed)

        def train(whole: Table, folds: Sequence[Fold]) -> list[list[FoldResult]]:
            own = whole.seen_by(part.name)
            several = len(folds) * len(seeds) > 1
            if several and pays_together(accelerator):
                results = train_together(part, own, folds, seeds, accelerator=accelerator)
                if results:
                    return results
            return [[train_fold(part, own, fold, seed=one, accelerator=accelerator) for one in seeds] for fold in folds]

        return Trained(train, member.weight)

    members = [member_of(member) for member in ensemble.members]
    if ensemble.rule == "average":
        return average(table, fold, members)
    return stack(table, fold, members, ensemble.top, inner_folds=ensemble.inner_folds, seed=seed)


def fold_record(fold: Fold, table: Table, result: FoldResult) -> FoldRecord:
    """What is kept of a trained fold; ``table`` is what it was trained on."""
    return FoldRecord(
        held_out=fold.held_out,
        predictions=tuple(
            PredictionRecord(key=p.key, label=p.label, prediction=p.prediction, scores=p.scores)
            for p in result.predictions
        ),
        samples={"train": len(fold.train), "validation": len(fold.validation)},
        seconds=round(result.seconds, 4),
        curve=result.curve,
        epoch=result.epoch,
        candidates=result.candidates,
        audit=audit_fold(fold, table),
    )


def failure(error: BaseException) -> Failure:
    """A failure in one line, with its traceback."""
    return Failure(_error_line(error), "".join(traceback.format_exception(error)))


def is_out_of_memory(error: BaseException) -> bool:
    """True when an error says that memory, of a GPU or of the machine, did not suffice."""
    import torch

    # torch has no class of its own for the CPU
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def _train_one(recipe: Recipe, member: RunFold, table: Table, accelerator: str) -> Outcome:
    fold = member.fold
    try:
        result = train_fold(recipe, table, fold, seed=member.seed, accelerator=accelerator, start=member.start)
    except Exception as error:
        return Outcome(fold.held_out, failure(error))
    return Outcome(fold.held_out, fold_record(fold, table, result))


def _at_once(job: Job, table: Table, accelerator: str) -> list[FoldRecord]:
    from mer_lightning.tasks import train_networks

    recipe = job.recipe
    assert recipe.model is not None and recipe.training is not None, "only networks are trained at once"
    results = train_networks(
        table,
        job.folds,
        recipe.model,
        recipe.training,
        seeds=[member.seed for member in job.members],
        accelerator=accelerator,
        how=job.how,
        start=[member.start for member in job.members],
    )
    return [fold_record(fold, table, result) for fold, result in zip(job.folds, results, strict=True)]


def _error_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _free_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
