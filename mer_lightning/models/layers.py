"""Building blocks that equal their torch.nn counterparts and cost less on one CPU core."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from mer_lightning.models.replicas import running_replicas


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
            input: ``(..., in_features)``.

        Returns:
            ``(..., out_features)``.
        """
        exact = input.dtype == self.weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        if exact and input.ndim > 1 and is_eager_cpu(input) and torch.backends.mkldnn.is_available():
            rows = nn.functional.linear(input.flatten(0, -2).to_mkldnn(), self.weight, self.bias).to_dense()
            return rows.unflatten(0, input.shape[:-1])
        return super().forward(input)


def use_cheap_layers(network: nn.Module) -> None:
    """Put ``Linear`` and ``Dropout`` in the place of torch's, in layers from a library; the parameters stay the same.

    Args:
        network: It is changed.
    """
    for module in list(network.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                cheap = Dropout(child.p)
            elif type(child) is nn.Linear:
                own = dict(child.named_parameters())
                cheap = Linear(child.in_features, child.out_features, "bias" in own, device="meta")
                for parameter, value in own.items():
                    setattr(cheap, parameter, value)
            else:
                continue
            setattr(module, name, cheap.train(child.training))


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
        if not is_eager_cpu(x):
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


def channels_last(x: Tensor) -> Tensor:
    """Reorder maps so that torch's CPU kernels for few channels run two to fifteen times faster.

    Args:
        x: ``(B, C, H, W)``.

    Returns:
        The same values; as they were off the CPU and under torch.func, where the order is no use.
    """
    return x.contiguous(memory_format=torch.channels_last) if is_eager_cpu(x) else x


def is_eager_cpu(x: Tensor) -> bool:
    """Whether a faster way may be taken than the one that also works on a GPU, under torch.func and compiled."""
    # data-dependent branches and in-place statistics do not go through vmap, nor through a compiler
    return (
        x.device.type == "cpu" and not torch.compiler.is_compiling() and not torch._C._are_functorch_transforms_active()  # pyright: ignore[reportPrivateUsage]
    )
