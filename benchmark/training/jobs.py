"""What a worker does, wherever it is: train some folds and hand back a record or a failure of each."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmark.methods.own_code import check_code
from benchmark.records.audit import audit_fold
from benchmark.records.fold import FoldRecord, PredictionRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmark.methods.recipe import Ensemble, Member, Recipe
    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold
    from mer_lightning.tasks import AtOnce, Fit, FoldResult, Start


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

    def fits(self, table: Table, accelerator: str) -> list[Fit]:
        """What each member is fitted with."""
        from mer_lightning.tasks import Fit

        return [Fit(table, m.fold, m.seed, accelerator, m.start) for m in self.members]

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
    if job.how is not None and len(job.members) > 1:
        return _at_once(job, table, accelerator)
    outcomes: list[Outcome] = []
    for fit in job.fits(table, accelerator):
        try:
            result = train_fold(job.recipe, fit)
        except Exception as error:
            outcomes.append(Outcome(fit.fold.held_out, failure(error)))
        else:
            outcomes.append(Outcome(fit.fold.held_out, fold_record(fit, result)))
    return tuple(outcomes)


def _at_once(job: Job, table: Table, accelerator: str) -> tuple[Outcome, ...]:
    from mer_lightning.tasks import train_networks

    recipe, fits = job.recipe, job.fits(table, accelerator)
    check_code(recipe.outside)
    assert recipe.model is not None and recipe.training is not None, "only networks are trained at once"
    try:
        results = train_networks(fits, recipe.model, recipe.training, job.how)
        return tuple(Outcome(f.fold.held_out, fold_record(f, r)) for f, r in zip(fits, results, strict=True))
    except Exception as error:
        full = is_out_of_memory(error)
        note = f"{len(job.members)} folds at once: {_error_line(error)}"
    # outside of the handler, which would keep the tensors of what failed alive
    _free_memory()
    parts = job.halves() if full else [replace(job, members=(member,)) for member in job.members]
    note += f"; going on with {len(parts[0].members)}"
    outcomes = tuple(outcome for part in parts for outcome in do_job(part, table, accelerator))
    return tuple(replace(outcome, note="; ".join(filter(None, (note, outcome.note)))) for outcome in outcomes)


def train_fold(recipe: Recipe, fit: Fit) -> FoldResult:
    """Fit a recipe's network, estimator or ensemble on one fold and predict its test side.

    Args:
        recipe: The method.
        fit: On what, and with what.
    """
    from mer_lightning.tasks import fit_estimator, train_network

    check_code(recipe.outside)
    if recipe.ensemble is not None:
        return _train_ensemble(recipe, recipe.ensemble, fit)
    if recipe.estimator is not None:
        return fit_estimator(fit, recipe.estimator)
    assert recipe.model is not None and recipe.training is not None, "the plan has checked the recipe"
    return train_network(fit, recipe.model, recipe.training)


def train_together(recipe: Recipe, fits: Sequence[Fit]) -> list[FoldResult]:
    """Train a network on several folds of one table, all as one; see ``mer_lightning.tasks.train_networks``.

    Args:
        recipe: The method.
        fits: On what, and with what.

    Returns:
        One per fit; nothing where there is no network, or the model or the memory does not allow it.
    """
    from mer_lightning.tasks import examine, places_of, train_networks

    if recipe.model is None or recipe.training is None:
        return []
    check_code(recipe.outside)
    table = fits[0].table
    how = examine(table, recipe.model, recipe.training)
    if how.reason:
        return []
    found: dict[int, FoldResult] = {}
    try:
        for places in places_of(table, [fit.fold for fit in fits], recipe.training, len(fits)):
            results = train_networks([fits[place] for place in places], recipe.model, recipe.training, how)
            found |= dict(zip(places, results, strict=True))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return []
    return [found[place] for place in range(len(fits))]


def pays_together(accelerator: str) -> bool:
    """True where networks that are trained as one are faster than one after another: on a GPU."""
    from mer_lightning.devices import device_of

    return device_of(accelerator).type == "cuda"


def _train_ensemble(recipe: Recipe, ensemble: Ensemble, fit: Fit) -> FoldResult:
    from mer_lightning.tasks import Trained, average, stack

    def member_of(member: Member) -> Trained:
        part, seeds = recipe.parts[member.method], member.seeds_of(fit.seed)

        def train(fits: Sequence[Fit]) -> list[list[FoldResult]]:
            own = [replace(one, table=one.table.seen_by(part.name), seed=seed) for one in fits for seed in seeds]
            results: list[FoldResult] = []
            if len(own) > 1 and pays_together(fit.accelerator):
                results = train_together(part, own)
            results = results or [train_fold(part, one) for one in own]
            return [results[begin : begin + len(seeds)] for begin in range(0, len(own), len(seeds))]

        return Trained(train, member.weight)

    members = [member_of(member) for member in ensemble.members]
    if ensemble.rule == "average":
        return average(fit, members)
    return stack(fit, members, ensemble.top, inner_folds=ensemble.inner_folds)


def fold_record(fit: Fit, result: FoldResult) -> FoldRecord:
    """What is kept of a trained fold."""
    return FoldRecord(
        held_out=fit.fold.held_out,
        predictions=tuple(
            PredictionRecord(key=p.key, label=p.label, prediction=p.prediction, scores=p.scores)
            for p in result.predictions
        ),
        samples=fit.fold.samples,
        seconds=round(result.seconds, 4),
        curve=result.curve,
        epoch=result.epoch,
        candidates=result.candidates,
        audit=audit_fold(fit.fold, fit.table),
    )


def failure(error: BaseException) -> Failure:
    """A failure in one line, with its traceback."""
    return Failure(_error_line(error), "".join(traceback.format_exception(error)))


def is_out_of_memory(error: BaseException) -> bool:
    """True when an error says that memory, of a GPU or of the machine, did not suffice."""
    import torch

    # torch has no class of its own for the CPU
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def _error_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _free_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
