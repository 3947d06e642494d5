"""What a suite would run, and everything that keeps it from running; nothing is trained, read or written."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from benchmark.methods.protocol_files import find_protocol
from benchmark.methods.recipe import load_recipe
from benchmark.methods.recipe_check import acts_on, check_recipe
from benchmark.records.board_names import board_name, entry_name, source_name
from benchmark.records.clip_list import ClipList, check_free, clips_per_person
from benchmark.records.run import load_clip_list, load_run
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmark.methods.recipe import Recipe
    from benchmark.methods.source import Survey
    from benchmark.methods.suite import Suite
    from benchmark.records.store import Store
    from mer_lightning.protocols import Protocol

_UNREAD = "not read"
Recorded = Literal["no", "in part", "of another version", "yes"]


@dataclass(frozen=True, slots=True)
class Clips:
    """What a protocol finds of one database.

    Attributes:
        protocol: Its id.
        database: Short name.
        clips: Clips of each class by name.
        subjects: How many there are.
    """

    protocol: str
    database: str
    clips: Mapping[str, int]
    subjects: int


@dataclass(frozen=True, slots=True)
class Planned:
    """One run that would be made.

    Attributes:
        method: Recipe.
        protocol: Its id.
        seed: Seed of the run.
        folds: Number of folds; None where the data does not tell.
        here: Folds in the local store of a run of this name; only its frames tell whether they are of these.
        recorded: Whether its RunRecord is there.
    """

    method: str
    protocol: str
    seed: int
    folds: int | None
    here: int
    recorded: Recorded


@dataclass(frozen=True, slots=True)
class Preview:
    """What a suite would run.

    Attributes:
        suite: Its title.
        data: Name and release of the data; empty where it cannot be opened.
        synthetic: Whether it is invented.
        clips: What each protocol finds, per database.
        runs: Every run.
        problems: Everything that keeps it from running, one line each; empty where it could run.
    """

    suite: str
    data: str
    synthetic: bool
    clips: tuple[Clips, ...]
    runs: tuple[Planned, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return asdict(self)


def preview(
    suite: Suite,
    store: Store,
    records: Path,
    *,
    data: Path | None = None,
    methods: Sequence[str] = (),
    protocols: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> Preview:
    """Check recipes and data of a suite as far as that takes no frame, and lay out its runs.

    Recipes are checked by making their networks, which is why torch is imported. What only frames tell is left to the
    run: whether they can be decoded, and whether two subjects share a clip.

    Args:
        suite: What would run.
        store: Local records.
        records: Folder of the RunRecords.
        data: Folder with the data, for suites that need one.
        methods: Instead of the suite's.
        protocols: Instead of the suite's.
        seeds: Instead of the suite's.
    """
    pairs = suite.pairs(methods, protocols)
    problems: list[str] = []
    evaluations: dict[str, Protocol] = {}
    for name in dict.fromkeys(name for name, _ in pairs):
        with _noting(problems):
            evaluations[name] = find_protocol(name)
    found = suite.source.look(data)
    problems += found.problems
    recipes: dict[str, Recipe] = {}
    for name in dict.fromkeys(name for _, name in pairs):
        classes = {len(evaluations[p].scheme.classes) for p, method in pairs if method == name and p in evaluations}
        with _noting(problems):
            recipes[name] = load_recipe(name)
            _check(recipes[name], classes, found)
    _open_pretraining(suite, recipes.values(), data, problems)
    clips = [one for protocol in evaluations.values() for one in _clips(protocol, found, problems)]
    boards = {name: _board(protocol, found, problems) for name, protocol in evaluations.items()}
    for name, board in boards.items():
        with _noting(problems):
            methods_here = [method for evaluation, method in pairs if evaluation == name]
            board.check_free([entry_name(method, suite.source.edition) for method in methods_here], records)
    runs = [
        boards[evaluation].planned(recipes[method], seed, entry_name(method, suite.source.edition), store, records)
        for evaluation, method in pairs
        if evaluation in evaluations and method in recipes
        for seed in recipes[method].seeds_of(seeds or suite.seeds_of(evaluation, method))
    ]
    datasets = [*found.parts.values()]
    return Preview(
        suite=suite.title,
        data=", ".join(source_name(one.name, one.release) for one in datasets),
        synthetic=any(one.synthetic for one in datasets),
        clips=tuple(clips),
        runs=tuple(runs),
        problems=tuple(dict.fromkeys(problems)),
    )


def _open_pretraining(suite: Suite, recipes: Iterable[Recipe], data: Path | None, problems: list[str]) -> None:
    for transfer in {one.transfer.database: one.transfer for one in recipes if one.transfer}.values():
        with _noting(problems):
            suite.source.open_pretraining(transfer.database, data)


@dataclass(frozen=True, slots=True)
class _Board:
    """One protocol on the data that there is.

    Attributes:
        protocol: The evaluation.
        name: Of its leaderboard.
        folds: How many there are; None where the data does not tell.
        source: Name and release of the data.
        clips: Clips of each class by subject; empty where the data does not tell.
    """

    protocol: Protocol
    name: str
    folds: int | None
    source: str
    clips: Mapping[str, tuple[int, ...]]

    def check_free(self, entries: Iterable[str], records: Path) -> None:
        """As ``check_free`` of clip lists, as far as that takes no content."""
        if self.clips:
            wanted = [ClipList(self.name, entry, self.source, _UNREAD, self.clips) for entry in entries]
            check_free(wanted, records, lambda path: replace(load_clip_list(path), content_hash=_UNREAD))

    def planned(self, recipe: Recipe, seed: int, entry: str, store: Store, records: Path) -> Planned:
        """One run on it."""
        names = (recipe.name, self.name, seed)
        there = [one.run for one in store.manifests() if (one.method, one.board, one.seed) == names]
        return Planned(
            method=recipe.name,
            protocol=self.protocol.id,
            seed=seed,
            folds=self.folds,
            here=max((len(store.done(run)) for run in there), default=0),
            recorded=self._recorded(recipe, records / self.name / entry / f"seed{seed}.json"),
        )

    def _recorded(self, recipe: Recipe, path: Path) -> Recorded:
        if not path.is_file():
            return "no"
        record = load_run(path)
        if (record.recipe_hash, record.protocol_hash) != (recipe.hash, self.protocol.hash):
            return "of another version"
        return "yes" if record.complete else "in part"


def _board(protocol: Protocol, found: Survey, problems: list[str]) -> _Board:
    whole = found.parts.get("")
    name = board_name(protocol.id, synthetic=whole is not None and whole.synthetic)
    # with a database missing the whole cannot be labelled, which is said already
    if whole is not None:
        with _noting(problems):
            labelled = protocol.label(whole)
            people = (sample.person for sample in labelled.samples)
            clips = clips_per_person(people, labelled.labels, len(protocol.scheme.classes))
            source = source_name(whole.name, whole.release)
            return _Board(protocol, name, len(protocol.folds(labelled)), source, clips)
    return _Board(protocol, name, None, "", {})


def _clips(protocol: Protocol, found: Survey, problems: list[str]) -> Iterator[Clips]:
    """What there is of each database, also where others are missing."""
    classes = protocol.scheme.classes
    for database in protocol.databases:
        part = found.parts.get("") or found.parts.get(database)
        if part is not None:
            with _noting(problems):
                labelled = protocol.only(database).label(part)
                counted = Counter(classes[label] for label in labelled.labels)
                people = {sample.person for sample in labelled.samples}
                yield Clips(protocol.id, database, {name: counted[name] for name in classes}, len(people))


def _check(recipe: Recipe, classes: Collection[int], found: Survey) -> None:
    from mer_lightning.datamodules import check_reading
    from mer_lightning.motion import get_representation

    check_recipe(recipe, classes or {3})
    for part in recipe.trained:
        for dataset in found.parts.values():
            check_reading(dataset, get_representation(part.sees.name, part.sees.arguments), acts_on(part))


@contextmanager
def _noting(problems: list[str]) -> Generator[None]:
    try:
        yield
    except DataError as error:
        problems.append(str(error))
