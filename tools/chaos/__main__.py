"""``python -m tools.chaos``: kill, double, starve and confuse small commands, and keep what became of them."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from benchmark.files import write_json
from benchmark.places import DOCS
from mer_lightning.files import write_text
from tools.chaos.trouble import SIZES, TROUBLES, Trial, attempt, mounts, undisturbed
from tools.chaos.work import works

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tools.chaos.trouble import Whole
    from tools.chaos.work import Work

_HEAD = """# Programs in trouble

Rendered from `chaos.json` by `python -m tools.chaos` (`make chaos`). Small commands on invented people are disturbed
at moments that the seed {seed} draws, then the same command is run until it ends. Its records, those of the folds
included, must be those of a run that nothing happened to, to the byte but for times, and no half-written file is left.
A kill is SIGKILL to every process of the program at once. A full disk is {disk} KiB{how};
on it and in a read-only folder a program may stop, but not with a traceback. The clock jumps by up to a day,
back or ahead, in every process.

"""


def main(argv: Sequence[str] | None = None) -> int:
    """Make the trials that are missing; 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="programs killed in all (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--minutes", type=float, default=60, help="stop after so many; the same command goes on")
    parser.add_argument("--anew", action="store_true", help="forget what is kept")
    arguments = parser.parse_args(argv)
    kept = [] if arguments.anew else load(DOCS / "chaos.json", arguments.seed)
    end = time.monotonic() + arguments.minutes * 60
    wholes: dict[str, Whole] = {}
    for work, trial in missing(kept, arguments.kills):
        if time.monotonic() > end:
            print("time is up; the same command goes on")
            break
        if work.name not in wholes:
            wholes[work.name] = undisturbed(work)
        done = attempt(trial, wholes[work.name], arguments.seed, arguments.kills - killed(kept))
        kept.append(done)
        save(DOCS, kept, arguments.seed)
        took = sum(one.seconds for one in kept) / max(1, killed(kept))
        print(
            f"{killed(kept)}/{arguments.kills} kills, {len(kept)} trials, about "
            f"{took * (arguments.kills - killed(kept)) / 60:.0f} min left · {done.work} · {done.trouble}: "
            f"{done.failed or 'equal'}",
            flush=True,
        )
    return 1 if any(trial.failed for trial in kept) else 0


def missing(kept: list[Trial], kills: int) -> Iterator[tuple[Work, Trial]]:
    """Trials that are not kept: each trouble of each work once, a full disk of each size, then kills until enough.

    Args:
        kept: Grows while the caller goes on.
        kills: How many are enough.
    """
    able = [work for work in works() if not work.missing]
    number = 0
    while number < len(SIZES) or killed(kept) < kills:
        for trouble in TROUBLES:
            rounds = {"killed": number + 1, "a full disk": len(SIZES)}.get(trouble, 1)
            for work in able if number < rounds else ():
                there = {(one.work, one.trouble, one.number) for one in kept}
                wanted = trouble != "killed" or killed(kept) < kills
                if wanted and (work.name, trouble, number) not in there:
                    yield work, Trial(work=work.name, trouble=trouble, number=number)
        number += 1


def killed(kept: Sequence[Trial]) -> int:
    """Programs killed in all trials."""
    return sum(trial.kills for trial in kept)


def load(path: Path, seed: int) -> list[Trial]:
    """Trials of a seed; none where nothing or another seed was kept."""
    if not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Trial.model_validate(one) for one in found["trials"]] if found["seed"] == seed else []


def save(folder: Path, kept: Sequence[Trial], seed: int) -> None:
    """Keep trials in ``<folder>/chaos.json``, and render ``<folder>/chaos.md`` from it."""
    how = ", a file system of its own" if mounts() else ", as the largest file that is allowed"
    write_json(folder / "chaos.json", {"seed": seed, "disk": how, "trials": [one.model_dump() for one in kept]})
    write_text(folder / "chaos.md", page(kept, seed, how))


def page(kept: Sequence[Trial], seed: int, how: str) -> str:
    """The page of the documentation: a row for each work, a column for each trouble."""
    head = _HEAD.format(seed=seed, disk=", ".join(map(str, SIZES)), how=how)
    lines = [f"| Command | {' | '.join(TROUBLES)} | kills |", "|---|" + "---|" * (len(TROUBLES) + 1)]
    for work in works():
        own = [trial for trial in kept if trial.work == work.name]
        counts = Counter((trial.trouble, not trial.failed) for trial in own)
        cells = [
            "not yet"
            if not counts[trouble, True] + counts[trouble, False]
            else f"{counts[trouble, True]} of {counts[trouble, True] + counts[trouble, False]} equal"
            for trouble in TROUBLES
        ]
        said = [f"skipped: {work.missing}", *["–"] * (len(TROUBLES) - 1)] if work.missing and not own else cells
        lines.append(f"| {work.name} | {' | '.join(said)} | {killed(own)} |")
    failed = [f"- {one.work}, {one.trouble}, trial {one.number}: {one.failed}" for one in kept if one.failed]
    total = f"{killed(kept)} kills in {len(kept)} trials, {len(failed)} of which failed."
    return head + "\n".join([*lines, "", total, *(["", *failed] if failed else [])]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
