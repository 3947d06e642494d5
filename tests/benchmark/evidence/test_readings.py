"""A reading of a paper is closed by what can be checked, and by nothing else."""

import re

import pytest

from benchmark.evidence.readings import PaperReading, Proof, fill_readings, judge, load_readings, proved, readings_text
from benchmark.evidence.verification import Check


def proof(kind, of, key="", value=None):
    return Proof(kind=kind, of=of, key=key, value=value)


FIGURE = Check("s2", "S3D CNN", "parameters", 3_374_453, 3_374_453, "Table 4", "pass", "")
HOLDS = [
    proof("recipe", "s3d-cnn", "training.epochs", 40),
    proof("recipe", "s3d-cnn", "training.schedule", {"every": 10, "factor": 0.1}),
    proof("recipe", "dual-attention", "representation.name", "apex_frame"),
    proof("suite", "paper-s2", "protocols", ["casme2-5-2014"]),
    proof("states", "s3d-cnn", value="The paper names no optimiser"),
    proof("omits", "s3d-cnn", value="nobody says this"),
    proof("default", "mer_lightning.models.s3d_cnn.S3DCNN", "kernel", "separable"),
    proof("representation", "flow_sequence_s1", "frames", 11),
    proof("exists", "benchmark.records.curves.learning_of"),
    proof("figure", "s2", "S3D CNN: parameters", 3_374_453),
    proof("reported", "s2", value='{pretraining: "95.73"}'),
]
FAILS = [
    proof("recipe", "s3d-cnn", "training.epochs", 41),
    proof("recipe", "s3d-cnn", "training.no.such.key", None),
    proof("recipe", "no-such-recipe", "training.epochs", 40),
    proof("suite", "paper-s9", "protocols", []),
    proof("states", "s3d-cnn", value="nobody says this"),
    proof("omits", "s3d-cnn", value="The paper names no optimiser"),
    proof("default", "mer_lightning.models.s3d_cnn.S3DCNN", "no_such", "separable"),
    proof("default", "mer_lightning.models.no_such.Thing", "kernel", "separable"),
    proof("representation", "flow_sequence_s1", "frames", 12),
    proof("exists", "benchmark.records.curves.no_such"),
    proof("figure", "s2", "S3D CNN: parameters", 3_374_452),
    proof("figure", "s2", "another: parameters", 3_374_453),
    proof("reported", "s2", value='{pretraining: "95.74"}'),
    proof("reported", "s9", value=""),
]


class TestAProof:
    @pytest.mark.parametrize("one", HOLDS, ids=str)
    def test_holds_where_what_it_says_is_there(self, one):
        assert proved(one, [FIGURE])

    @pytest.mark.parametrize("one", FAILS, ids=str)
    def test_fails_where_it_differs_or_is_missing(self, one):
        assert not proved(one, [FIGURE])


class TestAReading:
    def reading(self, *checks):
        return PaperReading(
            id="1", paper="S2", printed="Forty | epochs.", verdict="as printed", where="a", checks=checks
        )

    def test_is_closed_when_all_its_checks_hold(self):
        (judged,) = judge([self.reading(HOLDS[0], HOLDS[4])], [])
        assert (judged.verdict, judged.missing) == ("as printed", ())

    def test_is_open_when_one_fails_and_says_what_would_close_it(self):
        (judged,) = judge([self.reading(HOLDS[0], FAILS[0])], [])
        assert judged.verdict == "open"
        assert judged.missing == ("s3d-cnn has training.epochs = 41",)
        assert "needs: s3d-cnn has training.epochs = 41" in readings_text([judged])
        assert "0 as printed, 0 named alternative, 0 stated, 1 open" in readings_text([judged])

    def test_is_open_without_checks(self):
        assert judge([self.reading()], [])[0].verdict == "open"

    def test_fills_the_table_of_a_document(self):
        text = "before\n<!-- readings -->\nold\n<!-- end of readings -->\nafter\n"
        filled = fill_readings(text, judge([self.reading(HOLDS[0])], []))
        assert "| 1 | S2 | Forty \\| epochs. | as printed | a |" in filled
        assert "old" not in filled
        assert filled.startswith("before\n<!-- readings -->\n")
        assert filled.endswith("<!-- end of readings -->\nafter\n")


class TestTheList:
    def test_has_the_27_readings_once_and_in_order(self):
        names = [reading.id for reading in load_readings()]
        assert [name for name in names if name.isdigit()] == [str(number) for number in range(1, 28)]
        assert len(names) == len({*names})

    def test_says_of_each_where_it_is_closed_and_how_that_is_checked(self):
        for reading in load_readings():
            assert reading.verdict != "open", reading.id
            assert reading.checks, reading.id
            assert re.match(r"S[0-4]|[A-Z][a-z]+ et al", reading.paper), reading.id
