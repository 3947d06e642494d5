"""What ``mer-bench leaderboards`` writes, and what it calls drift."""

import benchmark.commands.leaderboards
from benchmark.__main__ import main
from benchmark.records.run import save_run
from tests.benchmark.example_records import record


def test_leaderboards_are_written_and_checked(tmp_path, monkeypatch, capsys):
    save_run(tmp_path / "leaderboards" / "records", record("good"))
    readme = tmp_path / "README.md"
    readme.write_text("<!-- table: megc2019 -->\n<!-- end of table -->\n")
    monkeypatch.setattr(benchmark.commands.leaderboards, "PROJECT", tmp_path)
    monkeypatch.setattr(benchmark.commands.leaderboards, "LEADERBOARDS", tmp_path / "leaderboards")
    monkeypatch.setattr(benchmark.commands.leaderboards, "DOCUMENTS", (readme,))
    assert main(["leaderboards", "--check"]) == 1
    assert "leaderboards/megc2019.md: differs" in capsys.readouterr().err
    assert main(["leaderboards"]) == 0
    assert main(["leaderboards", "--check"]) == 0
    assert "GOOD" in readme.read_text()
    (tmp_path / "leaderboards" / "old.csv").write_text("")
    assert main(["leaderboards", "--check"]) == 1
    assert main(["leaderboards"]) == 0
    assert not (tmp_path / "leaderboards" / "old.csv").exists()
