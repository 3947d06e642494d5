"""The picture of a board: every measured method with its interval, published ones beside it."""

import pytest

from benchmark.boards.board import ALL, load_boards
from benchmark.boards.figures import describe, draw_board
from benchmark.places import SHIPPED
from mer_lightning.metrics import UF1


@pytest.fixture(scope="module")
def board():
    return next(board for board in load_boards(SHIPPED) if board.id == "megc2019")


def test_every_measured_method_has_its_interval_in_words(board):
    said = describe(board)
    for row in [row for row in board.rows if row.scores and not row.unranked]:
        score, ends = row.scores[ALL][UF1.name].mean, row.intervals[ALL][UF1.name]
        assert f"{row.title} {score:.3f} ({ends.low:.3f} to {ends.high:.3f})" in said


def test_every_measured_method_on_the_scale_has_whiskers_and_guessing_points_to_its_score(board):
    picture = draw_board(board)
    drawn = [row for row in board.rows if row.scores and not row.unranked and row.method != "majority"]
    # published rings have none
    assert picture.count('<g id="interval-') == len(drawn)
    (guessing,) = [row for row in board.rows if row.method == "majority"]
    score, ends = guessing.scores[ALL][UF1.name].mean, guessing.intervals[ALL][UF1.name]
    assert f">{score:.2f} ({ends.low:.2f} – {ends.high:.2f})<" in picture
    assert all(f">{row.title}<" in picture for row in drawn)


def test_the_same_records_give_the_same_bytes(board):
    assert draw_board(board) == draw_board(board)
