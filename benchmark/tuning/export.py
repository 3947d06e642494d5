"""A recipe made of what tuning chose, with whom it was chosen on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.files import yaml_text
from benchmark.methods.recipe import Chosen, Recipe
from benchmark.methods.search_space import FloatRange, IntRange, Range, in_order
from mer_lightning.files import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmark.records.fold import FoldRecord
    from benchmark.records.run import RunRecord
    from benchmark.records.store import Store
    from benchmark.training.plan import Run


def export(run: Run, record: RunRecord, store: Store, path: Path) -> Recipe:
    """Write one recipe for a whole tuned run.

    Together its folds have looked at everybody, so the recipe says whom, and is never ranked on their databases.

    Args:
        run: The run before tuning.
        record: The complete tuned run.
        store: Holds its folds.
        path: ``<name>.yaml``; run by its path, or by its name where it lies in the ``methods`` of the workspace.

    Returns:
        What was written.
    """
    folds = list(store.folds(record.run).values())
    values = typical(folds, run.recipe.search_space)
    tuning = record.tuning
    assert tuning is not None, "the run was tuned"
    chosen = Chosen(
        run=record.run,
        protocol=record.protocol,
        databases=record.databases,
        mode=tuning.mode,
        folds=record.folds,
        inner_uf1=tuning.inner_uf1,
        table_hash=record.data.table_hash,
    )
    recipe = run.recipe.with_values(values).model_copy(
        update={
            "name": path.stem,
            "title": f"{run.recipe.title}, values of {tuning.mode} tuning",
            "chosen_on": chosen,
            "deviations": (
                *run.recipe.deviations,
                f"Per key the middle of what {tuning.studies} studies under {record.protocol} chose.",
            ),
        }
    )
    given = recipe.model_dump(mode="json", exclude={"name", "parts", "outside"}, exclude_none=True)
    write_text(path, yaml_text(given))
    return recipe


def typical(folds: Sequence[FoldRecord], space: dict[str, Range]) -> dict[str, Any]:
    """The middle of what folds chose: for a choice the most frequent value, for a number the lower median.

    A key with conditions counts where they hold, both among the folds and in the result.
    """
    values: dict[str, Any] = {}
    for key in in_order(space):
        if any(values.get(other) != value for other, value in space[key].when.items()):
            continue
        found = [
            fold.tuned[key]
            for fold in folds
            if key in fold.tuned and all(fold.tuned.get(other) == value for other, value in space[key].when.items())
        ]
        if isinstance(space[key], FloatRange | IntRange):
            # one of the values itself: between two whole numbers there may be none
            values[key] = np.sort(found)[(len(found) - 1) // 2].item()
        else:
            counts = Counter(str(value) for value in found)
            top = max(sorted(counts), key=lambda text: counts[text])
            values[key] = next(value for value in found if str(value) == top)
    return values
