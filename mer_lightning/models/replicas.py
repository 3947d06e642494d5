"""Several replicas of one model as one call: stacked weights under ``torch.vmap``, each replica as if it were alone.

What makes a replica differ from a sample is what looks across a batch. Dropout draws from a stream of random numbers,
and each replica has its own; batch normalisation takes statistics, and they must not see what pads a short batch.
Both look here for who they are running for.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MethodType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mer_lightning.devices import few_numbers

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Replicas:
    """Who runs together.

    Attributes:
        sizes: Samples of each replica, known on the host; a batch is padded to the largest.
        generators: Each replica's source of dropout, on the device of the inputs.
        orders: Memory order in which a dropout layer draws when it runs alone, by layer; row-major where absent.
    """

    sizes: tuple[int, ...]
    generators: tuple[torch.Generator, ...]
    orders: Mapping[nn.Module, tuple[int, ...]] = field(default_factory=dict)

    @property
    def padded(self) -> bool:
        """True when not all replicas have equally many samples."""
        return len(set(self.sizes)) > 1

    def real(self, like: Tensor) -> Tensor:
        """1 where a sample is one and 0 where it is padding, ``(K, B)``, in the dtype and on the device of ``like``."""
        sizes = few_numbers(self.sizes, like)
        return (torch.arange(max(self.sizes), device=like.device) < sizes[:, None]).to(like.dtype)


class _Running:
    """What runs at this moment in this process: the replicas, and which samples of one of them are real."""

    replicas: Replicas | None = None
    real: Tensor | None = None


def running_replicas() -> Replicas | None:
    """The replicas that run under ``run_replicas`` at this moment; None outside."""
    return _Running.replicas


def real_samples() -> Tensor | None:
    """Under ``run_replicas``: 1 for each sample and 0 for padding, ``(B,)``; None where nothing is padded."""
    return _Running.real


@contextmanager
def _entered(replicas: Replicas, real: Tensor | None) -> Generator[None]:
    _Running.replicas, _Running.real = replicas, real
    try:
        yield
    finally:
        _Running.replicas = _Running.real = None


def skeleton_of(model: nn.Module) -> nn.Module:
    """Make a model ready for ``run_replicas``: its batch normalisation learns to leave padding out.

    Args:
        model: Changed in place; its own weights are not used any more.
    """
    for module in model.modules():
        # a subclass may do anything in its forward pass, so it is left as it is
        if type(module) in _NORMS:
            module.forward = MethodType(_norm_forward, module)
    return model


def run_replicas(
    skeleton: nn.Module,
    weights: Mapping[str, Tensor],
    buffers: Mapping[str, Tensor],
    inputs: Tensor,
    replicas: Replicas,
) -> Tensor:
    """Run K replicas in one call; in training the stacked buffers are updated in place.

    Args:
        skeleton: From ``skeleton_of``; says what is computed and whether in training.
        weights: Stacked parameters by name, ``(K, ...)``.
        buffers: Stacked buffers by name, ``(K, ...)``.
        inputs: ``(K, B, ...)``; of replica k only the first ``sizes[k]`` samples are real.
        replicas: Who runs.

    Returns:
        Logits ``(K, B, C)``; those of padding mean nothing.

    Raises:
        RuntimeError: The model does something that vmap cannot, such as a random choice that is not
            ``mer_lightning.models.layers.Dropout``.
    """

    def one(weights: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor, real: Tensor | None) -> Tensor:
        with _entered(replicas, real):
            return functional_call(skeleton, (weights, buffers), (x,))

    real = replicas.real(inputs) if replicas.padded else None
    # a stray random operation would draw for all replicas from one stream: that is an error
    run = torch.vmap(one, in_dims=(0, 0, 0, None if real is None else 0), randomness="error")
    return run(dict(weights), dict(buffers), inputs, real)


def norm_without_padding(layer: _BatchNorm, x: Tensor, real: Tensor) -> Tensor:
    """Batch normalisation in training, with statistics (and running statistics) of the real samples alone.

    Args:
        layer: The layer whose weights and running statistics are used.
        x: ``(B, C, ...)``.
        real: 1 for each sample, 0 for padding, ``(B,)``.
    """
    shape = (1, -1, *[1] * (x.ndim - 2))
    dims = [dim for dim in range(x.ndim) if dim != 1]
    dtype = x.dtype if layer.running_mean is None else layer.running_mean.dtype
    values, weight = x.to(dtype), real.to(dtype).view(-1, *[1] * (x.ndim - 1))
    count = real.sum().to(dtype) * x[0, 0].numel()
    mean = (values * weight).sum(dims) / count
    centred = values - mean.view(shape)
    variance = (centred.square() * weight).sum(dims) / count
    if layer.running_mean is not None and layer.running_var is not None:
        assert layer.num_batches_tracked is not None
        layer.num_batches_tracked.add_(1)
        momentum = layer.momentum
        part = 1 / layer.num_batches_tracked.to(dtype) if momentum is None else momentum
        unbiased = variance * (count / (count - 1))
        layer.running_mean.add_((mean.detach() - layer.running_mean) * part)
        layer.running_var.add_((unbiased.detach() - layer.running_var) * part)
    result = centred * (variance + layer.eps).rsqrt().view(shape)
    if layer.affine:
        result = result * layer.weight.view(shape) + layer.bias.view(shape)
    return result.to(x.dtype)


def _norm_forward(layer: _BatchNorm, x: Tensor) -> Tensor:
    real, replicas = real_samples(), running_replicas()
    looks_across = layer.training or layer.running_mean is None
    if real is None or replicas is None or not looks_across:
        return type(layer).forward(layer, x)
    if 1 in replicas.sizes and x[0, 0].numel() == 1:
        raise ValueError("batch normalisation in training needs more than one value per channel")
    return norm_without_padding(layer, x, real)
