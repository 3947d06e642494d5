"""Jobs as tasks of Ray; the only module that knows Ray."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Any

from benchmark.places import workspace
from benchmark.training.executors.executor import DEATHS, END, POLL_SECONDS, copy_of, cores
from benchmark.training.jobs import Job, Outcome, do_job, failure
from mer_lightning.outside import loaded_below
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from benchmark.training.executors.executor import Work
    from mer_lightning.datamodules import PlannedTable, Table


class Ray:
    """Jobs as tasks of a Ray cluster, or of a Ray that is started here; needs the extra ``ray``.

    Args:
        address: Of the cluster, ``auto`` for the one that this machine belongs to; None starts a local Ray.
        workers: Jobs side by side on a local Ray; None is one per core. A cluster takes as many as it has CPUs.
        accelerator: Lightning's accelerator; unless ``cpu``, a task takes one GPU where the cluster has any.
        work: What is done with a job; a function that can be pickled.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        accelerator: str = "auto",
        work: Work = do_job,
    ) -> None:
        # else a connection that is lost would be replaced by a new Ray that knows nothing of the tasks
        os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise DataError("--executor ray: Ray is not installed; pip install '.[ray]' brings it") from error
        self._ray: Any = ray
        self.accelerator, self._work, self._address = accelerator, work, address
        self.workers = workers or cores()
        self.threads: int | None = 1

    def __str__(self) -> str:
        return "on Ray"

    def run(
        self, jobs: Iterator[Job | None], tables: Mapping[str, PlannedTable]
    ) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
        """See ``Executor``."""
        ray = self._ray
        _check_address(self._address)
        local: dict[str, Any] = {"num_cpus": self.workers, "include_dashboard": False}
        try:
            ray.init(
                address=self._address or "local",
                log_to_driver=False,
                logging_level="error",
                runtime_env=_environment(),
                **({} if self._address else local),
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise DataError(f"--address {self._address}: {' '.join(str(error).split())}") from error
        try:
            resources = ray.cluster_resources()
            self.workers = max(1, int(resources.get("CPU", 1)))
            if self.accelerator == "gpu" and not resources.get("GPU"):
                raise DataError("--accelerator gpu: Ray has no GPU; expected auto or cpu")
            gpus = 1 if resources.get("GPU") and self.accelerator != "cpu" else 0
            task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=DEATHS - 1)(_ray_job)
            yield from self._collect(jobs, task, tables)
        except (ray.exceptions.RaySystemError, SystemExit) as error:
            # Ray ends a program whose Ray has stopped, with status 0
            raise DataError(
                "the connection to Ray is lost; finished folds are kept, the same command goes on"
            ) from error
        finally:
            ray.shutdown()

    def _collect(
        self,
        jobs: Iterator[Job | None],
        task: Any,  # noqa: ANN401 - Ray has no types
        tables: Mapping[str, PlannedTable],
    ) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
        ray, running, ended = self._ray, dict[Any, Job](), False
        refs: dict[PlannedTable, Any] = {}
        while running or not ended:
            while not ended and len(running) < self.workers:
                job = next(jobs, END)
                if job is None:
                    break
                if isinstance(job, Job):
                    # Ray throws an object away that nobody refers to any more
                    ref = copy_of(tables[job.run], refs, ray.put, lambda _: None)
                    running[task.remote(self._work, job, ref, self.accelerator)] = job
                else:
                    ended = True
            if not running:
                time.sleep(0 if ended else POLL_SECONDS)
                continue
            done, _ = ray.wait(list(running), timeout=POLL_SECONDS)
            for ref in done:
                job = running.pop(ref)
                try:
                    outcomes = ray.get(ref)
                except ray.exceptions.RaySystemError:
                    raise
                except Exception as error:
                    outcomes = tuple(Outcome(fold.held_out, failure(error)) for fold in job.folds)
                yield job, outcomes


def _environment() -> dict[str, Any]:
    """What a worker needs: where the user's own code lies, if any is run. A cluster has the workspace at one place."""
    root = workspace().root
    if not loaded_below(root):
        return {}
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"env_vars": {"PYTHONPATH": os.pathsep.join(paths)}}


def _check_address(address: str | None) -> None:
    """Find out in seconds, not in Ray's minutes, that nothing answers."""
    host, _, port = (address or "").rpartition(":")
    if host and "/" not in host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            raise DataError(f"--address {address}: no Ray answers there: {error.strerror or error}") from error


def _ray_job(work: Work, job: Job, table: Table, accelerator: str) -> tuple[Outcome, ...]:
    import torch

    torch.set_num_threads(1)
    return work(job, table, accelerator)
