"""``mer-bench new`` writes files that work at once, and never writes over anything."""

import subprocess
import sys

import pytest

from benchmark.__main__ import main
from benchmark.methods.recipe import load_recipe
from benchmark.methods.recipe_check import check_recipe
from benchmark.places import PROJECT, Workspace, working_in


def new(root, name):
    return main(["--workspace", str(root), "new", "method", name])


class TestNewMethod:
    def test_it_writes_a_network_a_recipe_and_a_test(self, tmp_path, capsys):
        assert new(tmp_path, "my-net-2") == 0
        said = capsys.readouterr().out
        for name in ("nets/my_net_2.py", "methods/my-net-2.yaml", "tests/test_my_net_2.py"):
            assert (tmp_path / name).is_file()
            assert f"wrote {tmp_path / name}" in said
        assert "mer-bench run --suite smoke --method my-net-2" in said

    def test_the_recipe_can_be_trained_and_tuned(self, tmp_path):
        new(tmp_path, "my-net")
        with working_in(Workspace(tmp_path)):
            recipe = load_recipe("my-net")
            check_recipe(recipe)
        assert recipe.search_space
        assert recipe.model.name == "nets.my_net.MyNet"

    def test_its_folds_can_be_trained_as_one(self, tmp_path, smic):
        from mer_lightning.tasks import examine

        new(tmp_path, "my-net")
        with working_in(Workspace(tmp_path)):
            recipe = load_recipe("my-net")
            assert not examine(smic[2], recipe.model, recipe.training).reason

    @pytest.mark.slow
    def test_the_test_passes_as_it_is_in_a_process_of_its_own(self, tmp_path):
        new(tmp_path, "my-net")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert "4 passed" in done.stdout

    def test_a_second_method_leaves_the_first_alone(self, tmp_path):
        new(tmp_path, "one")
        before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
        assert new(tmp_path, "two") == 0
        assert {path: path.read_text() for path in before} == before

    @pytest.mark.parametrize("there", ["nets/my_net.py", "tests/test_my_net.py"])
    def test_what_is_there_is_never_written_over(self, tmp_path, capsys, there):
        (tmp_path / there).parent.mkdir()
        (tmp_path / there).write_text("mine")
        assert new(tmp_path, "my-net") == 2
        assert f"{there}: is there already; nothing was written" in capsys.readouterr().err
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / there]
        assert (tmp_path / there).read_text() == "mine"

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("My-Net", "expected lower-case letters, digits and single -"),
            ("2net", "a letter first"),
            ("net--2", "single -"),
            ("../net", "expected lower-case letters"),
            ("class", "no word of Python"),
            ("net-tuned", "'-tuned' marks rows of other results"),
            ("ststnet", "has this name already"),
        ],
    )
    def test_a_name_that_cannot_be_one_is_one_line(self, tmp_path, capsys, name, says):
        assert new(tmp_path, name) == 2
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
        assert not list(tmp_path.iterdir())

    def test_the_project_itself_has_its_own_way(self, capsys):
        assert new(PROJECT, "my-net") == 2
        assert "see docs/adding.md there; expected --workspace" in capsys.readouterr().err
