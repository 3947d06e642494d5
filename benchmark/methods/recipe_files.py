"""Recipes: where each file lies, and what a file says that only names what differs from another.

Some are shipped, installed distributions offer others, and the user has own ones: in the workspace, or anywhere, named
on the command line. A name stands for one file; ``X-short`` for the recipe of that name as a budget shortens it.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from benchmark.files import read_yaml
from benchmark.methods.budget import SHORT, Budget, load_budgets
from benchmark.places import BUDGETS, RECIPES, workspace
from mer_lightning.mistakes import unknown
from mer_lightning.outside import GROUPS, Place, folder_of, offers
from mer_lightning.outside import RECIPES as OFFERED_RECIPES
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIANT_OF = "variant_of"
RECIPE_NAME = r"^[a-z0-9][a-z0-9-]*$"
EDITION = r"[a-z0-9-]+"
"""What an input that is not the usual one of its protocol may be called."""
MARKED_ROW = re.compile(r"^(mine|contributed)-|-tuned(-global)?$")
"""How rows are called that are a user's, others', or of values that ``mer-bench tune`` chose."""
SHIPPED, WORKSPACE, NAMED = "", "workspace", "file"

_named: ContextVar[Mapping[str, Path]] = ContextVar("recipes named on the command line", default=MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A file with a recipe.

    Attributes:
        path: Where it lies; of a shortened recipe, the file of its budget.
        of: Whose it is: nothing where it is shipped, ``workspace``, ``file`` where it was named on the command line, or
            name and version of the distribution that offers it.
        problem: Why its name cannot be used; mostly empty.
        budget: What shortens it; None for a recipe that is written out.
    """

    path: Path
    of: str = SHIPPED
    problem: str = ""
    budget: Budget | None = None


def recipe_files() -> dict[str, RecipeFile]:
    """The file of every recipe by its name, sorted; a paper with several recipes has a folder of its own.

    Raises:
        DataError: Two recipes that are shipped have one name, or a budget shortens one that is not there.
    """
    files: dict[str, RecipeFile] = {}
    for path in _yaml_below(RECIPES):
        if path.stem in files:
            raise DataError(f"{path}: method '{path.stem}' already has a recipe in {files[path.stem].path.parent}")
        files[path.stem] = RecipeFile(path)
    files |= _shortened_files(files)
    for path, of in _of_others():
        name, there = path.stem, files.get(path.stem)
        if there is None:
            files[name] = RecipeFile(path, of, _wrong_name(path))
        elif there.path.resolve() != path.resolve():
            whose = "the suite has" if there.of == SHIPPED else f"{there.path} is"
            doubled = f"{path}: {whose} a method '{name}' already; call the file otherwise"
            # what is shipped stays usable in tables, but asking for it by this name is not clear
            files[name] = RecipeFile(there.path, there.of, there.problem or doubled)
    return dict(sorted(files.items()))


def recipe_paths() -> dict[str, Path]:
    """File of every recipe by its name, sorted.

    Raises:
        DataError: As ``recipe_files``.
    """
    return {name: file.path for name, file in recipe_files().items()}


def offer_problems() -> list[str]:
    """What is wrong with what installed distributions offer, a line each that names the distribution."""
    groups = (OFFERED_RECIPES, *GROUPS.values())
    problems = [problem for group in groups for problem in offers(group).problems]
    return [*dict.fromkeys(problems), *_broken_offers()]


def recipe_path(name: str) -> Path:
    """File of a recipe.

    Raises:
        DataError: No such recipe, or its name is not clear.
    """
    return _file_of(name).path


def recipe_place(name: str) -> str:
    """Where a recipe is written: its file, or the budget that shortens it with what it shortens.

    Raises:
        DataError: As ``recipe_path``.
    """
    return _place(_file_of(name), name)


def is_written_out(name: str) -> bool:
    """Whether the file of a recipe says all of it, and nothing else.

    Raises:
        DataError: As ``recipe_path``, or the file is not YAML.
    """
    file = _file_of(name)
    return file.budget is None and VARIANT_OF not in read_yaml(file.path)


def recipe_file(name: str) -> str:
    """The file of a recipe as messages name it, e.g. ``recipes/s1/me-resnet.yaml``, or where it would lie."""
    file = recipe_files().get(name, RecipeFile(RECIPES / f"{name}.yaml"))
    if file.path.is_relative_to(RECIPES.parent):
        file = replace(file, path=file.path.relative_to(RECIPES.parent))
    return _place(file, name)


def name_of(given: str) -> str:
    """The name of a method that is given by its name or by the path of its file, which the command knows from now on.

    Raises:
        DataError: The file is not there, or has a name that is none, or that another method has.
    """
    if "/" not in given and not given.endswith((".yaml", ".yml")):
        return given
    path = Path(given)
    if path.suffix != ".yaml":
        raise DataError(f"{given}: expected a file <name>.yaml, or the name of a method")
    if not path.is_file():
        raise DataError(f"{given}: no such file")
    before = _named.get().get(path.stem)
    if before is not None and before.resolve() != path.resolve():
        raise DataError(f"{path}: {before} is a method '{path.stem}' already; call the file otherwise")
    _named.set({**_named.get(), path.stem: path})
    recipe_path(path.stem)
    return path.stem


def read_recipe(name: str) -> dict[str, Any]:
    """Everything that a recipe says; of a variant, what it is a variant of says the rest.

    ``variant_of: <method>`` takes over that method's recipe. A key of the variant replaces that of the method, keys
    within a mapping one by one (as in a JSON merge patch, RFC 7396); ``null`` takes away a key that is there.

    Raises:
        DataError: No such recipe, a file is not YAML, variants go round in a circle, or a key that is taken
            away is not there.
    """
    return _resolved(name, ())


def _file_of(name: str) -> RecipeFile:
    """The file of a recipe whose name is clear."""
    files = recipe_files()
    if name not in files:
        raise DataError(unknown("method", name, files, "`mer-bench methods`"))
    if files[name].problem:
        raise DataError(files[name].problem)
    return files[name]


def _place(file: RecipeFile, name: str) -> str:
    return f"{file.path}" if file.budget is None else f"{file.path}: recipes.{name.removesuffix(SHORT)}"


def _shortened_files(files: Mapping[str, RecipeFile]) -> dict[str, RecipeFile]:
    """What budgets make of recipes that are written out."""
    made: dict[str, RecipeFile] = {}
    folder = RECIPES.parent / BUDGETS.name
    for budget in load_budgets(folder).values():
        for name in budget.recipes:
            file = RecipeFile(folder / f"{budget.name}.yaml", budget=budget)
            short = f"{name}{SHORT}"
            if name not in files:
                raise DataError(f"{_place(file, name)}: {unknown('method', name, files, '`mer-bench methods`')}")
            if there := files.get(short) or made.get(short):
                raise DataError(f"{_place(file, name)}: method '{short}' already has a recipe in {there.path}")
            made[short] = file
    return made


def _wrong_name(path: Path) -> str:
    """Why a file that is not shipped cannot be called so; mostly empty."""
    if not re.match(RECIPE_NAME, path.stem):
        return f"{path}: expected a file <name>.yaml, in lower-case letters, digits and -"
    if taken := MARKED_ROW.search(path.stem):
        return f"{path}: '{taken[0]}' marks rows of other results in tables; call the file otherwise"
    return ""


def _of_others() -> Iterator[tuple[Path, str]]:
    """Files that are not shipped, each with whose it is."""
    for place in _offered():
        try:
            folder = folder_of(place)
        except DataError:
            continue
        yield from ((path, place.distribution) for path in _yaml_below(folder))
    yield from ((path, WORKSPACE) for path in _yaml_below(workspace().methods))
    yield from ((path, NAMED) for path in _named.get().values())


def _offered() -> Iterator[Place]:
    for places in offers(OFFERED_RECIPES).places.values():
        yield from places


def _broken_offers() -> Iterator[str]:
    for place in _offered():
        try:
            folder_of(place)
        except DataError:
            yield f"{place.distribution}: entry point of {OFFERED_RECIPES}: no package {place.module}"


def _yaml_below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.yaml"), key=lambda path: path.stem)


def _resolved(name: str, variants: tuple[str, ...]) -> dict[str, Any]:
    file, chain = _file_of(name), (*variants, name)
    if file.budget is not None:
        return _shortened(name.removesuffix(SHORT), file.budget, _place(file, name), chain)
    path, values = file.path, read_yaml(file.path)
    other = values.pop(VARIANT_OF, None)
    if other is None:
        return values
    if not isinstance(other, str):
        raise DataError(f"{path}: {VARIANT_OF}: expected the name of a method, found {other}")
    if other in chain:
        raise DataError(f"{path}: variant_of: {' is a variant of '.join([*chain, other])}")
    if other not in recipe_paths():
        raise DataError(f"{path}: variant_of: {unknown('method', other, recipe_paths(), '`mer-bench methods`')}")
    try:
        return _merged(_resolved(other, chain), values)
    except _NotThereError as error:
        raise DataError(f"{path}: {error.key}: null takes a key away, but {other} has none of this name") from None


def _shortened(name: str, budget: Budget, place: str, chain: tuple[str, ...]) -> dict[str, Any]:
    """A recipe as a budget has it, which says so wherever the recipe says what it is."""
    one, values = budget.recipes[name], _resolved(name, chain)
    try:
        for changes in (budget.every, one):
            values = _merged(values, changes.patch)
    except _NotThereError as error:
        raise DataError(f"{place}: {error.key}: null takes a key away, but {name} has none of this name") from None
    said = {"title": f"{values.get('title')}, shortened", "summary": f"{values.get('summary')} {budget.summary}"}
    deviations = [*values.get("deviations", []), *budget.deviations, *one.deviations]
    return values | said | {"tier": "C", "deviations": deviations}


class _NotThereError(Exception):
    """A key is taken away that is not there."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _merged(whole: object, patch: dict[str, Any], under: str = "") -> dict[str, Any]:
    # a name alone stands for what has that name and no arguments
    merged: dict[str, Any] = {"name": whole} if isinstance(whole, str) else {}
    if isinstance(whole, dict):
        merged |= whole
    for key, value in patch.items():
        if value is None:
            if key not in merged:
                raise _NotThereError(f"{under}{key}")
            del merged[key]
        else:
            merged[key] = _merged(merged.get(key), value, f"{under}{key}.") if isinstance(value, dict) else value
    return merged
