"""What stands on a leaderboard, and in which order."""

import pytest

from benchmark.boards.board import database_title, load_boards
from benchmark.boards.tables import render
from benchmark.places import SHIPPED
from benchmark.records.fold import confusion_of
from benchmark.records.run import save_run
from mer_lightning.protocols import Definition, own_protocols, register_protocol
from mer_lightning.types import DataError
from tests.benchmark.example_records import fold, run_record


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
        people = ("smic/s01", "casme2/sub01") if board.endswith("megc2019") else ("smic/s01", "smic/s02")
        save_run(tmp_path / "records", run_record(people, board=board))
    assert [board.id for board in load_boards(tmp_path)] == ["megc2019", "smic-3", *boards[:2]]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("uf1: 0.9", "uf1: 86.0", r"rows\.0\.scores\.all: uf1: expected a number of 0 to 1, found 86"),
        ("all:", "smik:", r"rows\.0 \(Bad et al\.\): scores\.smik: expected one of all, smic, casme2, samm"),
        ("method: bad", "method: bed", r"rows\.0 \(Bad et al\.\): method: no recipe is called 'bed'"),
        ("board: megc2019", "board: megc2020", "board: expected megc2019, as the file is called; found 'megc2020'"),
    ],
)
def test_a_mistake_in_a_reported_file_is_named(leaderboards, old, new, says):
    path = leaderboards / "reported" / "megc2019.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=rf"megc2019\.yaml: {says}"):
        load_boards(leaderboards)


def test_a_reported_file_of_no_protocol_is_named(leaderboards):
    path = leaderboards / "reported" / "megc2020.yaml"
    path.write_text("board: megc2020\nrows: []\n")
    with pytest.raises(DataError, match=r"megc2020\.yaml: board: protocol 'megc2020' is unknown"):
        load_boards(leaderboards)


def test_columns_call_a_database_by_its_short_name_and_keep_names_that_nobody_knows():
    names = ("smic", "smic_vis", "casme2", "samm", "mmew")
    assert [database_title(name) for name in names] == ["SMIC", "SMIC-VIS", "CASME II", "SAMM", "mmew"]


def test_a_board_of_my_protocol_ranks_by_its_metric():
    with own_protocols():
        defined = Definition(
            name="mylab",
            title="My lab",
            classes=("good", "bad"),
            labels={"lab": {"happy": "good", "sad": "bad"}},
            metric="accuracy",
        )
        given = {
            "board": "mylab",
            "definition": defined,
            "protocol_hash": register_protocol(defined, "mylab.yaml").hash,
            "classes": ("good", "bad"),
            "databases": ("lab",),
        }
        # one is right on the larger class alone, the other on some of both
        pairs = {"large": ((0, 0),) * 8 + ((1, 0),) * 2, "both": ((0, 0),) * 5 + ((0, 1),) * 3 + ((1, 1),) * 2}
        records = [
            run_record(**given, method=name, confusion=confusion_of([fold(p, own) for p in ("lab/s1", "lab/s2")], 2))
            for name, own in pairs.items()
        ]
        (board,) = load_boards(SHIPPED, records)
        assert [row.entry for row in board.rows] == ["large", "both"]
        assert board.rows[0].scores["all"]["uf1"].mean < board.rows[1].scores["all"]["uf1"].mean
        text = next(text for path, text in render(SHIPPED, [board]).items() if path.name == "mylab.md")
        assert "**Ranked by Accuracy**" in text


CODE = {"name": "nets.a.A", "room": "mer_lightning.models", "found_in": "workspace", "hash": "a1" * 32}


class TestCodeOutsideTheSuite:
    def row(self, tmp_path, recipe):
        save_run(tmp_path / "records", run_record(recipe={"deviations": ["Wider."], **recipe}))
        return load_boards(tmp_path)[0].rows[0]

    @pytest.mark.parametrize(
        "of", [lambda code: {"outside": [code]}, lambda code: {"parts": {"a": {"outside": [code]}}}]
    )
    def test_a_row_says_that_it_runs_it_and_whose_it_is(self, tmp_path, of):
        row = self.row(tmp_path, of(CODE))
        assert row.title == "M (own code)"
        assert row.notes == ("Wider.", "Code outside the suite: nets.a.A (workspace, sources a1a1a1a1a1).")

    def test_a_row_without_it_says_nothing(self, tmp_path):
        row = self.row(tmp_path, {"parts": {"a": {}}})
        assert (row.title, row.notes) == ("M", ("Wider.",))

    def test_a_record_that_says_it_wrongly_is_refused(self):
        with pytest.raises(ValueError, match=r"outside\.0\.hash"):
            run_record(recipe={"deviations": [], "outside": [CODE | {"hash": "short"}]})
