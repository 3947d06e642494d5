"""The action units that OpenFace has measured, kept beside a database: a row per frame, and what they rise by."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mer_lightning.faces.landmarks import LONGEST_NUMBER, MOST_ROWS
from mer_lightning.files import replacing
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from mer_lightning.types import Sample

UNIT = re.compile(r"AU(\d\d)_([rc])")
"""Titles of OpenFace: the intensity ``AU01_r``, 0..5, and the presence ``AU01_c``, 0 or 1."""
STRONGEST = 5.0
_NAMED = ("database", "subject", "clip", "frame")


def units_file(root: Path, variant: str) -> Path:
    """Place of a database's action units; they were measured in one copy of its frames, so its name says which."""
    return root / f"units-{variant}.csv"


@dataclass(slots=True)
class Units:
    """Action units of clips by frame.

    Attributes:
        names: ``AU01_r`` and so on, intensities first, in their order.
        frames: Values in that order, by sample key and frame as annotated.
    """

    names: tuple[str, ...]
    frames: dict[str, dict[int, tuple[float, ...]]] = field(default_factory=dict[str, dict[int, tuple[float, ...]]])

    def of(self, sample: Sample, frame: int) -> tuple[float, ...] | None:
        """Values of one frame; None where no face was found in it."""
        return self.frames.get(sample.key, {}).get(frame)


@dataclass(frozen=True, slots=True)
class UnitChange:
    """What a face does from onset to apex.

    Attributes:
        sample: The clip.
        onset: Values at the onset, in the order of ``Units.names``; None where no face was found.
        apex: The same at the apex.
    """

    sample: Sample
    onset: tuple[float, ...] | None
    apex: tuple[float, ...] | None


def unit_names(titles: Iterable[str]) -> tuple[str, ...]:
    """Those of some titles that are action units, intensities first, in order."""
    return tuple(sorted((name for name in titles if UNIT.fullmatch(name)), key=lambda name: (name[-1] == "c", name)))


def unit_value(where: str, name: str, text: str) -> float:
    """One cell.

    Raises:
        DataError: Not a number, or none that such a unit can have.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if name[-1] == "c":
        if value not in {0.0, 1.0}:
            raise DataError(f"{where}: {name} is '{text[:20]}'; expected 0 or 1")
    elif not 0 <= value <= STRONGEST:
        raise DataError(f"{where}: {name} is '{text[:20]}'; expected an intensity of 0 to {STRONGEST:g}")
    return value


def write_units(path: Path, units: Units, samples: Sequence[Sample]) -> int:
    """Write the action units of some samples; the file appears whole or not at all.

    Returns:
        Number of frames.
    """
    count = 0
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_NAMED, *units.names])
        for sample in samples:
            for frame, values in sorted(units.frames.get(sample.key, {}).items()):
                named = [sample.database, sample.subject, sample.clip, frame]
                writer.writerow([*named, *(f"{value:g}" for value in values)])
                count += 1
    return count


def read_units(path: Path) -> Units:
    """Read what ``write_units`` wrote: CSV with the columns database, subject, clip, frame, AU01_r, ...

    Raises:
        DataError: No such file, other columns, a cell that is not what it should be, or a frame given twice.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file, strict=True)
            header = [title.strip() for title in next(reader, [])]
            units = Units(unit_names(header))
            if len({*header}) < len(header) or not units.names or {*header} != {*_NAMED, *units.names}:
                raise DataError(f"{path} row 1: expected {', '.join(_NAMED)}, AU01_r and other units, each once")
            for number, row in enumerate(reader, start=2):
                if number > MOST_ROWS:
                    raise DataError(f"{path}: more than {MOST_ROWS} rows")
                if row:
                    if len(row) != len(header):
                        raise DataError(f"{path} row {number}: expected {len(header)} cells, found {len(row)}")
                    _add_row(
                        units, f"{path} row {number}", dict(zip(header, (cell.strip() for cell in row), strict=True))
                    )
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; `mer-bench data landmarks --openface` writes it") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected a CSV file in UTF-8 ({error})") from None
    return units


def _add_row(units: Units, where: str, cells: Mapping[str, str]) -> None:
    key = "/".join(cells[name] for name in _NAMED[:3])
    frame = cells["frame"]
    if not all(cells[name] for name in _NAMED[:3]):
        raise DataError(f"{where}: database, subject and clip must not be empty")
    if not (frame.isdecimal() and len(frame) < LONGEST_NUMBER):
        raise DataError(f"{where}: frame is '{frame[:20]}'; expected a whole number")
    frames = units.frames.setdefault(key, {})
    if int(frame) in frames:
        raise DataError(f"{where}: frame {int(frame)} of {key} is given twice")
    frames[int(frame)] = tuple(unit_value(where, name, cells[name]) for name in units.names)


def unit_changes(units: Units, samples: Iterable[Sample]) -> list[UnitChange]:
    """Action units at onset and apex of every sample that has both."""
    return [
        UnitChange(sample, units.of(sample, sample.onset), units.of(sample, sample.apex))
        for sample in samples
        if sample.onset is not None and sample.apex is not None
    ]


def write_unit_changes(path: Path, names: Sequence[str], changes: Sequence[UnitChange]) -> None:
    """Write a row per clip: every unit at the onset, at the apex, and how far it rises; empty without a face."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        ends = ("onset", "apex", "change")
        writer.writerow([*_NAMED[:3], "label", "onset", "apex", *(f"{name}_{end}" for name in names for end in ends)])
        for one in changes:
            s, cells = one.sample, list[object]()
            for place in range(len(names)):
                before = None if one.onset is None else one.onset[place]
                after = None if one.apex is None else one.apex[place]
                rise = None if before is None or after is None else after - before
                cells += ["" if value is None else f"{value:.6g}" for value in (before, after, rise)]
            writer.writerow([s.database, s.subject, s.clip, s.emotion, s.onset, s.apex, *cells])
