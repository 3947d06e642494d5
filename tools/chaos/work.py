"""What is disturbed: one small command for each thing that a user leaves running, and the records it ends with."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from benchmark.places import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

_SUITE = """title: {name}
summary: A few invented people.
source: {{name: {source}, scale: {scale}}}
protocols: [{protocol}]
methods: [majority]
seeds: [0]
"""
_NETWORK = """title: Small network
summary: A network that is trained for a moment.
tier: C
representation: flow_map
model: {name: off_apexnet.OffApexNet}
training: {epochs: 20, batch_size: 16, optimizer: {name: adam, lr: 1.0e-3}}
search_space:
  training.optimizer.lr: {kind: float, low: 1.0e-4, high: 1.0e-1, log: true}
"""
_TRANSFERRED = """title: Small network, transferred
summary: A network that starts from other people.
tier: C
representation: {name: flow_sequence, arguments: {frames: 5, size: [16, 16], flow_size: [16, 16]}}
model: {name: s3d_cnn.S3DCNN, arguments: {size: 16, frames: 4}}
training: {epochs: 1, batch_size: 16, optimizer: {name: adam, lr: 1.0e-3}}
transfer:
  database: ckplus
  training: {epochs: 1, batch_size: 64, optimizer: {name: adam, lr: 1.0e-3}}
  freeze: true
"""
_TIMES = {"seconds", "checksum"}
"""A time, and the sum over a file that holds one."""


@dataclass(frozen=True, slots=True)
class Work:
    """A command.

    Attributes:
        name: What it is called in the figures.
        arguments: Of ``mer-bench``.
        video: True where the people are films; else they are maps.
    """

    name: str
    arguments: tuple[str, ...]
    video: bool = False

    @property
    def missing(self) -> str:
        """Why it cannot be run here; empty where it can."""
        found = find_spec("ray") if "ray" in self.arguments else None
        # a mere folder of that name has no origin
        return "Ray is not installed" if "ray" in self.arguments and (found is None or found.origin is None) else ""

    def command(self, folder: Path) -> list[str]:
        """The command line; what it reads is written into the folder.

        Args:
            folder: Everything lies in it.
        """
        given = folder / "given"
        given.mkdir(parents=True, exist_ok=True)
        kind = ("synthetic-video", 0.05, "samm-3") if self.video else ("synthetic-flow", 0.3, "smic-3")
        suite, method = given / "chaos.yaml", given / ("small-transferred.yaml" if self.video else "small.yaml")
        suite.write_text(_SUITE.format(name="Chaos", source=kind[0], scale=kind[1], protocol=kind[2]), encoding="utf-8")
        method.write_text(_TRANSFERRED if self.video else _NETWORK, encoding="utf-8")
        places = ("--runs", str(folder / "kept" / "runs"), "--records", str(folder / "kept" / "records"))
        own = ("--suite", str(suite), "--method", str(method), "--accelerator", "cpu", *places)
        return [sys.executable, "-m", "benchmark", *self.arguments, *own]


def works() -> tuple[Work, ...]:
    """Everything that is disturbed."""
    two = ("--executor", "processes", "--jobs", "2")
    search = ("--protocol", "smic-3", "--trials", "3", "--inner-folds", "2", "--executor", "local")
    return (
        Work("run", ("run", "--executor", "local")),
        Work("run, two processes", ("run", *two)),
        Work("run, Ray", ("run", "--executor", "ray", "--jobs", "2")),
        Work("run, pre-trained", ("run", "--executor", "local"), video=True),
        Work("tune", ("tune", *search, "--storage", "journal")),
        Work("leak-study", ("leak-study", "--jobs", "1")),
    )


def environment(folder: Path, clock: int | None) -> dict[str, str]:
    """The variables of a program: one thread, a temporary folder of the trial, and where asked a clock that jumps.

    Args:
        folder: Of the trial.
        clock: Seed of the jumps; None for the clock of the machine.
    """
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    paths = [str(PROJECT)] if clock is None else [str(PROJECT / "tools" / "chaos" / "clock"), str(PROJECT)]
    own = {
        "WANDB_MODE": "disabled",
        "OMP_NUM_THREADS": "1",
        "TMPDIR": str(scratch),
        "PYTHONPATH": os.pathsep.join(paths),
    }
    return os.environ | own | ({} if clock is None else {"CHAOS_CLOCK": str(clock)})


def results(folder: Path) -> dict[str, str]:
    """The final records and those of folds, as text without times, by place.

    Args:
        folder: Of the trial.
    """
    kept = folder / "kept"
    paths = [*kept.glob("records/**/*.json"), *kept.glob("runs/*/folds/*.json"), *kept.glob("runs/*/tuning/*.json")]
    return {
        str(path.relative_to(kept)): json.dumps(_timeless(json.loads(path.read_text(encoding="utf-8"))))
        for path in sorted(paths)
    }


def remains(folder: Path) -> list[str]:
    """What should not be left: files that are half written, and errors of folds."""
    kept = folder / "kept"
    return sorted(str(path.relative_to(kept)) for names in ("*.part", "*.error.json") for path in kept.rglob(names))


def _timeless(value: Any) -> Any:  # noqa: ANN401 - whatever JSON has
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if key not in _TIMES}
    return [_timeless(one) for one in value] if isinstance(value, list) else value
