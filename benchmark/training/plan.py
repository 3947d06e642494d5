"""From a suite to runs: which recipe, protocol and seed, on which folds of which data."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from benchmark.methods.recipe import load_recipe
from benchmark.methods.recipe_check import acts_on, check_recipe
from benchmark.records.board_names import board_name
from benchmark.records.clip_list import ClipList, clips_per_person
from mer_lightning.protocols import get_protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from benchmark.methods.recipe import Recipe
    from benchmark.methods.suite import Suite
    from mer_lightning.datamodules import Content, LateTable, Readings, Table
    from mer_lightning.datamodules.table import Holds
    from mer_lightning.datasets.base import Dataset
    from mer_lightning.motion import Representation
    from mer_lightning.protocols import Fold, Labelled, Protocol

_Need = tuple[str, tuple[str, ...], "Holds"]


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
        return board_name(self.protocol.id, synthetic=self.dataset.synthetic)

    @property
    def entry(self) -> str:
        """What has a row of its own in the leaderboard, as in a ``RunRecord``."""
        return f"{self.recipe.name}@{self.edition}" if self.edition else self.recipe.name

    @property
    def clip_list(self) -> ClipList:
        """What the result will be of."""
        people = (sample.person for sample in self.labelled.samples)
        counted = clips_per_person(people, self.labelled.labels, len(self.protocol.scheme.classes))
        source = f"{self.dataset.name}, release {self.dataset.release}"
        return ClipList(self.board, self.entry, source, self.late_table.content_hash, counted)

    @property
    def id(self) -> str:
        """``<method>--<board>--s<seed>--<hash10>``; the hash covers recipe, protocol and data."""
        parts = [self.recipe.hash, self.protocol.hash, self.late_table.content_hash]
        if self.pretraining is not None:
            parts += [self.pretraining.name, self.pretraining.release]
            # what is invented leaves nothing to choose
            parts += [f"{name}: {value}" for name, value in sorted(self.pretraining.choices.items())]
        return (
            f"{self.recipe.name}--{self.board}--s{self.seed}--"
            f"{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:10]}"
        )


def _reading(recipe: Recipe, representation: Representation) -> _Need:
    """What a method needs to be read: what is computed, not what it is called."""
    return representation.cache_key(), representation.kinds, acts_on(recipe)


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
    accelerator: str = "auto",
) -> list[Run]:
    """Check everything a suite needs and lay out its runs; nothing is trained and nothing written.

    Every sample is read once, to know it again; its representations are computed when their first run trains, so that
    those of a suite of many need not lie in memory together, and it is read again only where the cache lacks them.

    Args:
        suite: What to run.
        data: Folder with the data, for suites that need one.
        cache: Folder where representations computed from frames are kept.
        progress: Given the number of samples to read, a context whose value is told of those that were.
        methods: Instead of the suite's.
        protocols: Instead of the suite's.
        seeds: Instead of the suite's.
        accelerator: Lightning's; with a GPU of CUDA, representations of frames are computed there.

    Raises:
        DataError: A recipe, a name, a file or a sample is not what it should be.
    """
    from mer_lightning.datamodules import check_reading, read_contents
    from mer_lightning.motion import get_representation

    pairs = suite.pairs(methods, protocols)
    recipes = {name: load_recipe(name) for _, name in pairs}
    evaluations = {name: get_protocol(name) for name, _ in pairs}
    for name, recipe in recipes.items():
        check_recipe(recipe, {len(evaluations[other].scheme.classes) for other, method in pairs if method == name})
    parts = {part.name: part for recipe in recipes.values() for part in recipe.trained}
    representations = {name: get_representation(part.sees.name, part.sees.arguments) for name, part in parts.items()}
    dataset = suite.source.open(data)
    transfers = [recipe.transfer for recipe in recipes.values() if recipe.transfer]
    learnt_from = {one.database: suite.source.open_pretraining(one.database, data) for one in transfers}
    lists = {name: protocol.label(dataset) for name, protocol in evaluations.items()}
    needs = {name: _reading(part, representations[name]) for name, part in parts.items()}
    for need, representation in {needs[name]: representations[name] for name in parts}.items():
        check_reading(dataset, representation, need[-1])
    samples = {sample.key: sample for labelled in lists.values() for sample in labelled.samples}
    with progress(len(samples)) as advance:
        contents = dict(zip(samples, read_contents(dataset, [*samples.values()], progress=advance), strict=True))
    tables = _Tables(dataset, representations, needs, contents, cache, accelerator)
    runs: list[Run] = []
    for evaluation, method in pairs:
        recipe, protocol, labelled = recipes[method], evaluations[evaluation], lists[evaluation]
        table, edition = tables.of(recipe, protocol, labelled), suite.source.edition
        other = learnt_from[recipe.transfer.database] if recipe.transfer else None
        # a method without randomness gives the same result under every seed
        for seed in (seeds or suite.seeds)[: None if recipe.seeded else 1]:
            folds = protocol.folds(labelled, seed)
            runs.append(Run(recipe, protocol, seed, dataset, labelled, table, folds, edition, other))
    return runs


@dataclass
class _Tables:
    """The tables of a suite: one for all methods that need the same samples read in the same way.

    Attributes:
        dataset: Where samples are read.
        representations, needs: Of each part of a recipe, by its name.
        contents: By what each sample is known again, by its key.
        cache: Folder where representations computed from frames are kept.
        accelerator: Lightning's.
        made: Tables so far, by protocol and need.
    """

    dataset: Dataset
    representations: Mapping[str, Representation]
    needs: Mapping[str, _Need]
    contents: Mapping[str, Content]
    cache: Path | None
    accelerator: str
    made: dict[tuple[str, _Need], LateTable] = field(default_factory=dict)

    def of(self, recipe: Recipe, protocol: Protocol, labelled: Labelled) -> LateTable:
        """What a method sees of the samples of a protocol."""
        from mer_lightning.datamodules import LateTable, content_hash

        digest = content_hash(labelled, [self.contents[sample.key].digest for sample in labelled.samples])
        used: dict[str, LateTable] = {}
        for part in recipe.trained:
            place = protocol.id, self.needs[part.name]
            if place not in self.made:
                read = self._reader(part.name, labelled)
                self.made[place] = LateTable(digest, partial(_labelled_table, read, labelled, protocol))
            used[part.name] = self.made[place]
        return next(iter(used.values())) if len(set(used.values())) == 1 else LateTable(digest, partial(_joined, used))

    def _reader(self, part: str, labelled: Labelled) -> Callable[[], Readings]:
        from mer_lightning.datamodules import read_samples
        from mer_lightning.devices import device_of
        from mer_lightning.motion.cache import Cache

        return partial(
            read_samples,
            self.dataset,
            labelled.samples,
            self.representations[part],
            holds=self.needs[part][-1],
            cache=Cache(self.cache) if self.cache else None,
            known=[self.contents[sample.key] for sample in labelled.samples],
            device=device_of(self.accelerator),
        )


def _joined(tables: dict[str, LateTable]) -> Table:
    """The table of the first method, with those of others that see something else beside it."""
    # not kept where they were not: nobody would let go of them
    made = {late: late.get() if late.is_read else late.read() for late in dict.fromkeys(tables.values())}
    first, *_ = made.values()
    beside = {name: made[late] for name, late in tables.items() if made[late] is not first}
    return replace(first, beside=beside)


def _labelled_table(read: Callable[[], Readings], labelled: Labelled, protocol: Protocol) -> Table:
    return read().table(labelled, len(protocol.scheme.classes))
