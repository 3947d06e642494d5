"""What is wrong with the files a user gave, one line per row or file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mer_lightning.types import DataError, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as the annotation release says.

    Attributes:
        file: File or folder, relative to the root of the database.
        row: Row of a sheet or line of a text file, counted from 1; None if the file as a whole is meant.
        message: What is wrong and what was expected.
    """

    file: str
    row: int | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.row is None else f"{self.file} row {self.row}"
        return one_line(f"{place}: {self.message}")


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is odd in a release and taken as it is, or that was found and is not read.

    Attributes:
        file: File or folder, relative to the root of the database.
        row: Row of a sheet, counted from 1; None if the file as a whole is meant.
        message: What is odd, and what would change it.
    """

    file: str
    row: int | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.row is None else f"{self.file} row {self.row}"
        return one_line(f"{place}: {self.message}")


def refuse(problems: Sequence[Problem]) -> None:
    """Raise the first problem, if there is one, and say how many more there are.

    Raises:
        DataError: There is a problem.
    """
    if problems:
        more = f" (and {len(problems) - 1} more; see `mer-bench data verify`)" if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}{more}")
