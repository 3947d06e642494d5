import pytest
import torch

from benchmark.perf.motion import run


@pytest.mark.slow
def test_rows_have_figures_and_say_what_was_skipped(capsys):
    rows = run(quick=True)
    assert {tuple(row) for row in rows} == {("name", "ours", "reference", "unit", "ratio", "goal", "note")}
    printed = capsys.readouterr().out
    assert "TV-L1" in printed
    assert "peak memory" in printed
    if not torch.cuda.is_available():
        assert sum(row["note"] == "skipped: no CUDA" for row in rows) == 2
