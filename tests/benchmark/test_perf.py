"""Every benchmark runs and says what it measured, what it skipped, and against what."""

import pytest
import torch

from benchmark.cli import main
from benchmark.perf.measurement import Measurement, alternate


@pytest.mark.slow
@pytest.mark.parametrize("name", ["training", "motion", "twins", "video"])
def test_a_benchmark_prints_its_figures(name, capsys):
    assert main(["perf", "--quick", name]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert " x " in printed or name == "twins"
    if name in {"training", "motion"} and not torch.cuda.is_available():
        assert "skipped: no CUDA" in printed


def test_the_ratio_is_ours_over_the_reference():
    row = {"name": "n", "ours": 3.0, "unit": "s", "better": "lower"}
    assert Measurement.model_validate(row | {"reference": 2.0}).ratio == 1.5
    assert Measurement.model_validate(row).ratio is None
    assert Measurement.model_validate(row | {"ours": None, "reference": 2.0}).ratio is None


def test_both_sides_run_in_turns():
    calls = []
    alternate(lambda: calls.append("ours"), lambda: calls.append("reference"), rounds=2)
    assert calls == ["ours", "reference"] * 2
