"""How far a tuned run is: trials of all its studies beside its folds, and the time that is left."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from benchmark.training.progress import QUIET_SECONDS, FoldProgress
from benchmark.tuning.search import read_progress

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

_POLL_SECONDS = 0.5


class TrialProgress(FoldProgress):
    """A second bar over trials, which workers count in the folder of the run; elsewhere a line every half minute.

    Args:
        console: Where it is shown.
        folds: Folds of the run.
        trials: Trials of all its studies.
        folder: Where its studies say how far they are.
    """

    def __init__(self, console: Console, folds: int, trials: int, folder: Path) -> None:
        super().__init__(console, folds)
        self._trials, self._folder = trials, folder
        self._before = self._done = self._said = min(read_progress(folder), trials)
        self._second = self._bar.add_task("", total=trials - self._before, unit="trials")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> TrialProgress:
        super().__enter__()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        super().__exit__(*error)

    def fold_done(self) -> None:
        """Count a fold that was trained."""
        self._count_fold()

    def _follow(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            self._done = max(self._done, min(read_progress(self._folder), self._trials))
            # trials that are already there took no time and must not make the rest look fast
            self._bar.update(self._second, completed=self._done - self._before)
            now = time.monotonic()
            if not self._console.is_terminal and self._done > self._said and now - self._last_line > QUIET_SECONDS:
                self._last_line, self._said = now, self._done
                self._console.print(self.line(now - self._start))

    def line(self, seconds: float) -> str:
        """Folds, trials and the minutes that are left, after so many seconds."""
        left = seconds / max(1, self._done - self._before) * (self._trials - self._done)
        where = f"{self._name}: " if self._name else ""
        return (
            f"{where}{self._count}/{self._folds} folds, {self._done}/{self._trials} trials, "
            f"about {left / 60:.0f} min left"
        )
