"""``mer-bench leaderboards``: render every table, picture and page from what was recorded."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.commands.options import chosen_metrics, metrics_option
from benchmark.places import PROJECT, SHIPPED, workspace
from mer_lightning.files import write_text
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from benchmark.boards.board import Board
    from benchmark.commands.options import Commands
    from benchmark.evidence.habits import LeakRecord
    from benchmark.records.run import RunRecord
    from mer_lightning.metrics import Metric

DOCUMENTS = (PROJECT / "README.md", PROJECT / "README.zh.md")
_PICTURES = ".pictures.json"
_PATTERNS = ("*.md", "*.csv", "*.tex", "*.svg", "papers/*.md", "papers/*.svg")


def add_leaderboards_command(commands: Commands) -> None:
    """Register ``leaderboards``; it sets ``handler``."""
    boards = commands.add_parser("leaderboards", parents=[metrics_option()], help="render all tables from the records")
    boards.add_argument(
        "--records", type=Path, metavar="DIR", help="these alone (default: mine, beside those that are shipped)"
    )
    boards.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"where tables and pages go (default: {workspace().boards}; needed with --records)",
    )
    boards.add_argument("--check", action="store_true", help="only say whether they agree; exit 1 if not")
    boards.set_defaults(handler=_leaderboards)


def _leaderboards(arguments: argparse.Namespace) -> int:
    from benchmark.boards.board import load_boards
    from benchmark.boards.rendered import note_rendered, rendered
    from benchmark.boards.site.pages import SITE
    from benchmark.svg import keeping

    out = _out(arguments)
    metrics = chosen_metrics(arguments)
    recorded, leaks = _what_is_shown(arguments)
    boards = load_boards(SHIPPED, recorded)
    pictures = out / SITE / _PICTURES
    # a check draws everything itself, and pages are not committed, so nothing can have drifted from them
    with nullcontext() if arguments.check else keeping(pictures):
        files, site = _render(out, boards, recorded, leaks, metrics, pages=not arguments.check)
    # the project's own are committed, so that what nobody renders any more is told by its name
    ours = _at_home(out)
    if ours:
        files |= _documents(boards)
        there = {path for pattern in _PATTERNS for path in out.glob(pattern)}
        there |= {path for pattern in ("*.*", "tables/*") for path in (out / SITE).glob(pattern)} - {pictures}
    else:
        there = rendered(out)
    stale = there - files.keys() - site.keys()
    drifted = [p for p, text in (files | site).items() if not p.is_file() or p.read_bytes() != text.encode()]
    if arguments.check:
        gone = [path for path in stale if not path.is_relative_to(out / SITE)]
        for path in sorted([*drifted, *gone]):
            made_by = "make leaderboards" if ours else "mer-bench leaderboards"
            print(f"{_within_project(path)}: differs from the records; run {made_by}", file=sys.stderr)
        return 1 if drifted or gone else 0
    for path in drifted:
        write_text(path, (files | site)[path])
    for path in stale:
        path.unlink(missing_ok=True)
    if not ours:
        note_rendered(out, files.keys() | site.keys())
    print(f"tables: {out / 'README.md'}")
    print(f"site: {out / SITE / 'index.html'}")
    return 0


def _out(arguments: argparse.Namespace) -> Path:
    if arguments.out is None and arguments.records is not None:
        raise DataError("--records: other records than those of the workspace; expected --out with it")
    if arguments.records is not None and not arguments.records.is_dir():
        raise DataError(f"--records {arguments.records}: no such folder")
    out: Path = workspace().boards if arguments.out is None else arguments.out.absolute()
    if out.exists() and not out.is_dir():
        raise DataError(f"--out {out}: expected a folder")
    if _at_home(out) and arguments.records is not None:
        raise DataError(f"--out {out}: holds the committed tables; expected another folder")
    return out


def _what_is_shown(arguments: argparse.Namespace) -> tuple[list[RunRecord], list[LeakRecord] | None]:
    """What is shown; of the studies a user's alone, None for no study at all."""
    from benchmark.evidence.habits import load_leaks
    from benchmark.records.run import load_runs
    from benchmark.records.shown import load_shown, shown_beside

    if arguments.records is not None:
        return load_runs(arguments.records), None
    home = workspace()
    recorded = load_shown(home.records, SHIPPED / "records", (SHIPPED / "contributed", home.contributed))
    if home.is_project:
        return recorded, []
    shipped = [record.honest for record in load_leaks(SHIPPED / "leaks")]
    own = load_leaks(home.leaks)
    shown = {id(one): mine for one, mine in zip(own, shown_beside([one.honest for one in own], shipped), strict=True)}
    return recorded, [one.model_copy(update={"honest": shown[id(one)]}) for one in own]


def _render(
    out: Path,
    boards: Sequence[Board],
    recorded: Sequence[RunRecord],
    leaks: Sequence[LeakRecord] | None,
    metrics: Sequence[Metric],
    *,
    pages: bool,
) -> tuple[dict[Path, str], dict[Path, str]]:
    """Text of every table and picture, and of every page if asked for, by where it belongs."""
    from benchmark.boards.figures import draw_board
    from benchmark.boards.leakage import load_leak_boards, render_leaks
    from benchmark.boards.papers import load_papers, render_papers
    from benchmark.boards.site.pages import Contents, render_site
    from benchmark.boards.tables import load_claims, render, render_claims

    papers, claims = load_papers(SHIPPED, recorded), load_claims(SHIPPED)
    studies = [] if leaks is None else load_leak_boards(SHIPPED, leaks)
    files = render(SHIPPED, boards, metrics) | render_papers(SHIPPED, papers) | render_claims(SHIPPED, claims)
    files |= render_leaks(SHIPPED, studies, metrics)
    files |= {SHIPPED / f"{board.id}.svg": draw_board(board) for board in boards if board.reported}
    contents = Contents(boards, papers, claims, studies, recorded)
    site = render_site(SHIPPED, contents, out) if pages else {}
    if not _at_home(out):
        from benchmark.boards.tables import elsewhere

        files = {path: elsewhere(text) for path, text in files.items()}
        site = {path: elsewhere(text) if path.suffix == ".tex" else text for path, text in site.items()}
    return {out / path.relative_to(SHIPPED): text for path, text in files.items()}, site


def _at_home(out: Path) -> bool:
    """Whether these are the project's own tables, which are committed."""
    return workspace().is_project and out == workspace().boards


def _documents(boards: Iterable[Board]) -> dict[Path, str]:
    from benchmark.boards.tables import fill_tables

    return {path: fill_tables(path.read_text(encoding="utf-8"), boards) for path in DOCUMENTS}


def _within_project(path: Path) -> Path:
    return path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path
