"""The network that predicted one sample of a run: found again by training its fold once more, then kept."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmark.records.audit import audit_fold
from benchmark.training.plan import make_plan
from benchmark.training.pretraining import prepare_start
from mer_lightning.files import replacing
from mer_lightning.protocols import register_protocol
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console
    from torch import Tensor, nn

    from benchmark.methods.recipe import Recipe
    from benchmark.methods.suite import Suite
    from benchmark.records.fold import FoldRecord, PredictionRecord
    from benchmark.records.store import RunManifest, Store
    from benchmark.training.plan import Inputs, Run
    from mer_lightning.protocols import Fold
    from mer_lightning.types import Sample

_TUNED = re.compile("-tuned(-global)?$")


@dataclass(frozen=True)
class Predicted:
    """One recorded prediction and what it was made by and of.

    Attributes:
        manifest: The run in the store.
        run: Its recipe, protocol, seed and data.
        recipe: The recipe of the fold, tuned values included.
        fold: The fold that holds out the sample's subject.
        record: What was recorded of it.
        sample: The sample.
        prediction: Its recorded prediction.
    """

    manifest: RunManifest
    run: Run
    recipe: Recipe
    fold: Fold
    record: FoldRecord
    sample: Sample
    prediction: PredictionRecord


def find_run(store: Store, name: str) -> RunManifest:
    """A run of the store by its id, or by its method where there is only one of it.

    Raises:
        DataError: There is none, or several.
    """
    manifests = list(store.manifests())
    found = [manifest for manifest in manifests if name in {manifest.run, manifest.method}]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"run '{name}': {len(found)} runs of it, name one: {', '.join(m.run for m in found)}")
    near = difflib.get_close_matches(name, [m.run for m in manifests] + [m.method for m in manifests], 3, 0.5)
    hint = f"; did you mean {', '.join(dict.fromkeys(near))}?" if near else "; see mer-bench status"
    raise DataError(f"run '{name}': not in {store.root}{hint}")


def find_prediction(
    manifest: RunManifest,
    key: str,
    suite: Suite,
    store: Store,
    inputs: Inputs | None = None,
) -> Predicted:
    """Find a recorded prediction and read everything that its fold was trained on.

    Args:
        manifest: The run, from ``find_run``.
        key: Key of the sample.
        suite: Where the run's data came from.
        store: The local records.
        inputs: As for ``make_plan``.

    Raises:
        DataError: The run never predicted the sample, or suite and data give another run.
    """
    folds = store.folds(manifest.run)
    predictions = {p.key: (record, p) for record in folds.values() for p in record.predictions}
    if key not in predictions:
        near = difflib.get_close_matches(key, predictions, 3, 0.5) or list(predictions)[:3]
        hint = f"there are {', '.join(near)} ..." if near else "no fold of it is finished"
        raise DataError(f"--sample {key}: {manifest.run} has no prediction for it; {hint}")
    record, prediction = predictions[key]
    protocol = manifest.evaluation
    if manifest.definition is not None:
        register_protocol(manifest.definition, str(store.folder(manifest.run) / "run.json"))
    (run,) = make_plan(
        suite,
        inputs,
        methods=[_TUNED.sub("", manifest.method)],
        protocols=[protocol.id],
        seeds=[manifest.seed],
    )
    fold = next((fold for fold in run.folds if fold.held_out == record.held_out), None)
    _check_same(manifest, run, fold, record, suite)
    assert fold is not None, "_check_same has looked"
    sample = next(sample for sample in run.labelled.samples if sample.key == key)
    recipe = run.recipe.with_values(record.tuned) if record.tuned else run.recipe
    return Predicted(manifest, run, recipe, fold, record, sample, prediction)


def network_of(predicted: Predicted, store: Store, console: Console, *, accelerator: str = "auto") -> nn.Module:
    """The network that made a prediction, on the CPU and in evaluation mode.

    Its weights are kept as ``<run>/weights/<subject>.safetensors``; while there are none that can be read, its fold is
    trained again, exactly as it was. Weights that do not predict what was recorded are not kept.

    Args:
        predicted: The prediction.
        store: The local records.
        console: Told what is trained and how long it takes.
        accelerator: Lightning's accelerator.

    Raises:
        DataError: The method has no network.
    """
    from mer_lightning.backbones import save_kept
    from mer_lightning.tasks import Fit, build_model, fit_network

    recipe, run, fold = predicted.recipe, predicted.run, predicted.fold
    if recipe.ensemble is not None:
        raise DataError(f"{recipe.name}: Grad-CAM explains one network, not an ensemble; explain {recipe.names}")
    if recipe.model is None or recipe.training is None:
        raise DataError(f"{recipe.name}: Grad-CAM explains convolutional networks, this method has no network")
    path = store.folder(predicted.manifest.run) / "weights" / f"{fold.held_out.replace('/', '--')}.safetensors"
    about = {"run": predicted.manifest.run, "held_out": fold.held_out}
    if path.is_file():
        kept = _kept_network(build_model(run.table, recipe.model), path, about, console)
        if kept is not None:
            return kept
    start = prepare_start(run, store, console.print, accelerator=accelerator)
    console.print(
        f"{predicted.manifest.run}: training the fold of {fold.held_out} again, {recipe.training.epochs} epochs "
        f"on {fold.samples['train']} samples; it took {predicted.record.seconds:.0f} s when it was recorded"
    )
    with console.status(f"training without {fold.held_out}"):
        fitted = fit_network(Fit(run.table, fold, run.seed, accelerator, start), recipe.model, recipe.training)
    model = fitted.task.model.cpu().eval()
    scores = probabilities_of(model, inputs_of(predicted))
    if scores.index(max(scores)) != predicted.prediction.prediction:
        return model
    with replacing(path) as part:
        save_kept(model.state_dict(), part, about | {"epoch": str(fitted.epoch)})
    console.print(f"weights: {path}")
    return model


def _kept_network(network: nn.Module, path: Path, about: Mapping[str, str], console: Console) -> nn.Module | None:
    """The network with the weights of a file; None, and a line about it, where they are not its own."""
    from mer_lightning.backbones import load_kept

    try:
        network.load_state_dict(load_kept(path, about))
    except DataError as error:
        console.print(str(error))
    except RuntimeError:
        console.print(f"{path}: not the weights of this fold")
    else:
        return network.eval()
    return None


def inputs_of(predicted: Predicted) -> Tensor:
    """What the network saw of the sample, ``(1, C, H, W)`` or ``(1, C, T, H, W)``, on the CPU."""
    import torch

    table = predicted.run.table
    return table.maps(torch.tensor([table.keys.index(predicted.sample.key)]))


def probabilities_of(model: nn.Module, inputs: Tensor) -> list[float]:
    """Class probabilities of one sample, in class order."""
    import torch

    with torch.no_grad():
        return model.eval()(inputs).float().softmax(1)[0].tolist()


def _check_same(manifest: RunManifest, run: Run, fold: Fold | None, record: FoldRecord, suite: Suite) -> None:
    # the id of a tuned run also covers how it was searched, which only the fold's record knows
    same = fold is not None and (
        run.id == manifest.run
        if not _TUNED.search(manifest.method)
        else record.audit is None or audit_fold(fold, run.table) == record.audit
    )
    if not same:
        raise DataError(
            f"{manifest.run}: suite {suite.name} gives {run.id}; --suite and --data must be those of the run, "
            "and its recipe the same as then"
        )
