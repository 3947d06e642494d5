"""The W&B workspace that shows mirrored runs, as a specification.

It is plain data. Only ``dashboard_worker``, in a process of its own, turns it into W&B's objects and saves it, so that
neither a missing package nor a dead network is a problem here.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError

from mer_lightning.metrics import METRICS, UF1, ranking_first
from mer_lightning.protocols import scored_databases
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

PACKAGE = "wandb_workspaces"
NAME = "mer-bench"
_SCORES = ranking_first(METRICS)


class DashboardPanel(Settings):
    """One panel.

    Attributes:
        kind: ``line`` over epochs and ``bar`` over runs of ``keys``; ``compare`` configurations of runs; ``confusion``
            the matrix that ``keys`` names; ``table`` the table that it names; ``parallel`` axes, the last of which is
            the score; ``importance`` of settings for the score in ``keys``.
        title: Heading.
        keys: As ``mirror`` logs them; ``config.`` before a setting.
    """

    kind: Literal["line", "bar", "compare", "confusion", "table", "parallel", "importance"]
    title: str
    keys: tuple[str, ...] = ()


class DashboardSection(Settings):
    """Panels under one heading."""

    title: str
    panels: tuple[DashboardPanel, ...] = Field(min_length=1)


class Dashboard(Settings):
    """One workspace.

    Attributes:
        entity: W&B user or team.
        project: Its project.
        name: Of the saved view.
        url: Of the view that was saved before and is to be updated; empty for a new one.
        columns: Columns of the table of runs.
        order: Summary key by which runs are ordered, largest first.
        sections: From top to bottom.
    """

    entity: str = Field(pattern=r"^[\w.-]+$")
    project: str = Field(pattern=r"^[\w.-]+$")
    name: str = NAME
    url: str = ""
    columns: tuple[str, ...]
    order: str
    sections: tuple[DashboardSection, ...]


def make_dashboard(entity: str, project: str, url: str = "") -> Dashboard:
    """The workspace of runs that ``mirror`` mirrors.

    Raises:
        DataError: Not a name that W&B gives.
    """
    of_databases = tuple(f"uf1_{database}" for database in scored_databases())
    sections = (
        DashboardSection(
            title="Comparison",
            panels=(
                *(
                    DashboardPanel(kind="bar", title=f"{metric.title}, pooled", keys=(metric.name,))
                    for metric in _SCORES
                    if metric.official
                ),
                DashboardPanel(kind="bar", title="UF1 by database", keys=of_databases),
                DashboardPanel(kind="compare", title="Runs side by side"),
            ),
        ),
        DashboardSection(
            title="Learning curves, mean over folds",
            panels=(
                DashboardPanel(kind="line", title="Training loss", keys=("train_loss",)),
                DashboardPanel(kind="line", title="Training accuracy", keys=("train_accuracy",)),
                DashboardPanel(kind="line", title="Validation subjects", keys=("val_uf1", "val_accuracy")),
            ),
        ),
        DashboardSection(
            title="Confusion and folds",
            panels=(
                DashboardPanel(kind="confusion", title="Pooled over all folds", keys=("confusion_table",)),
                DashboardPanel(kind="table", title="Folds", keys=("folds",)),
            ),
        ),
        DashboardSection(
            title="Tuning",
            panels=(
                DashboardPanel(kind="table", title="Chosen inside each fold", keys=("tuning",)),
                DashboardPanel(
                    kind="parallel",
                    title="Settings and score",
                    keys=(
                        "config.recipe.training.optimizer.lr",
                        "config.recipe.training.epochs",
                        "config.recipe.training.batch_size",
                        "uf1",
                    ),
                ),
                DashboardPanel(kind="importance", title="What matters for UF1", keys=("uf1",)),
            ),
        ),
    )
    columns = ("config.method", "config.board", "config.seed", *(metric.name for metric in _SCORES), "seconds")
    try:
        return Dashboard(entity=entity, project=project, url=url, columns=columns, order=UF1.name, sections=sections)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"--{first['loc'][0]} '{first['input']}': expected letters, digits, - _ and .") from error
