"""Where jobs run: in this process, in processes of this machine, or on Ray; the only module that knows Ray."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmark.jobs import Failure, Job, Outcome, do_job, failure
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from benchmark.plan import Run
    from benchmark.records import Store
    from mer_lightning.datamodules import Table

    Work = Callable[[Job, Table, str], tuple[Outcome, ...]]

_DEATHS = 3
"""A fold whose worker dies this often has failed."""
_POLL_SECONDS = 0.2
_WORTH_PROCESSES = 1_000_000
"""Samples to pass through a network: about a minute of the smallest one, ten times the start of the workers."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


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
        self, jobs: Iterator[Job | None], tables: Mapping[str, Table]
    ) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
        """Train every job; closing the generator stops what is under way.

        Args:
            jobs: What to train, asked for when a worker is free; None says that there is nothing just now.
            tables: Table of each run, by its id.

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
        self, jobs: Iterator[Job | None], tables: Mapping[str, Table]
    ) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
        """See ``Executor``."""
        for job in jobs:
            if job is None:
                time.sleep(_POLL_SECONDS)
            else:
                yield job, self._work(job, tables[job.run], self.accelerator)


class Processes:
    """Jobs in processes of this machine, each with its share of the cores; a worker that dies is replaced.

    Args:
        workers: Number of processes; None is one per core.
        accelerator: Lightning's accelerator. With CUDA the workers are spread over the visible GPUs.
        work: What is done with a job; a function that can be pickled.
    """

    def __init__(self, workers: int | None = None, accelerator: str = "auto", work: Work = do_job) -> None:
        self.accelerator, self._work = accelerator, work
        self.workers = workers or cores()
        self.threads: int | None = max(1, cores() // self.workers)

    def __str__(self) -> str:
        return f"{self.workers} processes, {self.threads} threads each"

    def run(
        self, jobs: Iterator[Job | None], tables: Mapping[str, Table]
    ) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
        """See ``Executor``."""
        with tempfile.TemporaryDirectory(prefix="mer-bench-") as folder, _thread_limit(self.threads or 1):
            paths = _save_tables(tables, Path(folder))
            gpus = _visible_gpus() if self.accelerator != "cpu" else []
            slots = [
                _Slot(self.threads or 1, gpus[number % len(gpus)] if gpus else None) for number in range(self.workers)
            ]
            try:
                yield from _schedule(
                    jobs,
                    slots,
                    lambda slot, job: slot.submit(_worker_job, self._work, job, paths[job.run], self.accelerator),
                )
            finally:
                for slot in slots:
                    slot.stop()


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
        self, jobs: Iterator[Job | None], tables: Mapping[str, Table]
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
                **({} if self._address else local),
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise DataError(f"--address {self._address}: {' '.join(str(error).split())}") from error
        try:
            resources = ray.cluster_resources()
            self.workers = max(1, int(resources.get("CPU", 1)))
            gpus = 1 if resources.get("GPU") and self.accelerator != "cpu" else 0
            task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=_DEATHS - 1)(_ray_job)
            distinct = {id(table): table for table in tables.values()}
            refs = {own: ray.put(table) for own, table in distinct.items()}
            yield from self._collect(jobs, task, {run: refs[id(table)] for run, table in tables.items()})
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
        refs: Mapping[str, Any],
    ) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
        ray, running, ended = self._ray, dict[Any, Job](), False
        while running or not ended:
            while not ended and len(running) < self.workers:
                job = next(jobs, _END)
                if job is None:
                    break
                if isinstance(job, Job):
                    running[task.remote(self._work, job, refs[job.run], self.accelerator)] = job
                else:
                    ended = True
            if not running:
                time.sleep(0 if ended else _POLL_SECONDS)
                continue
            done, _ = ray.wait(list(running), timeout=_POLL_SECONDS)
            for ref in done:
                job = running.pop(ref)
                try:
                    outcomes = ray.get(ref)
                except ray.exceptions.RaySystemError:
                    raise
                except Exception as error:
                    outcomes = tuple(Outcome(fold.held_out, failure(error)) for fold in job.folds)
                yield job, outcomes


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
            missing takes much longer than starting them, else ``local``.
        runs: What will be trained.
        store: What is there already.
        accelerator: Lightning's accelerator.
        workers: Number of workers; None is one per core.
        address: Of a Ray cluster.
        work: What is done with a job; a function that can be pickled.

    Raises:
        DataError: The options do not fit together, or Ray is not installed.
    """
    if address is not None and name != "ray":
        raise DataError(f"--address {address}: only --executor ray has one")
    if name == "auto":
        import torch

        on_cpu = accelerator == "cpu" or not torch.cuda.is_available()
        several = (workers or cores()) > 1
        name = "processes" if on_cpu and several and _passes(runs, store) > _WORTH_PROCESSES else "local"
    elif name == "local" and workers not in {None, 1}:
        raise DataError(f"--jobs {workers}: --executor local is a single process")
    match name:
        case "processes":
            return Processes(workers, accelerator, work)
        case "ray":
            return Ray(address, workers, accelerator, work)
        case _:
            return Local(accelerator, work)


def _passes(runs: Sequence[Run], store: Store) -> int:
    """Samples that training what is missing will look at, all epochs together."""
    return sum(
        run.recipe.training.epochs * len(fold.train)
        for run in runs
        if run.recipe.training is not None
        for done in [store.done(run.id)]
        for fold in run.folds
        if fold.held_out not in done
    )


def _check_address(address: str | None) -> None:
    """Find out in seconds, not in Ray's minutes, that nothing answers."""
    host, _, port = (address or "").rpartition(":")
    if host and "/" not in host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            raise DataError(f"--address {address}: no Ray answers there: {error.strerror or error}") from error


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _End:
    """The source of jobs is dry."""


_END = _End()


class _Slot:
    """A place for one worker: a pool of one process, so that a death concerns one job and no other."""

    def __init__(self, threads: int, gpu: str | None) -> None:
        self._threads, self._gpu = threads, gpu
        self._pool: ProcessPoolExecutor | None = None
        self._process: Any = None

    def submit(self, work: Callable[..., tuple[Outcome, ...]], *arguments: object) -> Future[tuple[Outcome, ...]]:
        if self._pool is not None:
            return self._pool.submit(work, *arguments)
        self._pool = ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(self._threads, self._gpu),
        )
        before = set(multiprocessing.active_children())
        # a worker inherits the mask: Ctrl-C reaches every process of a terminal, and only this one should act on it
        old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            future = self._pool.submit(work, *arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
        (self._process,) = set(multiprocessing.active_children()) - before
        return future

    def stop(self) -> None:
        if self._pool is not None:
            self._process.kill()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _schedule(
    jobs: Iterator[Job | None], slots: list[_Slot], submit: Callable[[_Slot, Job], Future[tuple[Outcome, ...]]]
) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
    """Keep every slot busy; a job whose worker dies comes again, in halves where it can, and fails in the end."""
    free, running = list(slots), dict[Future[tuple[Outcome, ...]], tuple[_Slot, Job]]()
    again: deque[Job] = deque()
    deaths: Counter[tuple[str, str]] = Counter()
    ended = False
    while running or again or not ended:
        while free and (again or not ended):
            job = again.popleft() if again else next(jobs, _END)
            if job is None:
                break
            if isinstance(job, Job):
                slot = free.pop(0)
                running[submit(slot, job)] = slot, job
            else:
                ended = True
        if not running:
            time.sleep(0 if ended else _POLL_SECONDS)
            continue
        done, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            slot, job = running.pop(future)
            free.append(slot)
            try:
                outcomes = future.result()
            except BrokenProcessPool:
                slot.stop()
                deaths.update((job.run, fold.held_out) for fold in job.folds)
                retried, outcomes = _after_death(job, deaths)
                again.extend(retried)
            except Exception as error:
                outcomes = tuple(Outcome(fold.held_out, failure(error)) for fold in job.folds)
            if outcomes:
                yield job, outcomes


def _after_death(job: Job, deaths: Counter[tuple[str, str]]) -> tuple[list[Job], tuple[Outcome, ...]]:
    fold, *others = job.folds
    if others:
        # perhaps the machine ran out of memory and killed it: fewer folds take less
        half = (len(job.folds) + 1) // 2
        return [replace(job, folds=job.folds[:half]), replace(job, folds=job.folds[half:])], ()
    if deaths[job.run, fold.held_out] < _DEATHS:
        return [job], ()
    return [], (Outcome(fold.held_out, Failure(f"its worker died {_DEATHS} times; was it killed for memory?")),)


@contextmanager
def _thread_limit(threads: int) -> Generator[None]:
    """Let new processes start with this many threads; this process keeps its own."""
    old = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    try:
        yield
    finally:
        for name, value in old.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _save_tables(tables: Mapping[str, Table], folder: Path) -> dict[str, Path]:
    """Write each table once; workers map the file, so that all of them share one copy in memory."""
    import torch

    written: dict[int, Path] = {}
    for table in tables.values():
        if id(table) not in written:
            path = folder / f"{len(written)}.pt"
            try:
                torch.save(table, path)
            except (OSError, RuntimeError) as error:
                raise DataError(f"{path}: the samples cannot be written for the workers: {error}") from error
            written[id(table)] = path
    return {run: written[id(table)] for run, table in tables.items()}


def _visible_gpus() -> list[str]:
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return named.split(",")[:count] if named else [str(number) for number in range(count)]


def _start_worker(threads: int, gpu: str | None) -> None:
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # before torch looks
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    # nobody would collect what an orphan trains
    threading.Thread(target=follow, daemon=True).start()
    import torch

    torch.set_num_threads(threads)


@lru_cache(maxsize=8)
def _load_table(path: Path) -> Table:
    import torch

    # written by this program a moment ago, so it may hold more than weights
    return torch.load(path, mmap=True, weights_only=False)


def _worker_job(work: Work, job: Job, table: Path, accelerator: str) -> tuple[Outcome, ...]:
    return work(job, _load_table(table), accelerator)


def _ray_job(work: Work, job: Job, table: Table, accelerator: str) -> tuple[Outcome, ...]:
    import torch

    torch.set_num_threads(1)
    return work(job, table, accelerator)
