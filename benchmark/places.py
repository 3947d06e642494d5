"""Where what is shipped lies, and where a user's own things lie: the workspace."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mer_lightning.outside import importable
from mer_lightning.protocols import own_protocols
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator

_PACKAGE = Path(__file__).resolve().parent
_PACKED = _PACKAGE / "shipped"
PROJECT = _PACKAGE.parent
"""The project's own folder, where this is a checkout of it."""
SHIPPED = _PACKED if _PACKED.is_dir() else PROJECT / "leaderboards"
"""What everybody gets and nobody's commands write into: records, printed figures, studies, claims.

A wheel carries it beside the code, a checkout has it in ``leaderboards``.
"""
REPORTED = SHIPPED / "reported"
DOCS = PROJECT / "docs"

_METHODS = _PACKAGE / "methods"
RECIPES = _METHODS / "recipes"
SUITES = _METHODS / "suites"
BUDGETS = _METHODS / "budgets"
PAPERS = _METHODS / "papers"

VARIABLE = "MER_BENCH_HOME"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where one user's things lie; each folder is made when something is first written into it.

    Attributes:
        root: The folder itself.
    """

    root: Path

    @property
    def is_project(self) -> bool:
        """Whether it is a checkout of this project, whose records are those that are shipped."""
        return self.root == PROJECT and self.boards == SHIPPED

    @property
    def runs(self) -> Path:
        """Local records of folds, and what is kept between runs."""
        return self.root / "runs"

    @property
    def boards(self) -> Path:
        """Tables, pictures and pages."""
        return self.root / ("leaderboards" if self.root == PROJECT else "boards")

    @property
    def records(self) -> Path:
        """One record per run."""
        return (self.boards if self.root == PROJECT else self.root) / "records"

    @property
    def contributed(self) -> Path:
        """Results of others, see ``mer-bench contribute``."""
        return (self.boards if self.root == PROJECT else self.root) / "contributed"

    @property
    def leaks(self) -> Path:
        """Records of leak studies."""
        return (self.boards if self.root == PROJECT else self.root) / "leaks"

    @property
    def methods(self) -> Path:
        """Recipes of the user's own."""
        return self.root / "methods"

    @property
    def suites(self) -> Path:
        """Suites of the user's own."""
        return self.root / "suites"

    @property
    def protocols(self) -> Path:
        """Protocols of the user's own."""
        return self.root / "protocols"


_current: ContextVar[Workspace | None] = ContextVar("workspace", default=None)


def workspace() -> Workspace:
    """The workspace of the command that runs; without one, that of the current folder."""
    return _current.get() or find_workspace()


@contextmanager
def working_in(chosen: Workspace) -> Generator[None]:
    """What is done meanwhile belongs to a workspace: its code can be imported, protocols that are met are its own."""
    token = _current.set(chosen)
    try:
        with importable(chosen.root), own_protocols():
            yield
    finally:
        _current.reset(token)


def find_workspace(flag: Path | None = None) -> Workspace:
    """Find the workspace: the flag, else ``MER_BENCH_HOME``, else the current folder.

    Within a checkout of this project it is the checkout.

    Raises:
        DataError: The folder that is named does not exist.
    """
    if flag is not None:
        return _named_folder(flag, "--workspace")
    if named := os.environ.get(VARIABLE):
        return _named_folder(Path(named), VARIABLE)
    here = Path.cwd()
    return Workspace(PROJECT if here.is_relative_to(PROJECT) and not _PACKED.is_dir() else here)


def _named_folder(path: Path, source: str) -> Workspace:
    found = path.expanduser().resolve()
    if not found.is_dir():
        raise DataError(f"{path}: the workspace named by {source} is not a folder")
    return Workspace(found)
