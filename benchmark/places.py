"""Where what is committed, and what is local, lies."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LEADERBOARDS = PROJECT / "leaderboards"
REPORTED = LEADERBOARDS / "reported"
RUNS = PROJECT / "runs"
DOCS = PROJECT / "docs"

_METHODS = Path(__file__).resolve().parent / "methods"
RECIPES = _METHODS / "recipes"
SUITES = _METHODS / "suites"
PAPERS = _METHODS / "papers"
