"""Every benchmark runs and says what it measured, what it skipped, and against what."""

import pytest
import torch

from benchmark.cli import main
from benchmark.perf.measurement import Measurement, alternate


@pytest.mark.slow
@pytest.mark.parametrize("name", ["training", "descriptors", "motion", "twins", "video", "suite", "tuning"])
def test_a_benchmark_prints_its_figures(name, capsys):
    assert main(["perf", "--quick", name]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert " x " in printed or name == "twins"
    if name in {"training", "motion", "suite"} and not torch.cuda.is_available():
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


def test_a_report_is_kept_and_rendered(tmp_path):
    from benchmark.perf.page import describe, load, save

    row = Measurement(name="n", ours=3.0, reference=2.0, unit="s", better="lower", goal="at most 1 x")
    save(tmp_path, "suite", describe("suite", [row], quick=False))
    save(tmp_path, "other", describe("other", [row], quick=True))
    assert set(load(tmp_path / "performance.json")) == {"suite", "other"}
    page = (tmp_path / "performance.md").read_text()
    assert "| n | 3 s | 2 s | 1.50 x | at most 1 x |" in page
    assert "`mer-bench perf other --quick`" in page


def test_the_baseline_has_the_models_of_the_papers():
    from benchmark.perf.naive import ThreeStreams, TwoStreams

    sizes = [sum(weight.numel() for weight in model().parameters()) for model in (ThreeStreams, TwoStreams)]
    # the counts that the papers' own tables give, see the models
    assert sizes == [1683, 2_664_475]
    maps = torch.rand(2, 3, 28, 28)
    assert ThreeStreams()(maps).shape == TwoStreams()(maps).shape == (2, 3)
