"""Who has a fold keeps other programs from it until it is given back, or until the program ends."""

import subprocess
import sys

import pytest
from filelock import FileLock

from benchmark.training.locks import FoldLocks
from mer_lightning.types import DataError

HOLDER = """
import sys
from pathlib import Path
from benchmark.training.locks import FoldLocks
locks = FoldLocks(Path(sys.argv[1]))
print(locks.take("smic/s01"), flush=True)
sys.stdin.read()
"""


def hold(folder):
    """A program that has a fold; it goes when it is killed."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_fold_of_another_program_is_not_taken_and_is_free_when_that_is_killed(tmp_path):
    with hold(tmp_path) as other:
        assert other.stdout.readline() == "True\n"
        locks = FoldLocks(tmp_path)
        assert not locks.take("smic/s01")
        assert locks.take("smic/s02")
        other.kill()
    assert locks.take("smic/s01")
    locks.close()


def test_what_is_given_back_is_free(tmp_path):
    locks, others = FoldLocks(tmp_path), FoldLocks(tmp_path)
    assert locks.take("smic/s01")
    assert not others.take("smic/s01")
    locks.release("smic/s01")
    locks.release("smic/s09")
    assert others.take("smic/s01")
    others.close()
    assert locks.take("smic/s01")
    locks.close()


def test_a_run_of_before_with_its_file_of_locks_goes_on(tmp_path):
    (tmp_path / "locks").write_bytes(b"")
    locks = FoldLocks(tmp_path)
    assert locks.take("smic/s01")
    locks.close()


def test_where_the_file_system_has_no_locks_nobody_is_kept_from_a_fold(tmp_path, monkeypatch):
    def none(*_, **__):
        raise NotImplementedError

    monkeypatch.setattr(FileLock, "acquire", none)
    locks = FoldLocks(tmp_path)
    assert locks.take("smic/s01")
    locks.close()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "fold-locks").write_bytes(b"")
    with pytest.raises(DataError, match=r"fold-locks.*: cannot be written: "):
        FoldLocks(tmp_path).take("smic/s01")
