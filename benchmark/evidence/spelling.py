"""One spelling per class, database, subject and clip of a table that went through other hands."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmark.evidence.prediction_table import DATABASES
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from benchmark.evidence.prediction_table import Scored

_NUMBER = re.compile(r"0*([0-9]+)(?:\.0*)?")
_OTHER_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+(e[+-]?[0-9]+)?|[+-]?(nan|inf)")
_PERSON = re.compile(r"(.*?)0*([0-9]+)(?:\.0*)?")
_PADDED = re.compile(r"(.*?[0-9]+)(?:\.0*)?")
_PEOPLE = {"smic": ("s", 2), "casme2": ("sub", 2), "samm": ("", 3)}
"""How a database calls its subjects: the word before the number, and the digits of that."""
_SHOWN = 4


@dataclass(slots=True)
class _Spelling:
    """How one thing is called, and the first line of each way in which it is written."""

    name: str
    lines: dict[str, int]


def unify(path: Path, rows: Sequence[Scored]) -> tuple[list[Scored], list[str]]:
    """Read what is surely the same as the same, and refuse what may be two things.

    Surely the same are names that differ in capitals and blanks; ``0``, ``00`` and ``0.0`` (a column of pandas that
    became decimal), where all classes are numbers; the subjects ``6``, ``06`` and ``006`` of SAMM, ``1``, ``sub1`` and
    ``sub01`` of CASME II, ``1``, ``s1`` and ``s01`` of SMIC.

    Args:
        path: The file, for messages.
        rows: What it says.

    Returns:
        The rows in one spelling, and a remark for each kind of thing that had several.

    Raises:
        DataError: Names the file, both spellings and their lines.
    """
    classes = _classes(path, rows)
    databases = _spellings((row.database, row.line, _database(row.database)) for row in rows)
    _refuse_alike(path, "database", databases, _rough)
    for key, spelling in databases.items():
        spelling.name = DATABASES.get(_rough(key), spelling.name)
    homes = [databases[_database(row.database)].name for row in rows]
    people: dict[str, dict[str, _Spelling]] = {}
    for home in dict.fromkeys(homes):
        own = (row for row, there in zip(rows, homes, strict=True) if there == home)
        people[home] = _spellings((row.subject, row.line, _person(home, row.subject)) for row in own)
        _refuse_alike(path, f"subject of {home}", people[home], lambda key, home=home: _number_of(home, key))
        for key, spelling in people[home].items():
            spelling.name = key if home in _PEOPLE else spelling.name
    _check_clips(path, rows, [f"{home}/{_person(home, row.subject)}" for row, home in zip(rows, homes, strict=True)])
    remarks = [_remark("class", classes), _remark("database", databases)]
    remarks += [_remark(f"subject of {home}", found) for home, found in people.items()]
    return [
        replace(
            row,
            database=home,
            subject=people[home][_person(home, row.subject)].name,
            label=classes[class_key(row.label)].name,
            prediction=classes[class_key(row.prediction)].name,
        )
        for row, home in zip(rows, homes, strict=True)
    ], [remark for remark in remarks if remark]


def class_key(text: str) -> str:
    """What two spellings of one class have in common: capitals, blanks, and a number's zeros do not count."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    number = _NUMBER.fullmatch(plain)
    return number[1] if number else plain


def is_number(text: str) -> bool:
    """Whether a class is a whole number."""
    return _NUMBER.fullmatch(class_key(text)) is not None


def _spellings(found: Iterable[tuple[str, int, str]]) -> dict[str, _Spelling]:
    spellings: dict[str, _Spelling] = {}
    for text, line, key in found:
        spellings.setdefault(key, _Spelling(text, {})).lines.setdefault(text, line)
    return spellings


def _classes(path: Path, rows: Sequence[Scored]) -> dict[str, _Spelling]:
    found = [(text, row.line) for row in rows for text in (row.label, row.prediction)]
    strange = next(((text, line) for text, line in found if not is_number(text) and _is_other(text)), None)
    if strange:
        raise DataError(
            f"{path}: line {strange[1]}: class '{strange[0]}' is a number that is no class; expected whole numbers "
            "from 0 or names in both columns"
        )
    number = next(((text, line) for text, line in found if is_number(text)), None)
    name = next(((text, line) for text, line in found if not is_number(text)), None)
    if number and name:
        raise DataError(
            f"{path}: line {name[1]}: class '{name[0]}' is a name, but class '{number[0]}' on line {number[1]} is a "
            "whole number; expected one kind in both columns"
        )
    classes = _spellings((text, line, class_key(text)) for text, line in found)
    if number:
        for key, spelling in classes.items():
            spelling.name = key
    _refuse_alike(path, "class", classes, _rough)
    return classes


def _is_other(text: str) -> bool:
    return _OTHER_NUMBER.fullmatch(class_key(text)) is not None


def _refuse_alike(path: Path, what: str, found: dict[str, _Spelling], likeness: Callable[[str], str]) -> None:
    alike: dict[str, _Spelling] = {}
    for key, spelling in found.items():
        twin = alike.setdefault(likeness(key), spelling)
        if twin is not spelling:
            (one, there), (other, here) = next(iter(twin.lines.items())), next(iter(spelling.lines.items()))
            raise DataError(
                f"{path}: line {here}: {what} '{other}' may be '{one}' of line {there} or another; "
                "expected one spelling"
            )


def _rough(key: str) -> str:
    # `other` and `others`, `non negative` and `non-negative`
    return re.sub(r"[\s_-]", "", key).removesuffix("s") or key


def _database(text: str) -> str:
    key = class_key(text)
    return DATABASES.get(re.sub(r"[\s_-]", "", key), key)


def _person(home: str, text: str) -> str:
    """The key of a subject; its official name in a database whose names are known."""
    key = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if home in _PEOPLE and (parts := _PERSON.fullmatch(key)):
        word, digits = _PEOPLE[home]
        return f"{word if parts[1] in {'', word} else parts[1]}{parts[2].zfill(digits)}"
    whole = _PADDED.fullmatch(key)
    return whole[1] if whole else key


def _number_of(home: str, key: str) -> str:
    parts = _PERSON.fullmatch(key)
    if parts is None:
        return key
    return parts[2] if home in _PEOPLE else f"{parts[1]}{parts[2]}"


def _check_clips(path: Path, rows: Sequence[Scored], people: Sequence[str]) -> None:
    seen: dict[str, Scored] = {}
    for row, person in zip(rows, people, strict=True):
        clip = re.sub(r"0*([0-9]+)", r"\1", class_key(row.clip))
        earlier = seen.setdefault(f"{person}/{clip}", row)
        if earlier is not row:
            names = [f"{one.database}/{one.subject}/{one.clip}" for one in (row, earlier)]
            spelled = "" if names[0] == names[1] else f" as {names[1]}"
            raise DataError(f"{path}: line {row.line}: {names[0]} was already given on line {earlier.line}{spelled}")


def _remark(what: str, found: dict[str, _Spelling]) -> str:
    read: list[str] = []
    for spelling in found.values():
        others = [f"{text} (line {line})" for text, line in spelling.lines.items() if text != spelling.name]
        if others and (len(spelling.lines) > 1 or what == "class"):
            read.append(f"{spelling.name} = {', '.join(others[:_SHOWN])}" + ", ..." * (len(others) > _SHOWN))
    more = f"; and {len(read) - _SHOWN} more" if len(read) > _SHOWN else ""
    return f"read as one {what}: {'; '.join(read[:_SHOWN])}{more}" if read else ""
