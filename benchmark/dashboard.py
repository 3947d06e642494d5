"""``mer-bench wandb-workspace``: the W&B workspace that shows mirrored runs, as a specification and, online, for real.

The specification is plain data. Only ``benchmark.dashboard_worker``, in a process of its own, turns it into W&B's
objects and saves it, so that neither a missing package nor a dead network is a problem here.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse

PACKAGE = "wandb_workspaces"
NAME = "mer-bench"
_PATIENCE_SECONDS = 120.0
_SCORES = ("uf1", "uar", "accuracy")


class DashboardPanel(Settings):
    """One panel.

    Attributes:
        kind: ``line`` over epochs and ``bar`` over runs of ``keys``; ``compare`` configurations of runs; ``confusion``
            the matrix that ``keys`` names; ``table`` the table that it names; ``parallel`` axes, the last of which is
            the score; ``importance`` of settings for the score in ``keys``.
        title: Heading.
        keys: As ``benchmark.tracking`` logs them; ``config.`` before a setting.
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
    """The workspace of runs that ``benchmark.tracking`` mirrors.

    Raises:
        DataError: Not a name that W&B gives.
    """
    of_databases = tuple(f"uf1_{database}" for database in ("smic", "casme2", "samm"))
    sections = (
        DashboardSection(
            title="Comparison",
            panels=(
                DashboardPanel(kind="bar", title="UF1, pooled", keys=("uf1",)),
                DashboardPanel(kind="bar", title="UAR, pooled", keys=("uar",)),
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
    columns = ("config.method", "config.board", "config.seed", *_SCORES, "seconds")
    try:
        return Dashboard(entity=entity, project=project, url=url, columns=columns, order="uf1", sections=sections)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"--{first['loc'][0]} '{first['input']}': expected letters, digits, - _ and .") from error


def add_dashboard_command(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],  # pyright: ignore[reportPrivateUsage]
    runs: Path,
) -> None:
    """Register ``wandb-workspace``; it sets ``handler``.

    Args:
        subparsers: What ``add_subparsers`` of the application's parser gave.
        runs: Folder of local runs, where the specification goes unless told otherwise.
    """
    parser = subparsers.add_parser("wandb-workspace", help="make or update the W&B workspace of the mirrored runs")
    parser.add_argument("--entity", required=True, help="W&B user or team")
    parser.add_argument("--project", required=True, help="W&B project")
    parser.add_argument("--out", type=Path, help="where the specification goes (default: in runs/wandb)")
    parser.set_defaults(handler=_workspace, runs=runs)


def _workspace(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.runs / "wandb"
    path: Path = arguments.out or folder / f"workspace--{arguments.entity}--{arguments.project}.json"
    dashboard = make_dashboard(arguments.entity, arguments.project)
    dashboard = dashboard.model_copy(update={"url": _saved_url(path, dashboard)})
    _write(path, dashboard)
    print(f"specification: {path}")
    print(f"runs are uploaded with: wandb sync {folder}/wandb/offline-run-*")
    reason = _offline()
    if reason:
        print(f"not saved: {reason}. Afterwards: {_again(arguments)}")
        return 0
    return _save(path, dashboard, arguments)


def _save(path: Path, dashboard: Dashboard, arguments: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "benchmark.dashboard_worker", str(path)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
        )
        said = (done.stderr.strip() or "no reason given").splitlines()[-1] if done.returncode else ""
        url = done.stdout.strip().rpartition("\n")[2]
    except subprocess.TimeoutExpired:
        said, url = f"no answer in {_PATIENCE_SECONDS:.0f} s", ""
    if said:
        print(f"not saved: W&B said: {said}. Again with: {_again(arguments)}", file=sys.stderr)
        return 1
    _write(path, dashboard.model_copy(update={"url": url}))
    print(f"{'updated' if dashboard.url else 'made'}: {url}")
    return 0


def _offline() -> str:
    """Why nothing is saved to W&B; empty where it can be tried."""
    if importlib.util.find_spec(PACKAGE) is None:
        return "wandb-workspaces is not installed (pip install 'wandb-workspaces>=0.4.13,<0.5')"
    if os.environ.get("WANDB_MODE") in {"offline", "disabled"}:
        return f"WANDB_MODE is {os.environ['WANDB_MODE']}"
    return ""


def _again(arguments: argparse.Namespace) -> str:
    out = f" --out {arguments.out}" if arguments.out else ""
    return f"mer-bench wandb-workspace --entity {arguments.entity} --project {arguments.project}{out}"


def _saved_url(path: Path, dashboard: Dashboard) -> str:
    """Where the same workspace was saved before."""
    if not path.exists():
        return ""
    try:
        old = Dashboard.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"{path}: holds something else than a specification of this command; move it away") from error
    return old.url if (old.entity, old.project) == (dashboard.entity, dashboard.project) else ""


def _write(path: Path, dashboard: Dashboard) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dashboard.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
