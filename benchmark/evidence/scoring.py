"""Score anybody's predictions: a CSV table or the log that the MEGC2019 challenge asked for."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mer_lightning.metrics import METRICS, absent_classes, confusion_matrix
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

HEADER = ["database", "subject", "clip", "label", "prediction"]
_MEGC_CLASSES = ("0", "1", "2")
_MOST_CLASSES = 1000
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Scored:
    """One row of a prediction file."""

    database: str
    subject: str
    clip: str
    label: str
    prediction: str
    line: int


def read_predictions(path: Path) -> tuple[list[Scored], tuple[str, ...]]:
    """Read a prediction file of either form.

    Args:
        path: CSV with the header ``database,subject,clip,label,prediction``, or a MEGC2019 log: a line
            ``database subject``, then lines ``clip truth prediction``; blank lines are allowed in both.

    Returns:
        The rows and the classes in index order: 0, 1, 2 for a log; for a CSV all labels and predictions, as numbers
        from 0 to the largest where all are whole numbers, else as names in alphabetical order.

    Raises:
        DataError: Names file, line and what was expected there.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable text file ({error})") from error
    first = next((line for line in lines if line.strip()), "")
    is_table = "," in first
    rows = list((_read_table if is_table else _read_log)(path, lines))
    if not rows:
        raise DataError(f"{path}: no prediction in it; expected {','.join(HEADER)} rows or a MEGC2019 log")
    seen: dict[tuple[str, str, str], int] = {}
    for row in rows:
        earlier = seen.setdefault((row.database, row.subject, row.clip), row.line)
        if earlier != row.line:
            raise DataError(
                f"{path}: line {row.line}: {row.database}/{row.subject}/{row.clip} was already given on line {earlier}"
            )
    classes = _classes(rows) if is_table else _MEGC_CLASSES
    if len(classes) > _MOST_CLASSES:
        raise DataError(f"{path}: {len(classes)} different labels and predictions; expected {_MOST_CLASSES} at most")
    return rows, classes


def score(rows: Sequence[Scored], classes: Sequence[str]) -> dict[str, Any]:
    """Score pooled predictions, all together and per database.

    Returns:
        ``n, subjects, classes, accuracy, uf1, uar, accuracy_subject_mean, confusion, databases``; the last holds the
        same for each database with the same classes, and each block names the classes without a true sample under
        ``absent`` (they count as 0 in UF1 and UAR).
    """
    databases = sorted({row.database for row in rows})
    return _block(rows, classes) | {
        "databases": {name: _block([r for r in rows if r.database == name], classes) for name in databases}
    }


def _block(rows: Sequence[Scored], classes: Sequence[str]) -> dict[str, Any]:
    index = {name: i for i, name in enumerate(classes)}
    people: dict[tuple[str, str], list[bool]] = {}
    for row in rows:
        people.setdefault((row.database, row.subject), []).append(row.label == row.prediction)
    matrix = confusion_matrix([index[r.label] for r in rows], [index[r.prediction] for r in rows], len(classes))
    return {
        "n": len(rows),
        "subjects": len(people),
        "classes": list(classes),
        **{name: float(metric(matrix)) for name, metric in METRICS.items()},
        "accuracy_subject_mean": float(np.mean([np.mean(hits) for hits in people.values()])),
        "confusion": matrix.tolist(),
        "absent": [classes[i] for i in absent_classes(matrix)],
    }


def _read_table(path: Path, lines: list[str]) -> Iterator[Scored]:
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if not any(values):
                continue
            if header is None:
                header = values
                if header != HEADER:
                    raise DataError(
                        f"{path}: line {reader.line_num}: expected the header {','.join(HEADER)}, "
                        f"found {','.join(values)}"
                    )
                continue
            if len(values) != len(HEADER) or not all(values):
                raise DataError(
                    f"{path}: line {reader.line_num}: expected {len(HEADER)} filled cells "
                    f"({','.join(HEADER)}), found {','.join(values)}"
                )
            yield Scored(*values, line=reader.line_num)
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: not a CSV row ({error})") from error


def _read_log(path: Path, lines: list[str]) -> Iterator[Scored]:
    owner: tuple[str, str] | None = None
    for number, line in enumerate(lines, start=1):
        words = line.split()
        match words:
            case []:
                continue
            case [database, subject]:
                owner = (database.lower(), subject)
            case [clip, truth, guess] if owner is not None:
                for value in (truth, guess):
                    if value not in _MEGC_CLASSES:
                        raise DataError(f"{path}: line {number}: expected a class 0, 1 or 2, found '{value}'")
                yield Scored(*owner, clip, truth, guess, line=number)
            case [_, _, _]:
                raise DataError(f"{path}: line {number}: expected a line 'database subject' before the first clip")
            case _:
                raise DataError(
                    f"{path}: line {number}: expected 'database subject' or 'clip truth prediction', "
                    f"found {len(words)} words"
                )


def _classes(rows: Sequence[Scored]) -> tuple[str, ...]:
    found = {row.label for row in rows} | {row.prediction for row in rows}
    if all(_INDEX.fullmatch(name) for name in found):
        largest = max(map(int, found))
        if largest < len(rows) + 100:  # not a class index but something else, when larger
            return tuple(map(str, range(largest + 1)))
    return tuple(sorted(found))
