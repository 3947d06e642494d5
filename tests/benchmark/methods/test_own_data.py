"""Sources of a user's own: a table of clips, folders of flow maps, suites in the workspace."""

import pytest
from pydantic import ValidationError

from benchmark.methods.source import Source
from benchmark.methods.suite import load_suite
from benchmark.places import Workspace, working_in
from mer_lightning.types import DataError
from tests.own_clips import write_table, write_tree

SUITE = "title: T\nsummary: S\nsource: {name: clips}\nprotocols: [smic-3]\nmethods: [majority]\nseeds: [0]\n"


@pytest.fixture(autouse=True)
def no_user_settings(monkeypatch, tmp_path):
    monkeypatch.delenv("MER_DATA", raising=False)
    monkeypatch.setattr("benchmark.methods.data_root.user_config_path", lambda name: tmp_path / "config" / name)


class TestClips:
    def test_are_opened_from_a_table_or_its_folder(self, tmp_path):
        write_tree(tmp_path, ("p1", "p2"), each=1)
        rows = ("p1/happy/c1,p1,happy,,,,", "p2/sad/c1.avi,p2,sad,,,,")
        table = write_table(tmp_path / "clips.csv", *rows)
        source = Source(name="clips", database="mylab", apex="spotted")
        assert [s.key for s in source.open(table).samples] == ["mylab/p1/c1", "mylab/p2/c1"]
        assert source.open(tmp_path).choices["apex"] == "spotted"
        assert Source(name="clips").open(tmp_path).name == "clips"
        assert source.look(table).problems == ()

    def test_need_a_table(self, tmp_path, monkeypatch):
        with pytest.raises(DataError, match=r"--data: clips needs a table of clips, a \.csv file"):
            Source(name="clips").open(None)
        monkeypatch.setenv("MER_DATA", str(tmp_path))
        with pytest.raises(DataError, match=r"clips\.csv: no such table of clips"):
            Source(name="clips").open(None)

    def test_are_looked_at_with_every_problem(self, tmp_path):
        write_tree(tmp_path, ("p1", "p2"), each=1)
        rows = ("p1/happy/c1,p1,happy,,9,,", "gone,p1,happy,,,,", "p2/sad/c1.avi,p2,sad,,,,")
        table = write_table(tmp_path / "lab.csv", *rows)
        survey = Source(name="clips", faces="aligned").look(table)
        assert not survey.parts
        assert [problem.split(":")[0] for problem in survey.problems] == [
            "lab.csv row 2",
            "lab.csv row 3",
            "lab.csv row 4",
        ]
        assert "landmarks is empty; faces: aligned needs the onset" in survey.problems[2]

    def test_are_no_place_for_databases_to_pre_train_on(self, tmp_path):
        with pytest.raises(DataError, match="ckplus: no data root holds it; set MER_DATA"):
            Source(name="clips").open_pretraining("ckplus", tmp_path)


class TestAFlowFolderSource:
    def test_takes_one_database_or_several(self, small_folder):
        labels = {"0": "negative", "1": "positive", "2": "surprise"}
        one = Source(name="flow-folders", labels=labels, database="mylab").open(small_folder)
        usual = Source(name="megc2019-flow").open(small_folder)
        assert len(one.samples) == len(usual.samples)
        assert {sample.database for sample in one.samples} == {"mylab"}
        subjects = {"lab": r"s\d\d", "rest": ".*"}
        two = Source(name="flow-folders", labels=labels, subjects=subjects).open(small_folder)
        assert two.name == "lab+rest"
        with pytest.raises(DataError, match="--data: flow-folders needs the folder with <subject>/<label>"):
            Source(name="flow-folders", labels=labels, database="mylab").open(None)

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"name": "flow-folders", "database": "lab"}, "labels: expected the label"),
            ({"name": "flow-folders", "labels": {"0": "a"}}, "subjects: expected a regular expression by database"),
            (
                {"name": "flow-folders", "labels": {"0": "a"}, "subjects": {"lab": "["}},
                "subjects.lab: expected a regular",
            ),
            ({"name": "flow-folders", "labels": {"0": "a"}, "database": "smic"}, "edition: expected a short name"),
            ({"name": "flow-folders", "labels": {"0": "a"}, "database": "all"}, "database 'all'"),
            ({"name": "clips", "labels": {"0": "a"}}, "labels does not apply to clips"),
            ({"name": "megc2019-flow", "apex": "spotted"}, "apex does not apply to megc2019-flow"),
            ({"name": "synthetic-flow", "database": "lab"}, "database does not apply to synthetic-flow"),
            ({"name": "clips", "database": "My Lab"}, "database 'My Lab'"),
            ({"name": "clips", "scale": 0.5}, "scale does not apply to clips, which invents nothing"),
            ({"name": "flow-folders", "labels": {"0": "a"}, "database": "lab", "seed": 1}, "seed does not apply"),
        ],
    )
    def test_that_does_not_fit_together_is_refused(self, given, said):
        with pytest.raises(ValidationError, match=said.replace(".", r"\.")):
            Source(**given)


class TestASuiteOfMyOwn:
    @pytest.fixture
    def home(self, tmp_path):
        (tmp_path / "suites").mkdir()
        with working_in(Workspace(tmp_path)):
            yield tmp_path

    def test_is_found_in_the_workspace_by_name_and_by_path(self, home):
        path = home / "suites" / "mylab.yaml"
        path.write_text(SUITE)
        assert load_suite("mylab") == load_suite(str(path))
        with pytest.raises(
            DataError,
            match=r"suite 'mlab' is unknown; did you mean mylab\? expected one of .*smoke.*, mylab, or a file",
        ):
            load_suite("mlab")

    def test_may_name_protocols_by_files_beside_it(self, home):
        path = home / "suites" / "mylab.yaml"
        also = "also: [{protocols: [b.yaml], methods: [majority]}]\n"
        path.write_text(SUITE.replace("[smic-3]", "[a.yaml+inner_subjects, smic-3]") + also)
        suite = load_suite("mylab")
        assert suite.protocols == (str(home / "suites" / "a.yaml+inner_subjects"), "smic-3")
        assert suite.also[0].protocols == (str(home / "suites" / "b.yaml"),)

    def test_of_a_name_that_everybody_has_is_refused(self, home):
        path = home / "suites" / "smoke.yaml"
        path.write_text(SUITE)
        for name in ("smoke", str(path)):
            with pytest.raises(DataError, match=r"smoke\.yaml: everybody has a suite smoke; give yours another name"):
                load_suite(name)
