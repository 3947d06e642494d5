"""Pre-training, once per model, data, settings and seed: its weights are kept, and every fold starts from them."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from benchmark.files import load_signed, signed, write_json
from benchmark.methods.recipe_files import RECIPE_NAME
from benchmark.records.provenance import PretrainingRecord
from mer_lightning.files import replacing
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from benchmark.methods.recipe import Recipe, Transfer
    from benchmark.records.store import Store
    from benchmark.training.plan import Run
    from mer_lightning.datamodules import PlannedTable
    from mer_lightning.protocols import Labelled
    from mer_lightning.tasks import Progress as TrainingProgress
    from mer_lightning.tasks import Start
    from mer_lightning.types import Dataset

QUIET_SECONDS = 30.0
"""Before something is said of how far a pre-training is."""
SAID_EVERY = 300.0
"""Seconds between two lines about it."""
_CONTENTS: deque[tuple[Dataset, int, str]] = deque(maxlen=4)
"""Content hashes of what was read already, by database and stills."""


def prepare_start(run: Run, store: Store, say: Callable[[str], None], *, accelerator: str = "auto") -> Start | None:
    """Pre-trained weights for a run, trained now unless they are kept already.

    Args:
        run: What will start from them.
        store: Told what the folds of the run start from; weights are kept in its ``pretrained``.
        say: Told what is trained and what came out.
        accelerator: Lightning's accelerator.

    Returns:
        What the folds start from; None for a method without pre-training.

    Raises:
        DataError: The other database cannot be read, or has none of the classes.
    """
    transfer = run.recipe.transfer
    if transfer is None:
        return None
    # training needs torch, which planning and tables do without
    from mer_lightning.tasks import Start

    assert run.pretraining is not None, "the plan has opened it"
    planned = _planned(run, store.root / "cache", accelerator)
    digest = _digest(run, _content_hash(planned, run.pretraining, transfer.stills))
    folder = store.root / "pretrained"
    weights = folder / f"{stage_name(run.recipe, run.seed)}-{digest[:10]}.safetensors"
    record = _kept(weights, digest, say)
    if record is None:
        _say_older(folder, f"--{transfer.database}--s{run.seed}--", say)
        with _alone(weights, say):
            # whoever had it may have left them
            record = _kept(weights, digest, say) or _pretrained(
                run, planned, weights, say, digest=digest, accelerator=accelerator
            )
    store.save_pretraining(run.id, record)
    return Start(weights, transfer.freeze)


def stage_of(recipe: Recipe) -> str:
    """What decides the weights of a pre-training stage beside its data and seed; recipes with the same share them.

    What a recipe is called, sees afterwards and freezes does not.

    Args:
        recipe: One with ``transfer``.
    """
    from mer_lightning.motion import get_representation

    transfer, (seen, model, training) = recipe.transfer, recipe.pretraining
    assert transfer is not None, "it has no stage"
    custom = training.augmentation.custom if training.augmentation else ()
    names = {seen.name, model.name, *(one.name for one in custom)}
    parts = {
        "database": transfer.database,
        "stills": transfer.stills,
        "keep": transfer.keep,
        "representation": get_representation(seen.name, seen.arguments).cache_key(),
        "model": model.model_dump(mode="json", exclude_defaults=True),
        # without defaults, so that a new setting whose default is the old behaviour keeps old weights
        "training": training.model_dump(mode="json", exclude_defaults=True),
        "version": recipe.version,
        "outside": [one.model_dump(mode="json") for one in recipe.outside if one.name in names],
    }
    return json.dumps(parts, sort_keys=True)


def _digest(run: Run, content_hash: str) -> str:
    """SHA-256 of everything that decides the weights, and of what is recorded of their data."""
    source = run.pretraining
    assert source is not None, "the plan has opened it"
    data = [source.name, source.release, source.synthetic, dict(source.choices), content_hash]
    return hashlib.sha256(json.dumps([stage_of(run.recipe), data, run.seed], sort_keys=True).encode()).hexdigest()


def stage_name(recipe: Recipe, seed: int) -> str:
    """How the files of a stage begin, whatever the data: by the name of a class, which no recipe has."""
    assert recipe.model is not None and recipe.transfer is not None, "it has no stage"
    short = hashlib.sha256(stage_of(recipe).encode()).hexdigest()[:8]
    model = re.split(r"\W", recipe.model.name)[-1]
    return f"{model}--{recipe.transfer.database}--s{seed}--{short}"


def _content_hash(planned: PlannedTable, source: Dataset, stills: int) -> str:
    """That of a stage's data, which is read for it once however many runs start from it."""
    for known, number, found in _CONTENTS:
        if (known, number) == (source, stills):
            return found
    _CONTENTS.append((source, stills, planned.get().content_hash))
    return _CONTENTS[-1][-1]


def _say_older(folder: Path, middle: str, say: Callable[[str], None]) -> None:
    """Name weights that might have been these, from when every recipe had its own."""
    names = (path.name for path in sorted(folder.glob(f"*{middle}*.safetensors")))
    older = [name for name in names if re.fullmatch(RECIPE_NAME, name.split("--")[0])]
    if older:
        say(f"{folder / older[0]}: named after a recipe, from before weights were shared by content; left alone")


@contextmanager
def _alone(weights: Path, say: Callable[[str], None]) -> Generator[None]:
    """Keep other programs from the same stage: they wait, and then find its weights."""
    lock = FileLock(weights.with_suffix(".lock"), fallback_to_soft=False)
    try:
        weights.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        say(f"{weights.name}: another program pre-trains it; waiting for it")
        lock.acquire()
    except NotImplementedError:
        # a file system without locks: both train, and the weights are the same
        yield
        return
    except OSError as error:
        raise DataError(f"{lock.lock_file}: cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def _pretrained(
    run: Run, planned: PlannedTable, weights: Path, say: Callable[[str], None], *, digest: str, accelerator: str
) -> PretrainingRecord:
    """Train the weights, or go on where that was stopped, and keep them."""
    from mer_lightning.backbones import save_kept
    from mer_lightning.protocols import pretraining_fold
    from mer_lightning.tasks import Fit, StateFile, pretrain

    transfer, table, (_, model, training) = run.recipe.transfer, planned.get(), run.recipe.pretraining
    assert transfer is not None and run.pretraining is not None, "the plan has opened it"
    fold, name = pretraining_fold(planned.labelled, run.seed, table.contents), f"{run.recipe.name} · seed {run.seed}"
    repeated = {"repeated": len(fold.repeated)} if len(fold.repeated) else {}
    left_out = f", {len(fold.repeated)} do not validate because they repeat one of them" if repeated else ""
    say(
        f"{name}: pre-training on {fold.samples['train']} samples of {transfer.database}, "
        f"{training.epochs} epochs{left_out}"
    )
    state = StateFile(weights.with_suffix(".state"), digest, tell=_Teller(name, say).tell)
    try:
        if state.check():
            say(f"{name}: goes on where it was stopped")
    except DataError as error:
        say(f"{error}; trained from the start")
        state.path.unlink()
    select = "val_accuracy" if transfer.keep == "best_epoch" else None
    made = pretrain(Fit(table, fold, run.seed, accelerator, select=select), model, training, state)
    record = PretrainingRecord(
        source=run.pretraining.name,
        release=run.pretraining.release,
        synthetic=run.pretraining.synthetic,
        hash=digest,
        choices=dict(run.pretraining.choices),
        samples=fold.samples | repeated,
        epoch=made.epoch,
        validation_accuracy=round(made.accuracy, 6),
    )
    with replacing(weights) as part:
        save_kept(made.state, part, {"pretraining": digest})
    # written last: weights without it are trained again
    write_json(weights.with_suffix(".json"), signed(record.model_dump(), digest))
    state.path.unlink(missing_ok=True)
    say(f"{name}: {made.accuracy:.4f} of the validating people's samples are right")
    return record


class _Teller:
    """Says now and then how far a pre-training is."""

    def __init__(self, name: str, say: Callable[[str], None]) -> None:
        self._name, self._say = name, say
        self._due = time.monotonic() + QUIET_SECONDS

    def tell(self, progress: TrainingProgress) -> None:
        """Say it, unless something was said just before."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + SAID_EVERY
            left = progress.seconds_left / 60
            self._say(f"{self._name}: pre-training, epoch {progress.epoch} of {progress.epochs}, {left:.0f} min left")


def _kept(weights: Path, digest: str, say: Callable[[str], None]) -> PretrainingRecord | None:
    from mer_lightning.backbones import load_kept

    about = weights.with_suffix(".json")
    if not about.exists():
        return None
    try:
        record, checked = load_signed(about, PretrainingRecord, digest)
        if record.hash != digest or not checked:
            raise DataError(f"{about}: is of other weights, or has no checksum")
        load_kept(weights, {"pretraining": digest})
    except DataError as error:
        say(f"{error}; trained again")
        return None
    return record


def _planned(run: Run, cache: Path, accelerator: str) -> PlannedTable:
    from mer_lightning.augmentation import cut_distance
    from mer_lightning.datamodules import PlannedTable
    from mer_lightning.devices import device_of
    from mer_lightning.motion import get_representation
    from mer_lightning.motion.cache import Cache
    from mer_lightning.protocols import PARTS

    transfer = run.recipe.transfer
    assert transfer is not None and run.pretraining is not None, "the plan has opened it"
    choice, _, training = run.recipe.pretraining
    dataset, labelled, classes = stage_data(transfer, run.pretraining)
    representation = get_representation(choice.name, choice.arguments)
    return PlannedTable(
        dataset,
        labelled,
        classes,
        representation,
        distance=cut_distance(training, representation),
        cache=Cache(cache),
        device=device_of(accelerator),
        people=transfer.database not in PARTS,
    )


def stage_data(transfer: Transfer, source: Dataset) -> tuple[Dataset, Labelled, int]:
    """What a stage is trained on: its samples, with their classes, and how many classes there are.

    Args:
        transfer: What is asked of the database.
        source: The database.

    Raises:
        DataError: It has no sample of the classes.
    """
    from mer_lightning.datasets.stills import Stills
    from mer_lightning.protocols import Labelled
    from mer_lightning.protocols.schemes import PRETRAINING

    scheme, dataset = PRETRAINING[transfer.database], source
    if transfer.stills:
        dataset = Stills(dataset, transfer.stills)
    rows = [(sample, label) for sample in dataset.samples if (label := scheme.label(sample)) is not None]
    if not rows:
        raise DataError(f"{dataset.name}: no sample of {', '.join(scheme.classes)}")
    labelled = Labelled(tuple(sample for sample, _ in rows), tuple(label for _, label in rows))
    return dataset, labelled, len(scheme.classes)
