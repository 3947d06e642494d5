"""Work for executors that needs no training; a worker imports it by name."""

import os
import signal
import time
from pathlib import Path

from benchmark.records.fold import FoldRecord, PredictionRecord
from benchmark.training.jobs import Failure, Outcome, do_job


def folder():
    return Path(os.environ["FAKE_WORK"])


def guess_first(job, table, accelerator):
    """Predict class 0 for everybody."""
    labels = table.labels.tolist()
    return tuple(
        Outcome(
            fold.held_out,
            FoldRecord(
                held_out=fold.held_out,
                predictions=tuple(
                    PredictionRecord(key=table.keys[row], label=labels[row], prediction=0) for row in fold.test
                ),
                samples=fold.samples,
                seconds=0.0,
            ),
        )
        for fold in job.folds
    )


def sleep_a_second(job, table, accelerator):
    time.sleep(float(os.environ.get("FAKE_SECONDS", "1")))
    return guess_first(job, table, accelerator)


def wait_to_be_killed_once(job, table, accelerator):
    """Leave a process id and wait; go on where that happened before."""
    mark = folder() / job.folds[0].held_out.replace("/", "-")
    if job.folds[0].held_out.endswith("02") and not mark.exists():
        (folder() / "pid").write_text(str(os.getpid()))
        mark.touch()
        time.sleep(600)
    return guess_first(job, table, accelerator)


def die_for_one(job, table, accelerator):
    if any(fold.held_out.endswith("02") for fold in job.folds):
        os.kill(os.getpid(), signal.SIGKILL)
    return guess_first(job, table, accelerator)


def raise_for_one(job, table, accelerator):
    if job.folds[0].held_out.endswith("02"):
        raise RuntimeError("out of\nluck")
    return guess_first(job, table, accelerator)


def fail_one(job, table, accelerator):
    return tuple(
        Outcome(o.held_out, Failure("no")) if o.held_out.endswith("02") else o
        for o in guess_first(job, table, accelerator)
    )


def train(job, table, accelerator):
    """Train on one thread, whoever does it."""
    import torch

    torch.set_num_threads(1)
    return do_job(job, table, accelerator)
