"""What a recipe names outside the suite: whose code it is, and which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from benchmark.places import workspace
from mer_lightning.outside import check_unchanged, find_place, found_in, source_hash
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class OwnCode(Settings):
    """A class outside the suite.

    Attributes:
        name: As the recipe names it.
        room: Package of the suite's own classes of this kind.
        found_in: ``workspace``, or name and version of the distribution, or ``Python path``.
        hash: SHA-256 of the files of its module and of what that imports from beside it.
    """

    name: str
    room: str
    found_in: str
    hash: str = Field(pattern="^[0-9a-f]{64}$")


def find_code(named: Iterable[tuple[str, str, str]]) -> tuple[OwnCode, ...]:
    """What is outside the suite of some classes, each once; none of it is run.

    Args:
        named: Key in the recipe, name and room of each class.

    Raises:
        DataError: There is no such module; the message starts with the key.
    """
    found: dict[tuple[str, str], OwnCode] = {}
    for key, name, room in named:
        try:
            place = find_place(name, room)
            if place is not None:
                whose = found_in(place, workspace().root)
                found[name, room] = OwnCode(name=name, room=room, found_in=whose, hash=source_hash(place.module))
        except DataError as error:
            raise DataError(f"{key}.{error}") from error
    return tuple(found.values())


def check_code(code: Sequence[OwnCode]) -> None:
    """Make sure that this process runs what was planned, perhaps by another one.

    Raises:
        DataError: A file was changed meanwhile, or cannot be run.
    """
    for one in code:
        place = find_place(one.name, one.room)
        if place is None:
            raise DataError(f"{one.name}: was found in {one.found_in} when the run was planned, and is not there now")
        check_unchanged(place, one.hash)
