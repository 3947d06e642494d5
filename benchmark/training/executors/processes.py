"""Jobs in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from benchmark.training.executors.executor import DEATHS, END, POLL_SECONDS, copy_of, cores
from benchmark.training.jobs import Failure, Job, Outcome, do_job, failure
from mer_lightning.files import temporary_folder
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from benchmark.training.executors.executor import Work
    from mer_lightning.datamodules import PlannedTable, Table

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


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
        self, jobs: Iterator[Job | None], tables: Mapping[str, PlannedTable]
    ) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
        """See ``Executor``."""
        with temporary_folder("tables") as folder, _thread_limit(self.threads or 1):
            paths: dict[PlannedTable, Path] = {}
            save = partial(_save_table, folder)
            gpus = _visible_gpus() if self.accelerator != "cpu" else []
            slots = [
                _Slot(self.threads or 1, gpus[number % len(gpus)] if gpus else None) for number in range(self.workers)
            ]

            def submit(slot: _Slot, job: Job) -> Future[tuple[Outcome, ...]]:
                path = copy_of(tables[job.run], paths, save, Path.unlink)
                return slot.submit(_worker_job, self._work, job, path, self.accelerator)

            try:
                yield from _schedule(jobs, slots, submit)
            finally:
                # all of them before the first is waited for: each takes a while to give its memory back
                for slot in slots:
                    slot.kill()
                for slot in slots:
                    slot.stop()


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

    def kill(self) -> None:
        if self._pool is not None:
            self._process.kill()

    def stop(self) -> None:
        self.kill()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _schedule(
    jobs: Iterator[Job | None], slots: list[_Slot], submit: Callable[[_Slot, Job], Future[tuple[Outcome, ...]]]
) -> Generator[tuple[Job, tuple[Outcome, ...]]]:
    """Keep every slot busy; a job whose worker dies comes again, in halves where it can, and fails in the end."""
    free, running = list(slots), dict[Future[tuple[Outcome, ...]], tuple[_Slot, Job]]()
    again: deque[Job] = deque()
    deaths: Counter[tuple[str, str]] = Counter()
    source, over = _Source(jobs), list[tuple[Job, tuple[Outcome, ...]]]()
    while running or again or over or not source.dry:
        while free and (job := again.popleft() if again else source.take()):
            slot = free.pop(0)
            running[submit(slot, job)] = slot, job
        # only now, when no worker waits any more, there is time for what the last ones gave
        yield from over
        source.look_ahead()
        if not running:
            time.sleep(0 if over or source.dry else POLL_SECONDS)
        over.clear()
        done, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            slot, job = running.pop(future)
            free.append(slot)
            try:
                outcomes = future.result()
            except BrokenProcessPool:
                slot.stop()
                deaths.update((member.run, member.fold.held_out) for member in job.members)
                retried, outcomes = _after_death(job, deaths)
                again.extend(retried)
            except Exception as error:
                outcomes = tuple(Outcome(fold.held_out, failure(error)) for fold in job.folds)
            if outcomes:
                over.append((job, outcomes))


class _Source:
    """Jobs, of which the next one is asked for while all workers are busy, so that none of them waits for it."""

    def __init__(self, jobs: Iterator[Job | None]) -> None:
        self._jobs, self._next, self._ended = jobs, None, False
        self._next: Job | None

    @property
    def dry(self) -> bool:
        """True when there will be no more."""
        return self._ended and self._next is None

    def look_ahead(self) -> None:
        if self._next is None and not self._ended:
            job = next(self._jobs, END)
            if isinstance(job, Job):
                self._next = job
            else:
                self._ended = job is END

    def take(self) -> Job | None:
        """The next job; None where there is nothing, or nothing just now."""
        self.look_ahead()
        job, self._next = self._next, None
        return job


def _after_death(job: Job, deaths: Counter[tuple[str, str]]) -> tuple[list[Job], tuple[Outcome, ...]]:
    member, *others = job.members
    if others:
        # perhaps the machine ran out of memory and killed it: fewer folds take less
        return list(job.halves()), ()
    held_out = member.fold.held_out
    if deaths[member.run, held_out] < DEATHS:
        return [job], ()
    return [], (Outcome(held_out, Failure(f"its worker died {DEATHS} times; was it killed for memory?")),)


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


def _save_table(folder: Path, table: Table) -> Path:
    """Write a table for the workers, which map the file, so that all of them share one copy in memory."""
    import torch

    path = folder / f"{uuid4()}.pt"
    try:
        torch.save(table, path)
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path}: the samples cannot be written for the workers: {error}") from error
    return path


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


@lru_cache(maxsize=2)
def _load_table(path: Path) -> Table:
    import torch

    # written by this program a moment ago, so it may hold more than weights
    return torch.load(path, mmap=True, weights_only=False)


def _worker_job(work: Work, job: Job, table: Path, accelerator: str) -> tuple[Outcome, ...]:
    return work(job, _load_table(table), accelerator)
