import json

import pytest

from benchmark.records.run import load_run, load_runs, record_path, save_run
from mer_lightning.types import DataError
from tests.benchmark.example_records import run_record


def test_a_confusion_matrix_takes_one_line_per_row(tmp_path):
    save_run(tmp_path, run_record())
    text = record_path(tmp_path, run_record()).read_text()
    assert "[1, 0, 0],\n" in text


def test_a_run_record_holds_no_label_of_a_sample(tmp_path):
    text = save_run(tmp_path, run_record()).read_text()
    assert "/c0" not in text
    assert "prediction" not in text


def test_an_equal_result_and_an_incomplete_one_leave_the_record_alone(tmp_path):
    path = save_run(tmp_path, run_record(seconds=1.0))
    before = path.read_bytes()
    save_run(tmp_path, run_record(seconds=2.0))
    save_run(tmp_path, run_record(people=("smic/s01",)))
    assert path.read_bytes() == before
    save_run(tmp_path, run_record(recipe_hash="new"))
    assert load_run(path).recipe_hash == "new"


def test_a_setting_that_came_later_is_no_new_result_but_a_footnote_is(tmp_path):
    path = save_run(tmp_path, run_record(recipe={"deviations": [], "training": {"epochs": 3}}))
    before = path.read_bytes()
    save_run(tmp_path, run_record(recipe={"deviations": [], "training": {"epochs": 3, "compile": "no"}}))
    assert path.read_bytes() == before
    save_run(tmp_path, run_record(recipe={"deviations": ["Smaller."], "training": {"epochs": 3}}))
    assert load_run(path).recipe["deviations"] == ["Smaller."]


def test_an_incomplete_run_is_replaced_when_it_is_complete(tmp_path):
    path = save_run(tmp_path, run_record(people=("smic/s01",)))
    assert not load_run(path).complete
    save_run(tmp_path, run_record())
    assert load_run(path).complete


def test_matrices_of_one_database_are_picked_by_subject():
    record = run_record(people=("smic/s01", "samm/s01"), board="megc2019")
    assert record.matrices().shape == (2, 3, 3)
    assert record.matrices("samm").shape == (1, 3, 3)
    assert record.matrices("casme2").shape == (0, 3, 3)


def test_a_record_in_a_wrong_place_or_form_is_named(tmp_path):
    path = save_run(tmp_path, run_record())
    wrong = tmp_path / "samm-3" / "m" / "seed0.json"
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"samm-3/m/seed0.json: holds the record of .*smic-3/m/seed0.json"):
        load_runs(tmp_path)
    wrong.write_text("{}")
    with pytest.raises(DataError, match=r"samm-3/m/seed0\.json"):
        load_runs(tmp_path)


FIRST = ("confusion", "smic/s01")
CURVE = {"epochs": [1, 2], "values": {"train_loss": [1.0]}}
TUNING = {"mode": "nested", "sampler": "tpe", "pruner": "none", "trials": 1, "pruned": 0, "epochs": 0, "seconds": 1.0}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (FIRST, [[1]], r"confusion\.smic/s01: expected 3 x 3 counts"),
        (FIRST, [[1, 0], [0, 1, 0], [0, 0, 0]], r"confusion\.smic/s01: expected 3 x 3 counts"),
        (FIRST, [[10**30, 0, 0], [0, 0, 0], [0, 0, 0]], r"confusion\.smic/s01\.0\.0: .*less than 2147483648"),
        (FIRST, [[-1, 0, 0], [0, 0, 0], [0, 0, 0]], r"confusion\.smic/s01\.0\.0: .*greater than or equal to 0"),
        (("confusion",), {"smic/s01": [[1, 0, 0], [0, 0, 1], [0, 0, 0]]}, "confusion: expected a tested subject for"),
        (("confusion", "samm/006"), [[1, 0, 0], [0, 0, 0], [0, 0, 0]], "confusion: expected subjects of smic"),
        (("finished",), 3, "finished: expected at most folds, 2; found 3"),
        (("seconds",), float("nan"), "seconds: .*finite"),
        (("seconds",), float("inf"), "seconds: .*finite"),
        (("seconds",), -1.0, "seconds: .*greater than or equal to 0"),
        (("recipe",), {}, "recipe: deviations: missing"),
        (("recipe", "deviations"), None, "recipe: deviations: Input should be a valid list"),
        (("recipe", "paper"), {"title": "T"}, "recipe: paper.authors: missing"),
        (("recipe", "chosen_on"), {}, "recipe: chosen_on.databases: missing"),
        (("recipe", "unranked"), None, "recipe: unranked: Input should be a valid string"),
        (("recipe", "parts"), [], "recipe: parts: Input should be a valid dict"),
        (
            ("data", "synthetic"),
            True,
            "board: expected synthetic-smic-3, by protocol and data.synthetic",
        ),
        (("protocol",), "nosuch", "protocol 'nosuch' is unknown"),
        (("protocol",), "samm-3", "board: expected samm-3"),
        (("classes",), ["a", "b"], "classes: expected those of the protocol, negative, positive, surprise"),
        (("databases",), ["smic", "casme2"], "databases: the protocol has no 'casme2'; expected smic"),
        (("databases",), [], "confusion: expected subjects of"),
        (("curve",), CURVE, r"curve: values\.train_loss: expected 2, one per epoch; found 1"),
        (("tuning",), TUNING | {"studies": 1, "inner_uf1": 1.5}, r"tuning\.inner_uf1: .*less than or equal to 1"),
        (("tuning",), TUNING | {"studies": 1, "inner_uf1": 0.5, "optimism": float("nan")}, "tuning.optimism: .*finite"),
    ],
)
def test_a_record_that_cannot_be_is_named_by_file_and_key(tmp_path, key, value, says):
    path = save_run(tmp_path, run_record())
    body = json.loads(path.read_text())
    *parents, last = key
    place = body
    for parent in parents:
        place = place[parent]
    place[last] = value
    path.write_text(json.dumps(body))
    with pytest.raises(DataError, match=rf"smic-3/m/seed0\.json: {says}") as error:
        load_runs(tmp_path)
    assert "\n" not in str(error.value)


def test_a_held_out_database_is_one_fold_of_all_of_its_subjects():
    people = ("smic/s01", "smic/s02", "casme2/sub01", "samm/006")
    given = {"board": "megc2019-holdout", "folds": 3}
    assert run_record(people, finished=3, **given).complete
    assert not run_record(people[:3], finished=2, **given).complete
    with pytest.raises(ValueError, match="expected a tested database for each of 3 finished folds, found 2"):
        run_record(people[:3], finished=3, databases=("smic", "casme2"), **given)


class TestAChecksum:
    def test_is_written_and_tells_a_changed_count(self, tmp_path):
        path = save_run(tmp_path, run_record())
        assert load_run(path).checked
        path.write_text(path.read_text().replace("[1, 0, 0]", "[2, 0, 0]", 1))
        with pytest.raises(DataError, match=r"smic-3/m/seed0\.json: its checksum does not fit"):
            load_run(path)

    def test_does_not_mind_how_a_file_is_laid_out(self, tmp_path):
        path = save_run(tmp_path, run_record())
        path.write_text(json.dumps(dict(reversed(json.loads(path.read_text()).items()))))
        assert load_run(path).checked

    def test_is_not_added_to_a_record_from_before_there_were_any(self, tmp_path):
        path = save_run(tmp_path, run_record())
        body = json.loads(path.read_text())
        body.pop("checksum")
        path.write_text(json.dumps(body))
        before = path.read_bytes()
        assert not load_run(path).checked
        save_run(tmp_path, run_record(seconds=2.0))
        assert path.read_bytes() == before
