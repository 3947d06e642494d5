"""From a suite to runs: which recipe, protocol and seed, on which folds of which data."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from benchmark.data_root import data_root
from benchmark.recipe import RECIPES, Recipe, load_recipe
from benchmark.yaml_files import load_yaml
from mer_lightning.protocols import Fold, Labelled, Protocol, get_protocol
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from contextlib import AbstractContextManager

    from mer_lightning.datamodules import Table
    from mer_lightning.datamodules.table import Holds
    from mer_lightning.datasets.base import Dataset
    from mer_lightning.motion import Representation

SUITES = Path(__file__).parent / "suites"


class Source(Settings):
    """Where a suite's samples come from.

    Attributes:
        name: ``synthetic-video`` and ``synthetic-flow`` need no files; ``megc2019-flow`` needs a folder of flow maps,
            ``megc2019`` the folder that holds SMIC, CASME II and SAMM, and ``casme2`` or ``samm`` that database
            (``--data``, else ``MER_DATA``, else the user's configuration file).
        scale: Size of a synthetic composite relative to the official one.
        seed: Seed of a synthetic composite.
    """

    name: Literal["synthetic-video", "synthetic-flow", "megc2019-flow", "megc2019", "casme2", "samm"]
    scale: float = Field(default=1.0, gt=0, le=4)
    seed: int = 0

    def open(self, data: Path | None) -> Dataset:
        """Open the dataset.

        Args:
            data: Folder with the data, for sources that need one.

        Raises:
            DataError: The folder is not given, not needed, or not what it should be.
        """
        if self.name in {"synthetic-video", "synthetic-flow"} and data is not None:
            raise DataError(f"--data {data}: this suite invents its data; choose a suite that reads a folder")
        if self.name == "synthetic-video":
            from mer_lightning.datasets.synthetic.composite import SyntheticComposite

            return SyntheticComposite(self.scale, self.seed)
        if self.name == "synthetic-flow":
            from mer_lightning.datasets.synthetic.flow_composite import SyntheticFlowComposite

            return SyntheticFlowComposite(self.scale, self.seed)
        if self.name == "megc2019-flow":
            from mer_lightning.datasets.flow_folders import FlowFolders

            if data is None:
                raise DataError(f"--data: {self.name} needs the folder with <subject>/u_test/<label>/<clip>.png")
            return FlowFolders(data)
        return _open_databases(self.name, data_root(data))


def _open_databases(name: str, root: Path | None) -> Dataset:
    """One database of a data root, or the composite of three."""
    from mer_lightning.datasets.composite import Composite
    from mer_lightning.datasets.registry import find_databases, open_database

    if root is None:
        raise DataError(f"--data: {name} needs the folder that holds the databases; see mer-bench data list")
    wanted = ("smic", "casme2", "samm") if name == "megc2019" else (name,)
    found = dict(find_databases(root))
    if missing := [database for database in wanted if database not in found]:
        raise DataError(f"{root}: {', '.join(missing)} not recognised in it; see mer-bench data list --data {root}")
    opened = [open_database(database, found[database]) for database in wanted]
    return Composite(*opened) if name == "megc2019" else opened[0]


class Suite(Settings):
    """What one ``make bench`` runs: every method under every protocol with every seed."""

    name: str
    title: str
    summary: str
    source: Source
    protocols: tuple[str, ...] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Run:
    """One method under one protocol with one seed.

    Attributes:
        recipe: The method.
        protocol: The evaluation.
        seed: Seed of the run.
        dataset: Where the samples come from.
        labelled: The samples that count.
        table: Their tensors, shared by all runs of the same representation.
        folds: Leave-one-subject-out folds.
    """

    recipe: Recipe
    protocol: Protocol
    seed: int
    dataset: Dataset
    labelled: Labelled
    table: Table
    folds: tuple[Fold, ...]

    @property
    def board(self) -> str:
        """Leaderboard that the result belongs to."""
        return f"synthetic-{self.protocol.id}" if self.dataset.synthetic else self.protocol.id

    @property
    def id(self) -> str:
        """``<method>--<board>--s<seed>--<hash10>``; the hash covers recipe, protocol and data."""
        parts = (self.recipe.hash, self.protocol.hash, self.table.content_hash)
        return (
            f"{self.recipe.name}--{self.board}--s{self.seed}--"
            f"{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:10]}"
        )


def suite_names() -> list[str]:
    """Names of all suites, sorted."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))


def load_suite(name: str) -> Suite:
    """Read one suite.

    Raises:
        DataError: No such suite, or its file is not what it should be.
    """
    if name not in suite_names():
        raise DataError(f"suite '{name}' is unknown; expected one of {', '.join(suite_names())}")
    return load_yaml(SUITES / f"{name}.yaml", Suite, name=name)


def check_recipe(recipe: Recipe) -> Representation:
    """Make sure, before anything trains, that everything a recipe names exists and fits.

    Returns:
        The representation that it names.

    Raises:
        DataError: A name is unknown, an argument does not fit, or the parts do not make one method.
    """
    from mer_lightning.motion import get_representation

    file = f"{RECIPES.name}/{recipe.name}.yaml"
    if (recipe.model is None) == (recipe.estimator is None) or (recipe.model is None) != (recipe.training is None):
        raise DataError(f"{file}: expected either model and training, or estimator")
    try:
        representation = get_representation(recipe.representation.name, recipe.representation.arguments)
        _check_components(recipe)
        _check_training(recipe, representation)
    except DataError as error:
        raise DataError(f"{file}: {error}") from error
    for key, values in recipe.search_space.items():
        for value in values.ends:
            try:
                changed = recipe.with_values({key: value})
                _check_components(changed)
                _check_training(changed, representation)
                if _acts_on(changed) != _acts_on(recipe):
                    raise DataError(f"{key}: what is read cannot be tuned")
            except DataError as error:
                raise DataError(f"{file}: search_space: {error}") from error
    return representation


def _check_components(recipe: Recipe) -> None:
    for key, part, room in (
        ("model", recipe.model, "mer_lightning.models"),
        ("estimator", recipe.estimator, "mer_lightning.descriptors"),
    ):
        if part is not None:
            try:
                part.load(room)
            except DataError as error:
                raise DataError(f"{key}.{error}") from error


def _check_training(recipe: Recipe, representation: Representation) -> None:
    from mer_lightning.augmentation import check_augmentation

    if recipe.training and recipe.training.augmentation:
        check_augmentation(recipe.training.augmentation, representation)


def _acts_on(recipe: Recipe) -> Holds:
    augmentation = recipe.training and recipe.training.augmentation
    return augmentation.acts_on if augmentation else "maps"


def _reading(recipe: Recipe, representation: Representation) -> tuple[str, tuple[str, ...], Holds]:
    """What a method needs to be read: what is computed, not what it is called."""
    return representation.cache_key(), representation.kinds, _acts_on(recipe)


@contextmanager
def _silent(_: int) -> Generator[Callable[[int], None], None, None]:
    yield lambda _: None


def make_plan(
    suite: Suite,
    *,
    data: Path | None = None,
    cache: Path | None = None,
    progress: Callable[[int], AbstractContextManager[Callable[[int], None]]] = _silent,
    methods: Sequence[str] = (),
    protocols: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> list[Run]:
    """Check everything a suite needs and lay out its runs; nothing is trained and nothing written.

    Args:
        suite: What to run.
        data: Folder with the data, for suites that need one.
        cache: Folder where representations computed from frames are kept.
        progress: Given the number of samples to read, a context whose value is told of those that were.
        methods: Instead of the suite's.
        protocols: Instead of the suite's.
        seeds: Instead of the suite's.

    Raises:
        DataError: A recipe, a name, a file or a sample is not what it should be.
    """
    from mer_lightning.datamodules import read_samples
    from mer_lightning.motion.cache import Cache

    recipes = [load_recipe(name) for name in methods or suite.methods]
    evaluations = [get_protocol(name) for name in protocols or suite.protocols]
    representations = [check_recipe(recipe) for recipe in recipes]
    dataset = suite.source.open(data)
    lists = [protocol.label(dataset) for protocol in evaluations]
    samples = sorted({sample.key: sample for labelled in lists for sample in labelled.samples}.items())
    needs = [_reading(recipe, r) for recipe, r in zip(recipes, representations, strict=True)]
    distinct: dict[tuple[str, tuple[str, ...], Holds], Representation] = dict(zip(needs, representations, strict=True))
    with progress(len(samples) * len(distinct)) as advance:
        readings = {
            need: read_samples(
                dataset,
                [sample for _, sample in samples],
                representation,
                holds=need[-1],
                cache=cache and Cache(cache),
                progress=advance,
            )
            for need, representation in distinct.items()
        }
    runs: list[Run] = []
    for protocol, labelled in zip(evaluations, lists, strict=True):
        tables = {need: read.table(labelled, len(protocol.scheme.classes)) for need, read in readings.items()}
        runs += [
            Run(recipe, protocol, seed, dataset, labelled, tables[need], folds)
            for recipe, need in zip(recipes, needs, strict=True)
            # a method without randomness gives the same result under every seed
            for seed in (seeds or suite.seeds)[: None if recipe.training else 1]
            for folds in [protocol.folds(labelled, seed)]
        ]
    return runs
