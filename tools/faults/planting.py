"""What a defect is, and how it is judged."""

from __future__ import annotations

import logging
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

Outcome = Literal["refused", "said", "harmless", "CHANGED", "TRACEBACK"]
FAILED: tuple[Outcome, ...] = ("CHANGED", "TRACEBACK")
COPY = "copy-"
"""The name of a folder into which a defect is planted begins so."""
_LOGGERS = ("benchmark", "mer_lightning")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a reader made of a folder.

    Attributes:
        value: Everything that decides a prediction or a score, comparable with ``==``.
        said: Remarks that a user sees.
    """

    value: object
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of defect.

    Attributes:
        name: What is wrong, for the table.
        plant: Spoils a copy of the sound folder.
    """

    name: str
    plant: Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Area:
    """Files of one kind, and who reads them.

    Attributes:
        name: For the table.
        make: Writes the sound folder.
        read: Reads it as a command does; raises ``DataError`` where it refuses.
        targets: Files that are damaged in every way that any file can be, by what they are called in the table.
        spared: Of these ways, by their names, those that no reader of this kind of file could tell: its form carries no
            checksum.
        faults: Defects of this kind of file alone.
    """

    name: str
    make: Callable[[Path], object]
    read: Callable[[Path], Seen]
    targets: Mapping[str, str]
    spared: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a defect.

    Attributes:
        area: Where it was planted.
        fault: Its name.
        outcome: What the reader did.
        line: What it said.
    """

    area: str
    fault: str
    outcome: Outcome
    line: str = ""


def judge(area: Area, fault: Fault, sound: Path, expected: Seen, folder: Path) -> Verdict:
    """Plant a defect into a copy of a sound folder and see what becomes of it.

    Args:
        area: Whose folder it is.
        fault: The defect.
        sound: The sound folder.
        expected: What the reader makes of that.
        folder: Where the copy goes; must not exist, and its name begins with ``COPY``.
    """
    shutil.copytree(sound, folder, symlinks=True)
    fault.plant(folder)
    try:
        found = see(area, folder)
    except DataError as error:
        line = _short(str(error), folder)
        return Verdict(area.name, fault.name, "refused" if line and "\n" not in line else "TRACEBACK", line)
    except Exception as error:  # what is not a DataError reaches users as a traceback
        return Verdict(area.name, fault.name, "TRACEBACK", _short(f"{type(error).__name__}: {error}", folder))
    before = {_short(one, sound) for one in expected.said}
    new = [line for one in found.said if (line := _short(one, folder)) not in before]
    if new:
        return Verdict(area.name, fault.name, "said", new[0])
    return Verdict(area.name, fault.name, "harmless" if found.value == expected.value else "CHANGED")


def see(area: Area, folder: Path) -> Seen:
    """Read a folder; what is logged meanwhile is said, too."""
    with _logged() as lines:
        found = area.read(folder)
    return Seen(found.value, (*found.said, *lines))


@contextmanager
def _logged() -> Generator[list[str]]:
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    listener = Listener()
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(listener)
    try:
        yield lines
    finally:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(listener)


def _short(line: str, folder: Path) -> str:
    """A message without the place where the folder happens to lie."""
    for place in dict.fromkeys((folder.resolve(), folder)):
        line = line.replace(f"{place}/", "").replace(str(place), ".").replace(str(place.parent), "..")
    return line
