"""Score anybody's predictions, and hold them against the official list of a protocol."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.evidence.prediction_table import COUNTED, HEADER, Scored
from benchmark.evidence.predictions import MEGC_CLASSES, read_file
from benchmark.evidence.spelling import class_key, is_number, unify
from benchmark.evidence.statistics import bootstrap
from mer_lightning.metrics import METRICS, absent_classes, confusion_matrix, uar, uf1
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmark.evidence.predictions import Predictions
    from mer_lightning.protocols import Protocol

__all__ = ["HEADER", "Scored", "Scoring", "read_predictions", "score"]

_MOST_CLASSES = 1000
_LONGEST_INDEX = 9


@dataclass(frozen=True, slots=True)
class Scoring:
    """Predictions that are ready to be scored.

    Attributes:
        rows: The predictions, in one spelling; their classes are those of ``classes``.
        classes: All classes, in index order.
        remarks: What whoever reads the scores must know.
        protocol: Protocol that the file was held against, None for none.
        differences: Why it is not the official list of that protocol; empty where it is.
        best: As of ``Predictions``.
    """

    rows: tuple[Scored, ...]
    classes: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    protocol: str | None = None
    differences: tuple[str, ...] = ()
    best: int = 0

    @property
    def has_people(self) -> bool:
        """Whether the file says whose each prediction is."""
        return bool(self.rows[0].subject)

    @property
    def has_clips(self) -> bool:
        """Whether the file says which clip each prediction is of."""
        return not self.rows[0].clip.startswith(COUNTED)

    @property
    def matrices(self) -> dict[str, np.ndarray]:
        """Confusion matrix of each subject, ``(C, C)``, rows truth, in subject order; empty where nobody is named."""
        people: dict[str, list[Scored]] = {}
        for row in self.rows if self.has_people else ():
            people.setdefault(f"{row.database}/{row.subject}", []).append(row)
        return {person: _matrix(people[person], self.classes) for person in sorted(people)}


def read_predictions(
    path: Path,
    classes: Sequence[str] = (),
    protocol: Protocol | None = None,
    columns: Mapping[str, str] | None = None,
) -> Scoring:
    """Read a prediction file of any known form and find out what its classes are.

    Args:
        path: See ``read_file``.
        classes: Names of all classes; where the file has numbers, in the order of the numbers.
        protocol: Names the classes too, and says how many clips and subjects there must be.
        columns: Titles of a table that differ from ours, ours first.

    Returns:
        The predictions. Without names, the classes of a MEGC2019 log are 0, 1, 2; else all labels and predictions, as
        numbers from 0 to the largest (of a Python log, at least to 2), or as names in alphabetical order.

    Raises:
        DataError: Names file, line and what was expected there; or what was said of the classes does not fit.
    """
    single = protocol.databases[0] if protocol and len(protocol.databases) == 1 else None
    read = read_file(path, single, columns or {})
    rows, spelled = unify(path, read.rows)
    remarks = [*read.remarks, *spelled]
    named = _named(path, read, rows, classes, protocol)
    if named:
        rows, said = _under_names(path, rows, named)
        remarks += said
    else:
        named = MEGC_CLASSES if read.form == "megc_log" else _found(rows, least=3 if read.form == "python_log" else 0)
        if read.form != "megc_log":
            remarks.append(f"scores {len(named)} classes: {_listed(named)}; name all with --classes or --protocol")
        if named[0] == "0" and len(named) > 1 and not any("0" in (row.label, row.prediction) for row in rows):
            remarks.append(f"class 0 is in neither column; if yours begin at 1, say --classes {','.join(named[1:])}")
    if len(named) > _MOST_CLASSES:
        raise DataError(f"{path}: {len(named)} different labels and predictions; expected {_MOST_CLASSES} at most")
    scoring = Scoring(tuple(rows), tuple(named), tuple(remarks), best=read.best)
    if protocol is not None:
        scoring = _held_against(scoring, protocol)
    if read.printed is not None:
        scoring = replace(scoring, remarks=(*scoring.remarks, *_unlike_printed(scoring, read.printed)))
    return scoring


def score(scoring: Scoring) -> dict[str, Any]:
    """Score pooled predictions, all together and per database.

    Returns:
        ``n, subjects, classes``, every metric by name, ``accuracy_subject_mean, confusion, intervals, databases,
        remarks, protocol``;
        ``databases`` holds the first of these for each database with the same classes, and each block names the
        classes without a true sample under ``absent`` (they count as 0 in UF1 and UAR). ``intervals`` are those of 95 %
        over subjects by metric, None of fewer than two; ``subjects`` and their mean are None where nobody is named.
        ``protocol`` is None or its ``name``, whether the file is its ``official`` list, and the ``differences``.
    """
    databases = sorted({row.database for row in scoring.rows})
    held = {
        "name": scoring.protocol,
        "official": not scoring.differences,
        "differences": list(scoring.differences),
    }
    parts = {name: tuple(row for row in scoring.rows if row.database == name) for name in databases}
    return _block(scoring) | {
        "databases": {name: _block(replace(scoring, rows=rows)) for name, rows in parts.items()},
        "remarks": list(scoring.remarks),
        "protocol": held if scoring.protocol else None,
    }


def _block(scoring: Scoring) -> dict[str, Any]:
    matrix, people = _matrix(scoring.rows, scoring.classes), [*scoring.matrices.values()]
    found = bootstrap(np.stack(people)) if len(people) > 1 else None
    return {
        "n": len(scoring.rows),
        "subjects": len(people) or None,
        "classes": list(scoring.classes),
        **{metric.name: float(metric.pooled(matrix)) for metric in METRICS},
        "accuracy_subject_mean": float(np.mean([np.trace(one) / one.sum() for one in people])) if people else None,
        "confusion": matrix.tolist(),
        "intervals": found and {name: [interval.low, interval.high] for name, interval in found.items()},
        "absent": [scoring.classes[i] for i in absent_classes(matrix)],
    }


def _matrix(rows: Sequence[Scored], classes: Sequence[str]) -> np.ndarray:
    index = {name: i for i, name in enumerate(classes)}
    return confusion_matrix([index[r.label] for r in rows], [index[r.prediction] for r in rows], len(classes))


def _named(
    path: Path, read: Predictions, rows: Sequence[Scored], classes: Sequence[str], protocol: Protocol | None
) -> tuple[str, ...]:
    """The names that the flags give to the classes; empty where there are none."""
    named = tuple(classes)
    if len({class_key(name) for name in named}) < len(named) or (named and not all(name.strip() for name in named)):
        raise DataError(f"--classes {','.join(named)}: expected names that differ, with commas between them")
    if len({is_number(name) for name in named}) > 1:
        raise DataError(f"--classes {','.join(named)}: expected either numbers or names")
    if protocol is not None:
        official = protocol.scheme.classes
        if named and {class_key(name) for name in named} != {class_key(name) for name in official}:
            raise DataError(
                f"--classes {','.join(named)}: {protocol.name} has the classes {_listed(official)}; expected these, in "
                "the order of your numbers"
            )
        if named and (named == official or not is_number(rows[0].label)):
            raise DataError(f"--classes {','.join(named)}: --protocol {protocol.name} says so already; leave it out")
        spelled = {class_key(name): name for name in official}
        named = tuple(spelled[class_key(name)] for name in named) or official
    if named and read.form == "megc_log":
        if len(named) != len(MEGC_CLASSES):
            raise DataError(
                f"{path}: a MEGC2019 log has {len(MEGC_CLASSES)} classes; {_listed(named)} are {len(named)}"
            )
        if named == MEGC_CLASSES:
            raise DataError(f"--classes {','.join(named)}: a MEGC2019 log has no others; leave it out")
    return named


def _under_names(path: Path, rows: Sequence[Scored], named: Sequence[str]) -> tuple[list[Scored], list[str]]:
    """The rows with classes of these names, and what is said where numbers were taken for them."""
    name_of = {class_key(name): name for name in named}
    numbered = is_number(rows[0].label) and not is_number(named[0])
    if numbered:
        name_of = {str(index): name for index, name in enumerate(named)}
    for row in rows:
        for text in (row.label, row.prediction):
            if class_key(text) not in name_of:
                expected = f"0 to {len(named) - 1} ({_listed(named)})" if numbered else _listed(named)
                raise DataError(f"{path}: line {row.line}: class '{text[:40]}' is unknown; expected {expected}")
    taken = ", ".join(f"{number} {name}" for number, name in name_of.items())
    return [
        replace(row, label=name_of[class_key(row.label)], prediction=name_of[class_key(row.prediction)]) for row in rows
    ], [f"numbers are taken for: {taken}"] if numbered else []


def _found(rows: Sequence[Scored], least: int) -> tuple[str, ...]:
    found = {row.label for row in rows} | {row.prediction for row in rows}
    if all(is_number(name) and len(name) <= _LONGEST_INDEX for name in found):
        largest = max(*map(int, found), least - 1)
        if largest < len(rows) + 100:  # not a class index but something else, when larger
            return tuple(map(str, range(largest + 1)))
    return tuple(sorted(found))


def _held_against(scoring: Scoring, protocol: Protocol) -> Scoring:
    """The same with what differs from the official list of a protocol, as far as counts can tell."""
    differences: list[str] = []
    classes = protocol.scheme.classes
    if protocol.tested and scoring.has_people:
        people = {f"{row.database}/{row.subject}" for row in scoring.rows}
        differences += [f"{person} is not tested by its split" for person in sorted(people - {*protocol.tested})]
        differences += [f"no clip of {person}, whom its split tests" for person in sorted({*protocol.tested} - people)]
    # what is stated of a split is how many clips there are, not how many of those whom it tests
    stated = {} if protocol.tested else protocol.counts
    for database, expected in stated.items():
        own = [row for row in scoring.rows if row.database == database]
        counted = Counter(row.label for row in own)
        if not own:
            differences.append(f"no clip of {database}; expected {_counted(expected, classes)}")
            continue
        counts = tuple(counted[name] for name in classes)
        people = len({row.subject for row in own}) if scoring.has_people else 0
        if (counts, people) != (expected, protocol.subjects[database]):
            differences.append(
                f"{database} has {_counted(counts, classes)} of {people or 'unknown'} subjects; expected "
                f"{_counted(expected, classes)} of {protocol.subjects[database]}"
            )
    if strangers := sorted({row.database for row in scoring.rows} - {*protocol.databases}):
        differences.append(f"{', '.join(strangers)} is no part of it; expected {', '.join(protocol.databases)}")
    keys = {f"{row.database}/{row.subject}/{row.clip}": row.line for row in scoring.rows}
    differences += [
        f"it has {key} (line {line}), which the official list leaves out"
        for key, line in keys.items()
        if key in protocol.left_out
    ]
    clips, subjects = sum(map(sum, protocol.counts.values())), sum(protocol.subjects.values())
    same = (
        f"as many clips per class, subjects and databases as the official list of {protocol.name}: {clips} of "
        f"{subjects} subjects"
        if stated
        else f"clips of those whom {protocol.name} tests, of which it does not say how many there are"
        if protocol.tested
        else f"clips of the databases of {protocol.name}, which expects no number of them"
    )
    said = f"not the official list of {protocol.name}: {'; '.join(differences)}" if differences else same
    return replace(
        scoring,
        remarks=(*scoring.remarks, said),
        protocol=protocol.name,
        differences=tuple(differences),
    )


def _unlike_printed(scoring: Scoring, printed: tuple[float, float]) -> list[str]:
    matrix = _matrix(scoring.rows, scoring.classes)
    ours = [float(uf1(matrix)), float(uar(matrix))]
    if all(abs(one - other) < 1e-4 for one, other in zip(ours, printed, strict=True)):
        return []
    return [
        f"the log itself prints UF1 {printed[0]:.4f} and UAR {printed[1]:.4f}; its pairs give {ours[0]:.4f} and "
        f"{ours[1]:.4f}"
    ]


def _counted(counts: Sequence[int], classes: Sequence[str]) -> str:
    return " / ".join(f"{n} {name}" for n, name in zip(counts, classes, strict=True))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + ", ..." * (len(names) > 20)
