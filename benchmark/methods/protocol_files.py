"""Protocols by what a user calls them: one of the suite's, one in the workspace, or a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.files import load_yaml
from benchmark.places import workspace
from mer_lightning.protocols import PROTOCOLS, Definition, get_protocol, register_protocol
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from mer_lightning.protocols import Protocol

_FILE = re.compile(r"(?P<path>.*\.ya?ml)(?P<selection>\+\w+)?")


def find_protocol(name: str) -> Protocol:
    """Find a protocol by its id, ``<name>`` or ``<name>+<selection>``.

    Args:
        name: Its name is one of the suite's, that of a file ``protocols/<name>.yaml`` in the workspace, or one that
            records define; instead of it, the path of a file ``<name>.yaml``.

    Raises:
        DataError: No such protocol or selection, its file is not what it should be, or two files define one name
            otherwise.
    """
    if match := _FILE.fullmatch(name):
        return get_protocol(_register_file(Path(match["path"])).name + (match["selection"] or ""))
    base = name.partition("+")[0]
    path = workspace().protocols / f"{base}.yaml"
    if re.fullmatch(r"[a-z0-9-]+", base) and path.is_file():
        _register_file(path)
    try:
        return get_protocol(name)
    except DataError as error:
        raise DataError(f"{error}{_others(base)}") from None


def is_protocol_file(name: str) -> bool:
    """Whether a protocol is named by a file, maybe with a selection behind it."""
    return _FILE.fullmatch(name) is not None


def load_definition(path: Path) -> Definition:
    """Read the file of a user's protocol, which is called as the file is.

    Raises:
        DataError: The file is not what it should be.
    """
    return load_yaml(path, Definition, name=path.stem)


def _register_file(path: Path) -> Protocol:
    return register_protocol(load_definition(path), str(path))


def _others(base: str) -> str:
    """What else there would be, after the names of the suite's."""
    if base in PROTOCOLS:
        return ""
    own = sorted(path.stem for path in workspace().protocols.glob("*.yaml") if path.stem not in PROTOCOLS)
    return "".join(f", {name}" for name in own) + ", or a file <name>.yaml"
