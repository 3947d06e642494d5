"""What a suite will cost before it starts: folds, epochs, pre-training stages, hours, memory and disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RunCost:
    """What a run takes.

    Attributes:
        method: Recipe.
        protocol: Id of its protocol.
        seed: Seed of the run.
        folds: How many there are.
        missing: How many of them are not in the local store.
        recorded: Whether its RunRecord is there, as of ``Planned``.
        epochs: Of each fold.
        hours: Of all that are missing, on one worker.
        memory: Bytes of its table and of the training of a fold.
    """

    method: str
    protocol: str
    seed: int
    folds: int
    missing: int
    recorded: str
    epochs: int
    hours: float
    memory: int


@dataclass(frozen=True, slots=True)
class StageCost:
    """What a pre-training stage takes.

    Attributes:
        name: How its files begin.
        methods: What starts from it.
        seed: Seed of the runs.
        samples: How many train.
        epochs: Passes over them.
        kept: Whether its weights are there already.
        hours: To train it; 0 where it is kept.
        memory: Bytes.
    """

    name: str
    methods: tuple[str, ...]
    seed: int
    samples: int
    epochs: int
    kept: bool
    hours: float
    memory: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a suite will cost.

    Attributes:
        suite: Its title.
        data: Name and release of the data.
        workers: Folds side by side.
        threads: Threads of a worker; None leaves them as they are.
        runs: Every run.
        stages: Every pre-training stage, once however many runs start from it.
        starts: Runs that start from one.
        starting_hours: Until a program has imported what it needs and checked the suite.
        reading_hours: To read every clip and compute what methods see, as if nothing was in the cache.
        cache_bytes: Disk for that.
        disk_bytes: With weights and records.
        memory_bytes: The most that lies in memory together, that of all workers.
        measured: When the oldest measurement was made, seconds since 1970.
    """

    suite: str
    data: str
    workers: int
    threads: int | None
    runs: tuple[RunCost, ...]
    stages: tuple[StageCost, ...]
    starts: int
    starting_hours: float
    reading_hours: float
    cache_bytes: int
    disk_bytes: int
    memory_bytes: int
    measured: float

    @property
    def folds_hours(self) -> float:
        """Of all folds, one after another."""
        return sum(run.hours for run in self.runs)

    @property
    def stages_hours(self) -> float:
        """Of all stages."""
        return sum(stage.hours for stage in self.stages)

    @property
    def hours(self) -> float:
        """From start to end: stages and reading are one after another, folds side by side."""
        return self.starting_hours + self.reading_hours + self.stages_hours + self.folds_hours / self.workers

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        named = {name: getattr(self, name) for name in ("hours", "folds_hours", "stages_hours")}
        return {**named, **asdict(self)}
