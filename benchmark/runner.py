"""Train what is missing, record every fold the moment it ends, and go on when one fails."""

from __future__ import annotations

import importlib.metadata
import platform
import time
import traceback
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmark.records import (
    DataProvenance,
    FoldRecord,
    PredictionRecord,
    RunManifest,
    RunRecord,
    confusion_of,
    save_run,
)
from mer_lightning.metrics import uf1

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console

    from benchmark.plan import Run
    from benchmark.records import Store
    from benchmark.tracking import Tracker
    from mer_lightning.protocols import Fold

_PACKAGES = ("torch", "lightning", "torchmetrics", "kornia", "numpy", "scikit-learn")
_QUIET_SECONDS = 30.0


def run_all(
    runs: Sequence[Run],
    *,
    store: Store,
    records: Path,
    tracker: Tracker,
    console: Console,
    accelerator: str = "auto",
) -> list[RunRecord]:
    """Train the missing folds of every run and write its RunRecord.

    Args:
        runs: What to train, from ``make_plan``.
        store: Local records; folds that are in it are not trained again.
        records: Folder of the RunRecords.
        tracker: Told of each run that was worked on.
        console: Where progress is shown.
        accelerator: Lightning's accelerator.

    Returns:
        One RunRecord per run, in order; ``failed`` names the folds that ended in an error.
    """
    results: list[RunRecord] = []
    with _Progress(console, sum(len(run.folds) for run in runs)) as progress:
        for run in runs:
            store.begin(
                RunManifest(run=run.id, method=run.recipe.name, board=run.board, seed=run.seed, folds=len(run.folds))
            )
            done = store.folds(run.id)
            missing = [fold for fold in run.folds if fold.held_out not in done]
            progress.start_run(run, already=len(run.folds) - len(missing))
            for fold in missing:
                _train(run, fold, store, accelerator)
                progress.fold_done()
            record = make_record(run, store, accelerator)
            path = save_run(records, record)
            results.append(record)
            progress.finish_run(record)
            if missing and record.complete:
                tracker.publish(store.folder(run.id), path)
    return results


def make_record(run: Run, store: Store, accelerator: str) -> RunRecord:
    """Sum up what the store holds of a run."""
    people = {fold.held_out for fold in run.folds}
    folds = [fold for fold in store.folds(run.id).values() if fold.held_out in people]
    return RunRecord(
        run=run.id,
        method=run.recipe.name,
        title=run.recipe.title,
        board=run.board,
        protocol=run.protocol.id,
        protocol_version=run.protocol.version,
        protocol_hash=run.protocol.hash,
        selection=run.protocol.selection,
        recipe_hash=run.recipe.hash,
        recipe=run.recipe.model_dump(mode="json"),
        data=DataProvenance(
            source=run.dataset.name,
            release=run.dataset.release,
            synthetic=run.dataset.synthetic,
            choices=dict(getattr(run.dataset, "choices", {})),
            table_hash=run.labelled.table_hash,
            content_hash=run.table.content_hash,
        ),
        seed=run.seed,
        classes=run.protocol.scheme.classes,
        databases=tuple(run.protocol.counts),
        folds=len(run.folds),
        finished=len(folds),
        failed=tuple(sorted(set(store.errors(run.id)) & people)),
        confusion=confusion_of(folds, len(run.protocol.scheme.classes)),
        versions={"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in _PACKAGES},
        device=_device_name(accelerator),
        seconds=round(sum(fold.seconds for fold in folds), 3),
    )


def _train(run: Run, fold: Fold, store: Store, accelerator: str) -> None:
    from mer_lightning.tasks import fit_estimator, train_network

    recipe = run.recipe
    try:
        if recipe.estimator is not None:
            result = fit_estimator(run.table, fold, recipe.estimator, seed=run.seed)
        else:
            assert recipe.model is not None and recipe.training is not None, "the plan has checked the recipe"
            result = train_network(
                run.table, fold, recipe.model, recipe.training, seed=run.seed, accelerator=accelerator
            )
    except Exception as error:
        message = " ".join(f"{type(error).__name__}: {error}".split())
        store.save_error(run.id, fold.held_out, message, traceback.format_exc())
        return
    store.save_fold(
        run.id,
        FoldRecord(
            held_out=fold.held_out,
            predictions=tuple(
                PredictionRecord(key=p.key, label=p.label, prediction=p.prediction, scores=p.scores)
                for p in result.predictions
            ),
            samples={"train": len(fold.train), "validation": len(fold.validation)},
            seconds=round(result.seconds, 4),
            curve=result.curve,
            epoch=result.epoch,
        ),
    )


def _device_name(accelerator: str) -> str:
    import torch

    if accelerator in {"auto", "gpu", "cuda"} and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU ({platform.machine()}, threads: {torch.get_num_threads()})"


class _Progress:
    """A bar over folds with time left on a terminal; elsewhere a line per run and one every half minute."""

    def __init__(self, console: Console, folds: int) -> None:
        self._console, self._folds = console, folds
        self._count = self._trained = 0
        self._start = self._last_line = time.monotonic()
        self._name = ""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("folds"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=folds)

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start_run(self, run: Run, already: int) -> None:
        self._name = f"{run.recipe.name} · {run.board} · seed {run.seed}"
        self._count += already
        # folds that are already there took no time and must not make the rest look fast
        self._bar.update(self._task, description=self._name, total=self._folds - self._count + self._trained)

    def fold_done(self) -> None:
        self._count += 1
        self._trained += 1
        self._bar.advance(self._task)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line > _QUIET_SECONDS:
            self._last_line = now
            left = (now - self._start) / self._trained * (self._folds - self._count)
            self._console.print(f"{self._name}: {self._count}/{self._folds} folds, about {left / 60:.0f} min left")

    def finish_run(self, record: RunRecord) -> None:
        if record.complete:
            score = float(uf1(record.matrices().sum(0)))
            self._console.print(f"{self._name}: UF1 {score:.4f}, {record.folds} folds, {record.seconds:.0f} s")
        else:
            self._console.print(
                f"{self._name}: incomplete {record.finished}/{record.folds}, failed: {', '.join(record.failed)}"
            )
