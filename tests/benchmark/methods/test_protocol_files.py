import pytest

from benchmark.methods.protocol_files import find_protocol, is_protocol_file
from benchmark.places import Workspace, working_in
from mer_lightning.types import DataError

TEXT = "title: My lab\nclasses: [good, bad]\nlabels: {lab: {happy: good, sad: bad}}\n"


@pytest.fixture
def home(tmp_path):
    (tmp_path / "protocols").mkdir()
    with working_in(Workspace(tmp_path)):
        yield tmp_path


class TestAProtocol:
    @pytest.mark.usefixtures("home")
    def test_of_the_suite_is_found_by_its_name(self):
        assert find_protocol("smic-3+inner_subjects").id == "smic-3+inner_subjects"

    def test_of_the_workspace_is_found_by_its_name(self, home):
        (home / "protocols" / "mylab.yaml").write_text(TEXT)
        assert find_protocol("mylab").scheme.classes == ("good", "bad")
        assert find_protocol("mylab+inner_subjects").draws_validation

    def test_of_a_file_is_found_by_its_path(self, home):
        (home / "other.yaml").write_text(TEXT)
        assert find_protocol(str(home / "other.yaml")).id == "other"
        assert find_protocol(f"{home / 'other.yaml'}+inner_subjects").id == "other+inner_subjects"
        assert is_protocol_file("a/other.yaml+inner_subjects")
        assert not is_protocol_file("smic-3+inner_subjects")

    def test_that_is_unknown_is_said_with_those_that_are_there(self, home):
        (home / "protocols" / "mylab.yaml").write_text(TEXT)
        with pytest.raises(
            DataError, match=r"'mlab' is unknown; expected one of megc2019, .*, mylab, or a file <name>"
        ):
            find_protocol("mlab")
        with pytest.raises(DataError, match=r"gone\.yaml: no such file"):
            find_protocol("gone.yaml")
        with pytest.raises(DataError, match="selection 'best' is unknown"):
            find_protocol("mylab+best")

    def test_of_a_name_of_the_suites_is_refused(self, home):
        (home / "protocols" / "smic-3.yaml").write_text(TEXT)
        with pytest.raises(DataError, match=r"smic-3\.yaml: the suite has a protocol smic-3; give yours another name"):
            find_protocol("smic-3")

    def test_of_two_files_of_one_name_is_refused(self, home):
        (home / "protocols" / "mylab.yaml").write_text(TEXT)
        (home / "mylab.yaml").write_text(TEXT + "metric: uar\n")
        find_protocol("mylab")
        with pytest.raises(DataError, match=r"mylab is not that of .*protocols/mylab\.yaml: they differ in metric"):
            find_protocol(str(home / "mylab.yaml"))

    def test_that_is_damaged_is_named_by_file_and_key(self, home):
        (home / "protocols" / "mylab.yaml").write_text(TEXT + "folds: 3\n")
        with pytest.raises(DataError, match=r"mylab\.yaml: folds: unknown key"):
            find_protocol("mylab")
