"""What grows with people, methods, seeds and classes, beside the build before the house was rebuilt."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.places import PROJECT
from tools.perf.builds import EARLIER, build_at, run_in
from tools.perf.measurement import Measurement
from tools.perf.recorded import BOARD, write_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.perf.builds import Cost

_CROWD = str(PROJECT / "tools" / "perf" / "crowd.py")
_AGAINST = f"the build at {EARLIER}"
_CLAIM = ("check-claim", "--counts", ",".join(["5"] * 20), "--uf1", ".5123", "--uar", ".5456")
_SIDES = ("48", "96", "128", "112")


@dataclass(frozen=True)
class _Size:
    """How much is measured: methods and seeds compared and shown, whether the slow ones run in the earlier build."""

    compared: tuple[int, int]
    shown: tuple[int, int]
    rounds: int
    everything: bool


_QUICK, _FULL = _Size((8, 2), (8, 2), 1, False), _Size((30, 10), (300, 10), 3, True)


def run(*, quick: bool = False) -> list[Measurement]:
    """Run each program in a process of its own, on one thread; the shortest of our rounds counts, and one of theirs.

    Args:
        quick: Smaller tables, one round, and only what takes seconds in the earlier build.
    """
    size = _QUICK if quick else _FULL
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        before = stack.enter_context(build_at())
        asked = _both(before if size.everything else None, ("-m", "benchmark", *_CLAIM), size.rounds)
        return [
            *_planning(before, size),
            *_tables(),
            *_compared(before, size, place),
            *_shown(before, size, place),
            _row("check-claim, 20 classes of 5", *asked, goal="under 5 s", note="undecided; the exit status says so"),
        ]


def _planning(before: Path | None, size: _Size) -> list[Measurement]:
    crowd = "2,000 people, 20,000 clips"
    slow = before if size.everything else None
    rows: list[Measurement] = []
    for name, runs, goal, most in (("one run", 1, "under 1.5 s", "200"), ("a suite of 14 runs", 14, "", "300")):
        # one that is measured beside it is enough: 14 runs took the earlier build minutes
        ours, theirs = _figures(slow if runs == 1 else None, ("plan", str(runs)))
        memory = f"under {most} MiB"
        rows += [
            _measured(f"planning {name}, {crowd}", ours, theirs, "seconds", "s", goal),
            _measured(f"planning {name}, {crowd}, memory", ours, theirs, "peak", "MiB", memory),
        ]
    ours, theirs = _figures(before, ("fold",))
    fold = _measured(f"a fold of majority, {crowd}", ours, theirs, "milliseconds", "ms", "under 5 ms")
    return [*rows, fold.model_copy(update={"note": "maps of 28 x 28, audit and record included"})]


def _tables() -> list[Measurement]:
    """A suite whose runs see maps of several sizes, beside one that sees the largest alone."""
    many, largest = (_crowd(PROJECT, ("tables", *sides)) for sides in (_SIDES, (max(_SIDES, key=int),)))
    return [
        Measurement(
            name=f"a suite of {len(_SIDES)} representations, memory of its tables",
            ours=many["peak"] - many["before"],
            reference=largest["peak"] - largest["before"],
            unit="MiB",
            better="lower",
            against="the largest of them alone",
            goal="1 x",
            note="2,000 maps with sides of " + ", ".join(_SIDES),
        )
    ]


def _compared(before: Path | None, size: _Size, place: Path) -> list[Measurement]:
    methods, seeds = size.compared
    records = write_records(place / "compared", methods, seeds)
    program = ("-m", "benchmark", "compare", "--protocol", BOARD, "--records", str(records), "--json")
    ours, theirs = _both(before, program, size.rounds)
    note = ""
    if theirs is not None:
        # scores that came later are beside the same ones
        found, expected = (json.loads(cost.printed)["comparisons"] for cost in (ours, theirs))
        note = "the same comparisons, to the last digit" if found == expected else "OTHER COMPARISONS"
    return [_row(f"compare, {methods} methods, {seeds} seeds", ours, theirs, goal="under 3 s", note=note)]


def _shown(before: Path | None, size: _Size, place: Path) -> list[Measurement]:
    methods, seeds = size.shown
    records, out = write_records(place / "shown", methods, seeds), place / "out"
    if before is not None:
        # it shows its own records alone
        shutil.rmtree(before / "leaderboards" / "records")
        shutil.copytree(records, before / "leaderboards" / "records")
    program = ("-m", "benchmark", "leaderboards")
    there = ("--records", str(records), "--out", str(out))
    ours: list[Cost] = []
    theirs: list[Cost] = []
    for number in range(size.rounds):
        shutil.rmtree(out, ignore_errors=True)
        ours.append(run_in(PROJECT, (*program, *there)))
        theirs += [] if before is None or number else [run_in(before, program)]
    again = run_in(PROJECT, (*program, *there))
    checked = run_in(PROJECT, (*program, "--check"))
    name = f"leaderboards, {methods} methods, {seeds} seeds"
    first, reference = _least(ours), _least(theirs) if theirs else None
    return [
        _row(
            name, first, reference, goal="under 15 s", note="into an empty folder; seven scores, then there were three"
        ),
        _row(f"{name}, memory", first, reference, goal="under 250 MiB", memory=True),
        _row(f"{name}, nothing changed", again, None, note="no picture drawn, no page written"),
        _row("leaderboards --check, the records of the project", checked, None, note="no page made"),
    ]


def _both(before: Path | None, program: Sequence[str], rounds: int) -> tuple[Cost, Cost | None]:
    ours: list[Cost] = []
    theirs: list[Cost] = []
    for number in range(rounds):
        ours.append(run_in(PROJECT, program))
        # minutes of the earlier build are as long in a second round
        theirs += [] if before is None or number else [run_in(before, program)]
    return _least(ours), _least(theirs) if theirs else None


def _least(costs: Sequence[Cost]) -> Cost:
    return min(costs, key=lambda cost: cost.seconds)


def _figures(before: Path | None, arguments: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    return _crowd(PROJECT, arguments), {} if before is None else _crowd(before, arguments)


def _crowd(build: Path, arguments: Sequence[str]) -> dict[str, float]:
    return json.loads(run_in(build, (_CROWD, *arguments)).printed.splitlines()[-1])


def _measured(
    name: str, ours: dict[str, float], theirs: dict[str, float], figure: str, unit: str, goal: str
) -> Measurement:
    return Measurement(
        name=name,
        ours=ours[figure],
        reference=theirs.get(figure),
        unit=unit,
        better="lower",
        against=_AGAINST if theirs else "",
        goal=goal,
    )


def _row(
    name: str, ours: Cost, theirs: Cost | None, *, goal: str = "", note: str = "", memory: bool = False
) -> Measurement:
    return Measurement(
        name=name,
        ours=ours.peak if memory else ours.seconds,
        reference=None if theirs is None else theirs.peak if memory else theirs.seconds,
        unit="MiB" if memory else "s",
        better="lower",
        against="" if theirs is None else _AGAINST,
        goal=goal,
        note=note,
    )
