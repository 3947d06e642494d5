"""Which executor suits what there is to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.training.executors.executor import Local, check_accelerator, cores
from benchmark.training.executors.on_ray import Ray
from benchmark.training.executors.processes import Processes
from benchmark.training.jobs import do_job
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmark.records.store import Store
    from benchmark.training.executors.executor import Executor, Work
    from benchmark.training.plan import Run

_WORTH_PROCESSES = 1_000_000
"""Samples to pass through a network: about a minute of the smallest one, ten times the start of the workers."""


def choose_executor(
    name: str,
    runs: Sequence[Run],
    store: Store,
    accelerator: str = "auto",
    workers: int | None = None,
    address: str | None = None,
    work: Work = do_job,
) -> Executor:
    """The executor that was asked for.

    Args:
        name: ``local``, ``processes``, ``ray`` or ``auto``: on a CPU with several cores ``processes`` where what is
            missing takes much longer than starting them, or workers are asked for, else ``local``.
        runs: What will be trained.
        store: What is there already.
        accelerator: Lightning's accelerator.
        workers: Number of workers; None is one per core.
        address: Of a Ray cluster.
        work: What is done with a job; a function that can be pickled.

    Raises:
        DataError: The options do not fit together, Ray is not installed, or there is no such accelerator.
    """
    if address is not None and name != "ray":
        raise DataError(f"--address {address}: only --executor ray has one")
    if name == "auto":
        name = "processes" if suits_processes(_passes(runs, store), accelerator, workers) else "local"
    elif name == "local" and workers not in {None, 1}:
        raise DataError(f"--jobs {workers}: --executor local is a single process")
    if name != "ray":
        check_accelerator(accelerator)
    match name:
        case "processes":
            return Processes(workers, accelerator, work)
        case "ray":
            return Ray(address, workers, accelerator, work)
        case _:
            return Local(accelerator, work)


def suits_processes(passes: int, accelerator: str, workers: int | None) -> bool:
    """Whether ``auto`` takes processes.

    Args:
        passes: Samples that training what is missing will look at, all epochs together.
        accelerator: Lightning's accelerator.
        workers: As of ``choose_executor``.
    """
    import torch

    on_cpu = accelerator == "cpu" or not torch.cuda.is_available()
    several = (workers or cores()) > 1
    # who asks for workers gets them
    return (on_cpu and several and passes > _WORTH_PROCESSES) or (workers or 1) > 1


def _passes(runs: Sequence[Run], store: Store) -> int:
    """Samples that training what is missing will look at, all epochs together."""
    return sum(
        run.recipe.epochs * fold.samples["train"]
        for run in runs
        if run.recipe.epochs
        for done in [store.done(run.id)]
        for fold in run.folds
        if fold.held_out not in done
    )
