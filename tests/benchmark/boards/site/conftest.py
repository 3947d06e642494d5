"""Sites of the committed records, of a few methods with a page of every kind and of all of them, and a browser."""

import os
import shutil

import pytest

from benchmark.boards.board import load_boards
from benchmark.boards.leakage import load_leak_boards
from benchmark.boards.papers import load_papers
from benchmark.boards.site.pages import SITE, Contents, render_site
from benchmark.boards.tables import load_claims
from benchmark.methods.recipe import load_recipe, recipe_names
from benchmark.places import SHIPPED

# networks with and without a paper's figures, an ensemble, estimators, one that was not run, one whose recipe is gone
FEW = ("flow-average", "linear-svm", "linear-svm-tuned", "majority", "off-apexnet", "s3d-cnn", "ststnet")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BOARDS = ("megc2019", "smic-3", "synthetic-megc2019")


@pytest.fixture(scope="session")
def few_recipes():
    """Stands for ``load_recipes``, so that a site does not grow with the methods."""
    recipes = {name: load_recipe(name) for name in FEW if name in recipe_names()}
    return lambda: recipes


@pytest.fixture(scope="session")
def few(tmp_path_factory, few_recipes):
    """Leaderboards of a few methods with their site: a page of every kind, whatever else is recorded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.boards.site.pages.load_recipes", few_recipes)
        return _with_site(tmp_path_factory.mktemp("few"), [f"{board}/{name}" for board in BOARDS for name in FEW])


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """All leaderboards with their site; for slow tests."""
    places = [path.relative_to(SHIPPED / "records") for path in (SHIPPED / "records").glob("*/*")]
    return _with_site(tmp_path_factory.mktemp("whole"), places)


def _with_site(folder, places):
    for path in SHIPPED.iterdir():
        if path.name not in {"records", SITE}:
            (folder / path.name).symlink_to(path)
    for place in places:
        if (SHIPPED / "records" / place).exists():
            (folder / "records" / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / "records" / place).symlink_to(SHIPPED / "records" / place)
    contents = Contents(load_boards(folder), load_papers(folder), load_claims(folder), load_leak_boards(folder))
    files = render_site(folder, contents)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, one for all tests."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on the path")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield opened
        opened.close()
