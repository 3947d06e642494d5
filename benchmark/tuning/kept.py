"""The trials of a study as a run keeps them, for pictures, which need no Optuna then and no storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from benchmark.files import load_json
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".trials.json"
Scored = list[tuple[dict[str, Any], float]]


class KeptTrial(Settings):
    """One trial.

    Attributes:
        number: From 0, in the order in which they began.
        state: Optuna's word for how it ended, or that it has not.
        value: Inner UF1; None unless it is complete.
        values: What was tried, by key of the recipe.
        epochs: Epochs of all inner folds together; 0 for an estimator.
        seconds: Wall time.
    """

    number: int = Field(ge=0)
    state: Literal["complete", "pruned", "fail", "running", "waiting"]
    value: float | None = Field(default=None, ge=0, le=1)
    values: dict[str, Any]
    epochs: int = Field(ge=0)
    seconds: float = Field(ge=0)


class KeptStudy(Settings):
    """One study of a run.

    Attributes:
        run: Id of the run.
        study: Whom its fold holds out, or ``all``.
        trials: By number.
    """

    run: str
    study: str
    trials: tuple[KeptTrial, ...]

    @property
    def scored(self) -> Scored:
        """What complete trials tried, and their inner UF1."""
        return [(trial.values, trial.value) for trial in self.trials if trial.value is not None]


def load_studies(folder: Path) -> list[KeptStudy]:
    """Studies of the run in a folder, in the order of their files.

    Raises:
        DataError: There is none, or a file is not one.
    """
    studies = [load_json(path, KeptStudy) for path in sorted(folder.glob(f"tuning/*{SUFFIX}"))]
    if not studies:
        raise DataError(f"{folder}: no finished study; expected tuning/*{SUFFIX}")
    return studies
