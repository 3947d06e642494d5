"""Building blocks that equal their torch.nn counterparts and cost less on one CPU core."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from mer_lightning.models.replicas import norm_without_padding, real_samples, running_replicas

# samples whose maps of 16 x 30 x 30 float32 stay in one core's cache together with their gradient
_CHUNK = 16


class Dropout(nn.Module):
    """nn.Dropout with a mask that is cheap to draw on a CPU.

    nn.Dropout draws one double-precision Bernoulli number per value. Here 64 random bits serve eight
    values where ``256 * p`` is whole (0.5 needs no more), else two; either way a value is dropped with
    probability p to within 2**-33. Under ``run_replicas`` each replica draws from its own stream what it would
    draw alone; under other transforms of torch.func and in compiled code it is nn.Dropout.

    Args:
        p: Probability that a value is set to zero, 0 <= p < 1; the others are divided by 1 - p.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"dropout probability must be in [0, 1), got {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop values in training, pass them on in evaluation.

        Args:
            x: Any shape, floating point.

        Returns:
            As x.
        """
        if not self.training or self.p == 0:
            return x
        if torch.compiler.is_compiling():
            return nn.functional.dropout(x, self.p)
        if torch._C._are_functorch_transforms_active():  # pyright: ignore[reportPrivateUsage]
            if running_replicas() is None:
                return nn.functional.dropout(x, self.p)
            return x * cast("Tensor", _ReplicaMasks.apply(x.detach(), self))
        return x * self.mask(x)

    def mask(self, like: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw a mask.

        Args:
            like: Tensor whose shape, dtype, device and (on a CPU) memory order the mask takes.
            generator: Source of randomness on that device; None is torch's default one.

        Returns:
            As like: 0 with probability p, else 1 / (1 - p).
        """
        if like.device.type != "cpu":
            kept = torch.empty(like.shape, dtype=like.dtype, device=like.device)
            return kept.bernoulli_(1 - self.p, generator=generator).mul_(1 / (1 - self.p))
        by_byte = (256 * self.p).is_integer()
        lanes = 8 if by_byte else 2
        # from -2**63 to the top is the one range that fills all 64 bits
        words = torch.empty(-(-like.numel() // lanes), dtype=torch.int64).random_(-(2**63), None, generator=generator)
        if by_byte:
            keep = words.view(torch.uint8) >= int(256 * self.p)
        else:
            keep = words.view(torch.int32) >= min(round(2**32 * self.p), 2**32 - 1) - 2**31
        mask = keep[: like.numel()].to(like.dtype).mul_(1 / (1 - self.p))
        return mask.as_strided(like.shape, torch.empty_like(like).stride())

    def extra_repr(self) -> str:
        """Say p when the module is printed."""
        return f"p={self.p}"


class _ReplicaMasks(Function):
    """Dropout masks under ``run_replicas``: below vmap, where random numbers may be drawn replica by replica."""

    @staticmethod
    def forward(x: Tensor, layer: Dropout) -> Tensor:
        return layer.mask(x)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Dropout], output: Tensor) -> None:
        del inputs
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(  # pyright: ignore[reportIncompatibleMethodOverride]
        info: object, in_dims: tuple[int, None], x: Tensor, layer: Dropout
    ) -> tuple[Tensor, int]:
        del info
        replicas = running_replicas()
        assert replicas is not None, "Dropout has looked"
        x = x.movedim(in_dims[0], 0)
        order = replicas.orders.get(layer, tuple(range(x.ndim - 1)))
        masks = torch.zeros(x.shape, dtype=x.dtype, device=x.device)
        for own, size, generator in zip(masks, replicas.sizes, replicas.generators, strict=True):
            like = torch.empty_permuted((size, *x.shape[2:]), order, dtype=x.dtype, device=x.device)
            own[:size] = layer.mask(like, generator)
        return masks, 0


class Linear(nn.Linear):
    """nn.Linear whose float32 products run in oneDNN on a CPU.

    torch sends them to MKL, which leaves half the speed of an AMD processor unused; both round in
    float32. Elsewhere, and in other precisions, it is nn.Linear.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that nn.Linear gave it
        """Apply the layer.

        Args:
            input: ``(B, in_features)``.

        Returns:
            ``(B, out_features)``.
        """
        exact = input.dtype == self.weight.dtype == torch.float32 and input.ndim == 2
        if exact and _is_eager_cpu(input) and torch.backends.mkldnn.is_available():
            return nn.functional.linear(input.to_mkldnn(), self.weight, self.bias).to_dense()
        return super().forward(input)


class ReluNormPool2d(nn.BatchNorm2d):
    """ReLU, then batch normalisation, then max-pooling, as one step with the state of an nn.BatchNorm2d.

    A per-channel line a * x + b commutes with the maximum when a >= 0 and turns it into a minimum when
    a < 0. So statistics are taken over the whole rectified map, as ever, but only the few values that
    survive pooling are normalised, and the backward pass writes the gradient of the whole map once
    instead of four times. Outside eager CPU code it runs ``reference``.

    Where several values of one pooling window are equal, or a scale is exactly 0, any of them may get the
    gradient, as with nn.MaxPool2d.

    Args:
        num_features: Channels.
        kernel_size: Side of the pooling window.
        stride: Step of the pooling window.
        padding: Border that pooling ignores.
        eps: Added to the variance.
        momentum: Weight of a new batch in the running statistics.
    """

    def __init__(
        self,
        num_features: int,
        kernel_size: int,
        stride: int,
        padding: int = 0,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum)
        self.window = (kernel_size, stride, padding)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that nn.BatchNorm2d gave it
        """Rectify, normalise and pool.

        Args:
            input: ``(B, C, H, W)``, what a convolution gave.

        Returns:
            ``(B, C, h, w)``, h and w as nn.MaxPool2d makes them.
        """
        if not (_is_eager_cpu(input) and input.dtype == self.weight.dtype):
            return self.reference(input)
        if self.training:
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
            return _ReluNormPool.apply(input, self.weight, self.bias, self)
        falling = _falling(self.weight)
        rectified = input.relu()
        if falling is None:
            return super().forward(nn.functional.max_pool2d(rectified, *self.window))
        return super().forward(nn.functional.max_pool2d(rectified * falling, *self.window) * falling)

    def reference(self, input: Tensor) -> Tensor:  # noqa: A002
        """Do the same with torch.nn's own operations, on any device and under torch.func.

        Args:
            input: ``(B, C, H, W)``.

        Returns:
            ``(B, C, h, w)``.
        """
        real, rectified = real_samples(), input.relu()
        if real is None or not self.training:
            return nn.functional.max_pool2d(super().forward(rectified), *self.window)
        return nn.functional.max_pool2d(norm_without_padding(self, rectified, real), *self.window)


class _Context(FunctionCtx):
    saved_tensors: tuple[Tensor, ...]


class _ReluNormPool(Function):
    """Training step of ReluNormPool2d; updates the running statistics in place."""

    @staticmethod
    def forward(ctx: _Context, x: Tensor, weight: Tensor, bias: Tensor, layer: ReluNormPool2d) -> Tensor:
        rectified = x.relu()
        mean, variance, unbiased = _statistics(rectified)
        if layer.running_mean is not None and layer.running_var is not None:
            momentum = cast("float", layer.momentum)
            layer.running_mean.lerp_(mean, momentum)
            layer.running_var.lerp_(unbiased, momentum)
        inverse = (variance + layer.eps).rsqrt()
        falling = _falling(weight)
        if falling is None:
            peaks, where = nn.functional.max_pool2d(rectified, *layer.window, return_indices=True)
        else:
            peaks, where = nn.functional.max_pool2d(rectified * falling, *layer.window, return_indices=True)
            peaks *= falling
        ctx.save_for_backward(rectified, peaks, where, weight, mean, inverse)
        scale = weight * inverse
        return torch.addcmul(_per_channel(bias - scale * mean), peaks, _per_channel(scale))

    @staticmethod
    def backward(ctx: _Context, *grads: Tensor) -> tuple[Tensor | None, ...]:
        rectified, peaks, where, weight, mean, inverse = ctx.saved_tensors
        grad = grads[0]
        centred = peaks - _per_channel(mean)
        grad_bias = _sum(grad)
        grad_weight = _sum(grad * centred) * inverse
        # Through the mean and the variance every value of the map gets base + slope * value ...
        count = rectified.numel() // rectified.shape[1]
        scale = weight * inverse
        slope = -scale * inverse * grad_weight / count
        base = -scale * grad_bias / count - slope * mean
        # ... and the peaks, where the ReLU let them through, also get what pooling passed on.
        direct = grad * (_per_channel(scale) * (peaks > 0))
        out = torch.empty_like(rectified)
        # a few samples at a time, so that the three steps over a map find it in the cache
        parts = zip(*(t.split(_CHUNK) for t in (rectified, where, direct, out)), strict=True)
        for values, index, peak, part in parts:
            torch.addcmul(_per_channel(base), values, _per_channel(slope), out=part)
            torch.ops.aten.threshold_backward.grad_input(part, values, 0, grad_input=part)
            part.view(*part.shape[:2], -1).transpose(1, 2).scatter_add_(
                1, index.flatten(2).transpose(1, 2), peak.flatten(2).transpose(1, 2)
            )
        return out, grad_weight, grad_bias, None


def channels_last(x: Tensor) -> Tensor:
    """Reorder maps so that torch's CPU kernels for few channels run two to fifteen times faster.

    Args:
        x: ``(B, C, H, W)``.

    Returns:
        The same values; as they were off the CPU and under torch.func, where the order is no use.
    """
    return x.contiguous(memory_format=torch.channels_last) if _is_eager_cpu(x) else x


def _per_channel(values: Tensor) -> Tensor:
    return values[:, None, None]


def _sum(x: Tensor) -> Tensor:
    # over the batch, then over the map: two contiguous sums are many times faster than one over (0, 2, 3)
    rows = x.permute(0, 2, 3, 1).reshape(len(x), -1)
    return rows.sum(0).view(-1, x.shape[1]).sum(0)


def _statistics(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, biased and unbiased variance of every channel of ``(B, C, H, W)``.

    torch's own kernel adds up hundreds of thousands of channels-last float32 values one after another,
    which leaves four digits; here no sum is long.
    """
    count = x.numel() // x.shape[1]
    mean = _sum(x) / count
    squares = torch.zeros_like(x[:_CHUNK])
    for part in x.split(_CHUNK):
        centred = part - _per_channel(mean)
        squares[: len(part)].addcmul_(centred, centred)
    deviation = _sum(squares)
    return mean, deviation / count, deviation / (count - 1)


def _falling(weight: Tensor) -> Tensor | None:
    """Sign that turns the maximum into a minimum, ``(C, 1, 1)``; None where no scale is negative."""
    negative = weight.detach() < 0
    return _per_channel(1 - 2 * negative.to(weight.dtype)) if negative.any() else None


def _is_eager_cpu(x: Tensor) -> bool:
    # data-dependent branches and in-place statistics do not go through vmap, nor through a compiler
    return (
        x.device.type == "cpu" and not torch.compiler.is_compiling() and not torch._C._are_functorch_transforms_active()  # pyright: ignore[reportPrivateUsage]
    )
