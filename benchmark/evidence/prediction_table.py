"""A table of predictions: which of its columns are what, with a header, other titles, or none at all."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

HEADER = ["database", "subject", "clip", "label", "prediction"]
SEPARATORS = ",;\t"
COUNTED = "#"
"""Before the number of a clip whose name the file does not say."""
DATABASES = {"smic": "smic", "casme2": "casme2", "casmeii": "casme2", "samm": "samm"}
"""How people write the databases of the composite, without capitals, blanks and hyphens."""
_NEEDED = ("label", "prediction")
_SUBJECT_FORMS = {r"s\d{2}": "smic", r"sub\d{2}": "casme2", r"\d{3}": "samm"}


@dataclass(frozen=True, slots=True)
class Scored:
    """One prediction, and the line that it stands on; the subject is empty where the file does not say."""

    database: str
    subject: str
    clip: str
    label: str
    prediction: str
    line: int


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where what is needed stands in a row.

    Attributes:
        places: By our name; what the file does not have is not in it.
        width: Cells of a row.
        titles: For messages.
        header: False where the first row is a prediction already.
    """

    places: Mapping[str, int]
    width: int
    titles: str
    header: bool


def read_prediction_table(
    path: Path, lines: Sequence[str], columns: Mapping[str, str], home: str | None
) -> tuple[tuple[Scored, ...], tuple[str, ...]]:
    """Read a table of predictions; nothing is interpreted yet.

    Args:
        path: The file, for messages.
        lines: What is in it.
        columns: Titles that differ from ours, ours first, e.g. ``{"label": "truth"}``.
        home: Database of a table without a column of it.

    Returns:
        Every prediction in order, and what whoever reads the scores must know of how the table was read.

    Raises:
        DataError: Names file, line and what was expected there.
    """
    rows = _cells(path, lines)
    first = next(rows, None)
    if first is None:
        return (), ()
    found = _find_columns(path, *first, columns)
    listed: list[tuple[int, list[str]]] = [*rows] if found.header else [first, *rows]
    for number, cells in listed:
        if len(cells) != found.width or not all(cells[place] for place in found.places.values()):
            raise DataError(
                f"{path}: line {number}: expected {found.width} filled cells ({found.titles}), "
                f"found {','.join(cells)[:200]}"
            )
    people = [cells[found.places["subject"]] if "subject" in found.places else "" for _, cells in listed]
    homes, told = _homes(found, listed, people, home)
    counted: Counter[tuple[str, str]] = Counter()
    scored: list[Scored] = []
    for (number, cells), database, person in zip(listed, homes, people, strict=True):
        counted[database, person] += 1
        clip = cells[found.places["clip"]] if "clip" in found.places else f"{COUNTED}{counted[database, person]}"
        label, prediction = (cells[found.places[name]] for name in _NEEDED)
        scored.append(Scored(database, person, clip, label, prediction, number))
    return tuple(scored), (*_remarks(found), *told)


def tell_databases(people: Sequence[str], home: str | None, otherwise: str) -> tuple[list[str], bool]:
    """Database of each subject, as far as the names of all of them tell it.

    Args:
        people: Subjects of the composite, or others.
        home: Database of those whose names do not tell it.
        otherwise: Where that is not known either.

    Returns:
        The databases, and whether the names told them.
    """
    known = [next((name for form, name in _SUBJECT_FORMS.items() if re.fullmatch(form, one)), None) for one in people]
    told = [name for name in known if name is not None]
    return (told, True) if len(told) == len(people) else ([home or otherwise] * len(people), False)


def _cells(path: Path, lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of every row that is not blank."""
    first = next((line for line in lines if line.strip()), "")
    reader = csv.reader(lines, delimiter=max(SEPARATORS, key=first.count), strict=True)
    try:
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if any(values):
                yield reader.line_num, values
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: not a CSV row ({error})") from error


def _find_columns(path: Path, number: int, cells: list[str], columns: Mapping[str, str]) -> _Columns:
    """What a first row says, or, where it is a prediction already, what the official list has."""
    if strange := [name for name in columns if name not in HEADER]:
        name = strange[0]
        raise DataError(f"--columns {name}={columns[name]}: expected one of {', '.join(HEADER)} before the =")
    if not columns and re.sub(r"[\s_-]", "", cells[0].casefold()) in DATABASES:
        if len(cells) != len(HEADER):
            raise DataError(
                f"{path}: line {number}: no header, and {len(cells)} cells; expected {', '.join(HEADER)}, as in the "
                "official list with a prediction after each label"
            )
        return _Columns({name: place for place, name in enumerate(HEADER)}, len(HEADER), ",".join(HEADER), header=False)
    titles = [title.casefold() for title in cells]
    places: dict[str, int] = {}
    for name in HEADER:
        wanted = columns.get(name, name)
        there = [place for place, title in enumerate(titles) if title == wanted.casefold()]
        if len(there) > 1:
            raise DataError(f"{path}: line {number}: two columns are called {wanted}; expected one")
        if there:
            places[name] = there[0]
        elif name in columns or name in _NEEDED:
            raise DataError(
                f"{path}: line {number}: expected the header {','.join(HEADER)}, or other titles named with --columns, "
                f"e.g. label=truth; no column is called {wanted}, found {','.join(cells)[:200]}"
            )
    if len(set(places.values())) < len(places):
        raise DataError(f"--columns: one column of {path} is named for two things; expected a title for each")
    return _Columns(places, len(cells), ",".join(cells)[:200], header=True)


def _homes(
    found: _Columns, listed: Sequence[tuple[int, list[str]]], people: Sequence[str], home: str | None
) -> tuple[list[str], list[str]]:
    if "database" in found.places:
        return [cells[found.places["database"]] for _, cells in listed], []
    homes, told = tell_databases(people, home, "table")
    return homes, [TOLD] if told else []


TOLD = "databases are told by the subjects' names: s01 is SMIC, sub01 CASME II, 006 SAMM"


def _remarks(found: _Columns) -> Iterator[str]:
    if not found.header:
        yield f"no header: the columns are taken for {', '.join(HEADER)}, as in the official list"
    if "subject" not in found.places:
        yield "no column subject: without it there is no interval and no mean over subjects; --columns names it"
    if "clip" not in found.places:
        yield "no column clip: predictions are counted in order, and a clip that is given twice counts twice"
