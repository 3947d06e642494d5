"""What the frozen part of a network gives, computed once per clip and position instead of in every step.

What is missing goes through the frozen part in batches of the size that training has, so that what is kept of a clip
depends neither on who is beside it nor on which fold came first, and has the bits that training would give it. Where a
processor rounds batches of another size otherwise (the last one of an epoch, those of a test), these are computed as
they come: losses, weights and predictions stay as they are without, to the bit.
"""

from __future__ import annotations

import hashlib
import logging
import os
import weakref
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import lightning
import torch

from mer_lightning.augmentation.pool import POSITIONS
from mer_lightning.datamodules import FoldsDataModule, Instead, KeptOutputs, LOSODataModule
from mer_lightning.models.transfer import Splittable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from mer_lightning.datamodules import Table
    from mer_lightning.settings import Component, Training

_LOG = logging.getLogger(__name__)
_SHARE = 0.5
"""Of the memory that is free; on a CPU each core may be a worker that keeps as much."""
_KEPT: dict[tuple[int, str], KeptOutputs] = {}
"""What folds of one table share, by the table and everything that it was computed with; it goes with the table."""


@runtime_checkable
class GoesOn(Protocol):
    """A task whose batches may hold what the frozen part of its model gave."""

    def go_on_from_frozen(self) -> None:
        """Take batches of that from now on."""
        ...


def keep_frozen(table: Table, models: Sequence[nn.Module], model: Component, training: Training) -> list[KeepFrozen]:
    """The callback that keeps what the frozen part of a network gives, where inputs are fixed and there is one.

    Args:
        table: What is trained on.
        models: The network of each replica, with the weights that it starts from and its frozen modules frozen.
        model: Its class.
        training: How it is fitted; augmentation may choose a position and nothing else, and nothing is compiled.

    Returns:
        One callback, or none.
    """
    if not getattr(models[0], "frozen_in_transfer", ()) or training.compile != "no":
        return []
    if training.augmentation is not None and not training.augmentation.fixed:
        return []
    return [KeepFrozen(table, models, model, training)]


class KeepFrozen(lightning.Callback):
    """Fills what is kept when a fit starts, and lets the task go on from it; as without where that cannot be.

    Args:
        table: What is trained on.
        models: The network of each replica.
        model: Its class.
        training: How it is fitted.
    """

    def __init__(self, table: Table, models: Sequence[nn.Module], model: Component, training: Training) -> None:
        self._table, self._models = table, list(models)
        self._component, self._training = model, training
        self.kept: list[KeptOutputs] = []
        """What is kept for each replica; nothing where it cannot be."""

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Compute what is missing, on the device that trains."""
        data = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        parts: Sequence[LOSODataModule] = data.parts if isinstance(data, FoldsDataModule) else [data]
        with trainer.precision_plugin.forward_context(), torch.no_grad():
            for network, part in zip(self._models, parts, strict=True):
                if (kept := self._filled(network.to(pl_module.device), part)) is None:
                    self.kept.clear()
                    return
                self.kept.append(kept)
            if isinstance(data, FoldsDataModule):
                # up to rounding, as everything that is trained at once
                data.kept = tuple(self.kept)
            else:
                data.instead = self._instead(trainer, data)
        assert isinstance(pl_module, GoesOn)
        pl_module.go_on_from_frozen()
        self._models.clear()

    def _filled(self, model: nn.Module, part: LOSODataModule) -> KeptOutputs | None:
        """What is kept for one replica; None where nothing can be."""
        numbers, (size, *_), total = part.numbers(), part.sizes(), len(self._table.keys)

        def give(some: list[int]) -> Tensor:
            # in batches of one size, so that what is kept does not depend on what was missing
            index = torch.tensor(some + some[:1] * (size - len(some)), device=numbers.device)
            # only training rows have positions
            return self._give(model, part.inputs(index, augmented=bool(index.max() >= total)))[: len(some)]

        key = id(self._table), self._key(model, size)
        kept = _KEPT.get(key)
        if kept is None:
            if reason := _why_not(model, _some(part, size).to(next(model.parameters()).device)):
                return self._say(reason)
            places = POSITIONS if self._training.augmentation and self._training.augmentation.nine_positions else 1
            kept = _room(self._table, key, numbers, total * places, give(numbers[:1].tolist()))
            if kept is None:
                return self._say(f"what it gives of {len(numbers)} clips and positions does not fit into memory")
        missing = kept.missing(numbers)
        for sort in ([n for n in missing if n < total], [n for n in missing if n >= total]):
            for begin in range(0, len(sort), size):
                kept.put(some := sort[begin : begin + size], give(some))
        return kept

    def _instead(self, trainer: lightning.Trainer, data: LOSODataModule) -> Instead:
        """What is kept, for batches of the sizes whose results have the same bits."""
        (model,), (kept,), sizes = list(self._models), self.kept, data.sizes()
        inputs = _some(data, max(sizes))
        usual = self._give(model, inputs[: sizes[0]])
        alike = {size for size in sizes if _same_bits(self._give(model, inputs[:size]), usual)}

        def compute(inputs: Tensor) -> Tensor:
            with trainer.precision_plugin.forward_context(), torch.no_grad():
                return self._give(model, inputs)

        return Instead(kept, frozenset(alike), compute)

    def _give(self, model: nn.Module, inputs: Tensor) -> Tensor:
        assert isinstance(model, Splittable), "or nothing would be kept"
        return model.frozen_part(inputs.to(next(model.parameters()).device))  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]

    def _say(self, reason: str) -> None:
        _LOG.warning("%s: its frozen part is computed in every step: %s", self._component.name, reason)

    def _key(self, model: nn.Module, size: int) -> str:
        """SHA-256 of everything that decides what the frozen part gives of a row of a table."""
        augmentation = self._training.augmentation.model_dump_json() if self._training.augmentation else ""
        device = str(next(model.parameters()).device)
        said = (self._component.model_dump_json(), augmentation, self._training.precision, device, size)
        digest = hashlib.sha256(repr(said).encode())
        for name in model.frozen_in_transfer:  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
            for key, value in model.get_submodule(str(name)).state_dict().items():
                digest.update(f"{name}.{key} {value.stride()}".encode())
                digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def _some(data: LOSODataModule, count: int) -> Tensor:
    """So many inputs of a fold, repeated where it has fewer."""
    numbers = data.numbers()
    return data.inputs(numbers[torch.arange(count, device=numbers.device) % len(numbers)], augmented=False)


def _why_not(model: nn.Module, few: Tensor) -> str:
    """Why what the frozen part gives cannot be kept, found out on a few clips; empty where it can."""
    if not isinstance(model, Splittable):
        return "the model has no frozen_part and after_frozen"
    # a copy: what it changes on trial, a fit that goes on without keeping anything must not see
    model, cuda = deepcopy(model), [few.device] if few.device.type == "cuda" else []
    assert isinstance(model, Splittable)
    with torch.random.fork_rng(cuda):
        before, buffers = _generators(few.device), [value.clone() for value in model.buffers()]
        with torch.enable_grad():
            given = model.frozen_part(few)
        if given.requires_grad:
            return "it uses weights that are trained"
        same = all(map(torch.equal, [*before, *buffers], [*_generators(few.device), *model.buffers()]))
        model.eval()
        same = same and torch.equal(model.frozen_part(few), given)
        alone = model.frozen_part(few[:1].repeat(len(few), *[1] * (few.ndim - 1)))
        whole = torch.equal(model.after_frozen(given), model(few))
    if not same:
        return "it gives other values in training, or changes"
    if not torch.equal(alone[0], given[0]):
        return "what it gives of a clip depends on those beside it"
    return "" if whole else "after_frozen(frozen_part(x)) is not what the model gives of x"


def _same_bits(some: Tensor, usual: Tensor) -> bool:
    """Whether a batch of another size has the bits of the usual one, as far as both go."""
    both = min(len(some), len(usual))
    return torch.equal(some[:both], usual[:both])


def _generators(device: torch.device) -> list[Tensor]:
    cuda = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *cuda]


def _room(table: Table, own: tuple[int, str], numbers: Tensor, everything: int, like: Tensor) -> KeptOutputs | None:
    """Where to keep what folds of a table share.

    Where memory does not take everything, what earlier starts gave makes room, then what other folds ask for is left
    out; None where that is too much as well.
    """
    each, room = like.nbytes, _free_bytes(like.device)
    while _KEPT and everything * each + sum(kept.nbytes for kept in _KEPT.values()) > room:
        _KEPT.pop(next(iter(_KEPT)))
    if everything * each <= room:
        _KEPT[own] = KeptOutputs(torch.arange(everything), like)
        weakref.finalize(table, _KEPT.pop, own, None)
        return _KEPT[own]
    return KeptOutputs(numbers, like) if len(numbers) * each <= room else None


def _free_bytes(device: torch.device) -> float:
    """Memory that what is kept may take."""
    if device.type == "cuda":
        return _SHARE * torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 2**32
    return _SHARE * free / (os.cpu_count() or 1)
