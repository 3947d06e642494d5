"""What is contributed is of the whole list of a leaderboard, clip by clip or by subjects, and of nothing else."""

from dataclasses import replace

import pytest

from benchmark.evidence.contribution import make_contribution
from benchmark.evidence.scoring import read_predictions
from benchmark.places import SHIPPED
from benchmark.records.contributed import About
from benchmark.records.run import load_run
from mer_lightning.protocols import Labelled, get_protocol
from mer_lightning.types import DataError, Sample
from tests.benchmark.evidence.predicted import write_predictions

ABOUT = About(name="their-net", title="Their Net", authors="A. Author", selection="unknown", input="flow")
PROTOCOL = get_protocol("samm-3")


@pytest.fixture(scope="module")
def recorded():
    return load_run(SHIPPED / "records" / "samm-3" / "linear-svm" / "seed0.json")


def contribution(path, recorded, about=ABOUT):
    return make_contribution(path, read_predictions(path, protocol=PROTOCOL), about, PROTOCOL, recorded)


def test_the_confusion_matrices_of_a_run_come_back(tmp_path, recorded):
    record = contribution(write_predictions(tmp_path / "p.csv", recorded), [recorded])
    assert record.confusion == recorded.confusion
    assert (record.board, record.protocol_hash, record.held_by) == ("samm-3", PROTOCOL.hash, "subjects")


def test_keys_and_labels_of_a_run_are_held_clip_by_clip(tmp_path, recorded):
    path = write_predictions(tmp_path / "p.csv", recorded)
    rows = read_predictions(path, protocol=PROTOCOL).rows
    found = sorted((f"{r.database}/{r.subject}/{r.clip}", PROTOCOL.scheme.classes.index(r.label)) for r in rows)
    samples = tuple(Sample(*key.split("/"), emotion="") for key, _ in found)
    hashed = Labelled(samples, tuple(label for _, label in found)).table_hash
    run = recorded.model_copy(update={"data": recorded.data.model_copy(update={"table_hash": hashed})})
    record = contribution(path, [run])
    assert (record.table_hash, record.held_by) == (hashed, "clips")


def test_without_a_run_on_the_board_only_the_counts_are_held(tmp_path, recorded):
    assert contribution(write_predictions(tmp_path / "p.csv", recorded), []).held_by == "counts"


def test_no_label_of_a_clip_is_kept(tmp_path, recorded):
    text = contribution(write_predictions(tmp_path / "p.csv", recorded), [recorded]).model_dump_json()
    assert "clip1" not in text


def swap(rows):
    """A clip of one subject becomes another's, under the same counts."""
    at = next(n for n, row in enumerate(rows) if row[1] == "006")
    return [*rows[:at], ("samm", "007", "other", *rows[at][3:]), *rows[at + 1 :]]


def rename(rows):
    return [(row[0], "900" if row[1] == "006" else row[1], *row[2:]) for row in rows]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows[1:], "not the official list of samm-3: samm has"),
        (swap, "samm/006 has"),
        (rename, "no prediction of samm/006; expected"),
        (lambda rows: [("smic", "s01", "x", *rows[0][3:]), *rows], "smic is no part of it"),
    ],
)
def test_another_list_is_refused(tmp_path, recorded, change, says):
    with pytest.raises(DataError) as refused:
        contribution(write_predictions(tmp_path / "p.csv", recorded, change), [recorded])
    assert says in str(refused.value)


def test_the_best_epoch_of_each_subject_is_not_called_honest(tmp_path, recorded):
    path = write_predictions(tmp_path / "p.csv", recorded)
    scoring = replace(read_predictions(path, protocol=PROTOCOL), best=28)
    with pytest.raises(DataError, match=r"of 28 subjects it has 'Best Predicted' alone.*expected selection: test"):
        make_contribution(path, scoring, ABOUT, PROTOCOL, [recorded])
    about = ABOUT.model_copy(update={"selection": "test"})
    assert make_contribution(path, scoring, about, PROTOCOL, [recorded]).about.selection == "test"
