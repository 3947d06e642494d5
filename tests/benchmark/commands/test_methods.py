"""``mer-bench methods`` lists every system of the papers' tables and says whether it runs, and if not, why."""

import json

import pytest

import benchmark.commands.methods
import benchmark.methods.recipe_files
from benchmark.__main__ import main
from tests.benchmark.boards.test_reported import METHODS
from tests.benchmark.methods.test_recipe import GOOD
from tests.small_packages import write

PLAN = METHODS + "- {id: later, title: Later, paper: s7, tier: C}\n"


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Three systems, of which one has a recipe, and a recipe of no paper."""
    recipes, reported = tmp_path / "recipes", tmp_path / "reported"
    recipes.mkdir()
    reported.mkdir()
    (reported / "methods.yaml").write_text(PLAN)
    for name in ("full", "baseline"):
        (recipes / f"{name}.yaml").write_text(GOOD)
    monkeypatch.setattr(benchmark.methods.recipe_files, "RECIPES", recipes)
    monkeypatch.setattr(benchmark.commands.methods, "REPORTED", reported)
    return recipes


def listed(capsys, *flags):
    assert main(["methods", "--json", *flags]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_system_runs_when_a_recipe_of_its_name_exists(world, capsys):
    states = {method["name"]: method["state"] for method in listed(capsys)}
    assert states == {
        "full": "runs",
        "cited": "cannot run: the genome is lost",
        "later": "planned",
        "baseline": "runs",
    }
    (world / "later.yaml").write_text(GOOD)
    assert {m["name"] for m in listed(capsys, "--state", "runs")} == {"full", "later", "baseline"}
    assert {m["name"] for m in listed(capsys, "--state", "cannot-run")} == {"cited"}
    assert listed(capsys, "--state", "planned") == []


def test_a_recipe_of_what_cannot_run_is_an_error(world, capsys):
    (world / "cited.yaml").write_text(GOOD)
    assert main(["methods"]) == 2
    assert "method 'cited' has a recipe, but cannot run: the genome is lost" in capsys.readouterr().err


def test_a_recipe_gives_its_settings_and_a_plan_its_title(world, capsys):
    full, _, later, _ = listed(capsys)
    assert (full["title"], full["source"], full["training"]["batch_size"]) == ("A", "s7", 8)
    assert (later["title"], later["source"], later["tier"]) == ("Later", "s7", "C")
    assert "training" not in later


def test_one_method_is_shown_with_its_recipe_or_its_reason(world, capsys):
    assert main(["methods", "--show", "full"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("A, tier A, s7: runs\n")
    assert said.endswith(GOOD)
    assert main(["methods", "--show", "cited"]) == 0
    assert capsys.readouterr().out == "Cited, tier D, Somebody 2020: cannot run: the genome is lost\n"
    assert main(["methods", "--show", "nosuch"]) == 2
    assert "method 'nosuch' is unknown" in capsys.readouterr().err


def test_the_list_for_people_has_every_name_and_a_sum(world, capsys):
    assert main(["methods"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("full", "cited", "later", "baseline"))
    assert said.endswith("4 methods, 2 run\n")


def test_the_list_gives_each_method_one_line_and_reasons_below(world, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "48")
    path = world / "baseline.yaml"
    path.write_text(GOOD.replace("title: A\n", f"title: {'A long title of a method ' * 4}\n"))
    assert main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split()[:3] for line in lines if line.split()[1:2] and line.split()[1] in set("ABCD")]
    assert [row[0] for row in rows] == ["full", "cited", "later", "baseline"]
    assert "cited cannot run: the genome is lost" in lines


def test_a_broken_list_of_methods_is_named(world, capsys):
    benchmark.commands.methods.REPORTED.joinpath("methods.yaml").write_text("methods: 3\n")
    assert main(["methods"]) == 2
    assert "methods.yaml: methods: " in capsys.readouterr().err


class TestMethodsOfOnesOwn:
    @pytest.fixture
    def root(self, world, tmp_path):
        root = tmp_path / "workspace"
        files = {"methods/mine.yaml": GOOD, "methods/broken.yaml": "title: 3\n", "methods/full.yaml": GOOD}
        return write(root, {**files, "elsewhere/other.yaml": (world / "full.yaml").read_text()})

    def test_they_are_listed_and_marked_and_what_cannot_be_used_is_said_beside(self, root, capsys):
        assert main(["--workspace", str(root), "methods", "--json"]) == 0
        said = capsys.readouterr()
        owners = {method["name"]: method["of"] for method in json.loads(said.out)}
        assert owners == {"full": "", "cited": "", "later": "", "baseline": "", "mine": "workspace"}
        assert "not listed: " in said.err
        assert "methods/broken.yaml: title: " in said.err
        assert "methods/full.yaml: the suite has a method 'full' already; call the file otherwise" in said.err

    def test_the_list_for_people_marks_them_too(self, root, capsys):
        assert main(["--workspace", str(root), "methods"]) == 0
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["mine"]]
        assert line.rstrip().endswith("workspace")

    def test_one_is_shown_by_its_name_or_file(self, root, capsys):
        assert main(["--workspace", str(root), "methods", "--show", "mine"]) == 0
        assert capsys.readouterr().out.startswith("A, tier A, –, of workspace: runs\n")
        assert main(["--workspace", str(root), "methods", "--show", str(root / "elsewhere" / "other.yaml")]) == 0
        assert capsys.readouterr().out.startswith("A, tier A, –, of file: runs\n")
        assert main(["--workspace", str(root), "methods", "--show", "broken"]) == 2
        assert "methods/broken.yaml: title: " in capsys.readouterr().err

    def test_a_file_of_one_command_is_unknown_to_the_next(self, root, capsys):
        main(["--workspace", str(root), "methods", "--show", str(root / "elsewhere" / "other.yaml")])
        assert main(["--workspace", str(root), "methods", "--show", "other"]) == 2
        assert "method 'other' is unknown" in capsys.readouterr().err
