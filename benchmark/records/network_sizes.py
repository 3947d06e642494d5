"""How large the networks of the recipes are and whether they are those of their papers; written by ``verify-papers``.

Counting needs torch and every network built, rendering needs neither: the counts lie in ``leaderboards/networks.json``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmark.files import load_json
from mer_lightning.settings import Component, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from benchmark.methods.recipe import Recipe

NETWORKS = "networks.json"


class VerifiedFigure(Settings):
    """One figure of a paper beside ours, as text."""

    quantity: str
    ours: str
    expected: str
    source: str
    verdict: str
    reason: str = ""


class NetworkSize(Settings):
    """The network of one recipe.

    Attributes:
        method: Name of the recipe.
        model: The network that was counted.
        representation: What it saw, as the recipe writes it.
        input: Shape of one sample, channels first.
        classes: Number of classes of the head.
        parameters: Trainable parameters.
        multiply_adds: Of one sample: convolutions and matrix products.
        paper: ``s0`` to ``s4`` where the network stands in ``benchmark/methods/papers``.
        variant: Its name there.
        figures: The paper's figures of it.
    """

    method: str
    model: Component
    representation: str | dict[str, Any]
    input: tuple[int, ...]
    classes: int
    parameters: int
    multiply_adds: int
    paper: str = ""
    variant: str = ""
    figures: tuple[VerifiedFigure, ...] = ()

    def fits(self, recipe: Recipe) -> bool:
        """False where the recipe has another network or sees something else since it was counted."""
        return self.model == recipe.model and self.representation == recipe.sees.model_dump(mode="json")


def load_networks(leaderboards: Path) -> dict[str, NetworkSize]:
    """Counts by method; empty where nothing was counted yet.

    Raises:
        DataError: The file is not what ``verify-papers --write`` makes.
    """
    path = leaderboards / NETWORKS
    if not path.exists():
        return {}
    return {size.method: size for size in load_json(path, tuple[NetworkSize, ...])}


def networks_json(sizes: Iterable[NetworkSize]) -> str:
    """The file's text, one line per network."""
    lines = (json.dumps(size.model_dump(mode="json"), ensure_ascii=False) for size in sizes)
    return "[\n" + ",\n".join(f" {line}" for line in lines) + "\n]\n"
