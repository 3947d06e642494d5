"""Suites: one YAML file says which methods one ``make bench`` runs, under which protocols, on which data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.files import load_yaml
from benchmark.methods.protocol_files import is_protocol_file
from benchmark.methods.source import Source  # noqa: TC001 - a field
from benchmark.places import SUITES, workspace
from mer_lightning.mistakes import unknown
from mer_lightning.settings import Seed, Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Also(Settings):
    """Further methods of a suite, under protocols of their own.

    Attributes:
        protocols: Their protocols.
        methods: Names of their recipes.
        seeds: Their seeds; those of the suite when absent.
    """

    protocols: tuple[str, ...] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[Seed, ...] = ()


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
        parts = self._parts
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

    def seeds_of(self, protocol: str, method: str) -> tuple[int, ...]:
        """Seeds of a method under a protocol; under one that the suite has not for it, those that it has elsewhere."""
        named = [part for part in self._parts if method in part.methods]
        here = [part for part in named if protocol in part.protocols] or named
        return tuple(dict.fromkeys(seed for part in here for seed in part.seeds or self.seeds)) or self.seeds

    @property
    def _parts(self) -> list[Also]:
        return [Also(protocols=self.protocols, methods=self.methods), *self.also]


def suite_names() -> list[str]:
    """Names of the suites that everybody has, sorted."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))


def own_suite_names() -> list[str]:
    """Names of those in the workspace, sorted."""
    return sorted(path.stem for path in workspace().suites.glob("*.yaml"))


def load_suite(name: str) -> Suite:
    """Read one suite.

    Args:
        name: One of ``suite_names``, that of a file ``suites/<name>.yaml`` in the workspace, or the path of a file
            ``<name>.yaml``.

    Raises:
        DataError: No such suite, its file is not what it should be, or it is called as one that everybody has.
    """
    if name.endswith((".yaml", ".yml")):
        return _own_suite(Path(name))
    own = own_suite_names()
    if name in own:
        return _own_suite(workspace().suites / f"{name}.yaml")
    if name not in suite_names():
        known = dict.fromkeys([*suite_names(), *own])
        raise DataError(f"{unknown('suite', name, known)}, or a file <name>.yaml")
    return load_yaml(SUITES / f"{name}.yaml", Suite, name=name)


def _own_suite(path: Path) -> Suite:
    """A suite of a user's own; protocols that it gives as files lie beside it."""
    if path.stem in suite_names():
        raise DataError(f"{path}: everybody has a suite {path.stem}; give yours another name")
    suite = load_yaml(path, Suite, name=path.stem)

    def beside(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(str(path.parent / name) if is_protocol_file(name) else name for name in names)

    also = tuple(part.model_copy(update={"protocols": beside(part.protocols)}) for part in suite.also)
    return suite.model_copy(update={"protocols": beside(suite.protocols), "also": also})
