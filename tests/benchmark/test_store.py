import pytest

from benchmark.store import RunManifest, Store
from tests.benchmark.example_records import fold


def test_a_fold_comes_back_as_it_was_saved(tmp_path):
    store = Store(tmp_path)
    store.save_fold("r", fold())
    assert store.folds("r") == {"smic/s01": fold()}
    assert store.done("r") == {"smic/s01"}


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


def test_manifests_are_listed(tmp_path):
    manifest = RunManifest(run="r", method="m", board="b", seed=0, folds=3)
    Store(tmp_path).begin(manifest)
    assert list(Store(tmp_path).manifests()) == [manifest]
