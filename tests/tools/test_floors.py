"""The figures of a made-up package are those that a look at it gives."""

import json

import pytest

import tools.floors
from tools.floors import above, circles_of, floors_of, main, measure

LONG = "def long(a, b, c, d, e, f, g):\n" + "    a += 1\n" * 60
FILES = {
    "__init__.py": "",
    "top.py": "from {p}.middle.left import Left\n\nclass Left2: ...\n",
    "middle/__init__.py": "",
    "middle/left.py": "from {p} import ground\n\nclass Left: ...\n\ndef _same(): ...\n",
    "middle/right.py": "def right():\n    import {p}.ground\n\ndef _same(): ...\n\nclass Twice: ...\n",
    "ground.py": LONG + "\nclass Twice:\n    def method(self, a, b, c, d, e, *, f): ...\n",
    "tall.py": "x = 1\n" * 401,
}


@pytest.fixture
def package(tmp_path, monkeypatch, request):
    """Write a package, whose name no other test imports, and say how to measure it."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"made_up_{abs(hash(request.node.name))}"

    def write(**changes):
        for path, text in (FILES | changes).items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.format(p=name))
        return name, {figure.name: figure for figure in measure([name])[name]}

    return write


def test_every_figure_counts_what_is_there(package):
    name, figures = package()
    assert {key: figure.number for key, figure in figures.items()} == {
        "rooms": 4,
        "loose files": 3,
        "floors": 3,
        "circles": 0,
        "files above 400 lines": 1,
        "functions above 60 lines": 1,
        "functions of more than 6 arguments": 1,
        "public names defined twice": 1,
        "private names defined twice": 1,
        "lines": 3 + 5 + 6 + 61 + 3 + 401,
    }
    assert figures["files above 400 lines"].where == (f"{name}/tall.py: 401",)
    assert figures["functions above 60 lines"].where == (f"{name}/ground.py:1 long: 61",)
    assert figures["public names defined twice"].where == (f"Twice: {name}/ground.py:63, {name}/middle/right.py:6",)


@pytest.mark.parametrize(
    ("path", "text", "circle"),
    [
        ("ground.py", "import {p}.middle.right\n", "{p}.ground <-> {p}.middle"),
        ("ground.py", "def f():\n    import {p}.top\n", "{p}.ground <-> {p}.middle <-> {p}.top"),
        (
            "middle/right.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {p}.top import Left2\n",
            "{p}.middle <-> {p}.top",
        ),
    ],
)
def test_a_circle_is_found_even_through_types_and_late_imports(package, path, text, circle):
    name, figures = package(**{path: text})
    assert figures["circles"].where == (circle.format(p=name),)


def test_a_circle_inside_a_package_is_found(package):
    left = "import {p}.middle.right\n"
    right = "import {p}.middle.left\n"
    name, figures = package(**{"middle/left.py": left, "middle/right.py": right})
    assert figures["circles"].where == (f"{name}.middle.left <-> {name}.middle.right",)


def test_a_circle_shares_a_floor():
    imports = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"d"}}
    assert circles_of(imports) == [("b", "c")]
    assert floors_of(imports) == 3
    assert floors_of({}) == 0


def test_what_is_above_its_ceiling_fails_and_is_listed(package, tmp_path, monkeypatch, capsys):
    name, figures = package()
    ceilings = {figure.name: figure.number for figure in figures.values()}
    file = tmp_path / "ceilings.json"
    monkeypatch.setattr(tools.floors, "PACKAGES", (name,))
    monkeypatch.setattr(tools.floors, "CEILINGS", file)
    file.write_text(json.dumps({name: ceilings}))
    assert main(["--check"]) == 0
    file.write_text(json.dumps({name: ceilings | {"functions above 60 lines": 0}}))
    capsys.readouterr()
    assert main(["--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: functions above 60 lines: 1, expected at most 0 (ceilings.json)",
        f"  {name}/ground.py:1 long: 61",
    ]
    file.write_text(json.dumps({name: {"rooms": 4}}))
    assert main([]) == 2
    assert capsys.readouterr().err == f"floors: ceilings.json: {name}: 'circles' has no figure or no ceiling\n"


def test_below_the_ceiling_is_well(package):
    name, figures = package()
    assert above({name: list(figures.values())}, {name: dict.fromkeys(figures, 1000)}) == []
