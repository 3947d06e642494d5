"""The folder of recipes: where each file lies, and what a file says that only names what differs from another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.files import read_yaml
from benchmark.places import RECIPES
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

VARIANT_OF = "variant_of"


def recipe_paths() -> dict[str, Path]:
    """File of every recipe by its name, sorted; a paper with several recipes has a folder of its own.

    Raises:
        DataError: Two files have one name.
    """
    paths: dict[str, Path] = {}
    for path in sorted(RECIPES.rglob("*.yaml"), key=lambda path: path.stem):
        if path.stem in paths:
            raise DataError(f"{path}: method '{path.stem}' already has a recipe in {paths[path.stem].parent}")
        paths[path.stem] = path
    return paths


def recipe_path(name: str) -> Path:
    """File of a recipe.

    Raises:
        DataError: No such recipe.
    """
    paths = recipe_paths()
    if name not in paths:
        raise DataError(f"method '{name}' is unknown; expected one of {', '.join(paths)}")
    return paths[name]


def recipe_file(name: str) -> str:
    """The file of a recipe as messages name it, e.g. ``recipes/s1/me-resnet.yaml``, or where it would lie."""
    path = recipe_paths().get(name, RECIPES / f"{name}.yaml")
    return path.relative_to(RECIPES.parent).as_posix()


def read_recipe(name: str) -> dict[str, Any]:
    """Everything that a recipe says; of a variant, what it is a variant of says the rest.

    ``variant_of: <method>`` takes over that method's recipe. A key of the variant replaces that of the method, keys
    within a mapping one by one (as in a JSON merge patch, RFC 7396); ``null`` takes away a key that is there.

    Raises:
        DataError: No such recipe, a file is not YAML, variants go round in a circle, or a key that is taken
            away is not there.
    """
    return _resolved(name, ())


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
        raise DataError(f"{path}: variant_of: method '{other}' is unknown")
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
