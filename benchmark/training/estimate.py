"""How much a suite will cost: what its folds, stages and clips take on this machine, added up."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark.methods.protocol_files import find_protocol
from benchmark.methods.recipe import load_recipe
from benchmark.methods.recipe_check import acts_on
from benchmark.training.calibration import Seen
from benchmark.training.cost import Cost, RunCost, StageCost
from benchmark.training.executors.choice import suits_processes
from benchmark.training.executors.executor import cores
from benchmark.training.pace import Timed
from benchmark.training.pretraining import stage_data, stage_name

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from benchmark.methods.recipe import Recipe
    from benchmark.methods.suite import Suite
    from benchmark.training.calibration import Calibration
    from benchmark.training.preview import Preview
    from mer_lightning.protocols import Fold, Labelled
    from mer_lightning.tasks import Start
    from mer_lightning.types import Dataset

PROCESS_BYTES = 900 * 2**20
"""What Python, torch and Lightning take by themselves."""
RECORD_BYTES = 60_000
"""About what is kept of a fold."""
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Workers:
    """Where folds would be trained, as flags of ``run`` say it.

    Attributes:
        executor: ``auto``, ``local``, ``processes`` or ``ray``.
        jobs: Number of workers, if it was given.
        accelerator: Lightning's accelerator.
    """

    executor: str = "auto"
    jobs: int | None = None
    accelerator: str = "auto"

    def of(self, passes: int) -> tuple[int, int | None]:
        """Their number, and the threads of each."""
        auto = self.executor == "auto" and not suits_processes(passes, self.accelerator, self.jobs)
        if auto or self.executor == "local":
            return 1, None
        number = self.jobs or cores()
        return number, max(1, cores() // number)


@dataclass(frozen=True, slots=True)
class _Laid:
    """A run as it would be, without a frame read."""

    recipe: Recipe
    protocol: str
    classes: int
    seed: int
    labelled: Labelled
    folds: tuple[Fold, ...]
    missing: int
    recorded: str

    @property
    def usual(self) -> Fold:
        """A fold of the size that most are like."""
        return sorted(self.folds, key=lambda fold: fold.samples["train"])[len(self.folds) // 2]


@dataclass(frozen=True, slots=True)
class Asked:
    """What would run.

    Attributes:
        suite: The suite.
        methods: Instead of the suite's.
        protocols: Instead of the suite's.
        seeds: Instead of the suite's.
        data: Folder with the data, for suites that need one.
        kept: Folder of the weights of stages.
        starting: Seconds until a program has imported what it needs and checked all this.
    """

    suite: Suite
    methods: Sequence[str]
    protocols: Sequence[str]
    seeds: Sequence[int]
    data: Path | None
    kept: Path
    starting: float = 0.0


def cost_of(asked: Asked, plan: Preview, calibration: Calibration, workers: Workers) -> Cost:
    """What a suite will cost.

    Args:
        asked: What would run.
        plan: The preview of it, without problems.
        calibration: What this machine takes.
        workers: Where folds would be trained.

    Raises:
        DataError: A clip cannot be read.
    """
    suite, data = asked.suite, asked.data
    dataset = suite.source.open(data)
    laid = list(_lay_out(asked, plan, dataset))
    number, threads = workers.of(sum(run.recipe.epochs * run.usual.samples["train"] * run.missing for run in laid))
    desk = _Desk(dataset, calibration, threads)
    sources: dict[str, Dataset] = {}
    for run in laid:
        if (transfer := run.recipe.transfer) and transfer.database not in sources:
            sources[transfer.database] = suite.source.open_pretraining(transfer.database, data)
    stages = tuple(desk.stages(laid, sources, asked.kept))
    runs = tuple(desk.run(run, sources) for run in laid)
    largest = max((run.memory for run in runs), default=0)
    memory = number * (PROCESS_BYTES + largest) + (PROCESS_BYTES + largest if number > 1 else 0)
    weights = sum(desk.weights_bytes(run, sources) for run in {r.recipe.name: r for r in laid}.values())
    return Cost(
        suite=suite.title,
        data=plan.data,
        workers=number,
        threads=threads,
        runs=runs,
        stages=stages,
        starts=sum(run.recipe.transfer is not None for run in laid),
        starting_hours=asked.starting / _HOUR,
        reading_hours=desk.reading_seconds(laid) / _HOUR,
        cache_bytes=desk.cache_bytes,
        disk_bytes=desk.cache_bytes + weights + RECORD_BYTES * sum(run.missing for run in laid),
        memory_bytes=max([memory, *(PROCESS_BYTES + stage.memory for stage in stages)]),
        measured=calibration.oldest,
    )


def _lay_out(asked: Asked, plan: Preview, dataset: Dataset) -> Iterable[_Laid]:
    planned = {(one.method, one.protocol, one.seed): one for one in plan.runs}
    recipes: dict[str, Recipe] = {}
    labelled: dict[str, Labelled] = {}
    folds: dict[tuple[str, int], tuple[Fold, ...]] = {}
    for evaluation, method in asked.suite.pairs(asked.methods, asked.protocols):
        protocol = find_protocol(evaluation)
        recipe = recipes.setdefault(method, load_recipe(method))
        rows = labelled.setdefault(evaluation, protocol.label(dataset))
        for seed in recipe.seeds_of(asked.seeds or asked.suite.seeds):
            drawn = (evaluation, seed if protocol.draws_validation else 0)
            if drawn not in folds:
                folds[drawn] = protocol.folds(rows, seed)
            one, classes = planned[recipe.name, protocol.id, seed], len(protocol.scheme.classes)
            left = max(len(folds[drawn]) - one.here, 0)
            yield _Laid(recipe, protocol.id, classes, seed, rows, folds[drawn], left, one.recorded)


class _Desk:
    """Adds up what runs, stages and their data take."""

    def __init__(self, dataset: Dataset, calibration: Calibration, threads: int | None) -> None:
        self._dataset, self._calibration, self._threads = dataset, calibration, threads
        self.cache_bytes = 0
        self._stage_reading = 0.0

    def reading_seconds(self, laid: Sequence[_Laid]) -> float:
        """To know every clip again, and to compute every representation once; adds up the cache, too."""
        seconds, represented, known = self._stage_reading, set[tuple[str, str]](), 0.0
        clips: dict[str, float] = {}
        for run in laid:
            for part in run.recipe.trained if run.missing else ():
                seen = self._seen(part, run)
                reading = self._calibration.reading(seen)
                known = max(known, reading.read)
                for key in run.labelled.keys:
                    if (seen.key, key) not in represented:
                        represented.add((seen.key, key))
                        seconds += reading.read + reading.represent
                        self.cache_bytes += reading.size
            clips |= dict.fromkeys(run.labelled.keys, 1.0)
        return seconds + known * len(clips)

    def stages(self, laid: Sequence[_Laid], sources: dict[str, Dataset], kept: Path) -> Iterable[StageCost]:
        """Every stage once."""
        sharing: dict[str, list[_Laid]] = {}
        for run in laid:
            if run.recipe.transfer is not None:
                sharing.setdefault(stage_name(run.recipe, run.seed), []).append(run)
        read: set[str] = set()
        for name, runs in sharing.items():
            yield self._stage(name, runs, sources, kept, read)

    def _stage(
        self, name: str, runs: list[_Laid], sources: dict[str, Dataset], kept: Path, read: set[str]
    ) -> StageCost:
        from mer_lightning.protocols import pretraining_fold

        first = runs[0]
        _, model, training = first.recipe.pretraining
        transfer, seen = first.recipe.transfer, self._before(first.recipe, sources)
        assert transfer is not None, "it has a stage"
        fold = pretraining_fold(seen.labelled, first.seed)
        there, needed = any(kept.glob(f"{name}-*.json")), any(run.missing for run in runs)
        reading = self._calibration.reading(seen)
        if needed and seen.key not in read:
            # pictures of one clip are read together
            clips = len(seen.labelled.samples) / max(transfer.stills, 1)
            times = 1 if there else 2
            self._stage_reading += times * clips * reading.read
            self._stage_reading += 0.0 if there else reading.represent * len(seen.labelled.samples)
            self.cache_bytes += reading.size * len(seen.labelled.samples)
            read.add(seen.key)
        select = "val_accuracy" if transfer.keep == "best_epoch" else None
        fitted = Timed(model, training, select=select)
        pace = self._calibration.pace(f"pre-training of {first.recipe.name}", seen, fold, fitted)
        seconds = 0.0 if there or not needed else pace.of(fold, seen.classes, training)
        return StageCost(
            name=name,
            methods=tuple(dict.fromkeys(run.recipe.name for run in runs)),
            seed=first.seed,
            samples=fold.samples["train"],
            epochs=training.epochs,
            kept=there,
            hours=seconds / _HOUR,
            memory=pace.memory + reading.size * len(seen.labelled.samples),
        )

    def run(self, run: _Laid, sources: dict[str, Dataset]) -> RunCost:
        """A run, with all members of an ensemble."""
        seconds, memory = 0.0, 0
        times = {part.name: 1 for part in run.recipe.trained}
        if (ensemble := run.recipe.ensemble) is not None:
            again = 1 + (ensemble.inner_folds if ensemble.rule == "stacking" else 0)
            times = {member.method: member.seeds * again for member in ensemble.members}
        for part in run.recipe.trained if run.missing else ():
            seen = self._seen(part, run)
            with self._start(part, sources) as start:
                fitted = Timed(part.model, part.training, part.estimator, start, threads=self._threads)
                pace = self._calibration.pace(f"{part.name} under {run.protocol}", seen, run.usual, fitted)
            whole = sum(pace.of(fold, run.classes, part.training) for fold in run.folds)
            seconds += times[part.name] * whole * run.missing / len(run.folds)
            reading = self._calibration.reading(seen)
            memory = max(memory, pace.memory + reading.size * len(run.labelled.samples))
        return RunCost(
            method=run.recipe.name,
            protocol=run.protocol,
            seed=run.seed,
            folds=len(run.folds),
            missing=run.missing,
            recorded=run.recorded,
            epochs=run.recipe.epochs,
            hours=seconds / _HOUR,
            memory=memory,
        )

    def weights_bytes(self, run: _Laid, sources: dict[str, Dataset]) -> int:
        """Of a stage that a method starts from."""
        if run.recipe.transfer is None:
            return 0
        built = _build(run.recipe, self._before(run.recipe, sources))
        return sum(value.numel() * value.element_size() for value in built.state_dict().values())

    def _seen(self, part: Recipe, run: _Laid) -> Seen:
        from mer_lightning.motion import get_representation

        seen = get_representation(part.sees.name, part.sees.arguments)
        return Seen(self._dataset, run.labelled, run.classes, seen, acts_on(part))

    def _before(self, recipe: Recipe, sources: dict[str, Dataset]) -> Seen:
        """What a stage sees."""
        from mer_lightning.motion import get_representation

        assert recipe.transfer is not None, "it has a stage"
        choice, _, _ = recipe.pretraining
        dataset, labelled, classes = stage_data(recipe.transfer, sources[recipe.transfer.database])
        return Seen(dataset, labelled, classes, get_representation(choice.name, choice.arguments))

    @contextmanager
    def _start(self, part: Recipe, sources: dict[str, Dataset]) -> Generator[Start | None]:
        """Weights of the right shapes, of no training: what is frozen is so in a measured step, too."""
        if part.transfer is None:
            yield None
            return
        from mer_lightning.backbones import save_kept
        from mer_lightning.files import temporary_folder
        from mer_lightning.tasks import Start

        with temporary_folder("start") as folder:
            save_kept(_build(part, self._before(part, sources)).state_dict(), folder / "drawn.safetensors", {})
            yield Start(folder / "drawn.safetensors", part.transfer.freeze)


def _build(recipe: Recipe, seen: Seen) -> Any:  # noqa: ANN401 - a network
    _, model, _ = recipe.pretraining
    channels = len(seen.representation.channels)
    return model.build("mer_lightning.models", classes=seen.classes, in_channels=channels)
