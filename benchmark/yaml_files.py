"""Strict reading of the YAML files that people write: recipes, suites, reported numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import ValidationError

from mer_lightning.mistakes import first_mistake
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T", bound=Settings)
# libyaml reads several times as fast; some builds of PyYAML lack it
_SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 100
_MOST_VALUES = 10_000


class _Loader(_SafeLoader):
    """YAML in which a key that is given twice is an error instead of the last one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]  # pyright: ignore[reportUnknownMemberType]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"key '{key}' is given twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def load_yaml(path: Path, kind: type[T], **given: object) -> T:
    """Read a file into a settings class.

    Args:
        path: The YAML file.
        kind: Class of the result.
        given: Values that do not come from the file, such as a name that is the file's own.

    Raises:
        DataError: The file is missing, not YAML or larger than anybody writes, or a key is unknown, missing or of the
            wrong type; the message names the file and the key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _measure(text)
        values = yaml.load(text, _Loader)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable ({error})") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise DataError(f"{path}: line {line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise DataError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    except ValueError as error:
        # what looks like a number or a day and is none
        raise DataError(f"{path}: not YAML ({error})") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: expected keys and values, found {type(values).__name__}")
    try:
        # strict through JSON: a list may fill a tuple, but text never becomes a number
        return kind.model_validate_json(json.dumps(values | given))
    except ValidationError as error:
        raise DataError(f"{path}: {first_mistake(error)}") from error
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error


def _measure(text: str) -> None:
    """Refuse what is nested deeper, or spelt out holds more values, than anybody writes, before any of it is built.

    Raises:
        MarkedYAMLError: Names the line.
    """
    anchors: list[str | None] = []
    sizes = [0]
    named: dict[str, int] = {}
    for event in yaml.parse(text, _SafeLoader):
        size, anchor = 0, None
        if isinstance(event, yaml.CollectionStartEvent):
            anchors.append(event.anchor)
            sizes.append(0)
        elif isinstance(event, yaml.CollectionEndEvent):
            size, anchor = sizes.pop() + 1, anchors.pop()
        elif isinstance(event, yaml.ScalarEvent):
            size, anchor = 1, event.anchor
        elif isinstance(event, yaml.AliasEvent):
            # what stands for a value counts as often as it stands there
            size = named.get(event.anchor, 0)
        sizes[-1] += size
        if anchor is not None:
            named[anchor] = size
        if len(sizes) > _DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {_DEEPEST}", problem_mark=event.start_mark)
        if sizes[-1] > _MOST_VALUES:
            raise yaml.MarkedYAMLError(problem=f"more than {_MOST_VALUES} values", problem_mark=event.start_mark)
