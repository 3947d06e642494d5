"""How the project is cited: CITATION.cff is what its schema asks for, and says what the BibTeX of the pages says."""

import datetime
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

from mer_lightning import __version__

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / name for name in ("README.md", "README.zh.md", "docs/how-to/cite.md")]
Text = Annotated[str, Field(min_length=1)]
Address = Annotated[str, Field(pattern=r"^https://\S+$")]


def with_hyphens(name):
    return name.replace("_", "-")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=with_hyphens)


class Entity(Strict):
    """An author that is no single person."""

    name: Text
    website: Address | None = None


class Person(Strict):
    family_names: Text
    given_names: Text
    orcid: Annotated[str, Field(pattern=r"^https://orcid\.org/(\d{4}-){3}\d{3}[\dX]$")] | None = None
    affiliation: Text | None = None


class Citation(Strict):
    """What the Citation File Format 1.2.0 asks of a citation of software, of the keys that are used here."""

    cff_version: Literal["1.2.0"]
    message: Text
    title: Text
    type: Literal["software", "dataset"]
    authors: Annotated[list[Entity | Person], Field(min_length=1)]
    version: Text
    date_released: datetime.date
    license: Text
    abstract: Text
    keywords: Annotated[list[Text], Field(min_length=1)]
    repository_code: Address | None = None
    url: Address | None = None
    doi: Annotated[str, Field(pattern=r"^10\.\d{4,9}(\.\d+)?/[A-Za-z0-9:/_;\-.()\[\]\\]+$")] | None = None


@pytest.fixture(scope="module")
def citation():
    return Citation.model_validate(YAML(typ="safe").load(PROJECT / "CITATION.cff"))


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def bibtex(path):
    entry = re.search(r"```bibtex\n(@software{.*?\n})\n```", path.read_text(encoding="utf-8"), re.DOTALL)[1]
    return dict(re.findall(r"^  (\w+) = {+(.*?)}+,?$", entry, re.MULTILINE))


class TestCitation:
    def test_is_of_the_version_that_the_library_says(self, citation):
        assert citation.version == __version__

    def test_is_of_the_project_that_is_built(self, citation, project):
        assert citation.title == f"mer-bench: {project['description']}"
        assert citation.license == project["license"]
        assert [author.name for author in citation.authors] == [author["name"] for author in project["authors"]]
        assert citation.repository_code == project.get("urls", {}).get("Repository")

    def test_its_keywords_are_each_there_once(self, citation):
        assert len({*citation.keywords}) == len(citation.keywords)

    @pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
    def test_bibtex_says_the_same(self, citation, path):
        assert bibtex(path) == {
            "title": citation.title,
            "author": citation.authors[0].name,
            "version": citation.version,
            "year": str(citation.date_released.year),
        }
