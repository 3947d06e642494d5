"""From a suite to runs: which recipe, protocol and seed, on which folds of which data."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmark.methods.protocol_files import find_protocol
from benchmark.methods.recipe import load_recipe
from benchmark.methods.recipe_check import acts_on, check_recipe
from benchmark.records.board_names import board_name, entry_name, source_name
from benchmark.records.clip_list import ClipList, clips_per_person

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from benchmark.methods.recipe import Recipe
    from benchmark.methods.suite import Suite
    from mer_lightning.datamodules import Contents, Holds, PlannedTable, Table
    from mer_lightning.protocols import Fold, Labelled, Protocol
    from mer_lightning.types import Dataset

_Need = tuple[str, tuple[str, ...], "Holds", int]


@dataclass(frozen=True)
class Run:
    """One method under one protocol with one seed.

    Attributes:
        recipe: The method.
        protocol: The evaluation.
        seed: Seed of the run.
        dataset: Where the samples come from.
        labelled: The samples that count.
        planned: Their tensors, shared by all runs of the same representation; read when the first of them trains.
        folds: Leave-one-subject-out folds.
        edition: Which of several inputs of the protocol it is, see ``Source``.
        pretraining: Database of other people that the method is trained on first, if it is.
    """

    recipe: Recipe
    protocol: Protocol
    seed: int
    dataset: Dataset
    labelled: Labelled
    planned: PlannedTable
    folds: tuple[Fold, ...]
    edition: str = ""
    pretraining: Dataset | None = None

    @property
    def table(self) -> Table:
        """The tensors of the samples, read now unless they are there already."""
        return self.planned.get()

    @property
    def board(self) -> str:
        """Leaderboard that the result belongs to."""
        return board_name(self.protocol.id, synthetic=self.dataset.synthetic)

    @property
    def entry(self) -> str:
        """What has a row of its own in the leaderboard, as in a ``RunRecord``."""
        return entry_name(self.recipe.name, self.edition)

    @property
    def clip_list(self) -> ClipList:
        """What the result will be of."""
        people = (sample.person for sample in self.labelled.samples)
        counted = clips_per_person(people, self.labelled.labels, len(self.protocol.scheme.classes))
        source = source_name(self.dataset.name, self.dataset.release)
        return ClipList(self.board, self.entry, source, self.planned.content_hash, counted)

    @property
    def id(self) -> str:
        """``<method>--<board>--s<seed>--<hash10>``; the hash covers recipe, protocol and data."""
        parts = [self.recipe.hash, self.protocol.hash, self.planned.content_hash]
        if self.pretraining is not None:
            parts += [self.pretraining.name, self.pretraining.release]
            # what is invented leaves nothing to choose
            parts += [f"{name}: {value}" for name, value in sorted(self.pretraining.choices.items())]
        return (
            f"{self.recipe.name}--{self.board}--s{self.seed}--"
            f"{hashlib.sha256('/'.join(parts).encode()).hexdigest()[:10]}"
        )


@dataclass(frozen=True)
class Inputs:
    """Where a plan reads samples, and how what methods see is computed of them.

    Attributes:
        data: Folder with the data, for suites that need one.
        cache: Folder where representations computed from frames are kept.
        accelerator: Lightning's; with a GPU of CUDA, representations of frames are computed there.
        progress: Given the number of samples to read, a context whose value is told of those that were.
    """

    data: Path | None = None
    cache: Path | None = None
    accelerator: str = "auto"
    progress: Callable[[int], AbstractContextManager[Callable[[int], None]]] | None = None


def make_plan(
    suite: Suite,
    inputs: Inputs | None = None,
    *,
    methods: Sequence[str] = (),
    protocols: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> list[Run]:
    """Check everything a suite needs and lay out its runs; nothing is trained and nothing written.

    Every sample is read once, to know it again; its representations are computed when their first run trains, so that
    those of a suite of many need not lie in memory together, and it is read again only where the cache lacks them.
    Runs of one protocol share their folds.

    Args:
        suite: What to run.
        inputs: Where samples are read.
        methods: Instead of the suite's.
        protocols: Instead of the suite's.
        seeds: Instead of the suite's.

    Raises:
        DataError: A recipe, a name, a file or a sample is not what it should be.
    """
    inputs = inputs or Inputs()
    pairs = suite.pairs(methods, protocols)
    recipes = {name: load_recipe(name) for _, name in pairs}
    evaluations = {name: find_protocol(name) for name, _ in pairs}
    for name, recipe in recipes.items():
        check_recipe(
            recipe, {len(evaluations[protocol].scheme.classes) for protocol, method in pairs if method == name}
        )
    dataset = suite.source.open(inputs.data)
    learnt_from = {
        recipe.transfer.database: suite.source.open_pretraining(recipe.transfer.database, inputs.data)
        for recipe in recipes.values()
        if recipe.transfer
    }
    lists = {name: protocol.label(dataset) for name, protocol in evaluations.items()}
    tables = _Tables(dataset, recipes.values(), inputs)
    tables.read_contents(lists.values())
    folds: dict[tuple[str, int], tuple[Fold, ...]] = {}
    runs: list[Run] = []
    for evaluation, method in pairs:
        recipe, protocol, labelled = recipes[method], evaluations[evaluation], lists[evaluation]
        table = tables.planned(recipe, protocol, labelled)
        assert table.content_hash, "raises where two people share a sample"
        for seed in recipe.seeds_of(seeds or suite.seeds_of(evaluation, method)):
            drawn = (evaluation, seed if protocol.draws_validation else 0)
            if drawn not in folds:
                folds[drawn] = protocol.folds(labelled, seed)
            source = learnt_from[recipe.transfer.database] if recipe.transfer else None
            runs.append(
                Run(recipe, protocol, seed, dataset, labelled, table, folds[drawn], suite.source.edition, source)
            )
    return runs


class _Tables:
    """The tables of a plan: methods that are shown the same under one protocol share theirs.

    Args:
        dataset: Where samples are read.
        recipes: Whose tables are planned.
        inputs: See ``make_plan``.

    Raises:
        DataError: What a method sees cannot be computed of the dataset.
    """

    def __init__(self, dataset: Dataset, recipes: Iterable[Recipe], inputs: Inputs) -> None:
        from mer_lightning.augmentation import cut_distance
        from mer_lightning.datamodules import check_reading
        from mer_lightning.motion import get_representation

        self._dataset, self._inputs = dataset, inputs
        parts = {part.name: part for recipe in recipes for part in recipe.trained}
        self._representations = {
            name: get_representation(part.sees.name, part.sees.arguments) for name, part in parts.items()
        }
        # what is computed, not what it is called
        self._needs: dict[str, _Need] = {
            name: (seen.cache_key(), seen.kinds, acts_on(part), cut_distance(part.training, seen))
            for name, part in parts.items()
            for seen in [self._representations[name]]
        }
        for name, (_, _, holds, _) in self._needs.items():
            check_reading(dataset, self._representations[name], holds)
        self._contents: Contents = {}
        self._planned: dict[tuple[str, _Need], PlannedTable] = {}

    def read_contents(self, lists: Iterable[Labelled]) -> None:
        """Read every sample of some lists once, to know it again.

        Raises:
            DataError: A sample cannot be read.
        """
        from mer_lightning.datamodules import read_contents

        samples = list({sample.key: sample for labelled in lists for sample in labelled.samples}.values())
        with (self._inputs.progress or _silent)(len(samples)) as advance:
            self._contents = read_contents(self._dataset, samples, progress=advance)

    def planned(self, recipe: Recipe, protocol: Protocol, labelled: Labelled) -> PlannedTable:
        """What a method will be shown: that of its first member, with those of others that see something else beside.

        Raises:
            DataError: Two subjects share a sample.
        """
        used = {part.name: self._planned_for(part, protocol, labelled) for part in recipe.trained}
        first, *others = dict.fromkeys(used.values())
        return replace(first, beside=used) if others else first

    def _planned_for(self, part: Recipe, protocol: Protocol, labelled: Labelled) -> PlannedTable:
        from mer_lightning.datamodules import PlannedTable
        from mer_lightning.devices import device_of
        from mer_lightning.motion.cache import Cache

        need = self._needs[part.name]
        if (protocol.id, need) not in self._planned:
            self._planned[protocol.id, need] = PlannedTable(
                self._dataset,
                labelled,
                len(protocol.scheme.classes),
                self._representations[part.name],
                holds=need[2],
                distance=need[3],
                contents=self._contents,
                cache=Cache(self._inputs.cache) if self._inputs.cache else None,
                device=device_of(self._inputs.accelerator),
            )
        return self._planned[protocol.id, need]


@contextmanager
def _silent(_: int) -> Generator[Callable[[int], None]]:
    yield lambda _: None
