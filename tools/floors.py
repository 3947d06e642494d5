"""``python -m tools.floors``: how the packages are built, in figures, each with a ceiling that ``--check`` holds."""

from __future__ import annotations

import argparse
import ast
import sys
from collections import defaultdict
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import grimp
from rich.table import Table

from benchmark.commands.output import open_console
from benchmark.files import load_json
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

PACKAGES = ("benchmark", "mer_lightning")
CEILINGS = Path(__file__).with_suffix(".json")
FILE_LINES, FUNCTION_LINES, ARGUMENTS = 400, 60, 6

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Imports = dict[str, set[str]]


@dataclass(frozen=True)
class Figure:
    """One number of a package.

    Attributes:
        name: What is counted.
        number: How many there are.
        where: What was counted, a line each; empty where the number says it all.
    """

    name: str
    number: int
    where: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """One file of a package.

    Attributes:
        name: Its path, from the folder in which the package lies.
        lines: Number of its lines.
        tree: What is in it.
    """

    name: str
    lines: int
    tree: ast.Module


def measure(packages: Sequence[str]) -> dict[str, list[Figure]]:
    """Figures of importable packages, by package.

    A floor is a set of modules and packages directly below the package that import only what is on floors below,
    imports for types and inside functions included. A circle is a set of siblings, at any depth, that reach each other.
    """
    graph = grimp.build_graph(*packages, cache_dir=None)
    sources = {package: list(_sources(package)) for package in packages}
    names = defaultdict[str, list[str]](list)
    for source in (source for files in sources.values() for source in files):
        for node in source.tree.body:
            if isinstance(node, _Function | ast.ClassDef):
                names[node.name].append(f"{source.name}:{node.lineno}")
    return {package: _figures(package, graph, sources[package], names) for package in packages}


def _figures(
    package: str, graph: grimp.ImportGraph, sources: Sequence[Source], names: Mapping[str, Sequence[str]]
) -> list[Figure]:
    top = sibling_imports(graph, package)
    parents = sorted({package} | {module for module in graph.find_descendants(package) if graph.find_children(module)})
    circles = [" <-> ".join(circle) for parent in parents for circle in circles_of(sibling_imports(graph, parent))]
    loose = [name for name in sorted(top) if not graph.find_children(name)]
    functions = [(source, node) for source in sources for node in ast.walk(source.tree) if isinstance(node, _Function)]
    doubled = {name: places for name, places in sorted(names.items()) if len(places) > 1 and _lies_in(package, places)}
    listed = {name: f"{name}: {', '.join(places)}" for name, places in doubled.items()}
    return [
        Figure("rooms", len(top)),
        Figure("loose files", len(loose), tuple(loose)),
        Figure("floors", floors_of(top)),
        _listed("circles", circles),
        _listed(f"files above {FILE_LINES} lines", (f"{s.name}: {s.lines}" for s in sources if s.lines > FILE_LINES)),
        _listed(
            f"functions above {FUNCTION_LINES} lines",
            (
                f"{_place(source, node)}: {_height(node)}"
                for source, node in functions
                if _height(node) > FUNCTION_LINES
            ),
        ),
        _listed(
            f"functions of more than {ARGUMENTS} arguments",
            (
                f"{_place(source, node)}: {_arguments(node)}"
                for source, node in functions
                if _arguments(node) > ARGUMENTS
            ),
        ),
        _listed("public names defined twice", (line for name, line in listed.items() if not name.startswith("_"))),
        _listed("private names defined twice", (line for name, line in listed.items() if name.startswith("_"))),
        Figure("lines", sum(source.lines for source in sources)),
    ]


def sibling_imports(graph: grimp.ImportGraph, parent: str) -> _Imports:
    """Which child of a package imports which other, itself or through anything inside it."""
    inside = {child: {child} | graph.find_descendants(child) for child in graph.find_children(parent)}
    child_of = {module: child for child, modules in inside.items() for module in modules}
    imports: _Imports = {}
    for child, modules in inside.items():
        imported = {there for module in modules for there in graph.find_modules_directly_imported_by(module)}
        imports[child] = {child_of[there] for there in imported if there in child_of} - {child}
    return imports


def circles_of(imports: _Imports) -> list[tuple[str, ...]]:
    """Sets of names that reach each other, each sorted."""
    reached = {name: _reached(name, imports) for name in imports}
    sets = {tuple(sorted(other for other in reached[name] if name in reached[other])) for name in imports}
    return sorted(circle for circle in sets if circle)


def floors_of(imports: _Imports) -> int:
    """Number of floors: names on the longest way down; those of one circle share a floor."""
    reached = {name: _reached(name, imports) for name in imports}
    floor: dict[str, int] = {}
    # whoever reaches fewer, counting itself, stands lower; members of a circle reach the same
    for name in sorted(imports, key=lambda name: len(reached[name] | {name})):
        floor[name] = 1 + max((floor[other] for other in reached[name] if name not in reached[other]), default=0)
    return max(floor.values(), default=0)


def _reached(name: str, imports: _Imports) -> set[str]:
    found: set[str] = set()
    waiting = [*imports[name]]
    while waiting:
        if (other := waiting.pop()) not in found:
            found.add(other)
            waiting += imports[other]
    return found


def _sources(package: str) -> Iterator[Source]:
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield Source(path.relative_to(folder.parent).as_posix(), len(text.splitlines()), ast.parse(text))


def _listed(name: str, found: Iterable[str]) -> Figure:
    where = tuple(found)
    return Figure(name, len(where), where)


def _lies_in(package: str, places: Iterable[str]) -> bool:
    return any(place.startswith(f"{package}/") for place in places)


def _place(source: Source, node: _Function) -> str:
    return f"{source.name}:{node.lineno} {node.name}"


def _height(node: _Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _arguments(node: _Function) -> int:
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return sum(argument.arg not in {"self", "cls"} for argument in given)


def above(figures: Mapping[str, Sequence[Figure]], ceilings: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A line for each figure that is above its ceiling, and one for each thing that it counts.

    Raises:
        DataError: A figure has no ceiling, or a ceiling no figure.
    """
    lines: list[str] = []
    for package, found in figures.items():
        given = ceilings.get(package, {})
        if odd := {figure.name for figure in found} ^ {*given}:
            raise DataError(f"{CEILINGS.name}: {package}: '{min(odd)}' has no figure or no ceiling")
        for figure in found:
            if figure.number > given[figure.name]:
                most = f"expected at most {given[figure.name]} ({CEILINGS.name})"
                lines.append(f"{package}: {figure.name}: {figure.number}, {most}")
                lines += [f"  {line}" for line in figure.where]
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures, or check them.

    Returns:
        0 when all is well, 1 when a figure is above its ceiling, 2 when the ceilings are not what they should be.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.floors", description="How the packages are built.")
    parser.add_argument(
        "--check", action="store_true", help=f"fail when a figure is above its ceiling in {CEILINGS.name}"
    )
    parser.add_argument("--list", action="store_true", help="say what was counted")
    arguments = parser.parse_args(argv)
    figures = measure(PACKAGES)
    try:
        ceilings = load_json(CEILINGS, dict[str, dict[str, int]])
        too_high = above(figures, ceilings)
    except DataError as error:
        print(f"floors: {error}", file=sys.stderr)
        return 2
    if arguments.check:
        print("\n".join(too_high) or "every figure is at or below its ceiling")
        return int(bool(too_high))
    _show(figures, ceilings, everything=arguments.list)
    return 0


def _show(
    figures: Mapping[str, Sequence[Figure]], ceilings: Mapping[str, Mapping[str, int]], *, everything: bool
) -> None:
    console = open_console(wrap=True)
    table = Table("figure (ceiling)", *figures)
    for rows in zip(*figures.values(), strict=True):
        numbers = [
            f"{figure.number} ({ceilings[package][figure.name]})" for package, figure in zip(figures, rows, strict=True)
        ]
        table.add_row(rows[0].name, *numbers)
    console.print(table)
    if everything:
        for line in dict.fromkeys(line for found in figures.values() for figure in found for line in figure.where):
            console.print(line)


if __name__ == "__main__":
    sys.exit(main())
