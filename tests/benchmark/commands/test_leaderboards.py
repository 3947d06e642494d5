"""What ``mer-bench leaderboards`` writes, of whose records, and what it calls drift."""

import json

import pytest

from benchmark import svg
from benchmark.__main__ import main
from benchmark.records.run import save_run
from tests.benchmark.commands.a_project import make_project
from tests.benchmark.example_records import BAD, GOOD, record


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A project that has one record."""
    project = tmp_path / "project"
    save_run(project / "leaderboards" / "records", record("good"))
    make_project(project, monkeypatch)
    return project / "leaderboards"


@pytest.fixture
def home(shipped, tmp_path, monkeypatch):
    """An empty folder elsewhere, where commands work."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestInTheProject:
    def test_tables_are_written_and_checked(self, shipped, monkeypatch, capsys):
        readme = shipped.parent / "README.md"
        readme.write_text("<!-- table: megc2019 -->\n<!-- end of table -->\n")
        make_project(shipped.parent, monkeypatch, (readme,))
        assert main(["leaderboards", "--check"]) == 1
        assert "leaderboards/megc2019.md: differs" in capsys.readouterr().err
        assert main(["leaderboards"]) == 0
        assert main(["leaderboards", "--check"]) == 0
        assert "GOOD" in readme.read_text()
        (shipped / "old.csv").write_text("")
        assert main(["leaderboards", "--check"]) == 1
        assert main(["leaderboards"]) == 0
        assert not (shipped / "old.csv").exists()

    def test_other_records_never_take_the_place_of_committed_tables(self, shipped, tmp_path, capsys):
        save_run(tmp_path / "others", record("other"))
        assert main(["leaderboards", "--records", str(tmp_path / "others")]) == 2
        assert "expected --out with it" in capsys.readouterr().err
        assert main(["leaderboards", "--records", str(tmp_path / "others"), "--out", str(shipped)]) == 2
        assert "holds the committed tables" in capsys.readouterr().err
        assert not (shipped / "megc2019.md").exists()


class TestInAFolderOfOnesOwn:
    def test_mine_stand_beside_those_that_are_shipped(self, shipped, home):
        save_run(home / "records", record("good", pairs=BAD))
        save_run(home / "records", record("new", pairs=BAD))
        before = snapshot(shipped)
        assert main(["leaderboards"]) == 0
        assert snapshot(shipped) == before
        table = (home / "boards" / "megc2019.md").read_text()
        assert [name in table for name in ("GOOD", "GOOD (mine)", "NEW (mine)")] == [True, True, True]
        rows = (home / "boards" / "megc2019.csv").read_text().splitlines()
        assert [row.split(",")[1] for row in rows[1:]] == ["good", "mine-good", "mine-new"]
        assert (home / "boards" / "site" / "index.html").exists()
        assert main(["leaderboards", "--check"]) == 0

    def test_results_of_other_clips_have_a_leaderboard_of_their_own(self, home):
        save_run(home / "records", record("new", pairs=((0, 0), (1, 1), (2, 2), (2, 2))))
        assert main(["leaderboards"]) == 0
        assert "NEW" not in (home / "boards" / "megc2019.md").read_text()
        table = (home / "boards" / "mine-megc2019.md").read_text()
        assert ("my clips" in table, "| NEW |" in table, "GOOD" in table) == (True, True, False)

    def test_without_records_there_are_those_that_are_shipped(self, home):
        assert main(["leaderboards"]) == 0
        assert "GOOD" in (home / "boards" / "megc2019.md").read_text()

    def test_any_records_are_rendered_anywhere(self, home, tmp_path):
        save_run(tmp_path / "others", record("other"))
        out = tmp_path / "out"
        assert main(["leaderboards", "--records", str(tmp_path / "others"), "--out", str(out)]) == 0
        table = (out / "megc2019.md").read_text()
        assert ("OTHER" in table, "GOOD" in table, "(mine)" in table) == (True, False, False)
        assert list(home.iterdir()) == []

    def test_what_is_no_longer_rendered_goes_and_files_of_others_stay(self, home):
        save_run(home / "records", record("new", pairs=((0, 0), (1, 1), (2, 2), (2, 2))))
        assert main(["leaderboards"]) == 0
        boards = home / "boards"
        (boards / "notes.md").write_text("mine\n")
        (home / "records" / "megc2019" / "new" / "seed0.json").unlink()
        assert main(["leaderboards", "--check"]) == 1
        assert main(["leaderboards"]) == 0
        assert not (boards / "mine-megc2019.md").exists()
        assert (boards / "notes.md").read_text() == "mine\n"

    @pytest.mark.parametrize("text", ["{", "3", '["../../project/leaderboards/records/x"]'])
    def test_a_damaged_list_of_what_was_rendered_is_named(self, home, text, capsys):
        (home / "boards").mkdir()
        (home / "boards" / ".rendered.json").write_text(text)
        assert main(["leaderboards"]) == 2
        said = capsys.readouterr().err
        assert (".rendered.json" in said, "remove it to render anew" in said, said.count("\n")) == (True, True, 1)

    def test_a_file_in_the_place_of_tables_is_named(self, home, capsys):
        (home / "boards").write_text("")
        assert main(["leaderboards"]) == 2
        assert "boards: expected a folder" in capsys.readouterr().err


class TestUnchangedPages:
    @pytest.fixture
    def rendered(self, home):
        """Pages of a board with a picture, each with the time when it was written."""
        save_run(home / "records", record("new", pairs=BAD))
        assert main(["leaderboards"]) == 0
        return {path: path.stat().st_mtime_ns for path in (home / "boards").rglob("*.*")}

    @pytest.fixture
    def drawn(self, monkeypatch):
        """What is drawn from now on."""
        seen, draw = [], svg._draw_now
        monkeypatch.setattr(svg, "_draw_now", lambda *given: seen.append(given) or draw(*given))
        return seen

    def test_are_neither_drawn_nor_written_again(self, rendered, drawn):
        assert main(["leaderboards"]) == 0
        assert drawn == []
        written = {path for path, time in rendered.items() if path.stat().st_mtime_ns != time}
        assert {path.name for path in written} <= {".rendered.json"}

    @pytest.mark.usefixtures("rendered")
    def test_a_changed_record_is_never_shown_as_it_was(self, drawn, home):
        page = home / "boards" / "site" / "board-megc2019.html"
        before = page.read_text()
        (home / "records" / "megc2019" / "new" / "seed0.json").unlink()
        save_run(home / "records", record("new", pairs=GOOD))
        assert main(["leaderboards"]) == 0
        assert len(drawn) == 1
        again = page.read_text()
        picture = '<svg class="chart"'
        assert (again == before, again[again.index(picture) :] == before[before.index(picture) :]) == (False, False)
        for kept in (home / "boards").rglob(".*.json"):
            kept.unlink()
        assert main(["leaderboards"]) == 0
        assert page.read_text() == again

    @pytest.mark.usefixtures("rendered")
    def test_another_title_is_never_shown_as_it_was(self, home):
        save_run(home / "records", record("new", 1, pairs=BAD, title="RENAMED"))
        assert main(["leaderboards"]) == 0
        assert "RENAMED" in (home / "boards" / "site" / "board-megc2019.html").read_text()

    @pytest.mark.usefixtures("rendered")
    def test_a_page_that_somebody_changed_is_written_again(self, home):
        page = home / "boards" / "site" / "index.html"
        before = page.read_bytes()
        page.write_bytes(b"\xff")
        assert main(["leaderboards"]) == 0
        assert page.read_bytes() == before

    @pytest.mark.usefixtures("rendered")
    def test_damage_to_what_is_kept_is_drawn_anew(self, drawn, home):
        page, kept = home / "boards" / "site" / "board-megc2019.html", home / "boards" / "site" / ".pictures.json"
        before = page.read_bytes()
        kept.write_text(kept.read_text().replace("M ", "M 1", 1))
        assert main(["leaderboards"]) == 0
        assert len(drawn) == 1
        assert page.read_bytes() == before

    def test_the_pictures_of_the_project_are_kept_beside_its_pages(self, shipped, drawn):
        assert main(["leaderboards"]) == 0
        assert (shipped / "site" / ".pictures.json").exists()
        first = len(drawn)
        assert main(["leaderboards"]) == 0
        assert (first > 0, len(drawn)) == (True, first)
        assert main(["leaderboards", "--check"]) == 0


def test_the_workspace_is_named_by_flag_variable_or_folder(home, tmp_path, monkeypatch, capsys):
    for name in ("flag", "variable"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("MER_BENCH_HOME", str(tmp_path / "variable"))
    assert main(["leaderboards"]) == 0
    assert main(["leaderboards", "--workspace", str(tmp_path / "flag")]) == 0
    assert main(["--workspace", str(tmp_path / "nosuch"), "leaderboards"]) == 2
    assert "the workspace named by --workspace is not a folder" in capsys.readouterr().err
    assert [(tmp_path / name / "boards" / "README.md").exists() for name in ("flag", "variable", "home")] == [
        True,
        True,
        False,
    ]
    assert json.loads((tmp_path / "flag" / "boards" / ".rendered.json").read_text())
