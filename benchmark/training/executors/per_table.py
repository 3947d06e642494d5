"""What workers get of each table: made once, and forgotten with the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import finalize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mer_lightning.datamodules import Table

Made = TypeVar("Made")


class PerTable(Generic[Made]):
    """What is made of each table when its first job comes.

    Args:
        tables: Table of each run, by its id.
        make: Makes it, e.g. a file.
        forget: Undoes that once nobody has the table any more.
    """

    def __init__(
        self,
        tables: Mapping[str, Table],
        make: Callable[[Table], Made],
        forget: Callable[[Made], object] = lambda _: None,
    ) -> None:
        self._tables, self._make, self._forget = tables, make, forget
        self._made: dict[int, Made] = {}

    def __getitem__(self, run: str) -> Made:
        """What was made of the table of a run; runs of one table share it."""
        table, made, forget = self._tables[run], self._made, self._forget
        number = id(table)
        if number not in made:
            made[number] = self._make(table)
            # its number may be another table's as soon as it is gone; nothing in here may keep it alive
            finalize(table, lambda: forget(made.pop(number))).atexit = False
        return made[number]
