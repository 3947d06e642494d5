"""How the field's public code trains: the baseline that suites are timed beside."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mer_lightning.datamodules import Table
    from mer_lightning.protocols import Fold


class ThreeStreams(nn.Module):
    """STSTNet as the paper draws it: three streams, each a convolution, ReLU, batch normalisation, pooling, dropout."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(3, filters, 3, padding=2),
                nn.ReLU(),
                nn.BatchNorm2d(filters),
                nn.MaxPool2d(3, 3, 1),
                nn.Dropout(0.5),
            )
            for filters in (3, 5, 8)
        )
        self.pool = nn.AvgPool2d(2, 2)
        self.head = nn.Linear(16 * 5 * 5, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(B, C)`` of maps ``(B, 3, 28, 28)``."""
        maps = torch.cat([stream(x) for stream in self.streams], 1)
        return self.head(self.pool(maps).flatten(1))


class TwoStreams(nn.Module):
    """OFF-ApexNet as the paper draws it: one stream for horizontal flow, one for vertical flow."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(1, 6, 5, padding=2),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(6, 16, 5, padding=2),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Flatten(),
            )
            for _ in range(2)
        )
        self.head = nn.Sequential(
            nn.Linear(2 * 16 * 7 * 7, 1024),
            nn.ReLU(),
            nn.Linear(1024, 1024),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(1024, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(B, C)`` of maps ``(B, 2 or more, 28, 28)``."""
        return self.head(torch.cat([stream(x[:, k : k + 1]) for k, stream in enumerate(self.streams)], 1))


class ThreeVolumes(nn.Module):
    """3D-FCNN as a paper would draw it, on ten maps of 32 x 32: five times convolution, ReLU, pooling in a stream."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(
                *(
                    layer
                    for before, after, length in ((1, 16, 1), (16, 32, 2), (32, 64, 2), (64, 128, 1), (128, 128, 1))
                    for layer in (
                        nn.Conv3d(before, after, 3, padding=1),
                        nn.ReLU(),
                        nn.MaxPool3d((length, 2, 2)),
                    )
                ),
                nn.Flatten(),
                nn.Linear(2 * 128, 256),
                nn.ReLU(),
                nn.Dropout(0.5),
            )
            for _ in range(3)
        )
        self.head = nn.Linear(3 * 256, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(B, C)`` of clips ``(B, 3, 10, 32, 32)``."""
        return self.head(torch.cat([stream(x[:, k : k + 1]) for k, stream in enumerate(self.streams)], 1))


NAIVE_MODELS = {"ststnet": ThreeStreams, "off-apexnet": TwoStreams, "fcnn-3d": ThreeVolumes}


def naive_loop(
    table: Table, folds: Sequence[Fold], method: str, *, epochs: int, batch_size: int, lr: float, device: torch.device
) -> list[float]:
    """Fold after fold: a DataLoader over a TensorDataset, Adam, and the held-out subject evaluated after each epoch.

    Args:
        table: All samples.
        folds: What is trained.
        method: A key of ``NAIVE_MODELS``.
        epochs: Passes over the training samples.
        batch_size: Samples per step.
        lr: Learning rate.
        device: Where.

    Returns:
        Accuracy on each held-out subject after the last epoch.
    """
    inputs, labels = table.inputs.cpu(), table.labels.cpu()
    accuracies: list[float] = []
    for fold in folds:
        sides = [table.rows(rows).cpu() for rows in (fold.train, fold.test)]
        train, test = (
            DataLoader(TensorDataset(inputs[rows], labels[rows]), batch_size, shuffle=shuffle)
            for rows, shuffle in zip(sides, (True, False), strict=True)
        )
        model = NAIVE_MODELS[method](table.classes).to(device)
        optimizer, criterion = torch.optim.Adam(model.parameters(), lr), nn.CrossEntropyLoss()
        accuracy = 0.0
        for _ in range(epochs):
            model.train()
            for x, y in train:
                optimizer.zero_grad()
                loss = criterion(model(x.to(device)), y.to(device))
                loss.backward()
                optimizer.step()
            model.eval()
            hits = 0
            with torch.no_grad():
                for x, y in test:
                    hits += int((model(x.to(device)).argmax(1).cpu() == y).sum().item())
            accuracy = hits / len(fold.test)
        accuracies.append(accuracy)
    return accuracies


def timed_naive_loop(
    table: Table, folds: Sequence[Fold], method: str, *, epochs: int, batch_size: int, lr: float, device: torch.device
) -> float:
    """Seconds of ``naive_loop``, whose arguments these are; one epoch goes first, so that all is loaded and warm."""
    train = partial(naive_loop, table, method=method, batch_size=batch_size, lr=lr, device=device)
    train(folds[:1], epochs=1)
    start = time.perf_counter()
    # its last act is to read its accuracy, so that nothing is still under way on a GPU
    train(folds, epochs=epochs)
    return time.perf_counter() - start
