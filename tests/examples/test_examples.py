"""Every example runs as it is, offline, and its last line is a result."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
EXAMPLES = PROJECT / "examples"
FOUND = sorted(path.relative_to(EXAMPLES).as_posix() for path in [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*/run.sh")])
LISTED = re.findall(r"^\| \[[^]]+\]\(([^)]+)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE)


def run_script(folder, place):
    """What a ``run.sh`` prints, started in a copy of its folder, with ``python`` and ``mer-bench`` of these tests."""
    copy = shutil.copytree(folder, place / folder.name)
    tools = place / "bin"
    tools.mkdir()
    for name, call in {"python": "", "mer-bench": "-m benchmark"}.items():
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {call} "$@"\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "WANDB_MODE": "disabled",
    }
    done = subprocess.run(
        ["sh", "-eu", "run.sh"], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", FOUND)
def test_an_example_runs_and_ends_with_its_result(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if name.endswith(".py"):
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        printed = capsys.readouterr().out
        assert not [*tmp_path.iterdir()], "one file of an example writes nothing where it runs"
    else:
        printed = run_script((EXAMPLES / name).parent, tmp_path)
    assert re.search(r"(?i)uf1\D+[01]\.\d", printed.strip().splitlines()[-1]), printed


def test_the_list_of_examples_names_each_and_no_other():
    assert sorted(LISTED) == [name.removesuffix("/run.sh") if name.endswith("run.sh") else name for name in FOUND]


def test_a_script_runs_in_a_copy_of_its_folder(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "run.sh").write_text("mer-bench methods --help | head -1\npython -c 'print(1)' > made\ncat made\n")
    (tmp_path / "place").mkdir()
    assert run_script(folder, tmp_path / "place").startswith("usage: mer-bench methods")
    assert not (folder / "made").exists()
