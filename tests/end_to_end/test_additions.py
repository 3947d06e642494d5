"""What an addition costs: its own file or entry, and nothing else; see docs/adding.md, which shows these very files.

Each test copies the project, adds what lies in ``tests/additions`` and runs the command line on the copy.
"""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mer_lightning import models, motion, protocols
from mer_lightning.settings import Component
from mer_lightning.types import DataError

PROJECT = Path(__file__).parents[2]
ADDITIONS = PROJECT / "tests" / "additions"
COPIED = ("benchmark", "mer_lightning", "leaderboards", "README.md", "README.zh.md")
ENTRIES = {
    "metric": ("mer_lightning/metrics/metric.py", '    Metric("kappa", '),
    "protocol": ("mer_lightning/protocols/__init__.py", '        Protocol(\n            name="megc2018",'),
}
"""Where the entry of an addition goes: before this line of this file."""


class Copy:
    """A copy of the project that something is added to."""

    def __init__(self, folder):
        self.folder = folder
        ignored = shutil.ignore_patterns("__pycache__")
        for name in COPIED:
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy(source, folder / name)
        shutil.rmtree(folder / "leaderboards" / "site", ignore_errors=True)

    def add(self, addition):
        for source in sorted((ADDITIONS / addition).rglob("*")):
            place = self.folder / source.relative_to(ADDITIONS / addition)
            if source.suffix in {".py", ".yaml"}:
                assert not place.exists()
                shutil.copy(source, place)
        if addition in ENTRIES:
            name, before = ENTRIES[addition]
            text = (self.folder / name).read_text()
            assert text.count(before) == 1
            entry = (ADDITIONS / addition / "entry.txt").read_text()
            (self.folder / name).write_text(text.replace(before, entry + before))

    def bench(self, *arguments):
        """What ``mer-bench`` prints."""
        environment = os.environ | {
            "PYTHONPATH": str(self.folder),
            "WANDB_MODE": "disabled",
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmark", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *methods, protocol, suite="default"):
        chosen = [flag for method in methods for flag in ("--method", method)]
        flags = ("--accelerator", "cpu", "--executor", "local")
        return self.bench("run", "--suite", suite, *chosen, "--protocol", protocol, *flags)

    def read(self, name):
        return (self.folder / "leaderboards" / name).read_text()

    def row(self, board, method):
        with (self.folder / "leaderboards" / f"{board}.csv").open(newline="") as file:
            return next(row for row in csv.DictReader(file) if row["method"] == method)


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("addition", "method", "title"),
    [
        ("method", "two-means", "Two means"),
        ("representation", "change-svm", "Linear SVM on change"),
        ("descriptor", "grey-histogram", "Grey histogram"),
    ],
)
def test_a_method_with_what_it_sees_is_run_compared_and_shown(copy, addition, method, title):
    copy.add(addition)
    copy.run(method, protocol="smic-3")
    assert method in copy.bench("compare", "--protocol", "synthetic-smic-3", method, "majority", "--metrics", "all")
    copy.bench("leaderboards")
    assert copy.row("synthetic-smic-3", method)["all_uf1"]
    assert f"| {title} (`{method}`)" in copy.read("synthetic-smic-3.md")
    assert title in copy.read("synthetic-smic-3.tex")
    assert title in copy.read("site/board-synthetic-smic-3.html")
    assert title in copy.read(f"site/method-{method}.html")
    assert title in copy.bench("methods", "--show", method)


@pytest.mark.slow
def test_a_protocol_is_one_entry(copy):
    copy.add("protocol")
    copy.run("majority", "linear-svm", protocol="casme2-samm-3", suite="smoke")
    board = "synthetic-casme2-samm-3"
    assert "linear-svm" in copy.bench("compare", "--protocol", board)
    copy.bench("leaderboards")
    assert copy.row(board, "linear-svm")["samm_uf1"]
    assert "CASME II and SAMM, 3 classes" in copy.read("README.md")
    assert "CASME II and SAMM, 3 classes" in copy.read(f"site/board-{board}.html")


@pytest.mark.slow
def test_a_metric_is_one_entry_and_nothing_is_trained_again(copy):
    copy.add("metric")
    copy.bench("leaderboards")
    row = copy.row("megc2019", "ststnet")
    both = (float(row["all_uf1"]) + float(row["all_uar"])) / 2
    assert float(row["all_middle"]) == pytest.approx(both, abs=1e-4)
    assert "| Acc | UF1 | 95 % interval | UAR | Mean |" in copy.read("megc2019.md")
    assert "& Acc & UF1 & UAR & Mean &" in copy.read("megc2019.tex").replace("& & ", "& ")
    assert "Honest Mean | Leaky Mean" in copy.read("leakage.md")
    for page in ("board-megc2019", "method-ststnet"):
        assert "Mean of UF1 and UAR" in copy.read(f"site/{page}.html")
    assert "Leaky Mean" in copy.read("site/leakage.html")
    assert "Mean" in copy.bench("compare", "--protocol", "megc2019", "ststnet", "linear-svm")
    assert '"middle"' in copy.bench("compare", "--protocol", "megc2019", "ststnet", "linear-svm", "--json")


def test_a_network_is_found_by_its_file(monkeypatch):
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(ADDITIONS / "method" / "mer_lightning" / "models")])
    network = Component(name="two_means.TwoMeans", arguments={"hidden": 8}).build(
        "mer_lightning.models", classes=3, in_channels=3
    )
    assert network(torch.rand(4, 3, 28, 28)).shape == (4, 3)


@pytest.mark.parametrize(
    ("addition", "name", "shape"),
    [("representation", "apex_difference", (1, 1, 28, 28)), ("descriptor", "grey_histogram", (1, 16))],
)
def test_a_representation_is_found_by_its_file(monkeypatch, rng, addition, name, shape):
    own = ADDITIONS / addition / "mer_lightning" / "motion"
    monkeypatch.setattr(motion, "__path__", [*motion.__path__, str(own)])
    found = motion.find_representations()
    assert set(found) == {*motion.REPRESENTATIONS, name}
    clip = rng.integers(0, 256, (9, 40, 40, 1), dtype=np.uint8)
    assert found[name].maps(found[name].sample([clip], [4])).shape == shape


def test_two_representations_of_one_name_are_refused(monkeypatch, tmp_path):
    text = (ADDITIONS / "representation" / "mer_lightning" / "motion" / "apex_difference.py").read_text()
    (tmp_path / "zoom.py").write_text(text.replace("apex_difference", "apex_frame"))
    monkeypatch.setattr(motion, "__path__", [*motion.__path__, str(tmp_path)])
    with pytest.raises(DataError, match=r"motion/zoom\.py: a representation is called apex_frame already"):
        motion.find_representations()


def test_a_protocol_has_a_hash_to_be_pinned():
    (protocol,) = eval(f"({(ADDITIONS / 'protocol' / 'entry.txt').read_text()})", vars(protocols))
    assert (protocol.name, protocol.hash[:10]) == ("casme2-samm-3", "3d3960fb12")


def test_a_metric_scores_the_predictions_of_others(copy):
    copy.add("metric")
    table = copy.folder / "predictions.csv"
    table.write_text("database,subject,clip,label,prediction\nsmic,s1,a,0,0\nsmic,s1,b,1,1\nsmic,s2,c,1,0\n")
    # recalls 1 and 1/2, F1 2/3 twice
    assert "0.7083" in copy.bench("score", str(table), "--metrics", "middle")


def test_the_documentation_shows_what_is_added_here():
    said = (PROJECT / "docs" / "adding.md").read_text()
    files = [path for path in ADDITIONS.rglob("*") if path.suffix in {".py", ".yaml", ".txt"}]
    assert len(files) == 8
    for path in files:
        assert f"\n{path.read_text()}```\n" in said, path
