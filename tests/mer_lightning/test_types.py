"""A sample's key says whose it is."""

from mer_lightning.types import Sample, person_of


def test_the_key_of_a_sample_names_its_person():
    sample = Sample("casme2", "sub01", "EP02_01f", "happiness")
    assert person_of(sample.key) == sample.person == "casme2/sub01"
