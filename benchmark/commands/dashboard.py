"""``mer-bench wandb-workspace``: write down the W&B workspace of the mirrored runs and, online, save it."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from benchmark.commands.options import local_records
from benchmark.places import workspace
from benchmark.training.tracking.dashboard import PACKAGE, Dashboard, make_dashboard
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import argparse

    from benchmark.commands.options import Commands

_PATIENCE_SECONDS = 120.0


def add_dashboard_command(commands: Commands) -> None:
    """Register ``wandb-workspace``; it sets ``handler``."""
    parser = commands.add_parser(
        "wandb-workspace", parents=[local_records()], help="make or update the W&B workspace of the mirrored runs"
    )
    parser.add_argument("--entity", required=True, help="W&B user or team")
    parser.add_argument("--project", required=True, help="W&B project")
    parser.add_argument("--out", type=Path, help="where the specification goes (default: in runs/wandb)")
    parser.set_defaults(handler=_workspace)


def _workspace(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.runs / "wandb"
    path: Path = arguments.out or folder / f"workspace--{arguments.entity}--{arguments.project}.json"
    dashboard = make_dashboard(arguments.entity, arguments.project)
    dashboard = dashboard.model_copy(update={"url": _saved_url(path, dashboard)})
    _write(path, dashboard)
    print(f"specification: {path}")
    print(f"runs are uploaded with: wandb sync {shlex.quote(str(folder))}/wandb/offline-run-*")
    reason = _offline()
    if reason:
        print(f"not saved: {reason}. Afterwards: {_again(arguments)}")
        return 0
    return _save(path, dashboard, arguments)


def _save(path: Path, dashboard: Dashboard, arguments: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "benchmark.training.tracking.dashboard_worker", str(path)]
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
    words = ["mer-bench", "wandb-workspace", "--entity", arguments.entity, "--project", arguments.project]
    words += ["--runs", str(arguments.runs)] if arguments.runs != workspace().runs else []
    return shlex.join([*words, *(["--out", str(arguments.out)] if arguments.out else [])])


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
