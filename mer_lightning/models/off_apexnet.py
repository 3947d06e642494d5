"""OFF-ApexNet, optical flow features from the apex frame (Gan et al., SPIC 2019, arXiv 1805.08699)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from mer_lightning.models.layers import Dropout, Linear, channels_last

if TYPE_CHECKING:
    from torch import Tensor


class OffApexNet(nn.Module):
    """Two-stream CNN on horizontal and vertical flow: 2,664,475 parameters for 3 classes.

    The paper's two streams (convolutions of 6 and 16 filters) share no weights. They run as the two
    groups of one convolution, filters 0..5 and 0..15 for horizontal flow and the rest for vertical flow;
    a group has the fan-in of its stream, so the weights start from the same distribution.

    Args:
        classes: Number of classes.
        dropout: Probability that a value of the last hidden layer is dropped in training.
    """

    def __init__(self, classes: int = 3, dropout: float = 0.5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 2 * 6, kernel_size=5, padding=2, groups=2)
        self.conv2 = nn.Conv2d(2 * 6, 2 * 16, kernel_size=5, padding=2, groups=2)
        self.hidden1 = Linear(2 * 16 * 7 * 7, 1024)
        self.hidden2 = Linear(1024, 1024)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(1024, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify flow maps.

        Args:
            x: ``(B, 2 or more, 28, 28)``, values 0..1; horizontal flow, vertical flow, others unused.

        Returns:
            Logits, ``(B, classes)``.
        """
        x = channels_last(x[:, :2])
        # the maximum of rectified values is the rectified maximum, and there are four times fewer of them
        x = nn.functional.relu(nn.functional.max_pool2d(self.conv1(x), 2))
        x = nn.functional.relu(nn.functional.max_pool2d(self.conv2(x), 2)).flatten(1)
        x = nn.functional.relu(self.hidden1(x))
        x = nn.functional.relu(self.hidden2(x))
        return self.head(self.dropout(x))
