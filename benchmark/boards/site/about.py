"""What the foot of every page says of the project: version, where it lives, how it is cited.

All addresses of the project stand here. Neither clock nor network is asked, so the same files give the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from typing import TYPE_CHECKING

from benchmark.places import DOCS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from benchmark.records.run import RunRecord

_DISTRIBUTION = "mer-benchmark"
_PROJECT = DOCS.parent
_BUILT_DOCS = "site-docs/index.html"  # where `make docs` writes


@dataclass(frozen=True, slots=True)
class Imprint:
    """The project, as its own metadata describe it.

    Attributes:
        version: Of the installed distribution; empty where it is not installed.
        summary: What it is, in a line.
        repository, documentation: Addresses; empty where none is known.
    """

    version: str
    summary: str
    repository: str
    documentation: str

    @property
    def citation(self) -> str:
        """The suite as BibTeX, without a year: records hold no dates."""
        fields = {
            "title": f"mer-bench: {self.summary}",
            "author": "{The contributors of mer-bench}",
            "version": self.version,
            "url": self.repository,
        }
        lines = "".join(f"\n  {name} = {{{value}}}," for name, value in fields.items() if value)
        return f"@software{{mer-bench,{lines}\n}}"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Which records a site is made of; it stands where others have a date, which no record holds.

    Attributes:
        records: How many.
        digest: SHA-256 of all that they hold, the first twelve digits.
    """

    records: int
    digest: str


def read_about(leaderboards: Path) -> Imprint:
    """Read the project's metadata: ``[project]`` and ``[project.urls]`` of what is installed.

    Args:
        leaderboards: Folder that holds the site. Where it is the project's own, and the project's documentation has no
            address, a link leads to that beside it: as built, else its files.
    """
    version, summary, urls = _installed()
    documentation = urls.get("documentation", "")
    if not documentation and leaderboards.resolve().parent == _PROJECT:
        there = (_BUILT_DOCS, "docs/index.md", "docs/architecture.md")
        documentation = next((f"../../{page}" for page in there if (_PROJECT / page).exists()), "")
    return Imprint(version, summary, urls.get("repository", ""), documentation)


@cache
def _installed() -> tuple[str, str, dict[str, str]]:
    try:
        found = metadata(_DISTRIBUTION)
    except PackageNotFoundError:  # run from a copy that nobody installed
        return "", "", {}
    named = (line.partition(",") for line in found.get_all("Project-URL") or ())
    return found["Version"], found["Summary"], {name.strip().lower(): url.strip() for name, _, url in named}


def fingerprint(runs: Iterable[RunRecord]) -> Fingerprint:
    """Say which records these are, in whatever order they come."""
    texts = sorted(run.model_dump_json() for run in runs)
    digest = hashlib.sha256()
    for place, text in enumerate(texts):
        # as if all were joined by line ends, without a second copy of them
        digest.update(f"\n{text}".encode() if place else text.encode())
    return Fingerprint(len(texts), digest.hexdigest()[:12])
