"""Mirror finished runs to W&B from a process of its own, so that no failure there can stop or slow a benchmark."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from benchmark.records.curves import average_curves
from benchmark.records.run import RunRecord, load_run
from benchmark.records.store import Store
from mer_lightning.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

PROJECT = "mer-benchmark"
_PATIENCE_SECONDS = 60.0


class Tracker(Protocol):
    """Something that wants to know of finished runs."""

    def expect(self) -> None:
        """A run is being trained, and will be published if it becomes complete."""
        ...

    def publish(self, folder: Path, record: Path) -> None:
        """Mirror one complete run, given its folder in the store and its RunRecord."""
        ...

    def publish_picture(self, run: str, picture: Path, summary: Path, *, private: bool) -> None:
        """Mirror the explanation of one prediction of a run, given the picture and a JSON file of what it says.

        A private picture stays on this machine until somebody uploads it on purpose.
        """
        ...

    def close(self, patience: float = _PATIENCE_SECONDS) -> None:
        """Finish what is under way, in this many seconds at most."""
        ...


class NoTracker:
    """Tracks nothing."""

    def expect(self) -> None:
        """Do nothing."""

    def publish(self, folder: Path, record: Path) -> None:
        """Do nothing."""

    def publish_picture(self, run: str, picture: Path, summary: Path, *, private: bool) -> None:
        """Do nothing."""

    def close(self, patience: float = _PATIENCE_SECONDS) -> None:
        """Do nothing."""


class WandbTracker:
    """One W&B run per (method, protocol, seed), grouped by suite, job type ``loso``; one more per explanation.

    An offline run cannot be opened again once it has ended, so that a picture of one of its predictions goes into a run
    of its own beside it: job type ``explanation``, in the same group.

    Args:
        root: Folder for W&B's own files.
        suite: Name of the suite, the group of its runs.
        console: Where a failure is mentioned.
    """

    def __init__(self, root: Path, suite: str, console: Console) -> None:
        self._root, self._suite, self._console = root, suite, console
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._ready: subprocess.Popen[bytes] | None = None
        self._next = f"next-{os.getpid()}"

    def expect(self) -> None:
        """Have a process ready that has imported wandb by the time when the run is complete."""
        if self._ready is None:
            self._ready = self._spawn(self._next, ["next"], {}, subprocess.PIPE)

    def publish(self, folder: Path, record: Path) -> None:
        """Start mirroring one run and return at once."""
        arguments = ["run", str(folder), str(record), self._suite, str(self._root)]
        worker, self._ready = self._ready, None
        if worker is not None and worker.poll() is None:
            (self._root / f"{self._next}.log").replace(self._root / f"{folder.name}.log")
            self._hand_over(worker, arguments)
            self._workers[folder.name] = worker
        else:
            self._start(folder.name, arguments, {})

    def publish_picture(self, run: str, picture: Path, summary: Path, *, private: bool) -> None:
        """Start mirroring one explanation and return at once; a private one goes into an offline run."""
        name = f"{run}--explanation"
        arguments = ["picture", run, str(picture), str(summary), self._suite, str(self._root)]
        self._start(name, arguments, {"WANDB_MODE": "offline"} if private else {})

    def _start(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        worker = self._spawn(name, arguments, environment)
        if worker is not None:
            self._workers[name] = worker

    def _spawn(
        self, name: str, arguments: list[str], environment: dict[str, str], stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes] | None:
        command = [sys.executable, "-m", "benchmark.training.tracking.mirror", *arguments]
        # what waits for an upload stays in the workspace, not in somebody's home, unless that is wanted
        own = {f"WANDB_{what.upper()}_DIR": str(self._root.absolute() / what) for what in ("data", "cache")}
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with (self._root / f"{name}.log").open("wb") as log:
                return subprocess.Popen(
                    command, stdin=stdin, stdout=log, stderr=log, env=own | os.environ | environment
                )
        except OSError as error:
            # a mirror that cannot be made must cost no result
            self._console.print(f"W&B did not take {name}: {self._root}: {error.strerror}")
            return None

    def _hand_over(self, worker: subprocess.Popen[bytes], arguments: list[str]) -> None:
        """Tell the process that is ready what it is for."""
        assert worker.stdin is not None
        # it may have died; that shows when it is waited for
        with suppress(BrokenPipeError), worker.stdin as line:
            line.write(json.dumps(arguments).encode())

    def close(self, patience: float = _PATIENCE_SECONDS) -> None:
        """Wait for what is under way, for each of it this many seconds at most, and say where it is."""
        if self._ready is not None:
            # its run did not become complete
            self._ready.kill()
            self._ready.wait()
            self._ready = None
            (self._root / f"{self._next}.log").unlink(missing_ok=True)
        for run, worker in self._workers.items():
            try:
                failed = worker.wait(patience) != 0
            except subprocess.TimeoutExpired:
                worker.kill()
                failed = True
            if failed:
                self._console.print(f"W&B did not take {run}; see {self._root / f'{run}.log'} (the records are safe)")
        if self._workers:
            self._console.print(
                f"W&B runs: {self._root} (upload offline ones with: "
                f"wandb sync {shlex.quote(str(self._root))}/wandb/offline-run-*)"
            )


def make_tracker(root: Path, suite: str, console: Console) -> Tracker:
    """The tracker that this machine can serve: none without wandb or with WANDB_MODE=disabled."""
    if importlib.util.find_spec("wandb") is None or os.environ.get("WANDB_MODE") == "disabled":
        return NoTracker()
    return WandbTracker(root, suite, console)


def mirror(folder: Path, record: RunRecord, suite: str, root: Path) -> None:
    """Send one run to W&B: config, curves averaged over folds, confusion matrix, folds, what tuning chose, summary.

    Args:
        folder: Folder of the run in the store.
        record: Its RunRecord.
        suite: Group of the run.
        root: Folder for W&B's own files.
    """
    import wandb

    folds = list(Store(folder.parent).folds(folder.name).values())
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        group=suite,
        job_type="loso",
        name=f"{record.entry} · {record.board} · s{record.seed}",
        id=folder.name.replace("+", "_"),
        resume="allow",
        dir=root,
        mode=_mode(),
        config=record.model_dump(mode="json", exclude={"confusion", "curve"}),
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )
    for epoch, values in enumerate(average_curves(folds), start=1):
        run.log(values, step=epoch)
    labels = [p.label for fold in folds for p in fold.predictions]
    guesses = [p.prediction for fold in folds for p in fold.predictions]
    rows = [
        [
            fold.held_out,
            len(fold.predictions),
            sum(p.label == p.prediction for p in fold.predictions),
            fold.seconds,
        ]
        for fold in folds
    ]
    run.log(
        {
            "confusion": wandb.plot.confusion_matrix(
                y_true=labels, preds=guesses, class_names=list(record.classes), title="Pooled over all folds"
            ),
            "folds": wandb.Table(columns=["held out", "clips", "correct", "seconds"], data=rows),
        }
    )
    tuned = sorted({key for fold in folds for key in fold.tuned})
    if tuned:
        chosen = [[fold.held_out, fold.inner_uf1, *(fold.tuned.get(key) for key in tuned)] for fold in folds]
        run.log({"tuning": wandb.Table(columns=["held out", "inner UF1", *tuned], data=chosen)})
    total = record.matrices().sum(0)
    for metric in METRICS:
        run.summary[metric.name] = float(metric.pooled(total))
        for database in record.databases if len(record.databases) > 1 else ():
            run.summary[f"{metric.name}_{database}"] = float(metric.pooled(record.matrices(database).sum(0)))
    run.summary["seconds"] = record.seconds
    if record.tuning is not None:
        run.summary.update({f"tuning_{name}": value for name, value in record.tuning.model_dump().items()})
    run.finish()
    for path in sorted((folder / "tuning").glob("*.trials.json")):
        _mirror_study(json.loads(path.read_text(encoding="utf-8")), folder, root)


def _mirror_study(study: dict[str, Any], folder: Path, root: Path) -> None:
    """Send every trial of a study as a run of its own, job type ``trial``; the study is their group."""
    import wandb

    group = f"{folder.name}/{study['study']}"
    digest = hashlib.sha256(group.encode()).hexdigest()[:16]
    for trial in study["trials"]:
        run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            group=group,
            job_type="trial",
            name=f"{study['study']} · trial {trial['number']}",
            id=f"{digest}-{trial['number']}",
            resume="allow",
            dir=root,
            mode=_mode(),
            config=trial["values"],
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )
        run.summary.update({key: trial[key] for key in ("state", "value", "epochs", "seconds")})
        run.finish(exit_code=int(trial["state"] == "fail"))


def mirror_picture(run: str, picture: Path, summary: Path, suite: str, root: Path) -> None:
    """Send the explanation of one prediction to W&B: the picture, and what it says as config and summary.

    Args:
        run: Id of the run that made the prediction.
        picture: PNG.
        summary: JSON file: ``config`` says of what the picture is, ``shares`` how much of it lies where.
        suite: Group of the run.
        root: Folder for W&B's own files.
    """
    import wandb

    told = json.loads(summary.read_text(encoding="utf-8"))
    logged = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        group=suite,
        job_type="explanation",
        name=f"{run} · {told['config']['sample']}",
        dir=root,
        mode=_mode(),
        config={"explained": run} | told["config"],
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )
    shares = [[place, share] for place, share in told["shares"].items()]
    logged.log(
        {
            "explanation": wandb.Image(str(picture), caption=told["config"]["sample"]),
            "shares": wandb.Table(columns=["place", "share"], data=shares),
        }
    )
    logged.finish()


def _mode() -> Literal["online", "offline", "disabled", "shared"]:
    """``WANDB_MODE`` if set; online where a key is configured, else offline."""
    import wandb

    match os.environ.get("WANDB_MODE"):
        case "online" | "offline" | "shared" as mode:
            return mode
        case _:
            return "online" if wandb.api.api_key else "offline"


def _main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["run", folder, record, suite, root]:
            mirror(Path(folder), load_run(Path(record)), suite, Path(root))
        case ["next"]:
            # all that init would still have to load and start is there when the arguments are
            importlib.import_module("wandb").setup()
            importlib.import_module("wandb.sdk.launch")
            # nothing comes where the benchmark has gone
            if line := sys.stdin.read():
                _main(json.loads(line))
        case ["picture", run, picture, summary, suite, root]:
            mirror_picture(run, Path(picture), Path(summary), suite, Path(root))
        case _:
            raise SystemExit(f"expected next, or run or picture and its files, found {' '.join(arguments)}")


if __name__ == "__main__":
    _main(sys.argv[1:])
