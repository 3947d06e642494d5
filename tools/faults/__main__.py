"""``python -m tools.faults``: plant every defect, and write what became of it into docs/faults.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.places import SHIPPED, find_workspace, working_in
from tools.faults.clips import clip_table, flow_maps
from tools.faults.damage import damages
from tools.faults.databases import database
from tools.faults.kept import cache, flow_weights, weights
from tools.faults.planting import COPY, FAILED, judge, see
from tools.faults.points import apexes, landmarks, openface, video
from tools.faults.records import contributed, fold_records, pretraining, run_records
from tools.faults.written import predictions, protocols, recipes, suites

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from tools.faults.planting import Area, Verdict

PAGE = SHIPPED.parent / "docs" / "faults.md"
_WORDS = {
    "refused": "refused in one line",
    "said": "read, and said",
    "harmless": "read as before",
    "CHANGED": "**changed without a word**",
    "TRACEBACK": "**no clear line**",
}
_LONGEST = 160
_HEAD = """# Planted defects

<!-- written by `python -m tools.faults`; do not edit -->
Each of {number} kinds of defects is planted into a small sound folder, which is then read as the commands read it:
{said}.
A defect that changes what is read without a word, or ends in more than one line, fails the tests.

What has no checksum of its own, such as a table in text, may be changed into another sound file, which nobody can tell.
The hash of everything that was read is part of every run: such a file makes another run, which is refused beside
results of the old one."""


def areas() -> tuple[Area, ...]:
    """Everything that defects are planted in."""
    data = (clip_table, flow_maps, database, landmarks, openface, apexes, video)
    recorded = (fold_records, run_records, contributed, pretraining, weights, flow_weights, cache)
    written = (recipes, suites, protocols, predictions)
    return tuple(make() for make in (*data, *recorded, *written))


def plant(area: Area) -> Iterator[Verdict]:
    """Plant every defect of an area, one after another."""
    with _workplace() as place:
        sound = place / "sound"
        sound.mkdir()
        area.make(sound)
        expected = see(area, sound)
        for number, fault in enumerate((*damages(area), *area.faults)):
            yield judge(area, fault, sound, expected, place / f"{COPY}{number}")


def row(verdict: Verdict) -> str:
    """A defect and what became of it, as the page has them; what was said depends on versions of libraries."""
    return f"| {_cell(verdict.fault)} | {_WORDS[verdict.outcome]} |"


def page(verdicts: Sequence[Verdict]) -> str:
    """The page of the documentation."""
    counts = Counter(verdict.outcome for verdict in verdicts)
    said = ", ".join(f"{counts[outcome]} {words}" for outcome, words in _WORDS.items() if counts[outcome])
    lines = [_HEAD.format(number=len(verdicts), said=said)]
    for area in dict.fromkeys(verdict.area for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.area == area]
        lines += [f"\n## {area[0].upper()}{area[1:]}\n", "| Defect | What becomes of it | What is said |"]
        lines += ["|---|---|---|"]
        lines += [f"{row(one)} {_cell(one.line)} |" for one in own]
    return "\n".join(lines) + "\n"


@contextmanager
def _workplace() -> Generator[Path]:
    """A folder, in which no file of the user's workspace plays a part."""
    with tempfile.TemporaryDirectory(prefix="mer-faults-") as folder:
        place = Path(folder)
        (place / "home").mkdir()
        with working_in(find_workspace(place / "home")):
            yield place


def _cell(text: str) -> str:
    """Text in a cell of Markdown, in which nothing is markup."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."
    plain = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in short)
    return plain.replace("|", r"\|").replace("<", "&lt;").replace("*", r"\*").replace("[", r"\[").replace("]", r"\]")


def main(argv: Sequence[str] | None = None) -> int:
    """Plant what is asked for; 1 where a defect went unnoticed."""
    parser = argparse.ArgumentParser(prog="python -m tools.faults", description=__doc__)
    parser.add_argument("--area", action="append", help="only this kind of file, and no page is written; repeatable")
    arguments = parser.parse_args(argv)
    known = {area.name: area for area in areas()}
    if strange := [name for name in arguments.area or () if name not in known]:
        print(f"--area {strange[0]}: expected one of {', '.join(known)}", file=sys.stderr)
        return 2
    verdicts: list[Verdict] = []
    for name in arguments.area or known:
        for verdict in plant(known[name]):
            verdicts.append(verdict)
            print(f"{verdict.outcome:9} {verdict.area}: {_cell(verdict.fault)}: {_cell(verdict.line)}")
    failed = sum(verdict.outcome in FAILED for verdict in verdicts)
    print(f"{len(verdicts)} kinds, {failed} failed")
    if not arguments.area:
        PAGE.write_text(page(verdicts), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
