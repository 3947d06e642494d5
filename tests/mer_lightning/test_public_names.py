"""``import mer_lightning`` costs nothing, and gives what the documentation names."""

import ast
import inspect
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import mer_lightning

PUBLIC = re.compile(r"^\s*(from mer_lightning import (?!__version__)|import mer_lightning( as|$))", re.MULTILINE)
HEAVY = ("torch", "lightning", "numpy", "pydantic", "kornia")


def typed_names():
    """Names that the block for type checkers imports, with their modules."""
    tree = ast.parse(inspect.getsource(mer_lightning))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    return {
        name.name: found.module
        for block in blocks
        for found in block.body
        if isinstance(found, ast.ImportFrom)
        for name in found.names
    }


class TestPublicNames:
    def test_importing_loads_no_other_package(self):
        code = f"import sys, mer_lightning; print([name for name in {HEAVY} if name in sys.modules])"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout.strip() == "[]"

    @pytest.mark.parametrize("name", [name for name in mer_lightning.__all__ if name != "__version__"])
    def test_a_name_is_what_type_checkers_take_it_for(self, name):
        value = getattr(mer_lightning, name)
        assert value is getattr(sys.modules[typed_names()[name]], name)

    def test_type_checkers_know_every_name_and_no_other(self):
        assert {*typed_names(), "__version__"} == {*mer_lightning.__all__}
        assert {*mer_lightning.__all__} <= {*dir(mer_lightning)}

    def test_every_name_says_what_it_is(self):
        named = [getattr(mer_lightning, name) for name in mer_lightning.__all__]
        assert all(one.__doc__ and "." in one.__doc__ for one in named if callable(one))

    def test_another_name_is_an_attribute_error(self):
        with pytest.raises(AttributeError, match="module 'mer_lightning' has no attribute 'LosoDataModule'"):
            mer_lightning.LosoDataModule  # noqa: B018

    @pytest.mark.parametrize("package", ["mer_lightning", "benchmark"])
    def test_both_packages_say_that_they_are_typed(self, package):
        assert resources.files(package).joinpath("py.typed").is_file()


def test_nothing_inside_imports_the_public_names():
    """They load rooms from below; a room that asked for them would look up."""
    package = Path(mer_lightning.__file__).parent
    folders = (package, package.parent / "benchmark")
    found = [path.name for folder in folders for path in folder.rglob("*.py") if PUBLIC.search(path.read_text("utf-8"))]
    assert found == []
