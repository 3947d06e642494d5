"""The README reads well where the repository is not beside it."""

import inspect
import tomllib
from pathlib import Path

from mer_lightning import __version__
from tools.package_page import PackagePage, package_page

PROJECT = Path(__file__).parents[2]
PAGE = """# Name

[Other](docs/other.md#part), [out](https://example.org/a), [down](#below).

![A figure](leaderboards/figure.svg)

## Below
"""


class TestPackagePage:
    def test_links_lead_to_the_repository(self):
        page = package_page(PAGE, "https://example.org/owner/name/")
        assert "[Other](https://example.org/owner/name/blob/HEAD/docs/other.md#part)" in page
        assert "![A figure](https://example.org/owner/name/raw/HEAD/leaderboards/figure.svg)" in page

    def test_links_that_hold_anywhere_stay(self):
        for repository in ("", "https://example.org/owner/name"):
            page = package_page(PAGE, repository)
            assert "[out](https://example.org/a), [down](#below)" in page

    def test_without_a_repository_nothing_leads_nowhere(self):
        page = package_page(PAGE, "")
        assert "\nOther, [out]" in page
        assert "figure" not in page
        assert "\n\n\n" not in page

    def test_is_the_readme_of_this_project(self):
        metadata = {"name": "mer-benchmark", "urls": {"Repository": "https://example.org/x"}}
        PackagePage(str(PROJECT), {}).update(metadata)
        page = metadata["readme"]["text"]
        assert metadata["readme"]["content-type"] == "text/markdown"
        assert page.startswith("# mer-bench\n")
        assert "](docs/" not in page
        assert "](leaderboards/" not in page

    def test_the_hook_and_the_version_are_those_that_the_build_uses(self):
        settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
        hook = settings["tool"]["hatch"]["metadata"]["hooks"]["custom"]["path"]
        assert (PROJECT / hook).samefile(inspect.getfile(PackagePage))
        assert settings["project"]["dynamic"] == ["readme", "version"]
        source = (PROJECT / settings["tool"]["hatch"]["version"]["path"]).read_text(encoding="utf-8")
        assert f'__version__ = "{__version__}"' in source
