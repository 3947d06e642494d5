"""Read predictions as people have them: a CSV table, the log of MEGC2019, or what STSTNet's ``main.py`` prints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from benchmark.evidence.prediction_table import (
    COUNTED,
    HEADER,
    SEPARATORS,
    TOLD,
    Scored,
    read_prediction_table,
    tell_databases,
)
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["HEADER", "MEGC_CLASSES", "Form", "Predictions", "Scored", "read_file"]

Form = Literal["table", "megc_log", "python_log"]

MEGC_CLASSES = ("0", "1", "2")
_FORMS = (
    f"a CSV table with the header {','.join(HEADER)} (or titles named with --columns), "
    "a MEGC2019 log (a line 'database subject', then lines 'clip truth prediction') "
    "or a Python log (lines 'Subject: ...', 'Predicted: [...]', 'Ground Truth: [...]')"
)
_SAID = re.compile(r"(?P<what>\b(?:Best )?Predicted|\bGround Truth|\bSubject)\s*:\s*(?P<value>.*)")
_LIST = re.compile(r"\[([^\[\]]*)\]")
_PRINTED = re.compile(r"(?i)(?<!best )\bUF1:\s*(\d\.\d+)\s*\|\s*UAR:\s*(\d\.\d+)")
_CLIP_LINE = re.compile(r"\S+ +[0-9] +[0-9]")
_TABLE_LINE = re.compile(r"[^\s,]+(,[^\s,]+){4}")
_OURS: Mapping[str, str] = MappingProxyType({})
_TITLES = {"megc_log": "a MEGC2019 log", "python_log": "a Python log"}


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a file of predictions says.

    Attributes:
        form: Which form it has.
        rows: Every prediction, in order.
        remarks: What whoever reads the scores must know of how the file was read.
        printed: The last UF1 and UAR that a log itself prints, of all its pairs.
        best: Of how many subjects the log has the predictions of the epoch that was best on them, and no others.
    """

    form: Form
    rows: tuple[Scored, ...]
    remarks: tuple[str, ...] = ()
    printed: tuple[float, float] | None = None
    best: int = 0


def read_file(path: Path, database: str | None = None, columns: Mapping[str, str] = _OURS) -> Predictions:
    """Read a file of predictions in whichever form it has; nothing is interpreted yet.

    Args:
        path: A CSV table (also separated by semicolons or tabs), a MEGC2019 log or a Python log. Blank lines are
            allowed in all of them. A table without a header has the columns of the official list, and predictions.
        database: Database where neither a column nor the subjects tell it.
        columns: Titles of a table that differ from ours, ours first.

    Raises:
        DataError: Names file, line and what was expected there.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable text file ({error})") from error
    form = _form(path, lines)
    if form == "table":
        read = Predictions(form, *read_prediction_table(path, lines, columns, database))
    elif columns:
        raise DataError(f"--columns: {path} is {_TITLES[form]}, which has none; leave it out")
    elif form == "python_log":
        read = _read_python_log(path, lines, database)
    else:
        read = Predictions(form, tuple(_read_log(path, lines)))
    if not read.rows:
        raise DataError(f"{path}: no prediction in it; expected {_FORMS}")
    return read


def _form(path: Path, lines: list[str]) -> Form:
    number, first = next(((n, line.strip()) for n, line in enumerate(lines, start=1) if line.strip()), (1, ""))
    if not first:
        raise DataError(f"{path}: no prediction in it; expected {_FORMS}")
    # such logs begin with whatever a program prints before its first subject
    if any((said := _SAID.search(line)) and (said["value"][:1] == "[" or said.start() == 0) for line in lines):
        return "python_log"
    if any(separator in first for separator in SEPARATORS):
        return "table"
    if len(first.split()) == 2 or _CLIP_LINE.fullmatch(first):
        return "megc_log"
    raise DataError(f"{path}: line {number}: '{first[:40]}' begins no known form; expected {_FORMS}")


def _read_log(path: Path, lines: list[str]) -> Iterator[Scored]:
    owner: tuple[str, str] | None = None
    bare = 0
    for number, line in enumerate(lines, start=1):
        words = line.split()
        match words:
            case []:
                continue
            case [database, subject]:
                if bare:
                    break
                owner, bare = (database.lower(), subject), number
            case [clip, truth, guess] if owner is not None:
                for value in (truth, guess):
                    if value not in MEGC_CLASSES:
                        raise DataError(f"{path}: line {number}: expected a class 0, 1 or 2, found '{value}'")
                yield Scored(*owner, clip, truth, guess, line=number)
                bare = 0
            case [_, _, _]:
                raise DataError(f"{path}: line {number}: expected a line 'database subject' before the first clip")
            case _:
                raise DataError(
                    f"{path}: line {number}: expected 'database subject' or 'clip truth prediction', "
                    f"found {len(words)} words"
                )
    if bare:
        raise DataError(
            f"{path}: line {bare}: expected a line 'clip truth prediction' after '{lines[bare - 1].strip()[:40]}', as "
            "after each subject; is the log cut off?"
        )


@dataclass(slots=True)
class _Turn:
    """One subject of a Python log: each list that is printed for it, and its line."""

    subject: str
    line: int
    lists: dict[str, tuple[int, list[str]]]


def _read_python_log(path: Path, lines: list[str], database: str | None) -> Predictions:
    turns, printed, whole = _turns(path, lines)
    databases, told = tell_databases([turn.subject for turn in turns], database, "log")
    remarks = ["a Python log has no clip names: pairs of prediction and truth are counted in order"]
    if told:
        remarks.append(TOLD)
    if not whole:
        remarks.append("the log ends without its 'Final Evaluation'; it may be cut off between two subjects")
    rows: list[Scored] = []
    seen: dict[str, int] = {}
    best = 0
    for turn, home in zip(turns, databases, strict=True):
        if (earlier := seen.setdefault(turn.subject, turn.line)) != turn.line:
            raise DataError(
                f"{path}: line {turn.line}: subject {turn.subject} was already given on line {earlier}; "
                "expected the log of one run"
            )
        guessed = "Predicted" if "Predicted" in turn.lists else "Best Predicted"
        best += guessed == "Best Predicted"
        for name in (guessed, "Ground Truth"):
            if name not in turn.lists:
                wanted = "Predicted" if name == guessed else name
                raise DataError(
                    f"{path}: line {turn.line}: subject {turn.subject} has no line '{wanted}: [...]'; "
                    "the log is cut off"
                )
        (line, guesses), (_, truths) = turn.lists[guessed], turn.lists["Ground Truth"]
        if len(guesses) != len(truths) or not truths:
            raise DataError(
                f"{path}: line {line}: subject {turn.subject} has {len(guesses)} predictions and {len(truths)} true "
                "labels; expected as many, and one at least"
            )
        pairs = enumerate(zip(truths, guesses, strict=True), start=1)
        rows += [Scored(home, turn.subject, f"{COUNTED}{n}", truth, guess, line) for n, (truth, guess) in pairs]
    if best:
        remarks.append(
            f"of {best} subjects the log gives 'Best Predicted' alone: the epoch was chosen on the tested subject, so "
            "this is no held-out score"
        )
    # what the log prints is then of other predictions
    return Predictions("python_log", tuple(rows), tuple(remarks), None if best else printed, best)


def _turns(path: Path, lines: list[str]) -> tuple[list[_Turn], tuple[float, float] | None, bool]:
    """What is printed of each subject, the last scores printed, and whether the final evaluation is there."""
    turns: list[_Turn] = []
    printed: tuple[float, float] | None = None
    final = False
    for number, line in enumerate(lines, start=1):
        final = final or "Final Evaluation" in line
        said = _SAID.search(line)
        if said is None:
            for other, form in (("MEGC2019 log", _CLIP_LINE), ("table", _TABLE_LINE)):
                if form.fullmatch(line.strip()):
                    raise DataError(f"{path}: line {number}: a line of a {other} in a Python log; expected one form")
            if scores := _PRINTED.search(line):
                printed = float(scores[1]), float(scores[2])
        elif final:
            raise DataError(
                f"{path}: line {number}: '{said['what']}' after the final evaluation; expected the log of one run"
            )
        elif said["what"] == "Subject":
            turns.append(_Turn(_subject(path, number, said["value"].strip()), number, {}))
        else:
            if not turns:
                raise DataError(f"{path}: line {number}: expected 'Subject: ...' before the first '{said['what']}'")
            _add_list(path, number, turns[-1], said["what"], said["value"].strip())
    return turns, printed, final


def _subject(path: Path, number: int, text: str) -> str:
    if not re.fullmatch(r"\S+", text):
        raise DataError(f"{path}: line {number}: expected 'Subject: <name>', found '{text[:40]}'")
    return text


def _add_list(path: Path, number: int, turn: _Turn, what: str, text: str) -> None:
    items = _LIST.fullmatch(text)
    if items is None:
        raise DataError(f"{path}: line {number}: expected '{what}: [...]' on one line, found '{text[:40]}'")
    if what in turn.lists:
        raise DataError(
            f"{path}: line {number}: '{what}' of subject {turn.subject} was already given on line {turn.lists[what][0]}"
        )
    turn.lists[what] = number, _items(path, number, items[1])


def _items(path: Path, number: int, text: str) -> list[str]:
    items = [item.strip().strip("'\"").strip() for item in text.split(",")] if text.strip() else []
    if not all(items):
        raise DataError(f"{path}: line {number}: an empty place in the list; expected a class between commas")
    return items
