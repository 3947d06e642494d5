"""What is kept can be listed and thinned out; a mistake removes nothing."""

import os
import time

import numpy as np
import pytest

from benchmark.__main__ import main
from mer_lightning.motion.cache import Cache


@pytest.fixture
def cache(tmp_path):
    """Four entries of about 4 KiB, last used 0, 3, 10 and 40 days ago."""
    cache = Cache(tmp_path / "cache")
    for number, days in enumerate((0, 3, 10, 40)):
        key = f"{number:02x}" + "0" * 62
        cache.put(key, np.zeros(1024, np.float32))
        used = time.time() - days * 86400
        os.utime(cache.path(key), (used, used))
    return cache


def test_what_is_kept_is_listed_by_age(cache, capsys):
    assert main(["cache", "list", "--cache", str(cache.folder)]) == 0
    printed = capsys.readouterr().out
    assert "4 entries, 16.6 KiB" in printed
    assert printed.count("1 entry, 4.2 KiB") == 4


def test_a_cache_that_was_never_filled_is_empty(tmp_path, capsys):
    for command in (["list"], ["prune", "--unused-for", "1"]):
        assert main(["cache", *command, "--cache", str(tmp_path / "none")]) == 0
        assert "0 entries, 0 B" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("flags", "left"),
    [
        (["--unused-for", "5"], 2),
        (["--unused-for", "0.5"], 1),
        (["--largest-total", "9K"], 2),
        (["--largest-total", "5kb"], 1),
        (["--largest-total", "0"], 0),
        (["--largest-total", "1G"], 4),
        (["--unused-for", "5", "--largest-total", "5000"], 1),
    ],
)
def test_what_was_not_used_for_longest_goes_first(cache, capsys, flags, left):
    assert main(["cache", "prune", "--cache", str(cache.folder), *flags]) == 0
    assert [entry.key[:2] for entry in cache.entries()] == ["00", "01", "02", "03"][:left]
    assert f"removed {4 - left} entr" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([], "cache prune: give --unused-for DAYS, --largest-total SIZE or both"),
        (["--unused-for", "week"], "--unused-for week: expected a number of days"),
        (["--unused-for=-1"], "--unused-for -1: expected a number of days"),
        (["--largest-total", "2 gigs"], "--largest-total 2 gigs: expected a number of bytes"),
        (["--largest-total", "nan"], "--largest-total nan: expected"),
        (["--largest-total", "9" * 400], "expected a number of bytes"),
        (["--unused-for", "9" * 400], "expected a number of days"),
    ],
)
def test_a_mistake_is_one_line_and_removes_nothing(cache, capsys, flags, says):
    assert main(["cache", "prune", "--cache", str(cache.folder), *flags]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert len(list(cache.entries())) == 4


def test_a_file_is_no_cache(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["cache", "list", "--cache", str(tmp_path / "file")]) == 2
    assert "expected a folder" in capsys.readouterr().err
