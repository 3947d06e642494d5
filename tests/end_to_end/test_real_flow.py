"""The committed records come out again on the real flow maps: ``MER_FLOW=folder python -m pytest -m data``."""

import os
from pathlib import Path

import pytest

from benchmark.__main__ import main
from benchmark.places import SHIPPED
from benchmark.records.run import load_run

pytestmark = pytest.mark.data


@pytest.mark.parametrize("board", ["megc2019", "smic-3", "casme2-3", "samm-3"])
@pytest.mark.parametrize("method", ["majority", "linear-svm"])
def test_a_committed_record_comes_out_again(tmp_path, board, method):
    places = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records")]
    chosen = ["--method", method, "--protocol", board]
    assert main(["run", "--suite", "megc2019-flow", "--data", os.environ["MER_FLOW"], *chosen, *places]) == 0
    again = load_run(tmp_path / "records" / board / method / "seed0.json")
    committed = load_run(SHIPPED / "records" / board / method / "seed0.json")
    assert again.confusion == committed.confusion
    assert again.data == committed.data


def test_only_test_halves_are_needed():
    subjects = [path for path in Path(os.environ["MER_FLOW"]).iterdir() if path.is_dir()]
    assert len(subjects) == 68
    assert all((path / "u_test").is_dir() for path in subjects)
