import pytest

from benchmark.__main__ import main
from tests.own_clips import write_table, write_tree


@pytest.fixture
def lab(tmp_path):
    return write_tree(tmp_path / "lab", ("p1", "p2"), each=1)


class TestIndex:
    def test_writes_a_table_that_verifies_and_says_what_it_could_not_know(self, lab, capsys):
        assert main(["data", "index", str(lab)]) == 0
        said = capsys.readouterr().out
        assert f"{lab / 'clips.csv'}: written, 4 clips of 2 subjects\n  labels happy 2, sad 2\n" in said
        assert "  onset and offset: empty, so the whole clip is taken" in said
        assert main(["data", "verify", str(lab)]) == 0
        assert capsys.readouterr().out.endswith("  clean\n")

    def test_replaces_a_table_only_when_told_so(self, lab, capsys):
        table = write_table(lab / "clips.csv", "mine")
        assert main(["data", "index", str(lab)]) == 2
        assert "is there already; expected another --out, or --replace" in capsys.readouterr().err
        assert "mine" in table.read_text()
        assert main(["data", "index", str(lab), "--replace"]) == 0
        assert "replaced, 4 clips" in capsys.readouterr().out
        assert "mine" not in table.read_text()

    def test_writes_nothing_but_tables(self, lab, capsys):
        assert main(["data", "index", str(lab), "--out", str(lab / "clips.txt")]) == 2
        assert "expected a file <name>.csv" in capsys.readouterr().err


class TestVerify:
    def test_lists_everything_that_is_wrong_with_a_table(self, lab, capsys):
        table = write_table(
            lab / "lab.csv", "p1/happy/c1,p1,happy,9,,3,", "p1/gone,p1,,,,,", "p2/sad/c1.avi,p2,sad,,,,"
        )
        assert main(["data", "verify", str(table)]) == 1
        said = capsys.readouterr().out
        assert "problem lab.csv row 2: offset 3 is before onset 9" in said
        assert "problem lab.csv row 3: label is empty" in said
        assert said.endswith("  2 problems\n")

    def test_names_the_database_of_a_table(self, lab, capsys):
        table = write_table(lab / "My lab.csv", "p1/happy/c1,p1,happy,,,,")
        assert main(["data", "verify", str(table), "--database", "mylab", "--quick"]) == 0
        assert capsys.readouterr().out.startswith("mylab in ")
        assert main(["data", "verify", str(table), "--release", "casme2-2014"]) == 2
        assert "--release: does not apply to a table of clips" in capsys.readouterr().err
