"""What models of clips share: convolution, pooling and recurrence over time, a check of the input's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


class TimeConv3d(nn.Conv3d):
    """nn.Conv3d over time alone, as a 2-D convolution of a clip seen as one image of T x (H W).

    torch's own kernel for this shape is several times slower on a CPU. Weights, names and results are nn.Conv3d's.

    Args:
        channels: Channels that come in.
        filters: Channels that go out.
        length: Maps under the kernel, odd; the clip keeps its length.
    """

    def __init__(self, channels: int, filters: int, length: int) -> None:
        super().__init__(channels, filters, (length, 1, 1), padding=(length // 2, 0, 0))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that nn.Conv3d gave it
        """Convolve ``(B, channels, T, H, W)``."""
        padding = (self.kernel_size[0] // 2, 0)
        maps = nn.functional.conv2d(input.flatten(3), self.weight[..., 0], self.bias, padding=padding)
        return maps.unflatten(3, input.shape[3:])


class MaxPool3d(nn.Module):
    """nn.MaxPool3d as a pooling of every frame, then one over time.

    The maximum over a box is the maximum over its frames' maxima. On CUDA the gradient of nn.MaxPool3d is summed up
    in any order, so that no run could be repeated; those of the two steps are not.

    Args:
        kernel_size: Frames, rows and columns of the window.
        stride: Its steps; as the window when None.
        padding: Border that pooling ignores.
    """

    def __init__(
        self,
        kernel_size: tuple[int, int, int],
        stride: tuple[int, int, int] | None = None,
        padding: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride or kernel_size, padding

    def forward(self, x: Tensor) -> Tensor:
        """Pool ``(B, C, T, H, W)``."""
        x = _over_frames(x, nn.functional.max_pool2d, self.kernel_size[1:], self.stride[1:], self.padding[1:])
        if self.kernel_size[0] == self.stride[0] == 1:
            return x
        window = (self.kernel_size[0], 1), (self.stride[0], 1), (self.padding[0], 0)
        return nn.functional.max_pool2d(x.flatten(3), *window).unflatten(3, x.shape[3:])


class AvgPool3d(nn.Module):
    """nn.AvgPool3d with windows side by side, as a pooling of every frame, then one over time; see MaxPool3d.

    Args:
        kernel_size: Frames, rows and columns of the window, which is also its step.
    """

    def __init__(self, kernel_size: tuple[int, int, int]) -> None:
        super().__init__()
        self.kernel_size = kernel_size

    def forward(self, x: Tensor) -> Tensor:
        """Pool ``(B, C, T, H, W)``."""
        x = _over_frames(x, nn.functional.avg_pool2d, self.kernel_size[1:])
        return nn.functional.avg_pool2d(x.flatten(3), (self.kernel_size[0], 1)).unflatten(3, x.shape[3:])


def with_one_bias(lstm: nn.LSTM) -> nn.LSTM:
    """The same LSTM with torch's second bias fixed at 0, so that it has the weights that other libraries give it."""
    for name, parameter in lstm.named_parameters():
        if name.startswith("bias_hh"):
            nn.init.zeros_(parameter)
            parameter.requires_grad_(False)
    return lstm


def fold_time(x: Tensor) -> Tensor:
    """``(B, C, T, H, W)`` as images ``(B * T, C, H, W)``, the frames of a clip side by side."""
    return x.transpose(1, 2).flatten(0, 1)


def check_shape(model: str, x: Tensor, expected: tuple[int | None, ...]) -> None:
    """Refuse a representation that a model cannot take.

    Args:
        model: Name for the message.
        x: ``(B, ...)``.
        expected: Sizes of the axes after the batch; None where any size will do.

    Raises:
        DataError: Another number of axes or another size.
    """
    found = tuple(x.shape[1:])
    if len(found) != len(expected) or any(e is not None and e != f for e, f in zip(expected, found, strict=True)):
        wanted = " x ".join("any" if size is None else str(size) for size in expected)
        raise DataError(f"{model} takes {wanted} per sample, the representation has {' x '.join(map(str, found))}")


def _over_frames(x: Tensor, pool: Callable[..., Tensor], *window: tuple[int, ...]) -> Tensor:
    if x.stride(1) == 1 < x.shape[1]:
        # channels last: frames as images of a larger batch keep this order, as planes they would be copied out of it
        frames = pool(x.transpose(1, 2).flatten(0, 1), *window)
        return frames.unflatten(0, (x.shape[0], x.shape[2])).transpose(1, 2)
    return pool(x.flatten(1, 2), *window).unflatten(1, x.shape[1:3])
