"""What a study chose becomes a recipe, and what it keeps becomes pictures."""

import errno
import os
import re
from dataclasses import replace

import pytest

from benchmark.__main__ import main
from benchmark.files import load_yaml
from benchmark.methods.recipe import Recipe
from benchmark.methods.recipe_check import check_recipe
from benchmark.records.fold import FoldRecord
from benchmark.records.store import Store
from benchmark.training.summary import make_record
from benchmark.tuning.export import export, typical
from benchmark.tuning.kept import SUFFIX
from benchmark.tuning.pictures import draw_studies
from tests.benchmark.tuning.searches import SPACE, make_run
from tests.benchmark.tuning.test_tune import go


@pytest.fixture(scope="module")
def run():
    return make_run()


def test_what_folds_chose_becomes_a_recipe_that_says_whom_it_has_seen(run, tmp_path):
    record, _ = go(run, tmp_path / "runs", 3)
    written = export(run, record, Store(tmp_path / "runs"), tmp_path / "mine.yaml")
    read = load_yaml(tmp_path / "mine.yaml", Recipe, name="mine")
    assert read == written
    check_recipe(read)
    assert read.chosen_on.databases == ("smic",)
    assert read.chosen_on.run == record.run
    assert read.hash != run.recipe.hash
    again = make_record(replace(run, recipe=read), Store(tmp_path / "runs"), "cpu")
    assert again.unranked
    assert not make_record(run, Store(tmp_path / "runs"), "cpu").unranked


def test_the_middle_of_what_folds_chose():
    kernel, gamma, cost = (f"estimator.arguments.{name}" for name in ("kernel", "gamma", "costs"))
    chosen = [
        {kernel: "rbf", gamma: 5.0, cost: 1.0},
        {kernel: "rbf", gamma: 3.0, cost: 2.0},
        {kernel: "linear", cost: 50.0},
    ]
    folds = [FoldRecord(held_out="a/1", predictions=(), samples={}, seconds=0, tuned=tuned) for tuned in chosen]
    space = {key: SPACE[key] for key in (kernel, gamma, cost)}
    assert typical(folds, space) == {kernel: "rbf", gamma: 3.0, cost: 2.0}


def test_pictures_are_drawn_from_what_the_run_keeps(run, tmp_path):
    record, _ = go(run, tmp_path / "runs", 6)
    folder = tmp_path / "runs" / record.run
    paths = draw_studies(folder, tmp_path / "pictures")
    assert [path.name for path in paths] == ["history.svg", "importance.svg", "optimism.svg", "slices.svg"]
    texts = [path.read_text() for path in paths]
    assert "outer UF1, pooled: " in texts[2]
    assert "gamma" in texts[3]
    assert [path.read_text() for path in draw_studies(folder, tmp_path / "again")] == texts
    assert main(["tune-report", str(tmp_path)]) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"run": "r", "study": "smic--s01", "tri', "file: Invalid JSON"),
        ('{"run": "r", "study": "all", "trials": [{"number": 0}]}', r"trials\.0\.state: missing"),
    ],
)
def test_a_torn_file_of_trials_is_named(tmp_path, capsys, text, says):
    path = tmp_path / "r" / "tuning" / f"smic--s01{SUFFIX}"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert main(["tune-report", str(tmp_path / "r")]) == 2
    said = capsys.readouterr().err
    assert re.search(f"smic--s01.trials.json: {says}", said)
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("none/mine.yaml", "expected a file in a folder that is there"),
        ("mine.yml", "expected a file <name>.yaml"),
        ("My Recipe.yaml", "the name in lower-case letters, digits and -"),
        ("folder.yaml", "expected a file in a folder that is there"),
        ("full/mine.yaml", "full takes no files (Read-only file system)"),
    ],
)
def test_a_place_that_takes_no_recipe_is_named_before_anything_is_read(tmp_path, monkeypatch, capsys, file, says):
    def full(dir):  # noqa: A002 - as it is called
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for folder in ("folder.yaml", "full"):
        (tmp_path / folder).mkdir()
    if file.startswith("full"):
        monkeypatch.setattr("benchmark.commands.tune.TemporaryFile", full)
    monkeypatch.setattr("benchmark.commands.tune._planned_run", pytest.fail)
    command = ["tune", "--method", "linear-svm", "--protocol", "smic-3", "--trials", "1"]
    assert main([*command, "--export", str(tmp_path / file)]) == 2
    error = capsys.readouterr().err
    assert f"--export {tmp_path / file}: " in error and says in error
