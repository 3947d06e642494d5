"""Train what is missing, record every fold the moment it ends, and go on when one fails."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from benchmark.records.clip_list import check_free
from benchmark.records.run import load_clip_list
from benchmark.training.ledger import Ledger
from benchmark.training.progress import FoldProgress
from benchmark.training.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmark.records.run import RunRecord
    from benchmark.training.executors import Executor
    from benchmark.training.ledger import Output
    from benchmark.training.plan import Run


def run_all(
    runs: Sequence[Run],
    output: Output,
    executor: Executor,
    *,
    at_once: int | None = None,
    progress: FoldProgress | None = None,
) -> list[RunRecord]:
    """Train the missing folds of every run and write its RunRecord.

    Args:
        runs: What to train, from ``make_plan``.
        output: Where results go.
        executor: Where folds are trained.
        at_once: Folds of one network, of all its seeds, that are trained as one; None takes what fits on a GPU, and 1
            on a CPU.
        progress: Shows it; None shows a bar over folds.

    Returns:
        One RunRecord per run, in order; ``failed`` names the folds that ended in an error.

    Raises:
        DataError: The store cannot be written, or its folds are not of these runs; or there are records of other clips,
            see ``check_free``.
    """
    check_free((run.clip_list for run in runs), output.records, load_clip_list)
    tables = {run.id: run.planned for run in runs}
    with progress or FoldProgress(output.console, sum(len(run.folds) for run in runs)) as shown:
        ledger = Ledger(runs, output, shown, executor)
        queue = Queue(runs, output.store, ledger, executor, at_once)
        # a generator that is dropped with an exception under way would go on until somebody collects it
        with closing(ledger), closing(executor.run(queue.jobs(), tables)) as ended:
            for job, outcomes in ended:
                ledger.keep(job, outcomes)
    return [ledger.results[run.id] for run in runs]
