"""What training one fold of CASME II takes with each recipe's network here, from the time of a few steps of it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

from benchmark.methods.recipe import load_recipe
from benchmark.records.network_sizes import load_networks
from mer_lightning.devices import keep_freed_memory
from mer_lightning.protocols import get_protocol
from mer_lightning.tasks.classifier import make_optimizer
from tools.perf.measurement import Measurement

if TYPE_CHECKING:
    from benchmark.records.network_sizes import NetworkSize
    from mer_lightning.settings import Training

_LEADERBOARDS = Path(__file__).resolve().parents[2] / "leaderboards"
_PROTOCOL = "casme2-5-2014"
_QUICK = 2 * 10**9
_ROUNDS = 2


def run(*, quick: bool = False) -> list[Measurement]:
    """Time steps of every network that ``verify-papers`` has counted, on random inputs; equal networks once.

    Args:
        quick: Only networks of at most two thousand million products per sample.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows: list[Measurement] = []
    seen: set[str] = set()
    for size in load_networks(_LEADERBOARDS).values():
        network = json.dumps([size.model.model_dump(), size.input])
        if network not in seen and not (quick and size.multiply_adds > _QUICK):
            seen.add(network)
            rows.append(_measure(size, device))
    return rows


def _measure(size: NetworkSize, device: torch.device) -> Measurement:
    training = load_recipe(size.method).training
    assert training is not None
    protocol = get_protocol(_PROTOCOL)
    batch, seconds = _step(size, training, device)
    if training.samples_per_class:
        samples = training.samples_per_class * len(protocol.scheme.classes)
    else:
        # a fold leaves out one of 26 people
        samples = sum(map(sum, protocol.counts.values()))
    return Measurement(
        name=f"{size.method}, {device.type}",
        ours=seconds / batch * samples * training.epochs / 3600,
        unit="h per fold",
        better="lower",
        note=f"{seconds / batch * 1e3:.3g} ms for a sample in steps of {batch}; {training.epochs} epochs of {samples}",
    )


def _step(size: NetworkSize, training: Training, device: torch.device) -> tuple[int, float]:
    """Samples in a step and its shortest time; large samples come in small steps, so that few of them are enough."""
    keep_freed_memory()
    few = max(2, min(training.batch_size, 10**10 // size.multiply_adds)) if training.batch_size > 1 else 1
    given = {"classes": size.classes, "in_channels": size.input[0]}
    model = size.model.build("mer_lightning.models", **given).to(device).train()
    optimizer = make_optimizer(training.optimizer, [weight for weight in model.parameters() if weight.requires_grad])
    inputs = torch.rand(few, *size.input, device=device)
    labels = torch.arange(few, device=device) % size.classes
    best = float("inf")
    # the first one finds its kernels and takes its memory
    for _ in range(1 + _ROUNDS):
        began = time.perf_counter()
        optimizer.zero_grad()
        cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return few, best
