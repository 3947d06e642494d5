"""AT-Net, an apex network beside an LSTM on flow histograms (Peng et al., ACII 2019, arXiv 1904.03699)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from mer_lightning.models.layers import Dropout
from mer_lightning.models.volumes import check_shape, with_one_bias

if TYPE_CHECKING:
    from torch import Tensor


class ATNet(nn.Module):
    """A pre-activation ResNet-10 on the apex and two LSTM layers on histograms of flow; unit features, side by side.

    8,312,837 parameters for 3 classes, as the authors' network definition has them: 4,897,794 of the ResNet, 3,411,968
    of the LSTM (torch's second bias stays 0) and 3,075 of the classifier. Their definition also says what the paper
    does not: the picture is normalised by a layer of its own, and both features are scaled to length 1.

    The authors read one apex of 224 x 224 and 64 histograms of 128 values from files. Here one tensor holds a grey
    frame and the flow from it for every step, and histograms are counted in the model. Not stated, hence choices: a
    histogram has ``grid`` x ``grid`` places of ``bins`` directions, weighed by the length of the flow, and sums to 1.

    Args:
        classes: Number of classes.
        grid: Places of a histogram along each side.
        bins: Directions of a histogram; 4 x 4 places of 8 directions are the paper's 128 values.
        hidden: Values of an LSTM layer.
        dropout: Probability that a value of the joined feature is dropped in training.
    """

    head_name: ClassVar[str] = "head"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        classes: int = 3,
        grid: int = 4,
        bins: int = 8,
        hidden: int = 512,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self._grid, self._bins = grid, bins
        self.picture = nn.Sequential(
            nn.BatchNorm2d(1), nn.Conv2d(1, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        self.units = nn.Sequential(_Unit(64, 64, 1), _Unit(64, 128, 2), _Unit(128, 256, 2), _Unit(256, 512, 2))
        self.norm = nn.BatchNorm2d(512)
        self.lstm = with_one_bias(nn.LSTM(grid * grid * bins, hidden, num_layers=2, batch_first=True))
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(512 + hidden, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Classify clips from onset to apex.

        Args:
            x: ``(B, 3, T, H, W)``: a grey frame, horizontal and vertical flow from it, pixels; the last frame is
                taken for the apex.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The clips have another shape.
        """
        check_shape("at_net", x, (3, None, None, None))
        apex = self.norm(self.units(self.picture(x[:, :1, -1]))).relu().mean((2, 3))
        time = self.lstm(flow_histograms(x[:, 1:], self._grid, self._bins))[0].mean(1)
        unit = nn.functional.normalize
        return self.head(self.dropout(torch.cat((unit(apex), unit(time)), 1)))


def flow_histograms(flow: Tensor, grid: int, bins: int) -> Tensor:
    """Count directions of flow at grid x grid places of every map, weighed by length.

    Args:
        flow: ``(B, 2, T, H, W)``, horizontal and vertical.
        grid: Places along each side.
        bins: Directions; the first starts at 0 degrees, to the right.

    Returns:
        ``(B, T, bins * grid * grid)``, each map's values summing to 1, or 0 where nothing moves.
    """
    length = torch.linalg.vector_norm(flow, dim=1)
    turn = (torch.atan2(flow[:, 1], flow[:, 0]) / (2 * math.pi)) % 1
    # a turn that is just below 0 may round to a whole one
    bin_of = (turn * bins).floor().clamp(max=bins - 1)
    counts = [nn.functional.adaptive_avg_pool2d(length * (bin_of == i), grid) for i in range(bins)]
    return nn.functional.normalize(torch.stack(counts, 2).flatten(2), p=1, dim=2)


class _Unit(nn.Module):
    """Pre-activation residual unit; one that keeps the shape starts from what is rectified already."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        changes = stride > 1
        self.norm1 = nn.BatchNorm2d(channels) if changes else None
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(channels, filters, 1, stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        if self.norm1 is not None:
            x = self.norm1(x).relu()
        beside = x if self.shortcut is None else self.shortcut(x)
        return self.conv2(self.norm2(self.conv1(x)).relu()) + beside
