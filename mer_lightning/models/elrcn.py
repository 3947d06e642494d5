"""ELRCN, enriched long-term recurrent convolutional network (Khor, See, Phan, Lin, FG 2018, arXiv 1805.08417)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from torch import nn

from mer_lightning.backbones import make_backbone
from mer_lightning.models.volumes import check_shape, fold_time, with_one_bias

if TYPE_CHECKING:
    from torch import Tensor

Enrichment = Literal["spatial", "temporal"]


class ELRCN(nn.Module):
    """VGG-16 on every step of a clip, an LSTM over the steps, two dense layers.

    ``spatial`` enrichment stacks flow, strain and grey frame as channels of one network; ``temporal`` gives each of
    the three a network of its own and puts their features side by side. The LSTM of 3000 has 85,164,000 parameters on
    4096 features and 183,468,000 on 3 x 4096 (torch's second bias stays 0).

    The authors train the networks first and the LSTM on their features afterwards; here all is one network. Their
    classifier is a sigmoid with a categorical loss, here it gives logits.

    Args:
        classes: Number of classes.
        enrichment: ``spatial`` (ELRCN-SE) or ``temporal`` (ELRCN-TE).
        backbone: Network of timm; the paper's is VGG-16.
        weights: File that every backbone of ``temporal`` starts from, e.g. VGG-Face in timm's names; None draws them.
        hidden: Values of the LSTM.
        dropout: Probability that a value of a dense layer of VGG is dropped in training.
    """

    head_name: ClassVar[str] = "head"
    frozen_in_transfer: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        classes: int = 5,
        enrichment: Enrichment = "temporal",
        backbone: str = "vgg16",
        weights: str | None = None,
        hidden: int = 3000,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        channels = {"stack": 5} if enrichment == "spatial" else {"flow": 3, "strain": 3, "grey": 3}
        self.encoders = nn.ModuleDict(
            {
                name: make_backbone(backbone, count, weights, num_classes=0, drop_rate=dropout)
                for name, count in channels.items()
            }
        )
        features = sum(int(encoder.head_hidden_size) for encoder in self.encoders.values())  # pyright: ignore[reportArgumentType]
        self.lstm = with_one_bias(nn.LSTM(features, hidden, batch_first=True))
        self.dense = nn.Linear(hidden, 128)
        self.head = nn.Linear(128, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify clips.

        Args:
            x: ``(B, 5, T, H, W)``: grey frame, horizontal flow, vertical flow, magnitude, strain.

        Returns:
            Logits, ``(B, classes)``.

        Raises:
            DataError: The clips have another shape.
        """
        check_shape("elrcn", x, (5, None, None, None))
        clips, images = len(x), fold_time(x)
        views = {
            "stack": lambda: images,
            "flow": lambda: images[:, 1:4],
            "strain": lambda: images[:, 4:].expand(-1, 3, -1, -1),
            "grey": lambda: images[:, :1].expand(-1, 3, -1, -1),
        }
        features = torch.cat([encoder(views[name]()) for name, encoder in self.encoders.items()], 1)
        states = self.lstm(features.unflatten(0, (clips, -1)))[0]
        return self.head(self.dense(states[:, -1]).relu())
