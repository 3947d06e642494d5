"""Jobs of some runs in the order in which they are trained: what is missing first, then what others left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.training.jobs import Job, RunFold, pays_together
from benchmark.training.pretraining import prepare_start

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmark.records.store import Store
    from benchmark.training.executors import Executor
    from benchmark.training.ledger import Ledger
    from benchmark.training.plan import Run
    from mer_lightning.tasks import AtOnce


class Queue:
    """What is left to train of some runs.

    Args:
        runs: What is trained.
        store: Where pre-trained weights are kept.
        ledger: Knows what is missing and who trains it.
        executor: Where it is trained.
        at_once: Folds of one network that are trained as one, see ``run_all``.
    """

    def __init__(
        self, runs: Sequence[Run], store: Store, ledger: Ledger, executor: Executor, at_once: int | None
    ) -> None:
        self._runs, self._store, self._ledger = runs, store, ledger
        self._executor, self._at_once = executor, at_once

    def jobs(self) -> Iterator[Job | None]:
        """Every fold that is missing and that nobody else trains; at the end, what others left, or None meanwhile."""
        waiting: list[tuple[Run, RunFold]] = []
        for runs in self._side_by_side():
            first, missing = runs[0], self._missing(runs)
            if missing and first.planned.table is None:
                seen = dict.fromkeys(part.sees.name for part in first.recipe.trained)
                self._ledger.say(f"{' and '.join(seen)}: {len(first.labelled.samples)} samples")
            how = self._how(first, len(missing))
            for part in self._divide(first, missing, how):
                mine = [member for member in part if self._ledger.take(member)]
                if mine:
                    yield Job(first.recipe, tuple(mine), how)
                # a job takes time, in which others may have finished theirs
                waiting += [(first, member) for member in part if member not in mine and self._ledger.is_left(member)]
            for run in runs:
                self._ledger.finish_if_done(run.id)
        yield from self._left_by_others(waiting)

    def _left_by_others(self, waiting: list[tuple[Run, RunFold]]) -> Iterator[Job | None]:
        while waiting:
            for run, member in tuple(waiting):
                if self._ledger.take(member):
                    yield Job(run.recipe, (member,))
                elif self._ledger.is_left(member):
                    continue
                waiting.remove((run, member))
                self._ledger.finish_if_done(member.run)
            if waiting:
                yield None

    def _side_by_side(self) -> list[list[Run]]:
        """Runs whose folds may be trained as one: those that differ in their seeds alone, where that is wanted."""
        sets: dict[str, list[Run]] = {}
        for run in {run.id: run for run in self._runs}.values():
            but_seed = run.id.replace(f"--s{run.seed}--", "--")
            sets.setdefault(but_seed if self._wants_at_once(run) else run.id, []).append(run)
        return list(sets.values())

    def _missing(self, runs: Sequence[Run]) -> list[RunFold]:
        missing = self._ledger.open(runs)
        members: list[RunFold] = []
        for run in runs:
            if missing[run.id]:
                start = prepare_start(run, self._store, self._ledger.say, accelerator=self._executor.accelerator)
                members += [RunFold(run.id, run.seed, fold, start) for fold in missing[run.id]]
        return members

    def _wants_at_once(self, run: Run) -> bool:
        if run.recipe.model is None or self._at_once == 1:
            return False
        return self._at_once is not None or pays_together(self._executor.accelerator)

    def _how(self, run: Run, missing: int) -> AtOnce | None:
        """How so many missing folds can be trained at once; None where they are not."""
        if missing and run.recipe.ensemble is not None and self._at_once not in {None, 1}:
            self._ledger.note(
                run, "fold by fold: on a GPU an ensemble trains seeds and inner folds of a member at once"
            )
        if missing < 2 or not self._wants_at_once(run):
            return None
        from mer_lightning.tasks import examine

        assert run.recipe.model is not None and run.recipe.training is not None
        how = examine(run.table, run.recipe.model, run.recipe.training)
        if how.reason:
            self._ledger.note(run, f"fold by fold: {how.reason}")
            return None
        return how

    def _divide(self, run: Run, missing: Sequence[RunFold], how: AtOnce | None) -> list[list[RunFold]]:
        """Parts that are trained as one, of a run and others like it."""
        if how is None:
            return [[member] for member in missing]
        from mer_lightning.tasks import places_of, replicas_that_fit

        model, training = run.recipe.model, run.recipe.training
        assert model is not None and training is not None
        at_once = self._at_once or replicas_that_fit(run.table, model, training, self._executor.workers)
        sets = places_of(run.table, [member.fold for member in missing], training, at_once)
        return [[missing[place] for place in places] for places in sets]
