"""Planning and training with far more people than any database has; a program that runs in any build since 44050db.

``python tools/perf/crowd.py plan 1`` plans one run and ``plan 14`` a suite, ``fold`` trains a fold of ``majority``,
``tables S S ...`` goes through runs whose maps have these sides. Each prints one line of JSON.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mer_lightning.types import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmark.methods.source import Source
    from benchmark.methods.suite import Suite
    from benchmark.training.jobs import Job, RunFold, do_job
    from benchmark.training.plan import Run, make_plan
    from mer_lightning.types import Dataset
else:
    try:
        from benchmark.methods.source import Source
        from benchmark.methods.suite import Suite
        from benchmark.training.jobs import Job, RunFold, do_job
        from benchmark.training.plan import make_plan
    except ImportError:  # where they lay before the house was rebuilt
        from benchmark.jobs import Job, RunFold, do_job
        from benchmark.plan import make_plan
        from benchmark.source import Source
        from benchmark.suite import Suite

PEOPLE, CLIPS = 2_000, 20_000
_EMOTIONS = ("negative", "positive", "surprise")
_METHODS = ("majority", "linear-svm", "ststnet", "off-apexnet", "rcn-a-28", "rcn-s-28", "rcn-w-28", "htnet-small")
"""Two without seeds and six networks: with two seeds fourteen runs."""
_MIB = 2**20


class Crowd:
    """Invented flow maps of many people, as a dataset."""

    name, release, synthetic = "crowd", "1", True
    kind: Literal["flow_maps"] = "flow_maps"

    def __init__(self, people: int, clips: int, side: int) -> None:
        self._side, self.choices = side, dict[str, str]()
        made = [
            Sample("smic", f"s{clip % people:04d}", f"c{clip:05d}", _EMOTIONS[clip * 7 // 5 % 3])
            for clip in range(clips)
        ]
        self.samples = tuple(sorted(made, key=lambda sample: sample.key))

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """A map that no other sample has."""
        shown = np.zeros((1, self._side, self._side, 3), dtype=np.uint8)
        shown.reshape(-1)[: len(sample.clip)] = np.frombuffer(sample.clip.encode(), dtype=np.uint8)
        return shown


class _Crowded(Source):
    side: int

    def open(self, data: Path | None) -> Dataset:
        del data
        return Crowd(PEOPLE, CLIPS, self.side)


def _suite(runs: int, side: int = 4) -> Suite:
    methods, seeds = (_METHODS[:1], (0,)) if runs == 1 else (_METHODS, (0, 1))
    source = _Crowded(name="synthetic-flow", side=side)
    return Suite(name="crowd", title="", summary="", source=source, protocols=("smic-3",), methods=methods, seeds=seeds)


def plan(runs: int) -> dict[str, float]:
    """Seconds of the processor, and the most memory that Python's objects took, in MiB."""
    make_plan(_suite(1).model_copy(update={"source": Source(name="synthetic-flow", scale=0.1)}))  # imports
    began = time.process_time()
    planned = make_plan(_suite(runs))
    seconds, number = time.process_time() - began, len(planned)
    del planned
    tracemalloc.start()
    make_plan(_suite(runs))
    return {"seconds": seconds, "peak": tracemalloc.get_traced_memory()[1] / _MIB, "runs": number}


def fold() -> dict[str, float]:
    """Milliseconds of the processor for one fold, the shortest of some; the first one of all reads the maps."""
    (run,) = make_plan(_suite(1, side=28))
    best = float("inf")
    for one in run.folds[:12]:
        job, table = Job(run.recipe, (RunFold(run.id, 0, one),)), run.table
        began = time.process_time()
        (outcome,) = do_job(job, table, "cpu")
        best = min(best, time.process_time() - began)
        assert outcome.result.__class__.__name__ == "FoldRecord", outcome.result
    return {"milliseconds": best * 1e3}


def tables(sides: list[int]) -> dict[str, float]:
    """Most memory that was resident while runs with maps of these sides were trained, in MiB, and before."""
    from rich.console import Console

    from benchmark.records.store import Store
    from benchmark.training.executors import Local
    from benchmark.training.ledger import Output
    from benchmark.training.runner import run_all
    from benchmark.training.tracking.mirror import NoTracker

    (run,) = make_plan(_suite(1).model_copy(update={"source": Source(name="synthetic-flow", scale=0.05)}))
    runs = [_sized(run, side) for side in sides]
    before = _peak()
    with tempfile.TemporaryDirectory() as folder:
        output = Output(Store(Path(folder) / "runs"), Path(folder) / "records", NoTracker(), Console(quiet=True))
        run_all(runs, output, Local("cpu"))
    return {"before": before, "peak": _peak()}


def _sized(run: Run, side: int) -> Run:
    """The same run of 40 people with 2,000 clips, whose maps have another side."""
    from mer_lightning.datamodules import read_contents

    dataset = Crowd(40, 2_000, side)
    labelled = run.protocol.label(dataset)
    contents = read_contents(dataset, labelled.samples)
    planned = replace(run.planned, dataset=dataset, labelled=labelled, contents=contents)
    recipe = run.recipe.model_copy(update={"name": f"{run.recipe.name}-{side}"})
    folds = run.protocol.folds(labelled, run.seed)
    return replace(run, recipe=recipe, dataset=dataset, labelled=labelled, planned=planned, folds=folds)


def _peak() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    kind, *numbers = sys.argv[1:]
    ways = {"plan": lambda: plan(int(numbers[0])), "fold": fold, "tables": lambda: tables([*map(int, numbers)])}
    print(json.dumps(ways[kind]()))
