"""The README as the page of the package: a hook of hatchling, which ``pyproject.toml`` names.

A package index shows the page away from the repository, where relative links lead nowhere. They lead to
``[project.urls] Repository`` where that is set; until then they are plain text, and pictures are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?!\w+:|#)(?P<path>[^)\s]+)\)")
_EMPTY_LINES = re.compile(r"\n{3,}")


class PackagePage(MetadataHookInterface):
    """Gives ``project.readme``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the page."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        page = package_page(text, metadata.get("urls", {}).get("Repository", ""))
        metadata["readme"] = {"content-type": "text/markdown", "text": page}


def package_page(text: str, repository: str) -> str:
    """A Markdown page whose relative links hold anywhere.

    Args:
        text: The page as it lies at the root of the repository.
        repository: Address of the repository, or nothing: then links become their text, and pictures go.
    """

    def replaced(found: re.Match[str]) -> str:
        picture, title, path = found["picture"], found["text"], found["path"]
        if not repository:
            return "" if picture else title
        return f"{picture}[{title}]({repository.rstrip('/')}/{'raw' if picture else 'blob'}/HEAD/{path})"

    return _EMPTY_LINES.sub("\n\n", _LINK.sub(replaced, text))
