"""Models that make trouble for replicas."""

import pytest
from torch import nn


class MeanOfOthers(nn.Module):
    """Looks across the batch in a way that no mask is known for."""

    def __init__(self, in_channels: int = 3, classes: int = 3) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(in_channels)
        self.head = nn.Linear(in_channels, classes)

    def forward(self, x):
        x = x.mean((-1, -2))
        return self.head(self.norm(x - x.mean(0)))


class Branching(nn.Module):
    """Looks at its data in Python."""

    def __init__(self, in_channels: int = 3, classes: int = 3) -> None:
        super().__init__()
        self.head = nn.Linear(in_channels, classes)

    def forward(self, x):
        x = x.mean((-1, -2))
        return self.head(x if x.sum() > 0 else -x)


class PlainDropout(Branching):
    def forward(self, x):
        return self.head(nn.functional.dropout(x.mean((-1, -2)), 0.5, self.training))


@pytest.fixture
def odd_models(monkeypatch):
    from mer_lightning.models import ststnet

    for model in (MeanOfOthers, Branching, PlainDropout):
        monkeypatch.setattr(ststnet, model.__name__, model, raising=False)
        # a recipe names only what its file defines
        monkeypatch.setattr(model, "__module__", ststnet.__name__)
