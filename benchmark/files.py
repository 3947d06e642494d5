"""The YAML files that people write, read strictly, and the JSON files that the suite writes and reads again."""

from __future__ import annotations

import hashlib
import json
import re
from copy import deepcopy
from functools import lru_cache
from io import StringIO
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode

from mer_lightning.files import write_text
from mer_lightning.mistakes import first_mistake
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

T = TypeVar("T", bound=Settings)
J = TypeVar("J")
_DEEPEST = 100
_MOST_VALUES = 10_000
_CHECKSUM = "checksum"
_KINDS = {"str", "int", "float", "bool", "null", "seq", "map", "merge", "value"}
"""What a YAML file may hold."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def load_yaml(path: Path, kind: type[T], **given: object) -> T:
    """Read a file into a settings class.

    Args:
        path: The YAML file.
        kind: Class of the result.
        given: Values that do not come from the file, such as a name that is the file's own.

    Raises:
        DataError: As ``read_yaml`` and ``fill``; or the file gives such a value itself, and another one.
    """
    values = read_yaml(path)
    for key, value in given.items():
        if key in values and values[key] != value:
            raise DataError(f"{path}: {key}: is '{value}', which the file does not say itself; leave it out")
    return fill(kind, values | given, path)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read the keys and values of a file.

    Raises:
        DataError: The file is missing, not YAML, larger than anybody writes, or holds something else; the message
            names the file and the line.
    """
    try:
        # whoever takes a key away must not take it from others
        values = deepcopy(_read_text(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable ({error})") from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise DataError(f"{path}: line {line}: {error.problem}") from error
    except (YAMLError, ValueError) as error:
        # also what looks like a number or a day and is none
        raise DataError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: expected keys and values, found {type(values).__name__}")
    return values


@lru_cache(maxsize=1024)
def _read_text(text: str) -> object:
    """Recipes are read several times by one command, and by each of their variants."""
    _measure(text)
    return _yaml().load(text)


def fill(kind: type[T], values: Mapping[str, Any], place: Path | str) -> T:
    """Make a settings class of the values of a file, or of a place in one.

    Raises:
        DataError: A key is unknown, missing or of the wrong type; the message names the place and the key.
    """
    try:
        # strict through JSON: a list may fill a tuple, but text never becomes a number
        return kind.model_validate_json(json.dumps(values, default=_refuse_value))
    except ValidationError as error:
        raise DataError(f"{place}: {first_mistake(error)}") from error
    except (TypeError, ValueError) as error:
        raise DataError(f"{place}: {error}") from error


def _refuse_value(value: object) -> None:
    raise TypeError(f"expected text, numbers, lists and keys, found the {type(value).__name__} {value}; quote a text")


def yaml_text(values: Mapping[str, Any], *, together: bool = False) -> str:
    """Values as YAML, in their order; the innermost lists and mappings each on one line if ``together``."""
    yaml, text = _yaml(), StringIO()
    yaml.default_flow_style = None if together else False
    yaml.dump(dict(values), text)
    return text.getvalue()


class _Constructor(SafeConstructor):
    """Makes text, numbers, lists and mappings; anything else is named with its line."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:  # noqa: ANN401 - whatever is in a file
        """Make the value of a place in the file.

        Raises:
            MarkedYAMLError: It is of another kind, or looks like a number or a day and is none.
        """
        kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
        for key, _ in node.value if isinstance(node, MappingNode) else ():
            if not isinstance(key, ScalarNode):
                raise MarkedYAMLError(problem="expected a word as the name of a key", problem_mark=key.start_mark)
        try:
            found = super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:
            raise MarkedYAMLError(problem=f"not YAML ({error})", problem_mark=node.start_mark) from error
        if kind not in _KINDS:
            kind = {"timestamp": "date"}.get(kind, kind)
            said = f"expected text, numbers, lists and keys, found a {kind}"
            shown = f" {node.value}; quote a text" if isinstance(node.value, str) else ""
            raise MarkedYAMLError(problem=said + shown, problem_mark=node.start_mark)
        return found


def _yaml() -> YAML:
    """YAML 1.2, in which a key that is given twice is an error."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    yaml.width, yaml.allow_unicode = 110, True
    yaml.sort_base_mapping_type_on_output = False  # pyright: ignore[reportAttributeAccessIssue]
    return yaml


def _measure(text: str) -> None:
    """Refuse what is nested deeper, or spelt out holds more values, than anybody writes, before any of it is built.

    Raises:
        MarkedYAMLError: Names the line.
    """
    anchors: list[str | None] = []
    sizes = [0]
    named: dict[str, int] = {}
    for event in _yaml().parse(text):
        size, anchor = 0, None
        if isinstance(event, CollectionStartEvent):
            anchors.append(event.anchor)
            sizes.append(0)
        elif isinstance(event, CollectionEndEvent):
            size, anchor = sizes.pop() + 1, anchors.pop()
        elif isinstance(event, ScalarEvent):
            size, anchor = 1, event.anchor
        elif isinstance(event, AliasEvent):
            if event.anchor in anchors:
                raise MarkedYAMLError(problem=f"*{event.anchor} stands within itself", problem_mark=event.start_mark)
            # what stands for a value counts as often as it stands there
            size = named.get(event.anchor, 0)
        sizes[-1] += size
        if anchor is not None:
            named[anchor] = size
        if len(sizes) > _DEEPEST:
            raise MarkedYAMLError(problem=f"nested deeper than {_DEEPEST}", problem_mark=event.start_mark)
        if sizes[-1] > _MOST_VALUES:
            raise MarkedYAMLError(problem=f"more than {_MOST_VALUES} values", problem_mark=event.start_mark)


def csv_cell(value: object) -> object:
    """What stands in a cell of a CSV file for people: nothing for None, and no text that a spreadsheet would calculate.

    Such text, which begins with ``=``, ``+``, ``-``, ``@`` or a tabulator and is no number, gets a ``'`` before it.
    """
    if value is None:
        return ""
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def load_json(path: Path, kind: type[J]) -> J:
    """Read a file as what it should be.

    Args:
        path: The JSON file.
        kind: Class of the result, or a tuple of such classes.

    Raises:
        DataError: It cannot be read or is something else; the message names the file and the key.
    """
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise DataError(f"{path}: {first_mistake(error)}") from error


def checksum(values: Mapping[str, Any], identity: str = "") -> str:
    """SHA-256 of what a file holds, however it is laid out, and of whose it is.

    Args:
        values: As JSON has them.
        identity: What the file is of, where that is not in the values: the same values of another have another sum.
    """
    text = json.dumps([identity, values], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def signed(values: Mapping[str, Any], identity: str = "") -> dict[str, Any]:
    """Values with their checksum beside them."""
    return {**values, _CHECKSUM: checksum(values, identity)}


def load_signed(path: Path, kind: type[J], identity: str = "") -> tuple[J, bool]:
    """Read a file as what it should be, and hold it against its checksum.

    Args:
        path: The JSON file.
        kind: Class of the result.
        identity: Whose it has to be, as of ``checksum``.

    Returns:
        What it holds, and whether it had a checksum; files from before there were any have none.

    Raises:
        DataError: It cannot be read, is something else, was changed since it was written, or is another's.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        loaded = None
    values: dict[str, Any] = loaded if isinstance(loaded, dict) else {}
    given = values.pop(_CHECKSUM, None)
    try:
        found = TypeAdapter(kind).validate_json(text if given is None else json.dumps(values))
    except ValidationError as error:
        raise DataError(f"{path}: {first_mistake(error)}") from error
    if given is not None and given != checksum(values, identity):
        raise DataError(f"{path}: its checksum does not fit; it was changed since it was written, or is another's")
    return found, given is not None


def write_json(path: Path, payload: object, indent: int | None = 1) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        DataError: The disk is full, or does not take it for another reason.
    """
    text = _compact_rows(json.dumps(payload, indent=indent, ensure_ascii=False)) + "\n"
    try:
        write_text(path, text)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}; what was recorded before is whole") from error


def _compact_rows(text: str) -> str:
    """Put innermost lists of numbers, and each side of an audit, on one line: they read and diff by rows."""
    rows = r"\[\s+((?:-?\d+(?:\.\d+)?(?:e-?\d+)?,?\s+)+)\]"
    text = re.sub(rows, lambda m: "[" + " ".join(m.group(1).split()) + "]", text)
    sides = r'\{\s+((?:"(?:samples|keys|contents|subject|clip|content)": (?:\d+|"[0-9a-f]{32}"),?\s+)+)\}'
    return re.sub(sides, lambda m: "{" + " ".join(m.group(1).split()) + "}", text)
