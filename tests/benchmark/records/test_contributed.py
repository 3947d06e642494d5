"""What others contributed: strict descriptions, files of their own, rows without a place."""

import json

import pytest

from benchmark.boards.board import load_boards
from benchmark.boards.tables import render
from benchmark.evidence.comparisons import pair_seeds
from benchmark.files import load_yaml
from benchmark.records.contributed import About, ContributedRecord, load_contributed, save_contributed
from benchmark.records.run import save_run
from benchmark.records.shown import as_run, load_shown
from mer_lightning.protocols import get_protocol
from mer_lightning.types import DataError
from tests.benchmark.evidence.predicted import write_about
from tests.benchmark.example_records import record

ABOUT = About(
    name="theirs", title="Theirs", authors="A. Author", selection="test", input="flow", contact="a@example.org"
)
ROW = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def contributed(about=ABOUT, **changes):
    protocol = get_protocol("megc2019")
    values = {
        "board": "megc2019",
        "protocol": "megc2019",
        "protocol_version": protocol.version,
        "protocol_hash": protocol.hash,
        "about": about,
        "classes": protocol.scheme.classes,
        "databases": tuple(protocol.counts),
        "confusion": {"casme2/sub01": ROW, "samm/006": ROW, "smic/s01": ROW},
        "predictions_hash": "a" * 64,
        "table_hash": "",
        "held_by": "subjects",
    }
    return ContributedRecord(**values | changes)


@pytest.fixture
def shipped(tmp_path):
    """A board with one run, of the same clips."""
    save_run(tmp_path / "records", record("good", confusion=contributed().confusion, folds=3))
    return tmp_path


class TestAbout:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"name": "Their Net"}, "name"),
            ({"authors": None}, "authors"),
            ({"selection": "best"}, "selection"),
            ({"code": "javascript:alert(1)"}, "code"),
            ({"title": "'a | b'"}, "title: .*expected one line of text without"),
            ({"notes": "'<script>'"}, "notes: .*expected one line of text without"),
            ({"licence": "MIT"}, "licence"),
        ],
    )
    def test_is_strict(self, tmp_path, changes, says):
        with pytest.raises(DataError, match=f"about.yaml: {says}") as refused:
            load_yaml(write_about(tmp_path / "about.yaml", **changes), About)
        assert "\n" not in str(refused.value)


class TestItsFile:
    def test_is_read_as_it_was_written(self, tmp_path):
        path = save_contributed(tmp_path, contributed())
        assert path == tmp_path / "megc2019" / "theirs.json"
        assert load_contributed(tmp_path) == [contributed()]

    def test_of_another_result_is_never_lost_unasked(self, tmp_path):
        path = save_contributed(tmp_path, contributed())
        before = path.read_bytes()
        assert save_contributed(tmp_path, contributed()) == path
        other = contributed(predictions_hash="b" * 64)
        with pytest.raises(DataError, match=r"'theirs' is contributed already.*--replace"):
            save_contributed(tmp_path, other)
        assert path.read_bytes() == before
        save_contributed(tmp_path, other, replace=True)
        assert load_contributed(tmp_path) == [other]

    @pytest.mark.parametrize(
        ("key", "value", "says"),
        [
            ("board", "samm-3", "board: expected megc2019"),
            ("confusion", {"smic/s01": [[1]]}, r"confusion\.smic/s01: expected 3 x 3 counts"),
            ("confusion", {"smic/s01": [[1, 0, 0]] * 3}, "confusion: expected subjects of smic, casme2, samm"),
            ("predictions_hash", "a", "predictions_hash"),
        ],
    )
    def test_is_held_to_what_it_can_be(self, tmp_path, key, value, says):
        path = save_contributed(tmp_path, contributed())
        path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
        with pytest.raises(DataError, match=rf"theirs\.json: .*{says}"):
            load_contributed(tmp_path)

    def test_in_a_place_that_is_not_its_own_is_named(self, tmp_path):
        save_contributed(tmp_path, contributed()).rename(tmp_path / "megc2019" / "ours.json")
        with pytest.raises(DataError, match=r"ours\.json: holds what belongs into .*theirs\.json"):
            load_contributed(tmp_path)


class TestItsRow:
    def test_has_scores_and_intervals_and_no_place(self, shipped):
        save_contributed(shipped / "contributed", contributed())
        runs = load_shown(shipped / "records", shipped / "records", [shipped / "contributed"])
        (board,) = load_boards(shipped, runs)
        good, theirs = board.rows
        assert (theirs.entry, theirs.title) == ("contributed-theirs", "Theirs (contributed)")
        assert theirs.scores["all"]["uf1"].mean == 1.0
        assert set(theirs.intervals) == {"all"}
        assert (board.place(good, "all", "uf1"), board.place(theirs, "all", "uf1")) == (0, None)
        assert "contributed" not in " ".join(board.data)

    def test_is_marked_in_every_table(self, shipped):
        save_contributed(shipped / "contributed", contributed())
        runs = load_shown(shipped / "records", shipped / "records", [shipped / "contributed"])
        files = render(shipped, load_boards(shipped, runs))
        text = files[shipped / "megc2019.md"]
        assert "| – | Theirs (contributed) (`contributed-theirs`) |" in text
        assert "Contributed by A. Author. Input: flow. Its epoch was chosen on the tested subject." in text
        assert "contributed,contributed-theirs,Theirs (contributed),,," in files[shipped / "megc2019.csv"]
        assert "Theirs (contributed)" in files[shipped / "megc2019.tex"]
        assert not any("a@example.org" in one for one in files.values())

    def test_pairs_with_every_seed_of_another(self):
        confusion = contributed().confusion
        seeds = [record("good", seed, confusion=confusion, folds=3) for seed in (0, 1)]
        assert pair_seeds([as_run(contributed())], seeds).seeds == ((0, 0), (0, 1))

    def test_needs_no_run_beside_it(self, tmp_path):
        save_contributed(tmp_path / "contributed", contributed())
        runs = load_shown(tmp_path / "records", tmp_path / "records", [tmp_path / "contributed"])
        (board,) = load_boards(tmp_path, runs)
        assert [row.title for row in board.rows] == ["Theirs (contributed)"]

    def test_of_other_clips_than_the_runs_is_refused(self, shipped):
        rows = {"casme2/sub01": ROW, "samm/006": ROW, "smic/s02": ROW}
        save_contributed(shipped / "contributed", contributed(confusion=rows))
        with pytest.raises(DataError, match=r"theirs\.json: cannot stand on megc2019 any more: .*contribute it anew"):
            load_shown(shipped / "records", shipped / "records", [shipped / "contributed"])

    def test_of_one_name_with_a_shipped_one_is_refused(self, shipped, tmp_path):
        for folder in ("contributed", "mine"):
            save_contributed(tmp_path / folder, contributed())
        with pytest.raises(DataError, match=r"mine.*'theirs' stands on megc2019 already, by .*contributed"):
            load_shown(shipped / "records", shipped / "records", [tmp_path / "contributed", tmp_path / "mine"])
