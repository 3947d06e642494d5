"""Cells of action units: every form that the databases' sheets have, and what no reading fits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mer_lightning.datasets.action_units import (
    GRAMMAR,
    ActionUnits,
    AllOf,
    Bracket,
    OneOf,
    Unit,
    Words,
    parse_action_units,
)
from mer_lightning.types import DataError


def plain(text: object) -> str:
    return "".join(str(text).split()).casefold()


def numbers(text: str | int) -> tuple[set[int], set[int]]:
    coded = parse_action_units(text)
    return set(coded.certain), set(coded.possible)


@pytest.mark.parametrize(
    ("text", "certain", "possible"),
    [
        ("4+L10", {4, 10}, set()),
        (12, {12}, set()),
        (" 15 + 17? ", {15}, {17}),
        ("R12 or R15", set(), {12, 15}),
        ("L6 or R6", {6}, set()),
        ("4+ 7 or 6", {4}, {6, 7}),
        ("4/7", set(), {4, 7}),
        ("A/L12", {12}, set()),
        ("10A/B", {10}, set()),
        ("12A/L4", set(), {4, 12}),
        ("(R6 or R12)+R15", {15}, {6, 12}),
        ("(4+7) or (4+9)", {4}, {7, 9}),
        ("(4+7)?", set(), {4, 7}),
        ("ref(7B)+43C", {43}, {7}),
        ("7B+ ref (43)", {7}, {43}),
        ("R14+17+soft focus", {14, 17}, set()),
        ("T18 + B23", {18, 23}, set()),
        ("7+R10+AD39+M58", {7, 10, 39, 58}, set()),
        ("AU4, AU07;AU 12", {4, 7, 12}, set()),
        ("12A L14 20", {12, 14, 20}, set()),
        ("4+?", {4}, set()),
        ("12 blink", {12}, set()),
    ],
)
def test_numbers_that_are_coded_and_that_may_be(text: str | int, certain: set[int], possible: set[int]):
    assert numbers(text) == (certain, possible)
    assert plain(parse_action_units(text)) == plain(text)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("r12", Unit(12, ("R",))),
        ("A12B", Unit(12, ("A",), ("B",))),
        ("A/L12", Unit(12, ("A", "L"))),
        ("4A/B", Unit(4, (), ("A", "B"))),
        ("T18?", Unit(18, ("T",), doubt=True)),
        ("14R", Unit(14, ("R",), behind=True)),
        ("14 a R", Unit(14, ("R",), ("A",), behind=True)),
        ("AD38", Unit(38, kind="AD")),
        ("au 04", Unit(4, kind="AU", zero=True)),
    ],
)
def test_side_intensity_and_kind_of_a_unit(text: str, unit: Unit):
    assert parse_action_units(text).units == (unit,)


def test_a_letter_belongs_to_the_number_that_needs_it():
    assert parse_action_units("12 A").units == (Unit(12, (), ("A",)),)
    assert parse_action_units("12 A4").units == (Unit(12), Unit(4, ("A",)))
    assert parse_action_units("12 A/L4").units == (Unit(12), Unit(4, ("A", "L")))


@pytest.mark.parametrize("text", ["", " - ", "?", "0", 0, "none", "/"])
def test_some_cells_code_nothing(text: str | int):
    coded = parse_action_units(text)
    assert (coded.units, coded.certain, coded.possible) == ((), frozenset(), frozenset())
    assert plain(coded) == plain(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("smile", "'smile'"),
        ("4++7", "'+'"),
        ("4+", "missing at the end"),
        ("L12R", "'L12R'"),
        ("0+4", "'0'"),
        ("4+99", "'99'"),
        ("123", "'123'"),
        ("4 or", "missing at the end"),
        ("or 4", "'or'"),
        ("12F", "'F'"),
        ("12A4", "'A4'"),
        ("(4+7", "missing at the end"),
        ("4+7)", "')'"),
        ("ref()+7", "')'"),
        ("(" * 4000 + "4", "'('"),
        ("4\n+\u2028*", "'*'"),
    ],
)
def test_what_no_reading_fits_is_one_line_that_names_the_part(text: str, part: str):
    with pytest.raises(DataError, match=re.escape(part)) as caught:
        parse_action_units(text)
    assert len(str(caught.value).splitlines()) == 1


sides = st.sampled_from("LRATB")
units = st.builds(
    Unit,
    number=st.integers(10, 98),
    sides=st.lists(sides, max_size=2).map(tuple),
    intensities=st.lists(st.sampled_from("ABCDE"), max_size=2).map(tuple),
    kind=st.sampled_from(["", "", "AU", "AD", "M"]),
    doubt=st.booleans(),
) | st.builds(
    Unit,
    number=st.integers(1, 9),
    sides=st.sampled_from([("L",), ("R",)]),
    intensities=st.lists(st.sampled_from("ABCDE"), max_size=2).map(tuple),
    behind=st.just(True),
    zero=st.booleans(),
)
remarks = st.sampled_from(["?", "soft focus", "head down", "tränen", "orbit"]).map(Words)


def series(kind: type, parts: st.SearchStrategy, joiners: list[str]) -> st.SearchStrategy:
    def build(drawn: list) -> object:
        # 4A/B/L7 is 4A/B or L7, so a unit of two sides needs the word
        joiners = (("or" if joiner == "/" and "/" in str(part) else joiner) for part, joiner in drawn[1:])
        return kind(tuple(part for part, _ in drawn), tuple(joiners))

    return st.lists(st.tuples(parts, st.sampled_from(joiners)), min_size=2, max_size=4).map(build)


def larger(parts: st.SearchStrategy) -> st.SearchStrategy:
    brackets = st.builds(Bracket, parts, reference=st.booleans(), doubt=st.booleans())
    choices = series(OneOf, units | brackets | remarks, ["or", "/"])
    # a blank before a remark would make it a part of what stands before
    return (
        choices
        | series(AllOf, units | brackets | choices | remarks, ["+", ",", ";", "&"])
        | series(AllOf, units | brackets, [" "])
    )


trees = st.recursive(units, larger, max_leaves=8)


def depth(part: object) -> int:
    if isinstance(part, Bracket):
        return 1 + depth(part.inside)
    return max(map(depth, part.parts)) if isinstance(part, AllOf | OneOf) else 0


@given(trees)
def test_what_is_printed_is_read_as_the_same(tree):
    cell = ActionUnits(tree)
    if not cell.units or depth(tree) > 5:
        with pytest.raises(DataError):
            parse_action_units(str(cell))
    else:
        assert parse_action_units(str(cell)) == cell
        assert parse_action_units(str(cell).lower().replace("+", " + ")).certain == cell.certain
        assert cell.certain.isdisjoint(cell.possible)


@given(st.text(max_size=30) | st.text("0123456789LRATBCDEMU+/?() ,orefx\n", max_size=30))
@example("4 ARef(7)")
@example("12 A/ B")
@example("ADA12")
def test_any_text_is_read_or_is_one_line(text: str):
    try:
        coded = parse_action_units(text)
    except DataError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert plain(coded) == plain(text)
        assert parse_action_units(str(coded)) == coded


def test_the_documents_print_the_grammar():
    page = (Path(__file__).parents[3] / "docs" / "databases.md").read_text(encoding="utf-8")
    assert f"```ebnf\n{GRAMMAR}```\n" in page


def test_every_symbol_of_the_grammar_is_defined():
    rules = dict(re.split(r"\s+= ", line.partition("#")[0], maxsplit=1) for line in GRAMMAR.splitlines())
    used = {word for rule in rules.values() for word in re.findall(r"[a-z]+", re.sub(r'"[^"]*"', "", rule))}
    assert used - {"blank", "to", "also", "word"} <= set(rules)
