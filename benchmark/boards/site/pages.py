"""The leaderboards as a static site: one folder that opens from disk, with no network and no server.

Everything comes from ``leaderboards/``, the recipes and the suites; the same files give the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from benchmark.boards.board import ALL, database_title
from benchmark.boards.leakage import COUNTERPARTS
from benchmark.boards.methods import RUNS, list_methods
from benchmark.boards.reported import METHODS
from benchmark.boards.scale import row_values
from benchmark.boards.site.about import fingerprint, read_about
from benchmark.boards.site.board import BoardPage, board_page
from benchmark.boards.site.curves import SERIES, Curve, curve_picture
from benchmark.boards.site.figures import inline_picture, leak_picture, paper_picture
from benchmark.boards.site.strips import Strip, strip_of
from benchmark.boards.tables import render, strict_environment
from benchmark.evidence.habits import HABITS
from benchmark.methods.recipe import load_recipes, recipe_text
from benchmark.methods.suite import load_suite, suite_names
from benchmark.records.network_sizes import load_networks
from benchmark.records.run import load_runs
from mer_lightning.metrics import METRICS, UF1, ranking_first, shown_metrics
from mer_lightning.protocols import get_protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jinja2

    from benchmark.boards.board import Board
    from benchmark.boards.leakage import LeakBoard
    from benchmark.boards.methods import Listing
    from benchmark.boards.papers import PaperPage
    from benchmark.boards.site.board import MeasuredMethod
    from benchmark.evidence.claims.verdicts import ClaimRow
    from benchmark.methods.recipe import Recipe
    from benchmark.records.network_sizes import NetworkSize
    from benchmark.records.run import RunRecord

SITE = "site"
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class MethodPage:
    """One method.

    Attributes:
        name: Recipe name.
        title: Name in tables.
        recipe: The recipe; None where only records of it are left.
        text: Its file, or the recipe of the newest record as JSON.
        results: Its entry in each board, with the board's page.
        network: Size and verification, unless the recipe has changed since.
        curves: Picture of its learning curves, empty without any.
        runs: How to run it, a command for each board; none for what others contributed.
        contributed: Whether others did.
    """

    name: str
    title: str
    recipe: Recipe | None
    text: str
    results: tuple[tuple[BoardPage, MeasuredMethod], ...]
    network: NetworkSize | None
    curves: str
    runs: tuple[tuple[str, str], ...]
    contributed: bool = False

    @property
    def href(self) -> str:
        """Its page."""
        return method_href(self.name)

    @property
    def strip(self) -> Strip:
        """Where its scores and what was published of it lie."""
        values = [value for _, entry in self.results for value in row_values(entry.row, ALL)]
        published = [entry.row.published for _, entry in self.results if entry.row.published]
        figures = [row.scores.get(ALL, {}).get(UF1.name) for row in published]
        return strip_of([*values, *(figure for figure in figures if figure is not None)])


@dataclass(frozen=True, slots=True)
class Contents:
    """What a site is made of.

    Attributes:
        boards: From ``load_boards``.
        papers: From ``load_papers``.
        claims: From ``load_claims``.
        leaks: From ``load_leak_boards``.
        recorded: The records of the boards; those in ``records/`` when None.
    """

    boards: Sequence[Board]
    papers: Sequence[PaperPage] = ()
    claims: Sequence[ClaimRow] = ()
    leaks: Sequence[LeakBoard] = ()
    recorded: Sequence[RunRecord] | None = None


def render_site(leaderboards: Path, contents: Contents, out: Path | None = None) -> dict[Path, str]:
    """Render every page.

    Args:
        leaderboards: Folder with ``records/`` and ``reported/``.
        contents: What is shown.
        out: Folder that holds the site; ``leaderboards`` when None.

    Returns:
        Text of each file below ``<out>/site``, by path.

    Raises:
        DataError: A record, a recipe or a reported file is not what it should be.
    """
    out = out or leaderboards
    runs = load_runs(leaderboards / "records") if contents.recorded is None else contents.recorded
    pages = [board_page(board, [run for run in runs if run.shown_on == board.id]) for board in contents.boards]
    recipes = load_recipes()
    methods = _method_pages(leaderboards, pages, runs, recipes)
    given = {"boards": pages, "methods": methods, "about": read_about(out), "fingerprint": fingerprint(runs)}
    given |= {"papers": contents.papers, "claims": contents.claims, "leaks": contents.leaks}
    texts = {"index.html": _page("index", **given), "style.css": _static("style.css"), "site.js": _static("site.js")}
    texts |= {page.href: _page("board", page=page, **given) for page in pages}
    texts |= {method.href: _page("method", method=method, **given) for method in methods}
    # those that run first, else in the order of the papers
    listings = sorted(_listings(leaderboards, recipes), key=lambda listing: listing.state != RUNS)
    texts["methods.html"] = _page("methods", listings=listings, RUNS=RUNS, **given)
    texts |= {paper_href(page.paper.id): _page("paper", page=page, **given) for page in contents.papers}
    if contents.claims:
        texts["claims.html"] = _page("claims", **given)
    if contents.leaks:
        texts["leakage.html"] = _page("leakage", habits=HABITS, counterparts=COUNTERPARTS, **given)
    site = out / SITE
    files = {site / name: text for name, text in texts.items()}
    # copies, so that the folder can be taken elsewhere whole
    tables = render(out, contents.boards)
    return files | {site / "tables" / path.name: text for path, text in tables.items() if path.suffix != ".md"}


def _listings(leaderboards: Path, recipes: Mapping[str, Recipe]) -> list[Listing]:
    reported = leaderboards / "reported"
    return list_methods(reported, recipes) if (reported / METHODS).exists() else []


def _method_pages(
    leaderboards: Path, pages: Sequence[BoardPage], runs: Sequence[RunRecord], recipes: Mapping[str, Recipe]
) -> list[MethodPage]:
    networks = load_networks(leaderboards)
    names = sorted({*recipes, *(run.method for run in runs)})
    return [
        _method_page(name, pages, [run for run in runs if run.method == name], recipes.get(name), networks.get(name))
        for name in names
    ]


def _method_page(
    name: str,
    pages: Sequence[BoardPage],
    runs: Sequence[RunRecord],
    recipe: Recipe | None,
    network: NetworkSize | None,
) -> MethodPage:
    results = tuple((page, entry) for page in pages for entry in page.entries if entry.row.method == name)
    about = runs[-1].contributed if runs else None
    recorded = about.model_dump(exclude={"contact"}) if about else runs[-1].recipe if recipe is None else {}
    text = recipe_text(name) if recipe else json.dumps(recorded, indent=1, ensure_ascii=False)
    lines = [Curve(page.board.title, entry.curve) for page, entry in results if entry.curve]
    return MethodPage(
        name=name,
        title=recipe.title if recipe else runs[-1].title,
        recipe=recipe,
        text=text,
        results=results,
        network=network if network and recipe and network.fits(recipe) else None,
        curves=curve_picture(lines[:SERIES]) if lines else "",
        runs=() if about else tuple(_commands(name, results)),
        contributed=about is not None,
    )


def _commands(name: str, results: Sequence[tuple[BoardPage, MeasuredMethod]]) -> list[tuple[str, str]]:
    """How each result is made again; the tour on invented faces where there is none yet."""
    commands: list[tuple[str, str]] = []
    for page, entry in results:
        found = _suite(entry.runs[-1])
        if found:
            suite, needs_data = found
            data = " DATA=path/to/data" if needs_data else ""
            arguments = f"--method {name} --protocol {entry.runs[-1].protocol}"
            commands.append((page.board.title, f"make bench SUITE={suite}{data} ARGS='{arguments}'"))
    return commands or [("Invented faces, no data needed", f"make bench ARGS='--method {name}'")]


def _suite(run: RunRecord) -> tuple[str, bool] | None:
    """The suite that a run is most likely from, and whether it needs data."""
    base = get_protocol(run.protocol).name
    found = [
        suite
        for suite in _suites()
        if base in suite.protocols
        and suite.source.edition == run.edition
        and suite.source.name.startswith("synthetic") == run.data.synthetic
    ]
    found.sort(key=lambda suite: (suite.source.name != run.data.source, suite.name))
    return (found[0].name, not found[0].source.name.startswith("synthetic")) if found else None


@cache
def _suites() -> list[Any]:
    return [load_suite(name) for name in suite_names()]


def best_strip(pages: Sequence[BoardPage]) -> Strip:
    """Where the best method of each board lies."""
    return strip_of(value for page in pages for entry in page.entries[:1] for value in row_values(entry.row, ALL))


def method_href(name: str) -> str:
    """Page of a method."""
    return f"method-{name}.html"


def paper_href(name: str) -> str:
    """Page of a paper."""
    return f"paper-{name}.html"


def _static(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _page(name: str, **given: object) -> str:
    return _page_environment().get_template(f"{name}.html.j2").render(**given)


@cache
def _page_environment() -> jinja2.Environment:
    environment = strict_environment(TEMPLATES, autoescape=True)
    environment.filters |= {
        "number": _four_digits,
        "duration": duration,
        "href": quote,
    }
    given: dict[str, Any] = {
        "ALL": ALL,
        "database_title": database_title,
        "METRICS": METRICS,
        "SHOWN": ranking_first(shown_metrics()),
        "UF1": UF1,
        "WAYS": {
            "subject": "pooled leave-one-subject-out predictions",
            "database": "pooled leave-one-database-out predictions",
            "split": "predictions of those whom one fixed split tests",
        },
        "SELECTIONS": {"honest": "not on test", "test": "on the test subject", "unknown": "not stated"},
        "best_strip": best_strip,
        "inline_picture": inline_picture,
        "leak_picture": leak_picture,
        "method_href": method_href,
        "paper_href": paper_href,
        "paper_picture": paper_picture,
        "zip": zip,
    }
    environment.globals.update(given)
    return environment


def _four_digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def duration(seconds: float) -> str:
    """A time as people say it, e.g. ``2 h 05 min``."""
    whole = int(np.rint(seconds))
    if whole < 60:
        return f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
