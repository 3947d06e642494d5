import hashlib
import multiprocessing
import os
import shutil
import stat

import numpy as np
import pytest

from mer_lightning.motion.cache import Cache, content_key

KEY = "ab" + "0" * 62


def test_written_is_read_back_mapped_and_unchangeable(tmp_path):
    cache = Cache(tmp_path / "cache")
    array = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    assert cache.get(KEY) is None
    cache.put(KEY, array)
    read = cache.get(KEY)
    assert isinstance(read, np.memmap)
    assert np.array_equal(read, array)
    with pytest.raises(ValueError, match="read-only"):
        read[0] = 0
    assert not list(tmp_path.rglob("*.part"))


def test_key_depends_on_content_shape_and_parameters():
    keys = {
        content_key(b"frames", (2, 3, 4), "a"),
        content_key(b"frames", (2, 3, 4), "b"),
        content_key(b"change", (2, 3, 4), "a"),
        content_key(b"frames", (3, 2, 4), "a"),
    }
    assert len(keys) == 4
    assert content_key(b"frames", (2, 3, 4), "a") in keys


def test_an_entry_under_the_name_of_another_is_none_and_that_is_said(tmp_path, caplog):
    cache, other = Cache(tmp_path), "ac" + "0" * 62
    cache.put(KEY, np.arange(3.0))
    cache.path(other).parent.mkdir()
    shutil.copy(cache.path(KEY), cache.path(other))
    assert cache.get(other) is None
    assert caplog.messages == [
        f"{cache.path(other)}: its checksum does not fit; it was changed, or is another's, and is computed again"
    ]


def test_an_entry_from_before_its_key_was_in_the_checksum_is_read(tmp_path):
    cache = Cache(tmp_path)
    cache.put(KEY, np.arange(3.0))
    content = cache.path(KEY).read_bytes()[:-32]
    cache.path(KEY).write_bytes(content + hashlib.sha256(content).digest())
    assert cache.get(KEY).tolist() == [0, 1, 2]


def test_a_full_disk_leaves_nothing_and_stops_nobody(tmp_path, caplog, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.save", full)
    cache = Cache(tmp_path)
    for _ in range(2):
        cache.put(KEY, np.arange(3))
    assert caplog.messages == [f"{cache.path(KEY)}: not kept: No space left on device; goes on without"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "foreign"])
def test_corrupt_entries_are_missing_and_can_be_written_again(tmp_path, damage):
    cache = Cache(tmp_path)
    cache.put(KEY, np.arange(1000.0))
    path = cache.path(KEY)
    whole = bytearray(path.read_bytes())
    whole[500] ^= 1
    path.write_bytes({"flip": whole, "cut": whole[:-100], "empty": b"", "foreign": b"x" * 4000}[damage])
    assert cache.get(KEY) is None
    cache.put(KEY, np.arange(1000.0))
    assert np.array_equal(cache.get(KEY), np.arange(1000.0))


def test_what_a_colleague_wrote_is_read(tmp_path, monkeypatch):
    cache = Cache(tmp_path)
    before = os.umask(0o022)
    try:
        cache.put(KEY, np.arange(3))
    finally:
        os.umask(before)
    assert stat.S_IMODE(cache.path(KEY).stat().st_mode) == 0o644

    def not_the_owner(_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.utime", not_the_owner)
    assert cache.get(KEY).tolist() == [0, 1, 2]


def test_failed_writes_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="Object arrays"):
        Cache(tmp_path).put(KEY, np.array([object()]))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def fill(folder, seed):
    cache = Cache(folder)
    for number in range(20):
        key = f"{number:02x}" + "0" * 62
        cache.put(key, np.full(5000, number))
        assert (cache.get(key) == number).all()
    os._exit(0)


def test_several_processes_fill_one_folder(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=fill, args=(tmp_path, seed)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(list(Cache(tmp_path).entries())) == 20


def test_pruning_removes_what_was_not_used(tmp_path):
    cache = Cache(tmp_path)
    keys = [f"{number:02x}" + "0" * 62 for number in range(4)]
    for age, key in enumerate(keys):
        cache.put(key, np.zeros(100))
        os.utime(cache.path(key), (1000 - age, 1000 - age))
    left = cache.path(keys[0]).parent / ".old.part"
    left.write_bytes(b"")
    os.utime(left, (10, 10))
    size = next(iter(cache.entries())).size
    assert [entry.key for entry in cache.prune(unused_since=998)] == [keys[3]]
    assert not left.exists()
    assert [entry.key for entry in cache.prune(largest_total=2 * size)] == [keys[2]]
    assert {entry.key for entry in cache.entries()} == set(keys[:2])
    assert cache.prune() == []
