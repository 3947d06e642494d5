from __future__ import annotations

import pytest

from benchmark.perf import video


@pytest.mark.slow
def test_rows_have_the_common_columns():
    rows = video.run(quick=True)
    assert len(rows) == 4
    for row in rows:
        assert list(row) == ["name", "ours", "reference", "unit", "ratio", "goal", "note"]
        assert row["unit"] == "s"
        assert row["ours"] > 0
