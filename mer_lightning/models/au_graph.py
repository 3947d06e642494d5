"""A graph of action units on a flow map (after Lo et al., MIPR 2020, arXiv 2004.08915, and Lei et al., CVPRW 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from mer_lightning.models.layers import Dropout, channels_last
from mer_lightning.models.volumes import check_shape

if TYPE_CHECKING:
    from torch import Tensor

# where an action unit shows in an upright face crop: height, distance from the middle line, width; of its side
_PLACES: dict[int, tuple[float, float, float]] = {
    1: (0.22, 0.10, 0.08),
    2: (0.22, 0.28, 0.08),
    4: (0.27, 0.12, 0.09),
    5: (0.36, 0.20, 0.07),
    6: (0.50, 0.26, 0.09),
    7: (0.42, 0.20, 0.07),
    9: (0.48, 0.07, 0.07),
    10: (0.66, 0.10, 0.07),
    12: (0.72, 0.20, 0.09),
    14: (0.75, 0.22, 0.07),
    15: (0.82, 0.19, 0.08),
    17: (0.90, 0.00, 0.10),
    20: (0.78, 0.24, 0.08),
    23: (0.77, 0.08, 0.08),
    25: (0.77, 0.00, 0.09),
    26: (0.88, 0.00, 0.13),
}
# what the emotions of FACS are made of (EMFACS): these action units go together
_TOGETHER = (
    (6, 12),
    (1, 4, 15),
    (1, 2, 5, 26),
    (1, 2, 4, 5, 7, 20, 26),
    (4, 5, 7, 23),
    (9, 15, 17),
    (10, 25),
    (12, 14),
)


class AUGraph(nn.Module):
    """Convolutions, one node per action unit read at its place in the face, graph convolutions between the nodes.

    The graph is knowledge, not counted in any data: action units are neighbours where an emotion of EMFACS has both.
    Annotated action units are not used, neither in training nor in testing, so that databases without them will do.

    Args:
        in_channels: Channels of the map.
        classes: Number of classes.
        size: Height and width of the map, even.
        filters: Channels of the convolutions.
        width: Values of a node.
        layers: Graph convolutions.
        dropout: Probability that a value of what is classified is dropped in training.
    """

    head_name: ClassVar[str] = "head"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 3,
        size: int = 28,
        filters: int = 32,
        width: int = 64,
        layers: int = 2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self._input = (in_channels, size, size)
        self.convs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters))
            for channels in (in_channels, filters)
        )
        self.places: Tensor
        self.register_buffer("places", _place_maps(size // 2), persistent=False)
        self.enter = nn.Linear(filters, width)
        # nodes differ in what they are, not only in where they look
        self.identity = nn.Parameter(torch.randn(len(_PLACES), width) * 0.02)
        self.joins = nn.ModuleList(_GraphConv(width) for _ in range(layers))
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify flow maps.

        Args:
            x: ``(B, in_channels, size, size)``, values 0..1, a face crop.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The maps have another shape.
        """
        check_shape("au_graph", x, self._input)
        x = channels_last(x)
        for conv in self.convs:
            x = conv(x).relu()
        x = nn.functional.max_pool2d(x, 2)
        nodes = self.enter(torch.einsum("bchw,nhw->bnc", x, self.places)) + self.identity
        for layer in self.joins:
            nodes = nodes + layer(nodes)
        return self.head(self.dropout(torch.cat((nodes.mean(1), nodes.amax(1)), 1)))


class _GraphConv(nn.Module):
    """ReLU(A X W): the known graph, plus what training finds to be missing in it, which starts at 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.known: Tensor
        self.register_buffer("known", _known_graph(), persistent=False)
        self.learnt = nn.Parameter(torch.zeros(len(_PLACES), len(_PLACES)))
        self.norm = nn.LayerNorm(width)
        self.weight = nn.Linear(width, width)

    def forward(self, nodes: Tensor) -> Tensor:
        """``(B, nodes, width)``; the shape stays."""
        return self.weight((self.known + self.learnt) @ self.norm(nodes)).relu()


def _place_maps(side: int) -> Tensor:
    """Where each action unit is read, ``(nodes, side, side)``, each summing to 1, both halves of a face alike."""
    height, apart, width = torch.tensor(list(_PLACES.values()))[:, :, None, None].unbind(1)
    centres = (torch.arange(side) + 0.5) / side
    down, across = centres[:, None], (centres[None, :] - 0.5).abs()
    maps = torch.exp(-((down - height) ** 2 + (across - apart) ** 2) / (2 * width**2))
    return maps / maps.sum((1, 2), keepdim=True)


def _known_graph() -> Tensor:
    """``D^-1/2 (A + 1) D^-1/2`` of the graph, ``(nodes, nodes)``."""
    index = {unit: i for i, unit in enumerate(_PLACES)}
    graph = torch.eye(len(index))
    for units in _TOGETHER:
        rows = torch.tensor([index[unit] for unit in units])
        graph[rows[:, None], rows] = 1
    degree = graph.sum(1).rsqrt()
    return degree[:, None] * graph * degree
