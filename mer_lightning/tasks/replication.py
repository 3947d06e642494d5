"""Whether replicas of a method can be trained at once, how much memory each takes, and which folds go together."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch.func import stack_module_state

from mer_lightning.augmentation.pool import POSITIONS
from mer_lightning.datamodules import batch_sizes
from mer_lightning.models.layers import Dropout
from mer_lightning.models.replicas import Replicas, run_replicas, skeleton_of
from mer_lightning.tasks.fold import build_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor, nn

    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold
    from mer_lightning.settings import Component, Training

_PER_ELEMENT = {"adam", "adamw", "sgd"}
_MEMORY_SHARE = 0.8
"""Of the free memory of a GPU; the rest is for what the estimate does not see."""


@dataclass(frozen=True)
class AtOnce:
    """Whether a method's folds can be trained at once, and how.

    Attributes:
        reason: Why not; empty where they can.
        pads: Whether short batches may be padded; else replicas with equally short batches run together.
        orders: Memory order in which each dropout layer, by name, draws on a CPU.
    """

    reason: str = ""
    pads: bool = True
    orders: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def examine(table: Table, model: Component, training: Training) -> AtOnce:
    """Find out whether a method's folds can be trained at once, by doing so with two replicas on a few samples.

    Two replicas in training, one with a short batch, must give the logits and the buffers that they give alone, in
    float64; what each method does is measured here, not declared.

    Args:
        table: Where samples are taken from.
        model: A class of ``mer_lightning.models``.
        training: How it would be fitted.
    """
    if reason := _excluded(training):
        return AtOnce(reason)
    inputs = table.maps(torch.arange(min(5, len(table.inputs))))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        models = [build_model(table, model).train() for _ in range(2)]
        orders = _draw_orders(models[0], inputs)
        if orders is None:
            return AtOnce("a dropout layer draws in different memory orders")
        models = [one.double() for one in models]
        reason = ""
        for pads in (True, False):
            try:
                if _equals_alone(models, inputs.double(), (len(inputs), len(inputs) - pads)):
                    return AtOnce(pads=pads, orders=orders)
                reason = f"{model.name} gives other numbers under vmap than alone"
            except (RuntimeError, ValueError, NotImplementedError) as error:
                reason = f"{model.name} does not run under vmap: {' '.join(str(error).split())[:200]}"
    return AtOnce(reason)


def _excluded(training: Training) -> str:
    """Why settings alone exclude replicas; empty where they do not."""
    if training.optimizer.name not in _PER_ELEMENT:
        return f"{training.optimizer.name} does not act on each weight alone, so replicas would mix"
    if training.precision == "16-mixed":
        return "16-mixed has one loss scale, which all replicas would share"
    if training.compile != "no":
        return "a compiled network is one replica"
    if training.stages != "together":
        return "parts that are trained first are one replica"
    return ""


def bytes_per_replica(table: Table, model: Component, training: Training, device: torch.device) -> int:
    """Estimate the device memory that one more replica takes in training.

    Weights, gradients and the optimiser's two states, the best weights under validation, what the forward pass keeps
    for the backward pass, and two of its largest tensors for what is alive in between.

    Args:
        table: Whose samples are trained on.
        model: A class of ``mer_lightning.models``.
        training: How it is fitted.
        device: Where.
    """
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        # held to the end, or the address of a freed tensor would count for two
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        models = [build_model(table, model).to(device).train() for _ in range(2)]
    weights, buffers = stack_module_state(models)
    # two replicas, one of them with a short batch, which is the dearer kind
    sizes = (max(2, training.batch_size), max(2, training.batch_size) - 1)
    rows = torch.arange(sizes[0], device=device) % len(table.inputs)
    inputs = table.maps(rows)
    inputs = inputs.expand(2, *inputs.shape)
    replicas = Replicas(sizes, (torch.Generator(device), torch.Generator(device)))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = run_replicas(skeleton_of(models[0]), weights, buffers, inputs, replicas)
    del logits
    both = sorted(tensor.untyped_storage().nbytes() for tensor in kept.values())
    own = sum(weight.numel() * weight.element_size() for weight in weights.values()) // 2
    return 5 * own + (sum(both) + 2 * both[-1]) // 2


def replicas_that_fit(table: Table, model: Component, training: Training, workers: int) -> int:
    """How many replicas fit into what is free on the first GPU, at least one.

    Args:
        table: Whose samples are trained on.
        model: A class of ``mer_lightning.models``.
        training: How it is fitted.
        workers: Processes that share all visible GPUs.
    """
    free, _ = torch.cuda.mem_get_info()
    sharing = math.ceil(workers / torch.cuda.device_count())
    one = bytes_per_replica(table, model, training, torch.device("cuda"))
    return max(1, int(_MEMORY_SHARE * free / sharing / one))


def sets_of(table: Table, folds: Sequence[Fold], training: Training, at_once: int) -> list[list[Fold]]:
    """Divide folds into sets that ``train_networks`` takes: equally many batches each, ``at_once`` at most."""
    return [[folds[place] for place in places] for places in places_of(table, folds, training, at_once)]


def places_of(table: Table, folds: Sequence[Fold], training: Training, at_once: int) -> list[list[int]]:
    """As ``sets_of``, by their places among the folds; neighbours stay together."""
    sets: list[list[int]] = []
    for _, alike in grouped(range(len(folds)), [batches_of(table, fold, training) for fold in folds]):
        parts = math.ceil(len(alike) / at_once)
        # as equal as possible: 68 in sets of at most 30 are 22 + 23 + 23
        ends = [len(alike) * part // parts for part in range(parts + 1)]
        sets += [alike[begin:end] for begin, end in pairwise(ends)]
    return sets


def batches_of(table: Table, fold: Fold, training: Training) -> tuple[int, bool]:
    """Number of training batches, and whether there is validation."""
    size = fold.samples["train"]
    if training.samples_per_class is not None:
        size = training.samples_per_class * len(table.labels[table.rows(fold.train)].unique())
    elif training.augmentation and training.augmentation.nine_positions:
        size *= POSITIONS
    return len(batch_sizes(size, training.batch_size)), bool(len(fold.validation))


def grouped(members: Sequence[int], keys: Sequence[Any]) -> Iterator[tuple[Any, list[int]]]:
    """Members with equal keys together, in order of the keys."""
    for key, group in groupby(sorted(members, key=lambda k: keys[k]), key=lambda k: keys[k]):
        yield key, list(group)


def _equals_alone(models: Sequence[nn.Module], inputs: Tensor, sizes: tuple[int, int]) -> bool:
    alone = [deepcopy(model) for model in models]
    logits: list[Tensor] = []
    orders = _draw_orders(models[0], inputs)
    assert orders is not None
    for k, (model, size) in enumerate(zip(alone, sizes, strict=True)):
        torch.manual_seed(k)
        logits.append(model(inputs[:size]))
    weights, buffers = stack_module_state([deepcopy(model) for model in models])
    skeleton = skeleton_of(deepcopy(models[0]))
    named = dict(skeleton.named_modules())
    replicas = Replicas(
        sizes,
        tuple(torch.Generator().manual_seed(k) for k in range(2)),
        {named[name]: order for name, order in orders.items()},
    )
    together = run_replicas(skeleton, weights, buffers, inputs.expand(2, *inputs.shape).clone(), replicas)
    for k, (model, size) in enumerate(zip(alone, sizes, strict=True)):
        pairs = [(together[k, :size], logits[k])]
        pairs += [(buffers[name][k], value) for name, value in model.named_buffers()]
        if not all(torch.allclose(a.double(), b.double(), rtol=1e-6, atol=1e-8) for a, b in pairs):
            return False
    return True


def _draw_orders(model: nn.Module, inputs: Tensor) -> dict[str, tuple[int, ...]] | None:
    """Memory order of what reaches each dropout layer, by name; None where a layer sees several."""
    found: dict[str, set[tuple[int, ...]]] = {}
    model = deepcopy(model)
    for name, layer in model.named_modules():
        if isinstance(layer, Dropout):

            def look(_: nn.Module, given: tuple[Tensor], name: str = name) -> None:
                strides = given[0].stride()
                found.setdefault(name, set()).add(tuple(sorted(range(len(strides)), key=lambda d: -strides[d])))

            layer.register_forward_pre_hook(look)
    with torch.no_grad():
        model(inputs)
    if any(len(orders) > 1 for orders in found.values()):
        return None
    return {name: orders.pop() for name, orders in found.items()}
