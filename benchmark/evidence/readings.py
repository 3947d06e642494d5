"""Where the suite is as the papers print it and where it says that it is not, each with checks by machine."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field

from benchmark.files import load_yaml
from benchmark.methods.recipe_files import read_recipe
from benchmark.methods.suite import load_suite
from benchmark.places import READINGS, REPORTED
from mer_lightning.motion import get_representation
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmark.evidence.verification import Check

Verdict = Literal["as printed", "named alternative", "stated", "open"]
_MARKED = re.compile(r"(<!-- readings -->\n).*?(<!-- end of readings -->)", re.DOTALL)
_ABSENT = object()


class Proof(Settings):
    """One thing that must hold.

    Attributes:
        kind: ``recipe`` and ``suite``: a key has a value; ``states`` and ``omits``: a recipe's deviations hold a text,
            or do not; ``default``: an argument's default; ``representation``: a field of a registered one;
            ``exists``: something can be imported; ``figure``: what a network of ``verify-papers`` counts;
            ``reported``: what is typed from a paper holds a text.
        of: Name of the recipe, suite, class, representation, system or paper.
        key: Dotted key, argument or ``<network>: <quantity>``.
        value: What is expected.
    """

    kind: Literal["recipe", "suite", "states", "omits", "default", "representation", "exists", "figure", "reported"]
    of: str
    key: str = ""
    value: Any = None

    def __str__(self) -> str:
        """The check in words, as what closes an open reading."""
        if self.kind == "exists":
            return f"{self.of} exists"
        if self.kind in ("states", "omits", "reported"):
            verb = {"states": "states", "omits": "no longer says", "reported": "has"}[self.kind]
            return f"{self.of} {verb} '{self.value}'"
        return f"{self.of} has {self.key} = {self.value}"


class PaperReading(Settings):
    """One place of a paper.

    Attributes:
        id: Number in the list of readings, or the system it is about.
        paper: Paper and section.
        printed: What stands there, in our words.
        verdict: What became of it when its checks hold.
        where: File, recipe or argument.
        checks: What must hold; without any a reading is open.
    """

    id: str
    paper: str
    printed: str
    verdict: Verdict
    where: str
    checks: tuple[Proof, ...] = ()


class _Readings(Settings):
    readings: tuple[PaperReading, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """One reading with its checks done.

    Attributes:
        id, paper, printed, where: As of ``PaperReading``.
        verdict: Its verdict, or ``open``.
        missing: Checks that do not hold; of an open reading what would close it.
    """

    id: str
    paper: str
    printed: str
    where: str
    verdict: Verdict
    missing: tuple[str, ...]


def load_readings() -> tuple[PaperReading, ...]:
    """All readings, in the order of the list.

    Raises:
        DataError: The file is not what it should be.
    """
    return load_yaml(READINGS, _Readings).readings


def judge(readings: Sequence[PaperReading], networks: Sequence[Check]) -> list[Judged]:
    """Do the checks of every reading.

    Args:
        readings: From ``load_readings``.
        networks: From ``verify_system``, of all systems.
    """
    return [_judged(reading, networks) for reading in readings]


def readings_text(judged: Sequence[Judged]) -> str:
    """One line per reading, below it what an open one lacks."""
    lines = ["Readings of the papers"]
    for row in judged:
        lines.append(f"  {row.id:>7}  {row.verdict:17}  {row.paper}: {row.printed} -> {row.where}")
        lines += [f"           needs: {missing}" for missing in row.missing]
    counts = Counter(row.verdict for row in judged)
    lines.append(", ".join(f"{counts[verdict]} {verdict}" for verdict in get_args(Verdict)))
    return "\n".join(lines).replace("`", "") + "\n"


def fill_readings(text: str, judged: Sequence[Judged]) -> str:
    """Put the current verdicts between the markers ``<!-- readings -->`` of a document."""
    lines = ["| # | paper | printed | verdict | where |", "|--:|---|---|---|---|"]
    for row in judged:
        missing = f": {'; '.join(row.missing)}" if row.missing else ""
        cells = (row.id, row.paper, row.printed, f"{row.verdict}{missing}", row.where)
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    table = "\n".join(lines) + "\n"
    return _MARKED.sub(lambda match: f"{match[1]}{table}{match[2]}", text)


def _judged(reading: PaperReading, networks: Sequence[Check]) -> Judged:
    missing = tuple(str(proof) for proof in reading.checks if not proved(proof, networks))
    closed = reading.checks and not missing
    verdict: Verdict = reading.verdict if closed else "open"
    return Judged(reading.id, reading.paper, reading.printed, reading.where, verdict, missing)


def proved(proof: Proof, networks: Sequence[Check]) -> bool:
    """Whether one check holds; what it is about and is not there does not hold."""
    if proof.kind == "figure":
        network, _, quantity = proof.key.rpartition(": ")
        return any(
            (row.system, row.variant, row.quantity, row.ours) == (proof.of, network, quantity, proof.value)
            for row in networks
        )
    try:
        return _HOLDS[proof.kind](proof)
    except (DataError, ImportError, AttributeError, KeyError):
        return False


def _recipe_value(proof: Proof) -> bool:
    return _equal(_at(read_recipe(proof.of), proof.key), proof.value)


def _suite_value(proof: Proof) -> bool:
    return _equal(_at(load_suite(proof.of).model_dump(mode="json"), proof.key), proof.value)


def _states(proof: Proof) -> bool:
    return str(proof.value) in " ".join(read_recipe(proof.of).get("deviations", ()))


def _default(proof: Proof) -> bool:
    return _equal(signature(_object(proof.of)).parameters[proof.key].default, proof.value)


def _representation(proof: Proof) -> bool:
    return _equal(getattr(get_representation(proof.of), proof.key), proof.value)


def _reported(proof: Proof) -> bool:
    path = REPORTED / "papers" / f"{proof.of}.yaml"
    return path.is_file() and str(proof.value) in path.read_text(encoding="utf-8")


def _object(name: str) -> Any:  # noqa: ANN401 - whatever stands there
    module, _, last = name.rpartition(".")
    return getattr(import_module(module), last)


_HOLDS: dict[str, Callable[[Proof], bool]] = {
    "recipe": _recipe_value,
    "suite": _suite_value,
    "states": _states,
    "omits": lambda proof: not _states(proof),
    "default": _default,
    "representation": _representation,
    "exists": lambda proof: _object(proof.of) is not None,
    "reported": _reported,
}


def _at(values: object, key: str) -> object:
    """What stands below a dotted key; a name alone stands for what has that name and no arguments."""
    for part in key.split("."):
        if isinstance(values, str) and part == "name":
            continue
        values = values.get(part, _ABSENT) if isinstance(values, dict) else _ABSENT
    return values


def _equal(found: object, expected: object) -> bool:
    if isinstance(found, tuple | list) and isinstance(expected, list):
        return list(found) == expected
    return found == expected
