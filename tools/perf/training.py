"""What Lightning, the DataModule and the records cost beside a plain PyTorch loop of the same mathematics."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from benchmark.methods.recipe import load_recipe
from mer_lightning.datamodules import IndexLoader, Table, load_table
from mer_lightning.datasets.synthetic.flow_composite import SyntheticFlowComposite
from mer_lightning.models.ststnet import STSTNet
from mer_lightning.motion import FlowMap
from mer_lightning.protocols import Fold, get_protocol
from mer_lightning.tasks import Fit, train_network
from tools.perf.measurement import Measurement, alternate

_PLAIN = "plain loop over tensors on the device"


def run(*, quick: bool = False) -> list[Measurement]:
    """Time one epoch and the overhead of one fold of ``ststnet`` on 442 synthetic maps.

    Args:
        quick: Fewer rounds, for a first look.
    """
    rows = [_measure(torch.device("cpu"), quick=quick)]
    if torch.cuda.is_available():
        rows.append(_measure(torch.device("cuda"), quick=quick))
    else:
        skipped = {"unit": "ms", "better": "lower", "note": "skipped: no CUDA"}
        rows.append([Measurement.model_validate({"name": "ststnet, one epoch, cuda", "ours": None} | skipped)])
    return [row for group in rows for row in group]


def _measure(device: torch.device, *, quick: bool) -> list[Measurement]:
    protocol, dataset = get_protocol("megc2019"), SyntheticFlowComposite(1.0)
    labelled = protocol.label(dataset)
    table = load_table(dataset, labelled, 3, FlowMap()).to(device)
    fold = protocol.folds(labelled)[-1]
    recipe = load_recipe("ststnet")
    assert recipe.model is not None and recipe.training is not None
    model, training = recipe.model, recipe.training
    accelerator = "gpu" if device.type == "cuda" else "cpu"

    def ours(epochs: int) -> None:
        train_network(Fit(table, fold, accelerator=accelerator), model, training.model_copy(update={"epochs": epochs}))

    def plain(epochs: int) -> None:
        _plain_fold(table, fold, epochs, training.batch_size, training.optimizer.lr)

    few, many, rounds = (1, 11, 3) if quick else (1, 41, 7)
    ours(1)
    plain(1)
    short = alternate(lambda: ours(few), lambda: plain(few), rounds)
    long = alternate(lambda: ours(many), lambda: plain(many), rounds)
    # what the extra epochs took, so that an epoch is free of what a fold costs
    epoch = [(b - a) / (many - few) * 1e3 for a, b in zip(short, long, strict=True)]
    size = f"{fold.samples['train']} maps, batch {training.batch_size}, {device.type}"
    return [
        Measurement(
            name=f"ststnet, one epoch, {size}",
            ours=epoch[0],
            reference=epoch[1],
            unit="ms",
            better="lower",
            against=_PLAIN,
            goal="at most 1.1 x",
        ),
        Measurement(
            name=f"overhead of one fold (Trainer, fit, predict), {device.type}",
            ours=(short[0] - short[1]) * 1e3,
            unit="ms",
            better="lower",
            against=_PLAIN,
            goal="under 50 ms",
            note="a fold of one epoch through Lightning minus the same fold in the plain loop",
        ),
    ]


def _plain_fold(table: Table, fold: Fold, epochs: int, batch_size: int, lr: float) -> torch.Tensor:
    torch.manual_seed(0)
    model = STSTNet().to(table.inputs.device)
    optimizer = torch.optim.Adam(model.parameters(), lr, fused=True)
    loader = IndexLoader(table.rows(fold.train), batch_size, torch.Generator().manual_seed(0))
    for _ in range(epochs):
        for rows in loader:
            optimizer.zero_grad()
            cross_entropy(model(table.inputs[rows]), table.labels[rows]).backward()
            optimizer.step()
    model.eval()
    with torch.inference_mode():
        return model(table.inputs[table.rows(fold.test)]).softmax(1).cpu()
