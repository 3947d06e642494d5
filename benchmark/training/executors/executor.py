"""What an executor is, and the simplest one: jobs one after another in this process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from benchmark.training.jobs import Job, Outcome, do_job
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from mer_lightning.datamodules import PlannedTable, Table

Made = TypeVar("Made")
Work = Callable[[Job, "Table", str], tuple[Outcome, ...]]
"""What is done with a job, given the table of its run and Lightning's accelerator."""
DEATHS = 3
"""A fold whose worker dies this often has failed."""
POLL_SECONDS = 0.2
"""How often somebody who has nothing to do looks for work."""


def check_accelerator(accelerator: str) -> None:
    """Make sure that this machine has what is asked for.

    Raises:
        DataError: A GPU is asked for, and torch finds none.
    """
    import torch

    if accelerator == "gpu" and not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        raise DataError(f"--accelerator gpu: torch {torch.__version__} finds no GPU here; expected auto or cpu")


class Executor(Protocol):
    """Something that trains jobs.

    Attributes:
        accelerator: Lightning's accelerator, for every job.
        workers: How many jobs run side by side.
        threads: Threads of a worker on the CPU; None leaves them as they are.
    """

    accelerator: str
    workers: int
    threads: int | None

    def run(
        self, jobs: Iterator[Job | None], tables: Mapping[str, PlannedTable]
    ) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
        """Train every job; closing the generator stops what is under way.

        Args:
            jobs: What to train, asked for shortly before a worker is free; None says that there is nothing just now.
            tables: Table of each run, by its id, read when its first job comes.

        Yields:
            Jobs in the order in which they end, each with the outcome of its folds. A job that was divided comes in
            parts.
        """
        ...


class Local:
    """Jobs one after another in this process.

    Args:
        accelerator: Lightning's accelerator.
        work: What is done with a job.
    """

    def __init__(self, accelerator: str = "auto", work: Work = do_job) -> None:
        self.accelerator, self.workers, self._work = accelerator, 1, work
        self.threads: int | None = None

    def __str__(self) -> str:
        return "in this process"

    def run(
        self, jobs: Iterator[Job | None], tables: Mapping[str, PlannedTable]
    ) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
        """See ``Executor``."""
        for job in jobs:
            if job is None:
                time.sleep(POLL_SECONDS)
            else:
                yield job, self._work(job, tables[job.run].get(), self.accelerator)


def copy_of(
    table: PlannedTable,
    copies: dict[PlannedTable, Made],
    make: Callable[[Table], Made],
    forget: Callable[[Made], object],
) -> Made:
    """What workers get of a table: made once, and forgotten when another one comes after the table was let go of.

    Args:
        table: The table.
        copies: What was made of it, or of others; changed.
        make: Makes it, e.g. a file.
        forget: Undoes that.
    """
    for gone in [other for other in copies if other.table is None]:
        forget(copies.pop(gone))
    if table not in copies:
        copies[table] = make(table.get())
    return copies[table]


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class End:
    """The source of jobs is dry."""


END = End()
