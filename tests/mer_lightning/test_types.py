"""A sample's key says whose it is, and what is wrong is said in one line."""

from mer_lightning.datasets.problems import Problem
from mer_lightning.types import DataError, Sample, person_of


def test_the_key_of_a_sample_names_its_person():
    sample = Sample("casme2", "sub01", "EP02_01f", "happiness")
    assert person_of(sample.key) == sample.person == "casme2/sub01"


def test_whatever_a_cell_holds_is_said_in_one_line_that_commands_no_terminal():
    text = "row 3: emotion 'a\nb\x1b[31m\u2028\u202e 微表情' is unknown"
    said = r"row 3: emotion 'a\nb\x1b[31m\u2028\u202e 微表情' is unknown"
    assert str(DataError(text)) == said
    assert str(Problem("a.xlsx", None, text)) == f"a.xlsx: {said}"
