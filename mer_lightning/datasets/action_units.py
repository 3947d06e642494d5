"""FACS action units as annotation sheets code them: one grammar for the cells of every database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GRAMMAR = """\
cell        = nothing | all
nothing     = "" | "-" | "/" | "0" | "?" | "none"
all         = one { joiner one }                  # all of them
joiner      = "+" | "," | ";" | "&" | blank
one         = part { ("or" | "/") part }          # one of them
part        = unit | bracket | remark
bracket     = ["ref"] "(" all ")" ["?"]           # ref: only a reference, may count
unit        = [kind] [sides] number [intensities] ["L" | "R"] ["?"]
kind        = "AU" | "AD" | "M"                   # action unit, action descriptor, movement
sides       = side { "/" side }                   # one of them
side        = "L" | "R" | "A" | "T" | "B"         # left, right, asymmetric, top or bottom lip
number      = 1 to 98, also 01 to 09
intensities = intensity { "/" intensity }         # one of them
intensity   = "A" | "B" | "C" | "D" | "E"
remark      = "?" | word { blank word }           # beside units; the first word has three letters or more
"""
"""The grammar, for people; blanks may stand between any two symbols, letter case plays no part."""

_LARGEST = 98
_DEEPEST = 5
_NOTHING = ("-", "/", "0", "?", "none")
_LETTER = r"[^\W\d_]"
# a letter behind a number belongs to the next unit if that has no other, as in "12 A4" and "12 A/L4"
_ENDS = rf"(?![0-9]|{_LETTER})"
_ENDS_APART = rf"(?!\s*(?:/\s*[LRATB]\s*)*[0-9]|{_LETTER})"
_GRADES = r"[A-E](?:\s*/\s*[A-E])*"
_UNIT = re.compile(
    rf"""
    (?P<kind>AU|AD|M)?\s*
    (?P<sides>[LRATB](?:\s*/\s*[LRATB])*)?\s*
    (?P<number>[0-9]+)
    (?P<grades>{_GRADES}(?:(?=[LR]{_ENDS})|{_ENDS})|\s+{_GRADES}{_ENDS_APART})?
    (?P<behind>[LR]{_ENDS}|\s+[LR]{_ENDS_APART})?
    (?P<doubt>\s*\?)?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_BRACKET = re.compile(r"(?P<ref>ref)?\s*\(", re.IGNORECASE)
_CLOSE = re.compile(r"\)(?P<doubt>\s*\?)?")
_WORD = rf"(?!or\b){_LETTER}++(?!\w|\s*[0-9(])"
_REMARK = re.compile(rf"\?|(?={_LETTER}{{3}}){_WORD}(?:\s+{_WORD})*", re.IGNORECASE)
_OR = re.compile(rf"or(?!{_LETTER})|/", re.IGNORECASE)
_JOINER = re.compile(r"[+,;&]")
_PART = re.compile(r"[^\s+,;&/()]+|.")


@dataclass(frozen=True, slots=True)
class Unit:
    """One coded number, e.g. ``L12B``.

    Attributes:
        number: FACS number, 1 to 98.
        sides: ``L`` or ``R`` where one side of the face moves, ``A`` where both do and one of them more, ``T``
            or ``B`` for the top or bottom lip; several are alternatives, none is both sides alike.
        intensities: ``A`` (trace) to ``E`` (maximum); several are alternatives, none is not coded.
        kind: ``AU``, ``AD`` (action descriptor) or ``M`` (movement) where it is written.
        doubt: True where a question mark follows.
        behind: True where the side is written behind the number.
        zero: True where the number is written with a leading zero.
    """

    number: int
    sides: tuple[str, ...] = ()
    intensities: tuple[str, ...] = ()
    kind: str = ""
    doubt: bool = False
    behind: bool = False
    zero: bool = False

    def __str__(self) -> str:
        sides = "/".join(self.sides)
        before, after = ("", sides) if self.behind else (sides, "")
        number = f"{self.number:02d}" if self.zero else str(self.number)
        return f"{self.kind}{before}{number}{'/'.join(self.intensities)}{after}{'?' if self.doubt else ''}"


@dataclass(frozen=True, slots=True)
class Words:
    """Words beside units, e.g. ``soft focus``, or a lone ``?``."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Bracket:
    """Parts in round brackets.

    Attributes:
        inside: What they hold.
        reference: True for ``ref(...)``: the coder named what was there already, so it may count.
        doubt: True where a question mark follows.
    """

    inside: Part
    reference: bool = False
    doubt: bool = False

    def __str__(self) -> str:
        return f"{'ref' if self.reference else ''}({self.inside}){'?' if self.doubt else ''}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Two or more parts that were all coded; a joiner between each two, a blank for none."""

    parts: tuple[Part, ...]
    joiners: tuple[str, ...]

    def __str__(self) -> str:
        return _print(self.parts, self.joiners)


@dataclass(frozen=True, slots=True)
class OneOf:
    """Two or more parts of which one was coded; ``or`` or a slash between each two."""

    parts: tuple[Part, ...]
    joiners: tuple[str, ...]

    def __str__(self) -> str:
        return _print(self.parts, tuple(" or " if one == "or" else one for one in self.joiners))


Part: TypeAlias = Unit | Words | Bracket | AllOf | OneOf


@dataclass(frozen=True, slots=True)
class ActionUnits:
    """A cell; as text it is what the cell said, up to blanks and letter case.

    Attributes:
        tree: What is coded, None for an empty cell.
    """

    tree: Part | None = None

    def __str__(self) -> str:
        return "" if self.tree is None else str(self.tree)

    @property
    def units(self) -> tuple[Unit, ...]:
        """Every unit that is named, with side and intensity, in the order of the cell."""
        return () if self.tree is None else tuple(_units(self.tree))

    @property
    def certain(self) -> frozenset[int]:
        """Numbers that were coded for certain; ``L6 or R6`` gives 6."""
        return frozenset() if self.tree is None else _certain(self.tree)

    @property
    def possible(self) -> frozenset[int]:
        """Numbers that may have been coded: doubted, one of several readings, or only a reference."""
        return frozenset(unit.number for unit in self.units) - self.certain


def parse_action_units(cell: str | int) -> ActionUnits:
    """Parse an action-unit cell, see ``GRAMMAR``.

    An empty cell, ``-``, ``/``, ``0``, ``none`` and a lone ``?`` code nothing.

    Raises:
        DataError: No reading fits; the message names the part at which all of them end.
    """
    text = " ".join(str(cell).split())
    if not text:
        return ActionUnits()
    if text.lower() in _NOTHING:
        return ActionUnits(Words(text))
    reader = _Reader(text)
    tree = reader.all_of(0)
    if reader.at < len(text):
        raise reader.error()
    found = ActionUnits(tree)
    if not found.units:
        reader.at = 0
        raise reader.error()
    return found


class _Reader:
    """Recursive descent over one cell whose blanks are single."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def error(self) -> DataError:
        part = _PART.match(self.text, self.at)
        named = f"'{part[0][:20]}' is not one" if part else "one is missing at the end"
        return DataError(
            f"action units '{self.text[:60]}': {named}; expected e.g. 4+L10, R12 or R15, 15+17?, ref(7B)+43"
        )

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Move behind a symbol and the blank after it, if it comes next."""
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end() + self.text.startswith(" ", match.end())
        return match

    def series(
        self, part: Callable[[int], Part], joiner: Callable[[], str | None], depth: int
    ) -> tuple[tuple[Part, ...], tuple[str, ...]]:
        parts, joiners = [part(depth)], list[str]()
        while (between := joiner()) is not None:
            joiners.append(between)
            parts.append(part(depth))
        return tuple(parts), tuple(joiners)

    def all_of(self, depth: int) -> Part:
        parts, joiners = self.series(self.one_of, self.joiner, depth)
        return AllOf(parts, joiners) if joiners else parts[0]

    def one_of(self, depth: int) -> Part:
        parts, joiners = self.series(self.part, self.choice, depth)
        return OneOf(parts, joiners) if joiners else parts[0]

    def joiner(self) -> str | None:
        if match := self.take(_JOINER):
            return match[0]
        # a blank joins what nothing else does
        more = self.at < len(self.text) and self.text[self.at] != ")" and self.text[self.at - 1] == " "
        return " " if more else None

    def choice(self) -> str | None:
        match = self.take(_OR)
        return match and match[0].lower()

    def part(self, depth: int) -> Part:
        start = self.at
        if match := self.take(_UNIT):
            self.at, end = start, self.at
            unit = self.unit(match)
            self.at = end
            return unit
        if (match := self.take(_BRACKET)) and depth < _DEEPEST:
            inside = self.all_of(depth + 1)
            close = self.take(_CLOSE)
            if close is None:
                raise self.error()
            return Bracket(inside, reference=bool(match["ref"]), doubt=bool(close["doubt"]))
        if match := self.take(_REMARK):
            return Words(match[0])
        raise self.error()

    def unit(self, match: re.Match[str]) -> Unit:
        digits, behind = match["number"], match["behind"]
        zero = digits.startswith("0")
        if len(digits) > 2 or not 0 < int(digits) <= _LARGEST or (behind and match["sides"]):
            raise self.error()
        return Unit(
            number=int(digits),
            sides=_letters(behind or match["sides"]),
            intensities=_letters(match["grades"]),
            kind=(match["kind"] or "").upper(),
            doubt=bool(match["doubt"]),
            behind=bool(behind),
            zero=zero,
        )


def _letters(text: str | None) -> tuple[str, ...]:
    return tuple(letter.strip().upper() for letter in text.split("/")) if text else ()


def _print(parts: tuple[Part, ...], joiners: tuple[str, ...]) -> str:
    return "".join(f"{joiner}{part}" for joiner, part in zip(("", *joiners), parts, strict=True))


def _units(part: Part) -> Iterator[Unit]:
    if isinstance(part, Unit):
        yield part
    elif isinstance(part, Bracket):
        yield from _units(part.inside)
    elif isinstance(part, AllOf | OneOf):
        for one in part.parts:
            yield from _units(one)


def _certain(part: Part) -> frozenset[int]:
    if isinstance(part, Unit):
        return frozenset() if part.doubt else frozenset({part.number})
    if isinstance(part, Bracket):
        return frozenset() if part.reference or part.doubt else _certain(part.inside)
    if isinstance(part, AllOf):
        return frozenset[int]().union(*map(_certain, part.parts))
    if isinstance(part, OneOf):
        first, *others = map(_certain, part.parts)
        return first.intersection(*others)
    return frozenset()
