"""Recipes: where each file lies, and what a file says that only names what differs from another.

Some are shipped, installed distributions offer others, and the user has own ones: in the workspace, or anywhere, named
on the command line. A name stands for one file.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from benchmark.files import read_yaml
from benchmark.places import RECIPES, workspace
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
        path: Where it lies.
        of: Whose it is: nothing where it is shipped, ``workspace``, ``file`` where it was named on the command line, or
            name and version of the distribution that offers it.
        problem: Why its name cannot be used; mostly empty.
    """

    path: Path
    of: str = SHIPPED
    problem: str = ""


def recipe_files() -> dict[str, RecipeFile]:
    """The file of every recipe by its name, sorted; a paper with several recipes has a folder of its own.

    Raises:
        DataError: Two files that are shipped have one name.
    """
    files: dict[str, RecipeFile] = {}
    for path in _yaml_below(RECIPES):
        if path.stem in files:
            raise DataError(f"{path}: method '{path.stem}' already has a recipe in {files[path.stem].path.parent}")
        files[path.stem] = RecipeFile(path)
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
    files = recipe_files()
    if name not in files:
        raise DataError(unknown("method", name, files, "`mer-bench methods`"))
    if files[name].problem:
        raise DataError(files[name].problem)
    return files[name].path


def recipe_file(name: str) -> str:
    """The file of a recipe as messages name it, e.g. ``recipes/s1/me-resnet.yaml``, or where it would lie."""
    path = recipe_paths().get(name, RECIPES / f"{name}.yaml")
    return path.relative_to(RECIPES.parent).as_posix() if path.is_relative_to(RECIPES.parent) else str(path)


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
    path, chain = recipe_path(name), (*variants, name)
    values = read_yaml(path)
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
