"""How far a benchmark is: a bar over folds on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mer_lightning.metrics import uf1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from benchmark.records.run import RunRecord
    from benchmark.training.plan import Run

QUIET_SECONDS = 30.0
"""Between two lines about progress."""


class FoldProgress:
    """A bar over folds with time left on a terminal; elsewhere a line per run and one every half minute."""

    def __init__(self, console: Console, folds: int) -> None:
        self._console, self._folds = console, folds
        self._count = self._trained = 0
        self._start = self._last_line = time.monotonic()
        self._name = ""
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=folds, unit="folds")

    def __enter__(self) -> FoldProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, runs: Sequence[Run], already: int) -> None:
        """Name what comes next, one run or those of several seeds; ``already`` of their folds are in the store."""
        seeds = ", ".join(str(run.seed) for run in runs)
        self._name = f"{runs[0].recipe.name} · {runs[0].board} · seed{'s' * (len(runs) > 1)} {seeds}"
        self._count += already
        # folds that are already there took no time and must not make the rest look fast
        self._bar.update(self._task, description=self._name, total=self._folds - self._count + self._trained)

    def fold_done(self) -> None:
        """Count a fold that was trained."""
        self._count_fold()
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line > QUIET_SECONDS:
            self._last_line = now
            left = (now - self._start) / self._trained * (self._folds - self._count)
            self._console.print(f"{self._name}: {self._count}/{self._folds} folds, about {left / 60:.0f} min left")

    def _count_fold(self) -> None:
        self._count += 1
        self._trained += 1
        self._bar.advance(self._task)

    def fold_found(self) -> None:
        """Count a fold that another process trained."""
        self._count += 1
        self._bar.update(self._task, total=self._folds - self._count + self._trained)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line)

    def finish_run(self, record: RunRecord) -> None:
        """Say what came out."""
        name = f"{record.method} · {record.board} · seed {record.seed}"
        if record.complete:
            score = float(uf1(record.matrices().sum(0)))
            self._console.print(f"{name}: UF1 {score:.4f}, {record.folds} folds, {record.seconds:.0f} s")
        else:
            self._console.print(
                f"{name}: incomplete {record.finished}/{record.folds}, failed: {', '.join(record.failed)}"
            )
