"""Building blocks that equal their torch.nn counterparts and cost less on one CPU core."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from mer_lightning.models.replicas import running_replicas

# samples whose maps of 16 x 30 x 30 float32 stay in the cache together with their gradient, and enough of them that
# a convolution is worth calling
_CHUNK = 32


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
            # numbers of one byte are exact in every float type, whose comparisons are five times faster than theirs
            keep = words.view(torch.uint8)[: like.numel()].to(like.dtype).ge_(256 * self.p)
        else:
            keep = words.view(torch.int32)[: like.numel()] >= min(round(2**32 * self.p), 2**32 - 1) - 2**31
        mask = keep.to(like.dtype).mul_(1 / (1 - self.p))
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


class AveragePool2d(nn.Module):
    """nn.AvgPool2d with windows side by side, whose backward pass on a CPU is one copy instead of a slow kernel.

    Args:
        side: Side and step of the window.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """Average each window.

        Args:
            x: ``(B, C, H, W)``; rows and columns that fill no window are left out.

        Returns:
            ``(B, C, H // side, W // side)``.
        """
        if not _is_eager_cpu(x):
            return nn.functional.avg_pool2d(x, self.side)
        return cast("Tensor", _AveragePool.apply(x, self.side))

    def extra_repr(self) -> str:
        """Say the side when the module is printed."""
        return f"side={self.side}"


class _PoolContext(FunctionCtx):
    shape: torch.Size
    side: int


class _AveragePool(Function):
    """Average pooling; its gradient repeats that of each mean."""

    @staticmethod
    def forward(ctx: _PoolContext, x: Tensor, side: int) -> Tensor:
        ctx.shape, ctx.side = x.shape, side
        return nn.functional.avg_pool2d(x, side)

    @staticmethod
    def backward(ctx: _PoolContext, *grads: Tensor) -> tuple[Tensor, None]:
        side, (height, width) = ctx.side, ctx.shape[2:]
        share = (grads[0] / side**2).permute(0, 2, 3, 1)[:, :, None, :, None]
        samples, high, _, wide, _, channels = share.shape
        each = share.expand(samples, high, side, wide, side, channels)
        grad = each.reshape(samples, high * side, wide * side, channels).permute(0, 3, 1, 2)
        rest = (0, width - wide * side, 0, height - high * side)
        return nn.functional.pad(grad, rest) if any(rest) else grad, None


class ConvReluNormPool2d(nn.Module):
    """Convolution, ReLU, batch normalisation and max-pooling, in training as one step that stays in the cache.

    A per-channel line a * x + b commutes with the maximum when a >= 0 and turns it into a minimum when
    a < 0. So the convolution, the ReLU, the statistics and the pooling can all be done for a few samples
    at a time, and only the few values that survive pooling are normalised; the backward pass goes the same
    way, from the gradient of the pooled values to that of the filters. Outside eager CPU training it runs
    ``reference``.

    Where several values of one pooling window are equal, or a scale is exactly 0, any of them may get the
    gradient, as with nn.MaxPool2d.

    Args:
        in_channels: Channels of the input.
        out_channels: Filters.
        kernel_size: Side of a filter.
        padding: Border of zeros around the input.
        window: Side and step of the pooling window, and the border that pooling ignores.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        padding: int = 0,
        window: tuple[int, int, int],
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding)
        self.norm = nn.BatchNorm2d(out_channels)
        self.window = window

    def forward(self, x: Tensor) -> Tensor:
        """Filter, rectify, normalise and pool.

        Args:
            x: ``(B, in_channels, H, W)``.

        Returns:
            ``(B, out_channels, h, w)``, h and w as nn.MaxPool2d makes them.
        """
        conv, norm = self.conv, self.norm
        exact = x.dtype == conv.weight.dtype == norm.weight.dtype and not torch.is_autocast_enabled("cpu")
        if not (self.training and exact and _is_eager_cpu(x)):
            return self.reference(x)
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
        # with the border written out, oneDNN's kernels for the filters and for their gradient take half the time
        border = [side for side in reversed(cast("tuple[int, ...]", conv.padding)) for _ in range(2)]
        padded = channels_last(nn.functional.pad(x, border))
        return _ConvReluNormPool.apply(padded, conv.weight, conv.bias, norm.weight, norm.bias, self)

    def reference(self, x: Tensor) -> Tensor:
        """Do the same with torch.nn's own operations, on any device and under torch.func.

        Args:
            x: ``(B, in_channels, H, W)``.

        Returns:
            ``(B, out_channels, h, w)``.
        """
        return nn.functional.max_pool2d(self.norm(self.conv(channels_last(x)).relu()), *self.window)


class _Context(FunctionCtx):
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]
    layer: ConvReluNormPool2d
    maps: list[Tensor]
    where: list[Tensor]


class _ConvReluNormPool(Function):
    """Training step of ConvReluNormPool2d on maps with their border; updates the running statistics in place."""

    @staticmethod
    def forward(
        ctx: _Context,
        x: Tensor,
        filters: Tensor,
        shift: Tensor,
        weight: Tensor,
        bias: Tensor,
        layer: ConvReluNormPool2d,
    ) -> Tensor:
        falling = _falling(weight)
        maps, peaks, where, moments = [], [], [], []
        scratch = x.new_empty(0)
        for part in x.split(_CHUNK):
            rectified = nn.functional.conv2d(part, filters, shift).relu_()
            moments.append(_moments(rectified, scratch))
            signed = rectified if falling is None else rectified * falling
            peak, index = nn.functional.max_pool2d(signed, *layer.window, return_indices=True)
            maps.append(rectified)
            peaks.append(peak)
            where.append(index)
        top = torch.cat(peaks)
        if falling is not None:
            top *= falling
        count = len(x) * maps[0][0, 0].numel()
        mean, deviation = _pooled(moments)
        norm = layer.norm
        if norm.running_mean is not None and norm.running_var is not None:
            momentum = cast("float", norm.momentum)
            norm.running_mean.lerp_(mean, momentum)
            norm.running_var.lerp_(deviation / (count - 1), momentum)
        inverse = (deviation / count + norm.eps).rsqrt()
        ctx.save_for_backward(x, filters, top, weight, mean, inverse)
        ctx.layer, ctx.maps, ctx.where = layer, maps, where
        scale = weight * inverse
        return torch.addcmul(_per_channel(bias - scale * mean), top, _per_channel(scale))

    @staticmethod
    def backward(ctx: _Context, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, filters, top, weight, mean, inverse = ctx.saved_tensors
        conv, maps, grad = ctx.layer.conv, ctx.maps, grads[0]
        grad_bias = _sum(grad)
        grad_weight = _sum(grad * (top - _per_channel(mean))) * inverse
        # Through the mean and the variance every value of the map gets base + slope * value ...
        values = maps[0][0, 0].numel()
        scale = weight * inverse
        slope = -scale * inverse * grad_weight / (len(x) * values)
        base = -scale * grad_bias / (len(x) * values) - slope * mean
        # ... and the peaks, where the ReLU let them through, also get what pooling passed on.
        direct = grad * (_per_channel(scale) * (top > 0))
        base, slope = base.repeat(values), slope.repeat(values)
        grad_filters, grad_shift, inputs = torch.zeros_like(filters), torch.zeros_like(mean), []
        # oneDNN takes longer over the sum that is the gradient of the shift than over that of the filters
        wanted = [ctx.needs_input_grad[0], True, False]
        scratch = x.new_empty(_rows(maps[0]).shape)
        parts = zip(x.split(_CHUNK), maps, ctx.where, direct.split(_CHUNK), strict=True)
        for part, rectified, index, peak in parts:
            rows = _rows(rectified)
            through = torch.addcmul(base, rows, slope, out=scratch[: len(part)])
            torch.ops.aten.threshold_backward.grad_input(through, rows, 0, grad_input=through)
            places, passed_on = (_rows(t).view(len(part), -1, len(mean)) for t in (index, peak))
            through.view(len(part), -1, len(mean)).scatter_add_(1, places, passed_on)
            grad_shift += through.sum(0).view(values, -1).sum(0)
            to_input, to_filters, _ = torch.ops.aten.convolution_backward(
                through.view_as(rectified.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
                part,
                filters,
                [len(mean)],
                conv.stride,
                [0, 0],
                conv.dilation,
                False,
                [0, 0],
                conv.groups,
                wanted,
            )
            grad_filters += to_filters
            inputs.append(to_input)
        grad_x = torch.cat(inputs) if ctx.needs_input_grad[0] else None
        return grad_x, grad_filters, grad_shift, grad_weight, grad_bias, None


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


def _rows(x: Tensor) -> Tensor:
    """Channels-last maps as they lie in memory, ``(B, H * W * C)``."""
    return x.permute(0, 2, 3, 1).reshape(len(x), -1)


def _sum(x: Tensor) -> Tensor:
    # over the batch, then over the map: two contiguous sums are many times faster than one over (0, 2, 3)
    return _rows(x).sum(0).view(-1, x.shape[1]).sum(0)


def _moments(x: Tensor, scratch: Tensor) -> tuple[int, Tensor, Tensor]:
    """Values of a channel of ``(B, C, H, W)``, counted, and for each channel their mean and squared deviations from it.

    torch's own kernel adds up hundreds of thousands of channels-last float32 values one after another,
    which leaves four digits; here no sum is long.
    """
    rows, channels = _rows(x), x.shape[1]
    values = rows.shape[1] // channels
    mean = rows.sum(0).view(values, channels).sum(0) / (len(x) * values)
    squares = torch.sub(rows, mean.repeat(values), out=scratch.resize_(rows.shape)).square_()
    squares = squares.sum(0).view(values, channels).sum(0)
    return len(x) * values, mean, squares


def _pooled(moments: list[tuple[int, Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Mean and squared deviations of all values, from those of their parts."""
    counts = moments[0][1].new_tensor([count for count, _, _ in moments])[:, None]
    means = torch.stack([mean for _, mean, _ in moments])
    mean = (counts * means).sum(0) / counts.sum()
    within = torch.stack([squares for _, _, squares in moments]).sum(0)
    return mean, within + (counts * (means - mean).square()).sum(0)


def _falling(weight: Tensor) -> Tensor | None:
    """Sign that turns the maximum into a minimum, ``(C, 1, 1)``; None where no scale is negative."""
    negative = weight.detach() < 0
    return _per_channel(1 - 2 * negative.to(weight.dtype)) if negative.any() else None


def _is_eager_cpu(x: Tensor) -> bool:
    # data-dependent branches and in-place statistics do not go through vmap, nor through a compiler
    return (
        x.device.type == "cpu" and not torch.compiler.is_compiling() and not torch._C._are_functorch_transforms_active()  # pyright: ignore[reportPrivateUsage]
    )
