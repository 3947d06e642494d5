"""A scale shows every score, no more than a tenth beyond; one that always guesses does not widen it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.boards.board import ALL, load_boards
from benchmark.boards.scale import REFERENCE, Scale, board_scale, row_values, scale_of
from benchmark.methods.recipe import load_recipe
from benchmark.places import SHIPPED
from mer_lightning.metrics import UF1

SCORES = st.lists(st.floats(0, 1), min_size=1)


class TestScale:
    @given(SCORES)
    def test_holds_every_score_and_ends_on_tenths(self, values):
        scale = scale_of(values)
        assert scale.low - 1e-6 <= min(values)
        assert max(values) <= scale.high + 1e-6
        assert 0 <= scale.low < scale.high <= 1
        assert scale.low > min(values) - 0.1 - 1e-6 or scale.high - scale.low == pytest.approx(0.1)

    @given(SCORES, st.floats(0, 1), st.floats(0, 1))
    def test_keeps_the_order_and_stays_between_its_ends(self, values, one, other):
        scale = scale_of(values)
        assert 0 <= scale.place(min(one, other)) <= scale.place(max(one, other)) <= 1

    @given(SCORES)
    def test_has_ticks_from_end_to_end_that_are_not_too_many(self, values):
        scale = scale_of(values)
        assert 1 <= len(scale.ticks) <= 6
        assert all(scale.holds(tick) for tick in scale.ticks)
        assert scale.high - scale.low > 0.55 or (scale.ticks[0], scale.ticks[-1]) == (scale.low, scale.high)

    @pytest.mark.parametrize(
        ("values", "low", "high"), [([0.7], 0.7, 0.8), ([1.0], 0.9, 1.0), ([0.52, 0.8976], 0.5, 0.9), ([], 0, 1)]
    )
    def test_is_no_longer_than_it_must_be(self, values, low, high):
        assert scale_of(values) == Scale(low, high)


class TestScaleOfABoard:
    @pytest.fixture(scope="class")
    def board(self):
        return next(board for board in load_boards(SHIPPED) if board.id == "megc2019")

    def test_holds_what_is_measured_and_published_but_not_mere_guessing(self, board):
        scale = board_scale(board.rows, board.reported, ALL)
        for row in board.rows:
            held = all(scale.holds(value) for value in row_values(row, ALL))
            assert held == (row.method != REFERENCE)
        assert all(scale.holds(row.scores[ALL][UF1.name]) for row in board.reported if ALL in row.scores)

    def test_tells_methods_apart_better_than_the_whole_range_would(self, board):
        scale = board_scale(board.rows, board.reported, ALL)
        assert scale.high - scale.low <= 0.5

    def test_the_reference_is_a_recipe(self):
        assert load_recipe(REFERENCE).name == REFERENCE
