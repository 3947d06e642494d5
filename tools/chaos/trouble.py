"""Trials: a command in trouble, then the same command again until it ends, beside one that nothing happened to."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mer_lightning.settings import Settings
from tools.chaos.work import environment, remains, results, works

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tools.chaos.work import Work

_LONGEST, _AGAIN = 240, 8
_KILLS = 5
"""At most so many in one folder, before it is left alone to end."""
SIZES = (16, 64, 256, 1024)
"""KiB that a full disk takes."""


class Trial(Settings):
    """What became of one trial.

    Attributes:
        work: What was disturbed.
        trouble: How.
        number: Which trial of the two.
        kills: Programs that were killed while they ran.
        failed: Why it is no good; empty where it is.
        seconds: How long it took.
    """

    work: str
    trouble: str
    number: int
    kills: int = 0
    failed: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Whole:
    """An undisturbed run: what it ended with, and how long it took."""

    results: dict[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trial is, and the moments that its seed draws."""

    work: Work
    folder: Path
    rng: random.Random
    whole: Whole
    number: int = 0

    def start(self, *, clock: int | None = None, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        """Start the command in a group of processes of its own."""
        # the folder of what is read is made by `command`, before a disk is filled or locked
        return subprocess.Popen(
            self.work.command(self.folder),
            env=environment(self.folder, clock),
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "said").open("w"),
            text=True,
            start_new_session=True,
            preexec_fn=before,  # noqa: PLW1509 - this program has one thread
        )

    def said(self) -> str:
        """What the last program said on stderr."""
        return (self.folder / "said").read_text(encoding="utf-8", errors="replace")

    def judge(self) -> str:
        """Run the command until it ends, and hold what is there against the undisturbed run; empty where equal."""
        for _ in range(_AGAIN):
            if _end(self.start()) == 0:
                break
        else:
            return f"did not end: {self.said().strip()[-200:]}"
        found = results(self.folder)
        if different := sorted(
            key for key in {*found, *self.whole.results} if found.get(key) != self.whole.results.get(key)
        ):
            return f"{different[0]} differs, and {len(different) - 1} others"
        return f"left {left[0]}" if (left := remains(self.folder)) else ""


def undisturbed(work: Work) -> Whole:
    """Run a command to its end.

    Raises:
        RuntimeError: It does not end well.
    """
    with _folder() as folder:
        place, began = Place(work, folder, random.Random(0), Whole({}, 0)), time.monotonic()
        if _end(place.start()):
            raise RuntimeError(f"{work.name}: {place.said().strip()[-500:]}")
        return Whole(results(folder), time.monotonic() - began)


def attempt(trial: Trial, whole: Whole, seed: int, kills: int) -> Trial:
    """Make one trial.

    Args:
        trial: Which; what is not known yet is filled in.
        whole: The same work undisturbed.
        seed: Of all trials.
        kills: How many are still wanted of a trial that kills.
    """
    work = next(one for one in works() if one.name == trial.work)
    rng = random.Random(f"{seed}/{trial.work}/{trial.trouble}/{trial.number}")
    began = time.monotonic()
    with _folder() as folder:
        done, failed = TROUBLES[trial.trouble](Place(work, folder, rng, whole, trial.number), min(kills, _KILLS))
    return trial.model_copy(
        update={"kills": done, "failed": failed.replace(str(folder), ""), "seconds": round(time.monotonic() - began, 1)}
    )


def _killed(place: Place, kills: int) -> tuple[int, str]:
    done = 0
    for _ in range(3 * kills):
        if done == kills or not _kill(place, place.start()):
            break
        done += 1
    return done, place.judge()


def _several(number: int, place: Place, kills: int) -> tuple[int, str]:
    """Programs on one folder, the first of which is killed; the others go on, each on folds of its own."""
    del kills
    programs = [place.start() for _ in range(number)]
    done = int(_kill(place, programs[0]))
    ended = [_end(program) for program in programs[1:]]
    failed = place.judge()
    # one that found the folds of a dead one half done may stop, and says so in a line
    return done, failed or ("a program beside a killed one failed: " + place.said()[-200:] if any(ended) else "")


def _jumping(place: Place, kills: int) -> tuple[int, str]:
    del kills
    status = _end(place.start(clock=place.rng.randrange(10**6)))
    return 0, place.judge() or (f"exit status {status}: {place.said()[-200:]}" if status else "")


def _full(place: Place, kills: int) -> tuple[int, str]:
    del kills
    with _disk(place.folder / "kept", SIZES[place.number % len(SIZES)]) as limit:
        status = _end(place.start(before=limit))
    return 0, _one_line(place, status) or place.judge()


def _locked(place: Place, kills: int) -> tuple[int, str]:
    del kills
    with _disk(place.folder / "kept", 1024, locked=True):
        status = _end(place.start())
    return 0, _one_line(place, status) or place.judge()


def _one_line(place: Place, status: int) -> str:
    """Whatever was there to say was said without a traceback."""
    said = place.said()
    if "Traceback" in said:
        return f"traceback: {said.strip().splitlines()[-1]}"
    return f"exit status {status}, and nothing is said" if status and not said.strip() else ""


TROUBLES: dict[str, Callable[[Place, int], tuple[int, str]]] = {
    "killed": _killed,
    "two programs": partial(_several, 2),
    "three programs": partial(_several, 3),
    "a clock that jumps": _jumping,
    "a full disk": _full,
    "a read-only folder": _locked,
}


def _kill(place: Place, program: subprocess.Popen[str]) -> bool:
    """Kill the whole group at a random moment; False where it had ended before."""
    try:
        program.wait(place.rng.uniform(0.2, 1.0) * place.whole.seconds)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        return True
    return False


def _end(program: subprocess.Popen[str]) -> int:
    try:
        return program.wait(_LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        return program.wait()


@contextmanager
def _folder() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="mer-chaos-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _disk(folder: Path, size: int, *, locked: bool = False) -> Generator[Callable[[], None] | None]:
    """A disk of so many KiB, or a locked one; what was kept lies in the folder afterwards.

    Where only the superuser may mount and this is another, no file may be larger, or the folder is read-only.

    Yields:
        What the program does before it starts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={size}k" + (",ro" if locked else "")
    if not mounts():
        folder.chmod(0o500 if locked else 0o700)
        yield None if locked else partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size * 256, size * 256))
        folder.chmod(0o700)
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)
    try:
        yield None
        shutil.copytree(folder, folder.with_name("saved"))
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    shutil.rmtree(folder)
    folder.with_name("saved").rename(folder)


def mounts() -> bool:
    """True where this user may mount a file system of a size."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() or not shutil.which("mount"):
            return False
        tried = subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True, check=False)
        return not tried.returncode and not subprocess.run(["umount", folder], check=False).returncode
