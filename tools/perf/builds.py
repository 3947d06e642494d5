"""An earlier build of the project beside this one: the same program, environment and single thread in both."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.places import PROJECT
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

EARLIER = "44050db"
"""The commit that ours is measured beside: before the house was rebuilt."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_MEASURED = """
import json, os, resource, runpy, sys, time
report, *sys.argv = sys.argv[1:]
status = 0
try:
    if sys.argv[0] == "-m":
        name = sys.argv.pop(1)
        sys.argv[0] = name
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as ended:
    status = ended.code or 0
used = resource.getrusage(resource.RUSAGE_SELF)
try:
    # what the system says of a child begins with the memory of its parent
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
except OSError:
    peak = used.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
with open(report, "w") as file:
    json.dump({"status": status, "seconds": used.ru_utime + used.ru_stime, "peak": peak}, file)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a program cost, its start included.

    Attributes:
        seconds: Of the processor, in user and system mode: what others do to a shared machine counts less.
        peak: Most memory that was resident, in MiB.
        status: Exit status.
        printed: What it printed.
    """

    seconds: float
    peak: float
    status: int
    printed: str


@contextmanager
def build_at(commit: str = EARLIER) -> Generator[Path | None]:
    """The files of a commit in a folder of their own, that goes again; None where git does not have it.

    Args:
        commit: Its name.
    """
    try:
        packed = subprocess.run(["git", "archive", commit], cwd=PROJECT, capture_output=True, check=False)
    except FileNotFoundError:
        packed = None
    if packed is None or packed.returncode:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="build-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def run_in(build: Path, program: Sequence[str], folder: Path | None = None) -> Cost:
    """Run a program with the packages of a build, on one thread, in a process of its own.

    Args:
        build: The folder of the build.
        program: A file with its arguments, or ``-m``, a module and its arguments.
        folder: Where it runs; the build when None.

    Raises:
        DataError: It ended without a result.
    """
    environment = os.environ | dict.fromkeys(THREADS, "1") | {"PYTHONPATH": str(build), "WANDB_MODE": "offline"}
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, str(report), *program],
            cwd=folder or build,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if not report.exists():
            said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise DataError(f"{' '.join(program[:3])}: {said[-1]}")
        found = json.loads(report.read_text(encoding="utf-8"))
    return Cost(found["seconds"], found["peak"], found["status"], done.stdout)
