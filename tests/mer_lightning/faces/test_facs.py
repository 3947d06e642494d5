"""Every unit of S4's Table 2 has its place, on both sides of the face, and shares of a heat map add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mer_lightning.faces.facs import (
    FACS_REGIONS,
    OUTSIDE,
    REST,
    crop_points,
    facs_map,
    facs_shares,
    units_of,
)
from mer_lightning.types import DataError

SIZE = 120
POINTS = crop_points(SIZE, SIZE)
PLACES = facs_map(POINTS, SIZE, SIZE)


def unit_at(x, y):
    label = int(PLACES[round(y), round(x)])
    return FACS_REGIONS[label - 1].unit.number if 0 < label <= len(FACS_REGIONS) and FACS_REGIONS[label - 1].unit else 0


def between(first, second, part=0.5):
    return POINTS[first] + part * (POINTS[second] - POINTS[first])


@pytest.mark.parametrize(
    ("unit", "points"),
    [
        (1, (POINTS[20] - [0, 4], POINTS[23] - [0, 4])),
        (2, (POINTS[18] - [0, 3], POINTS[25] - [0, 3])),
        (4, (between(21, 22) + np.array([0, 2]),)),
        (5, (between(36, 39), between(42, 45), between(19, 37), between(24, 44))),
        (6, (POINTS[41] + [0, 4], POINTS[46] + [0, 4])),
        (10, (between(33, 50), between(33, 52))),
        (12, (between(48, 3), between(54, 13))),
        (15, (between(59, 7), between(55, 9))),
    ],
)
def test_a_unit_is_seen_where_its_muscle_moves_the_skin(unit, points):
    assert [unit_at(*point) for point in points] == [unit] * len(points)


def test_the_units_are_those_of_the_table():
    table = {
        "disgust": (4, 5, 10),
        "repression": (15,),
        "surprise": (1, 2),
        "happiness": (6, 12),
    }
    assert {emotion: tuple(unit.number for unit in units_of(emotion)) for emotion in table} == table
    assert units_of("Happiness") == units_of("happiness")
    assert units_of("fear") == ()


def test_each_of_the_18_outlines_of_a_side_belongs_to_one_place():
    assert sorted(part for region in FACS_REGIONS for part in region.parts) == list(range(18))


def test_both_sides_have_about_as_many_pixels():
    for label in range(1, len(FACS_REGIONS) + 1):
        columns = np.nonzero(label == PLACES)[1]
        assert (columns < SIZE / 2).mean() == pytest.approx(0.5, abs=0.06)


@given(arrays(np.float32, (SIZE, SIZE), elements=st.floats(0, 100, width=32), fill=st.floats(0, 1, width=32)))
def test_shares_are_a_division_of_the_heat(heat):
    rows = facs_shares(heat, PLACES)
    shares = [share for _, _, share in rows]
    assert {name for name, _, _ in rows} == {REST, OUTSIDE, *(region.name for region in FACS_REGIONS)}
    assert sum(shares) == pytest.approx(1.0 if heat.sum() > 0 else 0.0)
    assert shares == sorted(shares, reverse=True)


def test_heat_at_one_place_is_all_of_that_place():
    heat = np.zeros((SIZE, SIZE))
    x, y = between(48, 3).round().astype(int)
    heat[y, x] = 3.0
    name, region, share = facs_shares(heat, PLACES)[0]
    assert (name, share) == ("beside the lip corner", 1.0)
    assert region is not None and region.unit.name == "lip corner puller"
    assert facs_shares(np.eye(1, SIZE * SIZE).reshape(SIZE, SIZE), PLACES)[0][0] == OUTSIDE


def test_other_points_are_refused():
    with pytest.raises(DataError, match="68 points"):
        facs_map(POINTS[:60], SIZE, SIZE)
