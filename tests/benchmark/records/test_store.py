import json
import shutil

import pytest

from benchmark.records.fold import FoldRecord
from benchmark.records.store import RunManifest, Store
from mer_lightning.types import DataError
from tests.benchmark.example_records import fold

OTHER = '{"run": "../../etc", "method": "m", "board": "b", "seed": 0, "folds": 3}'


def test_a_fold_comes_back_as_it_was_saved(tmp_path):
    store = Store(tmp_path)
    store.save_fold("r", fold())
    assert store.folds("r") == {"smic/s01": fold()}
    assert store.done("r") == {"smic/s01"}


def test_a_fold_whose_loss_was_not_finite_for_a_while_comes_back(tmp_path):
    store = Store(tmp_path)
    # half precision skips such a step
    store.save_fold(
        "r", FoldRecord.model_validate(fold().model_dump() | {"curve": {"train_loss": (float("inf"), 0.5)}})
    )
    assert store.folds("r")["smic/s01"].curve["train_loss"] == (float("inf"), 0.5)


def test_a_failed_fold_is_not_done_until_it_succeeds(tmp_path):
    store = Store(tmp_path)
    store.save_error("r", "smic/s01", "ValueError: no", "Traceback ...")
    assert store.done("r") == set()
    assert store.errors("r") == {"smic/s01": "ValueError: no"}
    store.save_fold("r", fold())
    assert store.errors("r") == {}


@pytest.mark.parametrize("content", ["", '{"held_out": "smic/s0', '{"schema_version": 1}', "[]"])
def test_a_torn_fold_record_counts_as_missing(tmp_path, content):
    store = Store(tmp_path)
    store.save_fold("r", fold())
    (tmp_path / "r" / "folds" / "smic--s01.json").write_text(content)
    assert store.folds("r") == {}


@pytest.mark.parametrize(
    "change",
    [
        {"held_out": "smic/s02"},
        {"seconds": float("nan")},
        {"predictions": [{"key": "smic/s01/c0", "label": -1, "prediction": 0}]},
    ],
)
def test_a_record_of_another_fold_or_of_what_cannot_be_counts_as_missing(tmp_path, change):
    store = Store(tmp_path)
    store.save_fold("r", fold())
    path = store.fold_path("r", "smic/s01")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert store.folds("r") == {}
    assert store.fold("r", "smic/s01") is None


def test_a_torn_file_of_what_a_run_started_from_is_named(tmp_path):
    store = Store(tmp_path)
    assert store.pretraining("r") is None
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "pretraining.json").write_text("{")
    with pytest.raises(DataError, match=r"r/pretraining\.json: file: Invalid JSON"):
        store.pretraining("r")


def test_manifests_are_listed(tmp_path):
    manifest = RunManifest(run="r", method="m", board="b", seed=0, folds=3)
    Store(tmp_path).begin(manifest)
    assert list(Store(tmp_path).manifests()) == [manifest]


@pytest.mark.parametrize("content", ["", "[]", "{}", OTHER])
def test_a_folder_that_is_not_of_the_run_it_is_called_after_is_named(tmp_path, content):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "run.json").write_text(content)
    with pytest.raises(DataError, match=r"r/run\.json: (not the manifest of a run|is of run '\.\./\.\./etc')"):
        list(Store(tmp_path).manifests())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff"])
def test_a_failure_whose_file_is_broken_is_still_a_failure(tmp_path, content):
    store = Store(tmp_path)
    store.save_error("r", "smic/s01", "ValueError: no", "Traceback ...")
    (tmp_path / "r" / "folds" / "smic--s01.error.json").write_bytes(content)
    assert store.errors("r") == {"smic/s01": ""}


class TestAChecksum:
    def test_tells_a_changed_prediction_whose_scores_stayed(self, tmp_path, caplog):
        store = Store(tmp_path)
        store.save_fold("r", fold())
        path = store.fold_path("r", "smic/s01")
        path.write_text(path.read_text().replace('"prediction": 2', '"prediction": 1'))
        assert store.folds("r") == {}
        assert store.fold("r", "smic/s01") is None
        (said,) = caplog.messages
        assert said.startswith(f"{path}: its checksum does not fit; it was changed")
        assert said.endswith("the fold counts as missing")

    def test_tells_the_record_of_another_run(self, tmp_path, caplog):
        store = Store(tmp_path)
        store.save_fold("r", fold())
        (tmp_path / "q" / "folds").mkdir(parents=True)
        shutil.copy(store.fold_path("r", "smic/s01"), store.fold_path("q", "smic/s01"))
        assert store.folds("q") == {}
        assert "q/folds/smic--s01.json: its checksum does not fit" in caplog.text

    def test_is_missed_in_no_record_from_before_there_were_any(self, tmp_path, caplog):
        store = Store(tmp_path)
        store.save_fold("r", fold())
        path = store.fold_path("r", "smic/s01")
        body = json.loads(path.read_text())
        body.pop("checksum")
        path.write_text(json.dumps(body))
        kept = store.kept("r")
        assert (kept.folds, kept.damaged, kept.unchecked) == ({"smic/s01": fold()}, (), 1)
        assert not caplog.messages
