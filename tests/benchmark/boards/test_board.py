"""What stands on a leaderboard, and in which order."""

import pytest

from benchmark.boards.board import load_boards
from benchmark.records import save_run
from mer_lightning.types import DataError
from tests.benchmark.example_records import record


def test_rows_are_ranked_by_uf1_with_mean_and_spread_over_seeds(leaderboards):
    board = load_boards(leaderboards)[0]
    assert [row.method for row in board.rows] == ["good", "bad"]
    one_seed, two = board.rows[0].scores["all"]["uf1"], board.rows[1].scores["all"]["uf1"]
    assert (one_seed.mean, one_seed.spread) == (1.0, None)
    assert two.mean == pytest.approx((1 + 0.5 / 3) / 2)  # one seed right, one always class 0: F1 .5, 0, 0
    assert two.spread == pytest.approx((1 - 0.5 / 3) / 2**0.5)


def test_real_data_stand_before_invented_and_composites_before_single_databases(tmp_path):
    boards = ("synthetic-megc2019", "synthetic-smic-3", "smic-3", "megc2019")
    for board in boards:
        databases = ("smic", "casme2") if board.endswith("megc2019") else ("smic",)
        save_run(tmp_path / "records", record("good", board=board, databases=databases))
    assert [board.id for board in load_boards(tmp_path)] == ["megc2019", "smic-3", *boards[:2]]


def test_a_mistake_in_a_reported_file_is_named(leaderboards):
    path = leaderboards / "reported" / "x.yaml"
    path.write_text("board: b\nrows:\n- {name: A, selection: honest, scores: {all: {uf1: 86.0}}, source: S}\n")
    with pytest.raises(DataError, match=r"x.yaml: rows.0.scores.all.uf1: Input should be less than or equal to 1"):
        load_boards(leaderboards)
