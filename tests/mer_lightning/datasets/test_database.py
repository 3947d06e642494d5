"""A file of the folder registers its database and releases."""

import pytest

from mer_lightning import datasets
from mer_lightning.datasets.database import find_registered
from mer_lightning.datasets.registry import databases
from mer_lightning.datasets.releases import releases
from mer_lightning.types import DataError

DATABASE = """
import re
from dataclasses import replace
from mer_lightning.datasets.annotation import AnnotationRelease
from mer_lightning.datasets.samm import DATABASE as SAMM, RELEASES as CODED
"""


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Put a file into the folder."""

    def put(name, text):
        (tmp_path / f"{name}.py").write_text(DATABASE + text)
        monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(tmp_path)])

    return put


def test_micro_expressions_stand_by_year_before_what_methods_are_pretrained_on():
    assert list(databases()) == ["smic", "smic_vis", "smic_nir", "casme2", "samm", "ckplus", "fer2013"]
    assert [release.database for release in releases().values() if "smic" not in release.database] == [
        "casme2", "casme2", "casme2", "samm", "ckplus", "fer2013", "fer2013",
    ]  # fmt: skip
    assert {release.database for release in releases().values()} == set(databases())


def test_several_databases_of_one_file_stay_in_its_order(add):
    add("registers_two", "DATABASES = (replace(SAMM, name='b', year=2020), replace(SAMM, name='a', year=2020))")
    assert list(find_registered().databases)[4:7] == ["samm", "b", "a"]


def test_what_another_file_registers_may_be_imported(add):
    add("registers_nothing", "DATABASE, RELEASES = SAMM, CODED")
    assert list(find_registered().databases) == list(databases())


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "registers_samm",
            "DATABASE = replace(SAMM, title='x')",
            r"datasets/samm\.py: a database is called samm already",
        ),
        (
            "registers_v2",
            "RELEASES = (replace(CODED[0], clips=1),)",
            r"datasets/samm\.py: a release is called samm-v2 already",
        ),
        (
            "registers_stranger",
            "RELEASES = (replace(CODED[0], name='one', database='two'),)",
            "release one: database 'two' is unknown; expected one of casme2, ckplus",
        ),
    ],
)
def test_names_are_of_one_thing(add, name, text, says):
    add(name, text)
    with pytest.raises(DataError, match=says):
        find_registered()
