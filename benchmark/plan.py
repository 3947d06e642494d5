"""From a suite to runs: which recipe, protocol and seed, on which folds of which data."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.recipe import RECIPES, Ensemble, Recipe, load_recipe
from benchmark.search_space import conditions
from benchmark.source import Source  # noqa: TC001 - a field
from benchmark.yaml_files import load_yaml
from mer_lightning.protocols import Fold, Labelled, Protocol, get_protocol
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from contextlib import AbstractContextManager

    from mer_lightning.datamodules import LateTable, Table
    from mer_lightning.datamodules.table import Holds
    from mer_lightning.datasets.base import Dataset
    from mer_lightning.motion import Representation

SUITES = Path(__file__).parent / "suites"
_Need = tuple[str, tuple[str, ...], "Holds"]


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
    seeds: tuple[int, ...] = Field(min_length=1)
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


@dataclass(frozen=True)
class Run:
    """One method under one protocol with one seed.

    Attributes:
        recipe: The method.
        protocol: The evaluation.
        seed: Seed of the run.
        dataset: Where the samples come from.
        labelled: The samples that count.
        late_table: Their tensors, shared by all runs of the same representation; read when the first of them trains.
        folds: Leave-one-subject-out folds.
        edition: Which of several inputs of the protocol it is, see ``Source``.
        pretraining: Database of other people that the method is trained on first, if it is.
    """

    recipe: Recipe
    protocol: Protocol
    seed: int
    dataset: Dataset
    labelled: Labelled
    late_table: LateTable
    folds: tuple[Fold, ...]
    edition: str = ""
    pretraining: Dataset | None = None

    @property
    def table(self) -> Table:
        """The tensors of the samples, read now unless they are there already."""
        return self.late_table.get()

    @property
    def board(self) -> str:
        """Leaderboard that the result belongs to."""
        return f"synthetic-{self.protocol.id}" if self.dataset.synthetic else self.protocol.id

    @property
    def id(self) -> str:
        """``<method>--<board>--s<seed>--<hash10>``; the hash covers recipe, protocol and data."""
        parts = [self.recipe.hash, self.protocol.hash, self.late_table.content_hash]
        if self.pretraining is not None:
            parts += [self.pretraining.name, self.pretraining.release]
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
        The representation that it names; of an ensemble, the first member's.

    Raises:
        DataError: A name is unknown, an argument does not fit, or the parts do not make one method.
    """
    from mer_lightning.motion import Features, get_representation

    file = f"{RECIPES.name}/{recipe.name}.yaml"
    if recipe.ensemble is not None:
        return _check_ensemble(recipe, recipe.ensemble, file)
    if (recipe.model is None) == (recipe.estimator is None) or (recipe.model is None) != (recipe.training is None):
        raise DataError(f"{file}: expected either model and training, or estimator, or ensemble")
    if recipe.representation is None:
        raise DataError(f"{file}: representation: missing")
    try:
        representation = get_representation(recipe.sees.name, recipe.sees.arguments)
        _check_components(recipe)
        if recipe.model and isinstance(representation, Features):
            raise DataError(f"model: {representation.name} gives feature vectors, which only an estimator reads")
        _check_training(recipe, representation)
        _check_transfer(recipe)
    except DataError as error:
        raise DataError(f"{file}: {error}") from error
    check_values(recipe, representation, file)
    return representation


def check_values(recipe: Recipe, representation: Representation, file: str) -> None:
    """Make sure that a recipe takes every value of its search space.

    Raises:
        DataError: It does not; the message names the file that the space is from, and the key.
    """
    for key, values in recipe.search_space.items():
        for value in values.ends:
            try:
                changed = recipe.with_values(conditions(recipe.search_space, key) | {key: value})
                _check_components(changed)
                _check_training(changed, representation)
                if _acts_on(changed) != _acts_on(recipe):
                    raise DataError(f"{key}: what is read cannot be tuned")
            except DataError as error:
                raise DataError(f"{file}: search_space: {error}") from error


def _check_ensemble(recipe: Recipe, ensemble: Ensemble, file: str) -> Representation:
    own = ("representation", "model", "training", "transfer", "estimator", "search_space")
    if given := next((key for key in own if getattr(recipe, key)), None):
        raise DataError(f"{file}: {given}: an ensemble has none; its members have theirs")
    for place, (member, part) in enumerate(zip(ensemble.members, recipe.trained, strict=True)):
        where = f"{file}: ensemble.members.{place}.method: {part.name}"
        if member.seeds > 1 and not part.seeded:
            raise DataError(f"{where} is the same with every seed; expected seeds: 1")
        if part.transfer is not None:
            raise DataError(f"{where} is pre-trained, which a member of an ensemble cannot be")
        if part.chosen_on is not None:
            raise DataError(f"{where} was chosen on {part.chosen_on.protocol}; expected a method that has seen nobody")
        if part.unranked and not recipe.unranked:
            raise DataError(f"{where} is not ranked ({part.unranked}); expected unranked with a reason here too")
    try:
        ensemble.top.build("mer_lightning.descriptors")
    except DataError as error:
        raise DataError(f"{file}: ensemble.top.{error}") from error
    first, *_ = [check_recipe(part) for part in recipe.trained]
    return first


def _check_components(recipe: Recipe) -> None:
    for key, part, room in (
        ("model", recipe.model, "mer_lightning.models"),
        ("estimator", recipe.estimator, "mer_lightning.descriptors"),
    ):
        if part is not None:
            try:
                # an estimator costs nothing to make, and says what is wrong with its arguments
                part.build(room) if key == "estimator" else part.load(room)
            except DataError as error:
                raise DataError(f"{key}.{error}") from error


def _check_training(recipe: Recipe, representation: Representation) -> None:
    from mer_lightning.augmentation import check_augmentation

    if recipe.training and recipe.training.augmentation:
        check_augmentation(recipe.training.augmentation, representation)


def _check_transfer(recipe: Recipe) -> None:
    from mer_lightning.augmentation import check_augmentation
    from mer_lightning.motion import get_representation

    if recipe.transfer is None:
        return
    if recipe.model is None:
        raise DataError("transfer: expected a model to transfer, not an estimator")
    try:
        choice, model, training = recipe.pretraining
        representation = get_representation(choice.name, choice.arguments)
        if training.augmentation:
            check_augmentation(training.augmentation, representation)
            if training.augmentation.acts_on != "maps":
                raise DataError("training.augmentation.acts_on: pre-training is augmented on maps")
        model.load("mer_lightning.models")
    except DataError as error:
        raise DataError(f"transfer.{error}") from error


def _acts_on(recipe: Recipe) -> Holds:
    augmentation = recipe.training and recipe.training.augmentation
    return augmentation.acts_on if augmentation else "maps"


def _reading(recipe: Recipe, representation: Representation) -> _Need:
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

    Every sample is read once, to know it again; its representations are computed when their first run trains, so that
    those of a suite of many need not lie in memory together.

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
    from mer_lightning.datamodules import LateTable, check_reading, content_hash, read_contents

    pairs = suite.pairs(methods, protocols)
    recipes = {name: load_recipe(name) for _, name in pairs}
    evaluations = {name: get_protocol(name) for name, _ in pairs}
    for recipe in recipes.values():
        check_recipe(recipe)
    parts = {part.name: part for recipe in recipes.values() for part in recipe.trained}
    representations = {name: check_recipe(part) for name, part in parts.items()}
    dataset = suite.source.open(data)
    learnt_from = {
        recipe.transfer.database: suite.source.open_pretraining(recipe.transfer.database, data)
        for recipe in recipes.values()
        if recipe.transfer
    }
    lists = {name: protocol.label(dataset) for name, protocol in evaluations.items()}
    needs = {name: _reading(part, representations[name]) for name, part in parts.items()}
    for need, representation in {needs[name]: representations[name] for name in parts}.items():
        check_reading(dataset, representation, need[-1])
    samples = list({sample.key: sample for labelled in lists.values() for sample in labelled.samples}.values())
    with progress(len(samples)) as advance:
        read = read_contents(dataset, samples, progress=advance)
    contents = {sample.key: content for sample, content in zip(samples, read, strict=True)}
    runs: list[Run] = []
    tables: dict[tuple[str, _Need], LateTable] = {}
    for evaluation, method in pairs:
        recipe, protocol, labelled = recipes[method], evaluations[evaluation], lists[evaluation]
        digest = content_hash(labelled, [contents[sample.key] for sample in labelled.samples])
        for part in recipe.trained:
            if (evaluation, needs[part.name]) not in tables:
                classes, need = len(protocol.scheme.classes), needs[part.name]
                reading = partial(_read, dataset, labelled, classes, representations[part.name], need, cache)
                tables[evaluation, need] = LateTable(digest, reading)
        used = {part.name: tables[evaluation, needs[part.name]] for part in recipe.trained}
        table = next(iter(used.values())) if len(set(used.values())) == 1 else LateTable(digest, partial(_joined, used))
        runs += [
            Run(
                recipe,
                protocol,
                seed,
                dataset,
                labelled,
                table,
                protocol.folds(labelled, seed),
                suite.source.edition,
                learnt_from[recipe.transfer.database] if recipe.transfer else None,
            )
            # a method without randomness gives the same result under every seed
            for seed in (seeds or suite.seeds)[: None if recipe.seeded else 1]
        ]
    return runs


def _joined(tables: dict[str, LateTable]) -> Table:
    """The table of the first method, with those of others that see something else beside it."""
    # not kept where they were not: nobody would let go of them
    made = {late: late.get() if late.is_read else late.read() for late in dict.fromkeys(tables.values())}
    first, *_ = made.values()
    beside = {name: made[late] for name, late in tables.items() if made[late] is not first}
    return replace(first, beside=beside)


def _read(
    dataset: Dataset,
    labelled: Labelled,
    classes: int,
    representation: Representation,
    need: _Need,
    cache: Path | None,
) -> Table:
    from mer_lightning.datamodules import read_samples
    from mer_lightning.motion.cache import Cache

    readings = read_samples(
        dataset, labelled.samples, representation, holds=need[-1], cache=Cache(cache) if cache else None
    )
    return readings.table(labelled, classes)
