"""The W&B workspace as plain data; what is saved is that, and nothing online is needed to have it."""

import json
import sys

import pytest

from benchmark.__main__ import main
from benchmark.records.curves import average_curves
from benchmark.training.tracking.dashboard import Dashboard, make_dashboard
from tests.benchmark.example_records import fold

ARGUMENTS = ["wandb-workspace", "--entity", "team", "--project", "mer"]
# what the worker uses of the package: every class keeps what it is given, and saving says where
FAKE = """
import json, os
class Kept:
    def __init__(self, *args, **given): self.__dict__.update(given); self.args = args
    def plain(self): return {k: plain(v) for k, v in self.__dict__.items()}
def plain(value):
    if hasattr(value, 'plain'): return [type(value).__name__, value.plain()]
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value
class Workspace(Kept):
    url = "https://example.invalid/team/mer?nw=abc"
    @classmethod
    def from_url(cls, url): return cls(entity="team", project="mer", found=url)
    def save(self):
        if "FAKE_FAILS" in os.environ: raise ConnectionError("no route to host")
        open(os.environ["FAKE_SAVED"], "w").write(json.dumps(self.plain()))
        return self
def __getattr__(name): return type(name, (Kept,), {})
"""


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr("benchmark.commands.dashboard._offline", lambda: "there is no network")


@pytest.fixture
def online(monkeypatch, tmp_path):
    """A package in place of the real one; gives the file that it saves into."""
    package = tmp_path / "packages" / "wandb_workspaces"
    (package / "reports").mkdir(parents=True)
    for path in ("__init__.py", "reports/__init__.py"):
        (package / path).write_text("")
    for path in ("reports/v2.py", "workspaces.py"):
        (package / path).write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("FAKE_SAVED", str(tmp_path / "saved.json"))
    monkeypatch.syspath_prepend(str(package.parent))
    return tmp_path / "saved.json"


def test_the_command_that_is_said_names_the_runs(offline, tmp_path, capsys):
    folder = tmp_path / "my runs"
    assert main([*ARGUMENTS, "--runs", str(folder)]) == 0
    assert capsys.readouterr().out.endswith(f"Afterwards: mer-bench {' '.join(ARGUMENTS)} --runs '{folder}'\n")


def test_without_a_network_the_specification_is_written_and_the_commands_are_said(offline, tmp_path, capsys):
    path = tmp_path / "a" / "workspace.json"
    assert main([*ARGUMENTS, "--out", str(path)]) == 0
    dashboard = Dashboard.model_validate_json(path.read_bytes())
    assert (dashboard.entity, dashboard.project, dashboard.url) == ("team", "mer", "")
    said = capsys.readouterr().out
    assert "wandb sync" in said
    assert "offline-run-*" in said
    assert f"mer-bench wandb-workspace --entity team --project mer --out {path}" in said


def test_comparison_curves_confusion_and_tuning_are_in_it():
    panels = [panel for section in make_dashboard("e", "p").sections for panel in section.panels]
    assert {panel.kind for panel in panels} >= {"bar", "line", "compare", "confusion", "table", "importance"}
    keys = {key for panel in panels for key in panel.keys}
    # what the mirror logs of a run: test_tracking reads these back
    assert {"uf1", "uar", "uf1_smic", "train_loss", "confusion_table", "folds", "tuning"} <= keys
    (point,) = average_curves([fold().model_copy(update={"curve": {"train_loss": (1.0,), "val_uf1": (0.5,)}})])
    assert point.keys() <= keys


def test_a_workspace_is_made_once_and_updated_afterwards(online, tmp_path, capsys):
    out = ["--out", str(tmp_path / "workspace.json")]
    assert main([*ARGUMENTS, *out]) == 0
    assert "made: https://example.invalid/team/mer?nw=abc" in capsys.readouterr().out
    made = json.loads(online.read_text())
    assert (made["entity"], made["project"], made["name"]) == ("team", "mer", "mer-bench")
    assert "found" not in made
    assert main([*ARGUMENTS, *out]) == 0
    assert "updated: https://example.invalid" in capsys.readouterr().out
    updated = json.loads(online.read_text())
    assert updated["found"] == "https://example.invalid/team/mer?nw=abc"
    assert updated["sections"] == made["sections"]


def test_a_failure_of_wandb_is_one_line_and_the_specification_stays(online, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FAKE_FAILS", "1")
    path = tmp_path / "workspace.json"
    assert main([*ARGUMENTS, "--out", str(path)]) == 1
    error = capsys.readouterr().err
    assert "no route to host" in error
    assert "Traceback" not in error
    assert Dashboard.model_validate_json(path.read_bytes()).url == ""


def test_disabled_tracking_is_a_reason_not_to_ask(online, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert main([*ARGUMENTS, "--out", str(tmp_path / "w.json")]) == 0
    assert "not saved: WANDB_MODE is offline" in capsys.readouterr().out
    assert not online.exists()


def test_names_and_files_that_are_none_are_refused(offline, tmp_path, capsys):
    assert main(["wandb-workspace", "--entity", "a/b", "--project", "p", "--out", str(tmp_path / "x")]) == 2
    assert "--entity 'a/b': expected letters" in capsys.readouterr().err
    (tmp_path / "y").write_text('{"mine": 1}')
    assert main([*ARGUMENTS, "--out", str(tmp_path / "y")]) == 2
    assert "y: holds something else" in capsys.readouterr().err
    assert (tmp_path / "y").read_text() == '{"mine": 1}'


def test_the_real_package_takes_it():
    pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is not installed")
    from benchmark.training.tracking.dashboard_worker import build

    spec = json.dumps(build(make_dashboard("e", "p"))._to_model().model_dump(by_alias=True, mode="json"))
    for word in ("confusion_table", "wandb/confusion_matrix/v1", "train_loss", "Run Comparer", "Parameter Importance"):
        assert word in spec


def test_the_command_line_needs_no_wandb():
    import subprocess

    program = "import sys, benchmark.__main__; sys.exit(any(name.startswith('wandb') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
