"""A storage that cannot be used is named, and one that several commands open serves all of them."""

import threading

import pytest

from benchmark.tuning.storages import _make_tables, storage_place
from mer_lightning.types import DataError
from tests.benchmark.tuning.searches import make_run
from tests.benchmark.tuning.test_tune import go


@pytest.fixture(scope="module")
def run():
    return make_run()


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("mongodb://x", "expected sqlite, journal, or an URL"),
        ("postgres", "expected sqlite, journal, or an URL"),
        ("grpc://localhost", "expected grpc://<host>:<port>"),
    ],
)
def test_an_unknown_storage_is_named(tmp_path, wanted, says):
    with pytest.raises(DataError, match=says) as error:
        storage_place(wanted, tmp_path)
    assert f"--storage {wanted}: " in str(error.value)


def test_a_storage_that_cannot_be_used_is_named_before_anything_is_trained(run, tmp_path):
    with pytest.raises(DataError, match=r"--storage sqlite:////nowhere/at/all.db: cannot be used: .*unable to open"):
        go(run, tmp_path / "runs", 1, storage="sqlite:////nowhere/at/all.db")


def test_commands_that_find_an_empty_database_at_the_same_moment_share_it(tmp_path):
    url, made = f"sqlite:///{tmp_path / 'studies.db'}", []
    together = threading.Barrier(4)

    def begin():
        together.wait()
        made.append(_make_tables(url, engine_kwargs={"connect_args": {"timeout": 60}}))

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [storage.get_all_studies() for storage in made] == [[]] * 4
