"""`mer-bench run --plan` says what would run, and everything that is missing at once."""

import json
import shutil

import pytest

import benchmark.methods.recipe_files
from benchmark.__main__ import main
from benchmark.records.store import RunManifest, Store
from mer_lightning.datasets.registry import open_database
from mer_lightning.faces.prepare import write_true_landmarks
from mer_lightning.synthetic.twins import write_twin
from tests.benchmark.methods.test_recipe import GOOD

SUITE = """
title: Two databases, aligned
summary: Two databases.
source:
  name: databases
  faces: aligned
  edition: aligned
  databases: {samm: {}, casme2: {variant: raw}}
protocols: [samm-3, casme2-3]
methods: [majority, off-apexnet]
seeds: [0, 1]
"""


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    for name, folder in (("samm", "SAMM"), ("casme2", "CASME2")):
        write_true_landmarks(write_twin(root / folder, name, subjects=3, size=(60, 80), frames=0.05))
    return root


@pytest.fixture
def plan(tmp_path, capsys, monkeypatch):
    """Exit status and answer of a plan, which must not write anything."""
    monkeypatch.delenv("MER_DATA", raising=False)
    monkeypatch.setattr("benchmark.methods.data_root.user_config_path", lambda name: tmp_path / "config" / name)
    (tmp_path / "mine.yaml").write_text(SUITE)

    def ask(data=None, *more, suite=tmp_path / "mine.yaml"):
        before = sorted(tmp_path.rglob("*"))
        places = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records")]
        given = ["--data", str(data)] if data else []
        status = main(["run", "--plan", "--json", "--suite", str(suite), *places, *given, *more])
        assert sorted(tmp_path.rglob("*")) == before
        answer = json.loads(capsys.readouterr().out)
        assert status == (2 if answer["problems"] else 0)
        return answer

    return ask


def test_runs_folds_and_clips_are_listed(twins, plan):
    answer = plan(twins)
    assert answer["problems"] == []
    assert answer["synthetic"] is True
    assert [(run["protocol"], run["method"], run["seed"]) for run in answer["runs"]] == [
        ("samm-3", "majority", 0),
        ("samm-3", "off-apexnet", 0),
        ("samm-3", "off-apexnet", 1),
        ("casme2-3", "majority", 0),
        ("casme2-3", "off-apexnet", 0),
        ("casme2-3", "off-apexnet", 1),
    ]
    assert {run["folds"] for run in answer["runs"]} == {3}
    clips = {one["database"]: one for one in answer["clips"]}
    emotions = [sample.emotion for sample in open_database("casme2", twins / "CASME2").samples]
    assert clips["casme2"]["clips"]["surprise"] == emotions.count("surprise")
    assert clips["samm"]["subjects"] == 3


def test_flags_choose_as_they_do_for_a_run(twins, plan):
    answer = plan(twins, "--protocol", "samm-3", "--method", "off-apexnet", "--seed", "7")
    assert [(run["protocol"], run["method"], run["seed"]) for run in answer["runs"]] == [("samm-3", "off-apexnet", 7)]


def test_frames_are_not_read(twins, plan, tmp_path):
    empty = tmp_path / "empty"
    shutil.copytree(twins, empty)
    for file in empty.rglob("*.jpg"):
        file.write_bytes(b"")
    assert plan(empty)["problems"] == []


def test_every_problem_of_every_database_is_named_at_once(twins, plan, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(twins, broken)
    gone = {
        name: [sample.path for sample in open_database(name, broken / folder, **more).samples[:2]]
        for name, folder, more in (("samm", "SAMM", {}), ("casme2", "CASME2", {"variant": "raw"}))
    }
    for clip in (clip for clips in gone.values() for clip in clips):
        shutil.rmtree(clip)
    (broken / "SAMM" / "landmarks-raw.csv").unlink()
    lines = next(broken.glob("CASME2/**/landmarks-raw.csv")).read_text().splitlines()
    next(broken.glob("CASME2/**/landmarks-raw.csv")).write_text("\n".join(lines[:-2]))
    problems = plan(broken)["problems"]
    for name, clips in gone.items():
        for clip in clips:
            assert any(one.startswith(f"{name}: ") and clip.name in one and "no frames" in one for one in problems)
    assert any("SAMM/landmarks-raw.csv: no such landmark file" in one for one in problems)
    assert sum("no landmarks of frame" in one for one in problems) == 2


def test_one_database_that_is_whole_is_counted_beside_one_that_is_missing(twins, plan, tmp_path):
    half = tmp_path / "half"
    shutil.copytree(twins / "SAMM", half / "SAMM")
    answer = plan(half, "--protocol", "megc2019")
    assert [one for one in answer["problems"] if "not recognised" in one] == [
        f"{half}: casme2 not recognised in it; see mer-bench data list --data {half}"
    ]
    assert [(one["database"], one["subjects"]) for one in answer["clips"]] == [("samm", 3)]
    assert {run["folds"] for run in answer["runs"]} == {None}


def test_a_missing_sheet_is_named(twins, plan, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(twins, copy)
    next(copy.glob("**/SAMM_Micro*.xlsx")).unlink()
    (copy / "SAMM" / "SAMM_Micro_FACS_Codes_v2.xls").touch()
    assert any("sheet" in one or ".xls" in one for one in plan(copy)["problems"])


def test_names_and_recipes_are_checked_together(plan, monkeypatch, tmp_path, twins):
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "sound.yaml").write_text(GOOD.replace("flow_map", "onset_apex_flow"))
    (recipes / "misspelt.yaml").write_text(GOOD.replace("epochs", "epoch"))
    monkeypatch.setattr(benchmark.methods.recipe_files, "RECIPES", recipes)
    names = ["sound", "misspelt", "nobody"]
    arguments = [word for name in names for word in ("--method", name)]
    answer = plan(twins, *arguments, "--protocol", "samm-3", "--protocol", "samm-4")
    assert len(answer["problems"]) == 3
    for says in ("protocol 'samm-4' is unknown", "method 'nobody' is unknown", "epoch: unknown key"):
        assert any(says in one for one in answer["problems"])
    assert {run["method"] for run in answer["runs"]} == {"sound"}
    (problem,) = plan(None, "--method", "sound", suite="smoke")["problems"]
    assert "representation onset_apex_flow needs frames" in problem


def test_what_is_recorded_is_said(twins, plan, tmp_path, capsys):
    arguments = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records")]
    suite = ["--suite", str(tmp_path / "mine.yaml"), "--data", str(twins)]
    assert main(["run", *suite, *arguments, "--method", "majority", "--protocol", "samm-3"]) == 0
    capsys.readouterr()
    runs = plan(twins)["runs"]
    assert [(run["here"], run["recorded"]) for run in runs[:2]] == [(3, "yes"), (0, "no")]
    path = tmp_path / "records" / "synthetic-samm-3" / "majority@aligned" / "seed0.json"
    record = json.loads(path.read_text())
    # as from before there were checksums
    del record["checksum"]
    path.write_text(json.dumps(record | {"recipe_hash": "0" * 64}))
    assert plan(twins)["runs"][0]["recorded"] == "of another version"
    person = next(iter(record["confusion"]))
    other = record["confusion"] | {person: [[9, 0, 0], [0, 0, 0], [0, 0, 0]]}
    path.write_text(json.dumps(record | {"confusion": other}))
    (problem,) = plan(twins)["problems"]
    assert f"{person} has other clips per class" in problem


def test_folds_here_are_counted_by_name(twins, plan, tmp_path):
    store = Store(tmp_path / "runs")
    name = "off-apexnet--synthetic-samm-3--s1--0123456789"
    store.begin(RunManifest(run=name, method="off-apexnet", board="synthetic-samm-3", seed=1, folds=3))
    (store.folder(name) / "folds").mkdir()
    store.fold_path(name, "samm/006").write_text("{}")
    assert [run["here"] for run in plan(twins)["runs"]][:3] == [0, 0, 1]


def test_a_suite_without_its_data_says_what_it_needs(plan, tmp_path):
    (problem,) = plan()["problems"]
    assert problem.startswith("--data: databases needs the folder that holds the databases")
    (problem, *_) = plan(tmp_path, suite="smoke")["problems"]
    assert "this suite invents its data" in problem


def test_people_are_shown_the_same(twins, tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text(SUITE)
    places = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records")]
    assert main(["run", "--plan", "--suite", str(tmp_path / "mine.yaml"), "--data", str(twins), *places]) == 0
    shown = capsys.readouterr().out
    assert "6 runs, 18 folds; 0 runs are recorded\ncould run\n" in shown
    assert main(["run", "--plan", "--confusion", "--suite", "smoke"]) == 2
    assert "--confusion: a plan has no scores" in capsys.readouterr().err
