"""The documentation's site: what lies outside of docs/ is led to, and what leads nowhere fails."""

import argparse
import os
import re
import shutil
import subprocess
import sys

import pytest

from benchmark.boards.site.pages import TEMPLATES
from tools.docs_site import DOCS, PROJECT, command_page, lead, palette, site_path, to_documentation

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTHS = (400, 900, 1400)


def build(config, place):
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "true", "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "mkdocs", "build", "--config-file", config, "--site-dir", place]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


class TestPlaces:
    @pytest.mark.parametrize(
        ("path", "place"),
        [
            ("docs/tuning.md", "tuning.md"),
            ("CONTRIBUTING.md", "project/contributing.md"),
            ("leaderboards", "boards/index.html"),
            ("leaderboards/README.md", "boards/index.html"),
            ("leaderboards/megc2019.md", "boards/board-megc2019.html"),
            ("leaderboards/claims.md", "boards/claims.html"),
            ("leaderboards/papers/s0.md", "boards/paper-s0.html"),
            ("leaderboards/claims.csv", "files/leaderboards/claims.csv"),
            ("examples/loso.py", "files/examples/loso.py"),
        ],
    )
    def test_a_file_of_the_project_has_one_in_the_site(self, path, place):
        assert site_path(PROJECT / path) == place

    def test_links_out_of_the_docs_are_led_there(self):
        page = "[a](../CONTRIBUTING.md#what) [b](../leaderboards/claims.csv)"
        assert lead(page, DOCS / "evidence.md", "evidence.md") == (
            "[a](project/contributing.md#what) [b](files/leaderboards/claims.csv)"
        )

    def test_other_links_stay(self):
        page = "[a](tuning.md) [b](https://example.org) [c](#below) [d](pictures/flow-strain.png)"
        assert lead(page, DOCS / "evidence.md", "evidence.md") == page

    def test_from_a_folder_and_from_a_page_of_the_root_too(self):
        assert lead("[a](../../examples/loso.py)", DOCS / "api" / "x.md", "api/x.md") == (
            "[a](../files/examples/loso.py)"
        )
        page = lead("[a](docs/adding.md#a-method)", PROJECT / "CONTRIBUTING.md", "project/contributing.md")
        assert page == "[a](../adding.md#a-method)"

    def test_a_link_to_nothing_stays_for_mkdocs_to_refuse(self):
        page = "[a](../no-such-file.py) [b](../../elsewhere.md)"
        assert lead(page, DOCS / "evidence.md", "evidence.md") == page

    def test_the_boards_lead_back_to_the_documentation(self):
        page = '<a href="../../site-docs/index.html">Documentation</a> <a href="methods.html">Methods</a>'
        assert to_documentation(page) == '<a href="../index.html">Documentation</a> <a href="methods.html">Methods</a>'


class TestLook:
    def test_the_colours_are_those_of_the_boards(self):
        style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
        light, dark = palette(style).split("[data-md-color-scheme=slate]")
        for block in (light, dark):
            assert re.search(r"--honest: (#[0-9a-f]{6})", block)[1] in style
        assert re.search(r"--page: #\w+", light)[0] != re.search(r"--page: #\w+", dark)[0]

    def test_every_colour_of_the_pages_is_one_of_them(self):
        colours = palette((TEMPLATES / "style.css").read_text(encoding="utf-8"))
        used = {*re.findall(r"var\((--(?!md)[a-z0-9-]+)\)", (DOCS / "assets" / "docs.css").read_text(encoding="utf-8"))}
        assert used <= {*re.findall(r"(--[a-z0-9-]+):", colours)}

    def test_another_style_sheet_is_refused(self):
        with pytest.raises(ValueError, match="two blocks"):
            palette(":root { --page: #fff; }")


class TestCommands:
    def test_a_page_has_the_help_of_each(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "40")
        parser = argparse.ArgumentParser(prog="tool")
        inner = parser.add_subparsers().add_parser("data").add_subparsers().add_parser("list")
        inner.add_argument("--here", help="where " * 14)
        page = command_page(parser)
        assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["tool", "tool data", "tool data list"]
        assert f"{'where ' * 12}where\n" in page, "as wide on every terminal"
        assert os.environ["COLUMNS"] == "40"


class TestStrictness:
    @pytest.mark.parametrize(
        ("pages", "says"),
        [
            ({"index.md": "[a](nowhere.md)"}, "contains a link 'nowhere.md'"),
            ({"index.md": "[a](#nowhere)"}, "there is no such anchor on this page"),
            ({"index.md": "a", "other.md": "b"}, 'not included in the "nav" configuration'),
            ({"index.md": "a"}, ""),
        ],
        ids=["link", "anchor", "page", "fine"],
    )
    def test_what_leads_nowhere_fails(self, pages, says, tmp_path):
        (tmp_path / "docs").mkdir()
        for name, text in pages.items():
            (tmp_path / "docs" / name).write_text(f"# Title\n\n{text}\n", encoding="utf-8")
        config = tmp_path / "mkdocs.yml"
        config.write_text(
            f"INHERIT: {PROJECT / 'mkdocs.yml'}\ndocs_dir: {tmp_path / 'docs'}\nnav: [index.md]\n"
            "hooks: []\nplugins: []\nextra_css: []\nextra_javascript: []\n",
            encoding="utf-8",
        )
        done = build(config, tmp_path / "site")
        assert (done.returncode == 0) == (not says), done.stderr
        assert says in done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = tmp_path_factory.mktemp("docs") / "site"
    done = build(PROJECT / "mkdocs.yml", place)
    assert done.returncode == 0, done.stderr
    return place


def pages_of(site):
    # 404.html holds at the root of a web server only
    found = sorted(path for path in site.rglob("*.html") if path.name != "404.html")
    return [path for path in found if not path.is_relative_to(site / "boards")]


@pytest.mark.slow
class TestBuiltSite:
    def test_loads_nothing_from_anywhere(self, site):
        loads = re.compile(r"<(?:script|img|link|iframe|source)[^>]*(?:src|href)=\"?(https?:)?//", re.IGNORECASE)
        assert len(pages_of(site)) > 20
        assert [path.name for path in pages_of(site) if loads.search(path.read_text(encoding="utf-8"))] == []

    def test_has_the_boards_and_what_pages_name_outside_of_the_docs(self, site):
        assert (site / "boards" / "board-megc2019.html").is_file()
        assert (site / "files" / "examples" / "loso.py").read_bytes() == (PROJECT / "examples" / "loso.py").read_bytes()

    def test_the_interface_has_every_public_name(self, site):
        import mer_lightning

        text = "".join(path.read_text(encoding="utf-8") for path in (site / "api").glob("*.html"))
        names = [name for name in mer_lightning.__all__ if name != "__version__"]
        assert [name for name in names if f'id="mer_lightning.{name}"' not in text] == []

    @pytest.mark.browser
    @pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the path")
    def test_nothing_is_cut_and_search_works_from_disk(self, site):
        sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
        asked, cut = [], []
        with sync_api.sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            page.on("request", lambda request: asked.append(request.url))
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                for path in pages_of(site):
                    page.goto(path.as_uri())
                    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                        cut.append((path.name, width))
            page.goto((site / "index.html").as_uri())
            page.click(".md-search__input")
            page.keyboard.type("tuning")
            page.wait_for_selector(".md-search-result__link h1")
            found = [one.inner_text() for one in page.query_selector_all(".md-search-result__link h1")]
            browser.close()
        assert cut == []
        assert [url for url in asked if not url.startswith(("file:", "data:", "about:"))] == []
        assert "Tuning" in found

    @pytest.mark.browser
    @pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the path")
    @pytest.mark.parametrize(("scheme", "width"), [("light", WIDTHS[0]), ("dark", WIDTHS[-1])])
    def test_axe_finds_nothing(self, site, scheme, width):
        sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed").Axe()
        found = []
        with sync_api.sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
            for path in pages_of(site):
                page.goto(path.as_uri())
                violations = axe.run(page).response["violations"]
                found += [(path.name, one["id"], one["nodes"][0]["html"]) for one in violations]
            browser.close()
        assert found == []
