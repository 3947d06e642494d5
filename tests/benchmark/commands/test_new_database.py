import pytest

from benchmark.__main__ import main
from benchmark.files import read_yaml
from benchmark.methods.protocol_files import load_definition
from tests.own_clips import write_table, write_tree

ROWS = ("p1/happy/c1,p1,happy,,,,", "p1/sad/c1,p1,sad,1,3,5,c2", "p2/sad/c1.avi,p2,sad,,,,")


@pytest.fixture
def home(tmp_path):
    write_tree(tmp_path, ("p1", "p2"), each=1)
    write_table(tmp_path / "clips.csv", *ROWS)
    return tmp_path


def new(home, *words):
    return main(["--workspace", str(home), "new", "database", *words])


class TestNewDatabase:
    def test_writes_a_suite_and_a_protocol_of_the_table(self, home, capsys):
        assert new(home, "mylab") == 0
        definition = load_definition(home / "protocols" / "mylab.yaml")
        assert definition.classes == ("happy", "sad")
        assert definition.labels == {"mylab": {"happy": "happy", "sad": "sad"}}
        assert definition.expected["mylab"].clips == {"happy": 1, "sad": 2}
        suite = read_yaml(home / "suites" / "mylab.yaml")
        assert suite["source"] == {"name": "clips", "database": "mylab", "apex": "middle_frame"}
        assert suite["protocols"] == ["mylab"]
        said = capsys.readouterr().out
        assert "mylab: 3 clips of 2 subjects: happy 1, sad 2" in said
        assert "next: mer-bench run --suite mylab --data" in said

    def test_has_every_database_of_the_table(self, home):
        rows = ("p1/happy/c1,p1,happy,,,,one", "p1/sad/c1,p2,sad,,,,one", "p2/sad/c1.avi,p2,sad,,,,two")
        titles = "path,subject,label,onset,apex,offset,database"
        table = write_table(home / "both.csv", *rows, titles=titles)
        assert new(home, "both", "--data", str(table)) == 0
        assert load_definition(home / "protocols" / "both.yaml").labels == {
            "one": {"happy": "happy", "sad": "sad"},
            "two": {"sad": "sad"},
        }

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("smoke", "everybody has a suite of this name"),
            ("smic-3", "everybody has a protocol of this name"),
            ("all", "none of all, test"),
            ("My Lab", "'My Lab': expected up to 40 of a-z"),
            ("../x", "'../x': expected up to 40"),
            ("mine-lab", "name: expected a name that does not begin with mine-"),
            ("leakage", "name: expected another name than claims, leakage"),
        ],
    )
    def test_refuses_names_that_it_cannot_give(self, home, capsys, name, said):
        assert new(home, name) == 2
        assert said in capsys.readouterr().err

    def test_never_replaces_anything(self, home, capsys):
        assert new(home, "mylab") == 0
        assert new(home, "mylab") == 2
        assert "mylab.yaml: is there already; change it, remove it" in capsys.readouterr().err

    def test_refuses_a_table_with_a_mistake_or_of_one_person(self, home, capsys):
        table = write_table(home / "one.csv", *ROWS[:2])
        assert new(home, "mylab", "--data", str(table)) == 2
        assert "1 subjects and 2 labels; expected two of each at least" in capsys.readouterr().err
        write_table(table, ROWS[0], "p2/sad/c1.avi,p2,,,,,")
        assert new(home, "mylab", "--data", str(table)) == 2
        assert "one.csv row 3: label is empty" in capsys.readouterr().err
        assert not (home / "suites").exists()

    def test_writes_nothing_that_cannot_be_a_protocol(self, home, capsys):
        table = write_table(home / "odd.csv", *(row.replace(",happy,", ",hap|py,") for row in ROWS))
        assert new(home, "mylab", "--data", str(table)) == 2
        assert "odd.csv: classes: expected a line of text without |" in capsys.readouterr().err
        assert [(home / name).exists() for name in ("suites", "protocols")] == [False, False]
