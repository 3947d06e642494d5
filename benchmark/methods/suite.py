"""Suites: one YAML file says which methods one ``make bench`` runs, under which protocols, on which data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.files import load_yaml
from benchmark.methods.source import Source  # noqa: TC001 - a field
from benchmark.places import SUITES
from mer_lightning.settings import Seed, Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Also(Settings):
    """Further methods of a suite, under protocols of their own."""

    protocols: tuple[str, ...] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)


class Suite(Settings):
    """What one ``make bench`` runs: every method under every protocol with every seed, and what comes ``also``."""

    name: str
    title: str
    summary: str
    source: Source
    protocols: tuple[str, ...] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[Seed, ...] = Field(min_length=1)
    also: tuple[Also, ...] = ()

    def pairs(self, methods: Sequence[str] = (), protocols: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Protocol and method of every run, each pair once.

        Args:
            methods: Instead of the suite's; any recipe.
            protocols: Instead of the suite's; any protocol.
        """
        parts = [Also(protocols=self.protocols, methods=self.methods), *self.also]
        if methods and protocols:
            parts = [Also(protocols=tuple(protocols), methods=tuple(methods))]
        elif methods:
            listed = {name for part in parts for name in part.methods}
            own = [
                part.model_copy(update={"methods": tuple(m for m in part.methods if m in methods)}) for part in parts
            ]
            strangers = tuple(name for name in methods if name not in listed)
            parts = [*own, Also(protocols=self.protocols, methods=strangers)] if strangers else own
        elif protocols:
            parts = [part.model_copy(update={"protocols": tuple(protocols)}) for part in parts]
        return list(dict.fromkeys((p, m) for part in parts for p in part.protocols for m in part.methods))


def suite_names() -> list[str]:
    """Names of all suites, sorted."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))


def load_suite(name: str) -> Suite:
    """Read one suite.

    Args:
        name: One of ``suite_names``, or the path of a file ``<name>.yaml`` of one's own.

    Raises:
        DataError: No such suite, or its file is not what it should be.
    """
    if name.endswith(".yaml"):
        return load_yaml(Path(name), Suite, name=Path(name).stem)
    if name not in suite_names():
        raise DataError(f"suite '{name}' is unknown; expected one of {', '.join(suite_names())}, or a file <name>.yaml")
    return load_yaml(SUITES / f"{name}.yaml", Suite, name=name)
