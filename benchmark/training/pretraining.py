"""Pre-training, once per recipe, data and seed: its weights are kept and every fold starts from them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from benchmark.files import load_signed, signed, write_json
from benchmark.records.provenance import PretrainingRecord
from mer_lightning.files import replacing
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmark.records.store import Store
    from benchmark.training.plan import Run
    from mer_lightning.datamodules import PlannedTable
    from mer_lightning.tasks import Start


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

    _, model, _ = run.recipe.pretraining
    planned = _planned(run, store.root / "cache", accelerator)
    table = planned.get()
    settings = [transfer.model_dump(mode="json"), model.model_dump(mode="json"), run.recipe.version]
    settings += [one.model_dump(mode="json") for one in run.recipe.outside]
    parts = [*settings, table.representation.cache_key(), table.content_hash, run.seed]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    weights = (
        store.root / "pretrained" / f"{run.recipe.origin}--{transfer.database}--s{run.seed}--{digest[:10]}.safetensors"
    )
    start = Start(weights, transfer.freeze)
    record = _kept(weights, digest, say) or _pretrained(
        run, planned, weights, say, digest=digest, accelerator=accelerator
    )
    store.save_pretraining(run.id, record)
    return start


def _pretrained(
    run: Run, planned: PlannedTable, weights: Path, say: Callable[[str], None], *, digest: str, accelerator: str
) -> PretrainingRecord:
    """Train the weights and keep them."""
    from mer_lightning.backbones import save_kept
    from mer_lightning.protocols import pretraining_fold
    from mer_lightning.tasks import Fit, pretrain

    transfer, table, (_, model, training) = run.recipe.transfer, planned.get(), run.recipe.pretraining
    assert transfer is not None and run.pretraining is not None, "the plan has opened it"
    fold = pretraining_fold(planned.labelled, run.seed, table.contents)
    repeated = {"repeated": len(fold.repeated)} if len(fold.repeated) else {}
    left_out = f", {len(fold.repeated)} do not validate because they repeat one of them" if repeated else ""
    say(
        f"{run.recipe.name} · seed {run.seed}: pre-training on {fold.samples['train']} samples of {transfer.database}, "
        f"{training.epochs} epochs{left_out}"
    )
    select = "val_accuracy" if transfer.keep == "best_epoch" else None
    made = pretrain(Fit(table, fold, run.seed, accelerator, select=select), model, training)
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
    say(f"{run.recipe.name} · seed {run.seed}: {made.accuracy:.4f} of the validating people's samples are right")
    return record


def _kept(weights: Path, digest: str, say: Callable[[str], None]) -> PretrainingRecord | None:
    from mer_lightning.backbones import load_kept

    about = weights.with_suffix(".json")
    if not about.exists():
        return None
    try:
        record, _ = load_signed(about, PretrainingRecord, digest)
        load_kept(weights, {"pretraining": digest})
    except DataError as error:
        say(f"{error}; trained again")
        return None
    return record


def _planned(run: Run, cache: Path, accelerator: str) -> PlannedTable:
    from mer_lightning.augmentation import cut_distance
    from mer_lightning.datamodules import PlannedTable
    from mer_lightning.datasets.stills import Stills
    from mer_lightning.devices import device_of
    from mer_lightning.motion import get_representation
    from mer_lightning.motion.cache import Cache
    from mer_lightning.protocols import PARTS, Labelled
    from mer_lightning.protocols.schemes import PRETRAINING

    transfer, dataset = run.recipe.transfer, run.pretraining
    assert transfer is not None and dataset is not None, "the plan has opened it"
    choice, _, training = run.recipe.pretraining
    scheme = PRETRAINING[transfer.database]
    if transfer.stills:
        dataset = Stills(dataset, transfer.stills)
    rows = [(sample, label) for sample in dataset.samples if (label := scheme.label(sample)) is not None]
    if not rows:
        raise DataError(f"{dataset.name}: no sample of {', '.join(scheme.classes)}")
    labelled = Labelled(tuple(sample for sample, _ in rows), tuple(label for _, label in rows))
    representation = get_representation(choice.name, choice.arguments)
    device = device_of(accelerator)
    return PlannedTable(
        dataset,
        labelled,
        len(scheme.classes),
        representation,
        distance=cut_distance(training, representation),
        cache=Cache(cache),
        device=device,
        people=transfer.database not in PARTS,
    )
