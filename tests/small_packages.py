"""Code outside the suite, as a user or a distribution would have it."""

from textwrap import dedent

NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self, classes: int, in_channels: int, width: int = 4) -> None:
        super().__init__()
        self.body = nn.Conv2d(in_channels, width, 3)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.body(x).mean((-2, -1)))
"""
RECIPE = """
title: Own
summary: A network of one's own.
tier: C
representation: flow_map
model: {name: nets.small.Net}
training: {epochs: 2, batch_size: 16, optimizer: {name: adam, lr: 1.0e-2}}
"""


def write(folder, files):
    """Write texts by path below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return folder


def write_distribution(folder, entry_points, files, name="acme-mer"):
    """What pip leaves of a small distribution: its files, and what it says of itself."""
    about = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    write(about, {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", "entry_points.txt": entry_points})
    return write(folder, files)
