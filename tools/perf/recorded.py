"""Invented records for measuring: many methods and seeds on a real board, and a plan of many people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.files import write_json
from benchmark.places import SHIPPED

if TYPE_CHECKING:
    from pathlib import Path

BOARD = "megc2019"
_TEMPLATE = "ststnet"


def write_records(folder: Path, methods: int, seeds: int) -> Path:
    """Write complete runs over the people of ``megc2019``, as the suite itself writes them.

    Args:
        folder: Where the records go.
        methods: How many methods, ``m000`` and so on; some better than others.
        seeds: How many runs of each.

    Returns:
        The folder.
    """
    source = SHIPPED / "records" / BOARD / _TEMPLATE / "seed0.json"
    template: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    shown = {person: np.sum(matrix, 1) for person, matrix in sorted(template["confusion"].items())}
    for method in range(methods):
        name = f"m{method:03d}"
        for seed in range(seeds):
            rng = np.random.default_rng([method, seed])
            right = 0.35 + 0.4 * (method + 1) / methods
            rates = np.full((3, 3), (1 - right) / 2) + np.eye(3) * (right - (1 - right) / 2)
            confusion = {person: rng.multinomial(clips, rates).tolist() for person, clips in shown.items()}
            body = template | {"method": name, "title": f"Method {method}", "seed": seed, "confusion": confusion}
            body["run"] = f"{name}--{BOARD}--s{seed}--{template['recipe_hash'][:12]}"
            write_json(folder / BOARD / name / f"seed{seed}.json", body)
    return folder
