"""From a suite to runs: which recipe, protocol and seed, on which folds of which data."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

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
    from mer_lightning.datasets.frames import FrameDataset
    from mer_lightning.faces.aligned import AlignedFrames
    from mer_lightning.motion import Representation

SUITES = Path(__file__).parent / "suites"


class DatabaseChoice(Settings):
    """What a database leaves open: which coding, which copy of the frames, which apex.

    Attributes:
        release: Annotation release; the newest sheet found when absent.
        variant: Copy of the frames, e.g. ``raw``; ``cropped`` where there is one when absent.
        apex: For SMIC, which has none: ``middle_frame`` (also when absent) or ``spotted``.
    """

    release: str | None = None
    variant: str | None = None
    apex: Literal["middle_frame", "spotted"] | None = None


class Source(Settings):
    """Where a suite's samples come from.

    Attributes:
        name: ``synthetic-video`` and ``synthetic-flow`` need no files; ``megc2019-flow`` needs a folder of flow maps;
            ``megc2019`` (the composite of SMIC, CASME II and SAMM) and ``databases`` (those named below, side by side)
            need the folder that holds them: ``--data``, else ``MER_DATA``, else the user's configuration file.
        scale: Size of synthetic data relative to the official one.
        seed: Seed of synthetic data.
        faces: ``as_released`` reads the databases' own crops where they have them; ``aligned`` warps every clip by its
            database's landmark file, ``<folder of the database>/landmarks-<variant>.csv``.
        databases: Choices per database.
        without_data: What happens where no data folder is named: an ``error``, or the databases' synthetic ``twins``
            (face crops whose apex is known) take their place, on boards that say so.
        edition: Short name of an input that is not the usual one of its protocols; results of each edition have rows
            and records of their own.
    """

    name: Literal["synthetic-video", "synthetic-flow", "megc2019-flow", "megc2019", "databases"]
    scale: float = Field(default=1.0, gt=0, le=4)
    seed: int = 0
    faces: Literal["as_released", "aligned"] = "as_released"
    databases: dict[Literal["smic", "casme2", "samm"], DatabaseChoice] = Field(default_factory=dict)
    without_data: Literal["error", "twins"] = "error"
    edition: str = Field(default="", pattern=r"^[a-z0-9-]*$")

    @model_validator(mode="after")
    def _check(self) -> Source:
        framed = self.name in {"megc2019", "databases"}
        if not framed and (self.faces != "as_released" or self.databases or self.without_data != "error"):
            raise ValueError(f"{self.name} reads no database; faces, databases and without_data do not apply to it")
        if self.name == "databases" and not self.databases:
            raise ValueError("databases: expected at least one of smic, casme2, samm")
        usual = self.faces == "as_released" and not any(
            choice.variant or choice.apex for choice in self.databases.values()
        )
        if not usual and not self.edition:
            raise ValueError("edition: expected a short name, since faces, variant or apex are not the usual ones")
        return self

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
        root = data_root(data)
        if root is None and self.without_data == "twins":
            return self._twins()
        if root is None:
            raise DataError(f"--data: {self.name} needs the folder that holds the databases; see mer-bench data list")
        return self._open_databases(root)

    def _twins(self) -> Dataset:
        from mer_lightning.datasets.synthetic.composite import SyntheticComposite, SyntheticDatabase
        from mer_lightning.datasets.union import Union

        if self.name == "megc2019":
            return SyntheticComposite(self.scale, self.seed)
        return Union(
            *(
                SyntheticDatabase(name, release=choice.release, scale=self.scale, seed=self.seed)
                for name, choice in self.databases.items()
            )
        )

    def _open_databases(self, root: Path) -> Dataset:
        from mer_lightning.datasets.composite import CLASSES, Composite
        from mer_lightning.datasets.registry import find_databases
        from mer_lightning.datasets.union import Union

        wanted = CLASSES if self.name == "megc2019" else self.databases
        found = dict(find_databases(root))
        if missing := [database for database in wanted if database not in found]:
            raise DataError(f"{root}: {', '.join(missing)} not recognised in it; see mer-bench data list --data {root}")
        opened = [self._open_database(database, found[database]) for database in wanted]
        return Composite(*opened) if self.name == "megc2019" else Union(*opened)

    def _open_database(self, name: str, folder: Path) -> FrameDataset | AlignedFrames:
        from mer_lightning.datasets.registry import open_database

        choice = next((made for one, made in self.databases.items() if one == name), DatabaseChoice())
        frames = open_database(name, folder, **choice.model_dump(exclude_none=True))
        if self.faces == "as_released":
            return frames
        from mer_lightning.faces.aligned import AlignedFrames, landmark_file

        return AlignedFrames(frames, landmark_file(folder, frames.variant))


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
        edition: Which of several inputs of the protocol it is, see ``Source``.
    """

    recipe: Recipe
    protocol: Protocol
    seed: int
    dataset: Dataset
    labelled: Labelled
    table: Table
    folds: tuple[Fold, ...]
    edition: str = ""

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
            Run(recipe, protocol, seed, dataset, labelled, tables[need], folds, suite.source.edition)
            for recipe, need in zip(recipes, needs, strict=True)
            # a method without randomness gives the same result under every seed
            for seed in (seeds or suite.seeds)[: None if recipe.training else 1]
            for folds in [protocol.folds(labelled, seed)]
        ]
    return runs
