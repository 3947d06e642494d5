"""What an addition costs: its own file or entry, and nothing else; see docs/adding.md, which shows these very files.

Each test copies the project, adds what lies in ``tests/additions`` and runs the command line on the copy.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mer_lightning import datasets, models, motion, protocols
from mer_lightning.datasets.database import find_registered
from mer_lightning.datasets.registry import databases
from mer_lightning.settings import Component
from mer_lightning.types import DataError

PROJECT = Path(__file__).parents[2]
ADDITIONS = PROJECT / "tests" / "additions"
COPIED = ("benchmark", "mer_lightning", "leaderboards", "README.md", "README.zh.md")
ENTRIES = {
    "metric": ("mer_lightning/metrics/metric.py", '    Metric("kappa", '),
    "protocol": ("mer_lightning/protocols/__init__.py", '        Protocol(\n            name="megc2018",'),
    # the protocol that scores it, which is an addition of its own
    "database": ("mer_lightning/protocols/__init__.py", '        Protocol(\n            name="megc2018",'),
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

    def bench(self, *arguments, status=0):
        """What ``mer-bench`` prints before it ends with a status."""
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
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def run(self, *methods, protocol, suite="default", flags=()):
        chosen = [flag for method in methods for flag in ("--method", method)]
        flags = ("--accelerator", "cpu", "--executor", "local", *flags)
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


def record_laboratory(folder, rng):
    """Write the folder of the database that is added: four people, a few small frames of three expressions each."""
    rows = ["subject,clip,emotion,onset,offset"]
    for subject in ("P01", "P02", "P03", "P04"):
        face = rng.integers(0, 256, (40, 40), dtype=np.uint8)
        for emotion, (down, right) in {"happiness": (1, 0), "disgust": (-1, 0), "surprise": (0, 1)}.items():
            clip = folder / subject / f"{emotion}1"
            clip.mkdir(parents=True)
            for frame in range(1, 7):
                moved = np.roll(face, (down * frame, right * frame), axis=(0, 1))
                Image.fromarray(moved).save(clip / f"frame{frame}.png")
            rows.append(f"{subject},{emotion}1,{emotion},2,6")
    (folder / "ownlab.csv").write_text("\n".join(rows) + "\n")


@pytest.mark.slow
def test_a_database_is_one_file_beside_the_protocol_that_scores_it(copy, rng):
    copy.add("database")
    record_laboratory(copy.folder / "data" / "laboratory", rng)
    listed = json.loads(copy.bench("data", "list", "--data", "data", "--json"))
    assert [found["database"] for found in listed["found"]] == ["ownlab"]
    assert {"title": "Own laboratory", "releases": ["ownlab-12"]}.items() <= listed["databases"][5].items()
    said = copy.bench("data", "verify", "--data", "data")
    assert "release ownlab-12" in said
    assert said.endswith("  clean\n")
    copy.run(protocol="ownlab-3", suite="ownlab.yaml", flags=("--data", "data"))
    record = json.loads(copy.read("records/ownlab-3/linear-svm/seed0.json"))
    assert set(record["confusion"]) == {f"ownlab/P0{number}" for number in (1, 2, 3, 4)}
    assert "linear-svm" in copy.bench("compare", "--protocol", "ownlab-3", "--metrics", "all")
    copy.bench("leaderboards")
    assert copy.row("ownlab-3", "linear-svm")["all_uf1"]
    assert "Data: ownlab, release ownlab-12, 4 subjects, 12 clips" in copy.read("ownlab-3.md")
    for page in ("index", "board-ownlab-3", "method-linear-svm"):
        assert "Own laboratory, 3 classes" in copy.read(f"site/{page}.html")


@pytest.mark.slow
def test_what_is_wrong_in_an_added_database_is_named_by_its_row(copy, rng):
    copy.add("database")
    folder = copy.folder / "laboratory"
    record_laboratory(folder, rng)
    shutil.rmtree(folder / "P02" / "disgust1")
    table = folder / "ownlab.csv"
    table.write_text(table.read_text().replace("P03,happiness1,happiness,2,6", "P03,happiness1,joy,2,7"))
    said = copy.bench("data", "verify", "laboratory", status=1)
    assert "ownlab.csv row 6: P02/disgust1: no frames; expected the P02/disgust1" in said
    assert "ownlab.csv row 8: emotion 'joy' is unknown; expected one of happiness, disgust, surprise" in said
    assert "clips: found 10, release ownlab-12 has 12" in said


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


def test_a_database_is_found_by_its_file(monkeypatch):
    own = ADDITIONS / "database" / "mer_lightning" / "datasets"
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(own)])
    found = find_registered()
    assert set(found.databases) == {*databases(), "ownlab"}
    assert [name for name, release in found.releases.items() if release.database == "ownlab"] == ["ownlab-12"]


def test_two_representations_of_one_name_are_refused(monkeypatch, tmp_path):
    text = (ADDITIONS / "representation" / "mer_lightning" / "motion" / "apex_difference.py").read_text()
    (tmp_path / "zoom.py").write_text(text.replace("apex_difference", "apex_frame"))
    monkeypatch.setattr(motion, "__path__", [*motion.__path__, str(tmp_path)])
    with pytest.raises(DataError, match=r"motion/zoom\.py: a representation is called apex_frame already"):
        motion.find_representations()


@pytest.mark.parametrize(
    ("addition", "name", "pinned"),
    [("protocol", "casme2-samm-3", "3d3960fb12"), ("database", "ownlab-3", "9610cf8ab7")],
)
def test_a_protocol_has_a_hash_to_be_pinned(addition, name, pinned):
    (protocol,) = eval(f"({(ADDITIONS / addition / 'entry.txt').read_text()})", vars(protocols))
    assert (protocol.name, protocol.hash[:10]) == (name, pinned)


def test_a_metric_scores_the_predictions_of_others(copy):
    copy.add("metric")
    table = copy.folder / "predictions.csv"
    table.write_text("database,subject,clip,label,prediction\nsmic,s1,a,0,0\nsmic,s1,b,1,1\nsmic,s2,c,1,0\n")
    # recalls 1 and 1/2, F1 2/3 twice
    assert "0.7083" in copy.bench("score", str(table), "--metrics", "middle")


def test_the_documentation_shows_what_is_added_here():
    said = (PROJECT / "docs" / "adding.md").read_text()
    files = [path for path in ADDITIONS.rglob("*") if path.suffix in {".py", ".yaml", ".txt"}]
    assert len(files) == 11
    for path in files:
        assert f"\n{path.read_text()}```\n" in said, path
