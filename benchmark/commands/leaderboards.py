"""``mer-bench leaderboards``: render every table, picture and page from what was recorded."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmark.commands.options import chosen_metrics, metrics_option
from benchmark.places import LEADERBOARDS, PROJECT
from mer_lightning.files import write_text

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands

DOCUMENTS = (PROJECT / "README.md", PROJECT / "README.zh.md")


def add_leaderboards_command(commands: Commands) -> None:
    """Register ``leaderboards``; it sets ``handler``."""
    boards = commands.add_parser("leaderboards", parents=[metrics_option()], help="render all tables from the records")
    boards.add_argument("--check", action="store_true", help="only say whether they agree; exit 1 if not")
    boards.set_defaults(handler=_leaderboards)


def _leaderboards(arguments: argparse.Namespace) -> int:
    from benchmark.boards.board import load_boards
    from benchmark.boards.figures import draw_board
    from benchmark.boards.leakage import load_leak_boards, render_leaks
    from benchmark.boards.papers import load_papers, render_papers
    from benchmark.boards.site.pages import SITE, render_site
    from benchmark.boards.tables import fill_tables, load_claims, render, render_claims

    metrics = chosen_metrics(arguments)
    boards, papers, claims = load_boards(LEADERBOARDS), load_papers(LEADERBOARDS), load_claims(LEADERBOARDS)
    files = (
        render(LEADERBOARDS, boards, metrics)
        | render_papers(LEADERBOARDS, papers)
        | render_claims(LEADERBOARDS, claims)
    )
    leaks = load_leak_boards(LEADERBOARDS)
    files |= render_leaks(LEADERBOARDS, leaks, metrics)
    for board in boards:
        if board.reported:
            files[LEADERBOARDS / f"{board.id}.svg"] = draw_board(board)
    for document in DOCUMENTS:
        files[document] = fill_tables(document.read_text(encoding="utf-8"), boards)
    patterns = ("*.md", "*.csv", "*.tex", "*.svg", "papers/*.md")
    stale = {path for pattern in patterns for path in LEADERBOARDS.glob(pattern)} - files.keys()
    drifted = [p for p, text in files.items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    if arguments.check:
        for path in sorted([*drifted, *stale]):
            print(
                f"{path.relative_to(PROJECT)}: differs from the records; run make leaderboards",
                file=sys.stderr,
            )
        return 1 if drifted or stale else 0
    # not committed, so nothing can have drifted from it
    site = render_site(LEADERBOARDS, boards, papers, claims, leaks)
    stale |= {path for pattern in ("*.*", "tables/*") for path in (LEADERBOARDS / SITE).glob(pattern)} - site.keys()
    for path, text in ({path: files[path] for path in drifted} | site).items():
        write_text(path, text)
    for path in stale:
        path.unlink()
    print(f"tables: {LEADERBOARDS / 'README.md'}")
    print(f"site: {LEADERBOARDS / SITE / 'index.html'}")
    return 0
