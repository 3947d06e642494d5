"""A stream of shallow networks, from convolution to pooling, as one training step that stays in the cache."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from mer_lightning.models.layers import channels_last, is_eager_cpu

# samples whose maps of 16 x 30 x 30 float32 stay in the cache together with their gradient, and enough of them that
# a convolution is worth calling
_CHUNK = 32


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
        if not (self.training and exact and is_eager_cpu(x)):
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
