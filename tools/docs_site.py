"""The documentation's site: hooks that ``mkdocs.yml`` names.

The pages are those of ``docs/``. What belongs beside them and lies elsewhere is added here: the boards, the commands, a
few pages of the root, the boards' colours, and whatever else a page links to.
"""

from __future__ import annotations

import argparse
import os
import posixpath
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

from benchmark.__main__ import make_parser
from benchmark.boards.board import load_boards
from benchmark.boards.leakage import load_leak_boards
from benchmark.boards.papers import load_papers
from benchmark.boards.site.pages import SITE, TEMPLATES, Contents, render_site
from benchmark.boards.tables import load_claims
from benchmark.places import Workspace, working_in
from mer_lightning import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

    from benchmark.commands.parser import Parser

PROJECT = Path(__file__).resolve().parents[1]
DOCS, LEADERBOARDS = PROJECT / "docs", PROJECT / "leaderboards"
BOARDS = "boards"
"""Folder of the boards in the site."""
_PAGES = ("CHANGELOG.md", "CONTRIBUTING.md")
_ALONE = ("claims", "leakage")
_LINK = re.compile(r"\]\((?!\w+:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
_ROOT = re.compile(r":root\s*{(?P<colours>[^}]*)}")
_HELP_WIDTH = "100"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Say the version, and where the repository is once it has an address."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    if repository := settings["project"].get("urls", {}).get("Repository"):
        config.repo_url, config.repo_name = repository, "Repository"
    config.copyright = f"mer-bench {__version__}, Apache-2.0"
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what does not lie in ``docs/``."""
    texts = {"assets/palette.css": palette((TEMPLATES / "style.css").read_text(encoding="utf-8"))}
    texts |= {"reference/commands.md": command_page(_commands())} | boards()
    for name, text in texts.items():
        files.append(File.generated(config, name, content=text))
    for name in _PAGES:
        files.append(File.generated(config, site_path(PROJECT / name), abs_src_path=str(PROJECT / name)))
    for page in files.documentation_pages():
        if page.abs_src_path is None:
            continue
        for path in _linked(Path(page.abs_src_path)):
            name = site_path(path)
            if files.get_file_from_path(name) is None and path.is_file():
                files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def _commands() -> Parser:
    """Every command, with places as they are called within the workspace."""
    with working_in(Workspace(Path())):
        return make_parser()


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links that leave ``docs/`` to where the site has what they name."""
    del config, files
    source = page.file.abs_src_path
    return markdown if source is None else lead(markdown, Path(source), page.file.src_uri)


def lead(markdown: str, source: Path, name: str) -> str:
    """A page with its links led to where the site has what they name.

    Args:
        markdown: The page.
        source: The file it was read from.
        name: Its place in the site.
    """

    def led(found: re.Match[str]) -> str:
        target = _target(source, found["path"])
        if target is None:
            return found[0]
        path = posixpath.relpath(site_path(target), posixpath.dirname(name))
        return f"]({path}{found['anchor'] or ''})"

    return _LINK.sub(led, markdown)


def site_path(path: Path) -> str:
    """Where the site has a file of the project; the boards' pages stand for the tables of ``leaderboards/``."""
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    if path.name in _PAGES:
        return f"project/{path.name.lower()}"
    if path == LEADERBOARDS or path.name == "README.md":
        return f"{BOARDS}/index.html"
    if path.is_relative_to(LEADERBOARDS) and path.suffix == ".md":
        kind = "paper-" if path.parent.name == "papers" else "" if path.stem in _ALONE else "board-"
        return f"{BOARDS}/{kind}{path.stem}.html"
    return f"files/{path.relative_to(PROJECT).as_posix()}"


def _linked(source: Path) -> Iterator[Path]:
    for found in _LINK.finditer(source.read_text(encoding="utf-8")):
        if (target := _target(source, found["path"])) is not None:
            yield target


def _target(source: Path, link: str) -> Path | None:
    """What a link of a page names, where it is in the project and not from one page of ``docs/`` to another."""
    target = Path(os.path.normpath(source.parent / link))
    within = source.is_relative_to(DOCS) and target.is_relative_to(DOCS)
    return target if not within and target.is_relative_to(PROJECT) and target.exists() else None


def boards() -> dict[str, str]:
    """Every page of the boards; what leads out of their folder leads to the documentation."""
    there = LEADERBOARDS
    contents = Contents(load_boards(there), load_papers(there), load_claims(there), load_leak_boards(there))
    rendered = render_site(there, contents).items()
    return {f"{BOARDS}/{path.relative_to(there / SITE).as_posix()}": to_documentation(text) for path, text in rendered}


def to_documentation(page: str) -> str:
    """A page of the boards whose links out of their folder lead to the documentation around it."""
    return re.sub(r'href="\.\./[^"]*"', 'href="../index.html"', page)


def palette(style: str) -> str:
    """The colours of the boards' style sheet, for the light and the dark scheme of the documentation.

    Raises:
        ValueError: The style sheet does not start with the light colours, and the dark ones after them.
    """
    found = [one["colours"] for one in _ROOT.finditer(style)]
    if len(found) < 2 or any("--page:" not in colours for colours in found[:2]):
        raise ValueError("style.css: expected two blocks :root with colours, light and dark")
    light, dark = found[:2]
    return f":root {{{light}}}\n[data-md-color-scheme=slate] {{{dark}}}\n"


def command_page(parser: argparse.ArgumentParser) -> str:
    """What every command says of itself, as a page."""
    said = "\n\n".join(f"## {name}\n\n```text\n{text}\n```" for name, text in command_helps(parser))
    return f"# Commands\n\nWhat `--help` says of each.\n\n{said}\n"


def command_helps(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Name and help of a command and of those within it."""
    # argparse is as wide as the terminal, which would decide the page
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _HELP_WIDTH
    try:
        text = parser.format_help().rstrip()
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    yield parser.prog, text
    for action in parser._actions:  # pyright: ignore[reportPrivateUsage] - it has no public list
        if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            for child in dict.fromkeys(action.choices.values()):
                yield from command_helps(child)
