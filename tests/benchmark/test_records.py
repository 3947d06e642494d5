import pytest

from benchmark.records import (
    load_run,
    load_runs,
    record_path,
    save_run,
)
from mer_lightning.types import DataError
from tests.benchmark.example_records import run_record


def test_a_confusion_matrix_takes_one_line_per_row(tmp_path):
    save_run(tmp_path, run_record())
    text = record_path(tmp_path, run_record()).read_text()
    assert "[1, 0, 0],\n" in text


def test_a_run_record_holds_no_label_of_a_sample(tmp_path):
    text = save_run(tmp_path, run_record()).read_text()
    assert "c0" not in text
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
    record = run_record(people=("smic/s01", "samm/s01"), databases=("smic", "samm"))
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
