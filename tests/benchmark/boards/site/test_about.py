"""The foot of a page follows from metadata and records; what is not known is not linked."""

from email.message import Message

import pytest

from benchmark.boards.site import about
from benchmark.boards.site.about import fingerprint, read_about
from tests.benchmark.example_records import BAD, record


@pytest.fixture
def installed(monkeypatch):
    """Say what the installed distribution declares."""

    def install(*urls):
        found = Message()
        found["Version"], found["Summary"] = "1.2.3", "A benchmark"
        for url in urls:
            found["Project-URL"] = url
        about._installed.cache_clear()
        monkeypatch.setattr(about, "metadata", lambda _: found)

    yield install
    about._installed.cache_clear()


class TestAbout:
    def test_takes_addresses_from_the_metadata(self, installed, tmp_path):
        installed("Repository, https://example.org/code", "Documentation, https://example.org/docs")
        found = read_about(tmp_path)
        assert (found.repository, found.documentation) == ("https://example.org/code", "https://example.org/docs")
        assert "url = {https://example.org/code}" in found.citation
        assert "version = {1.2.3}" in found.citation

    def test_links_to_nothing_where_nothing_is_known(self, installed, tmp_path):
        installed()
        found = read_about(tmp_path)
        assert (found.repository, found.documentation) == ("", "")
        assert "url" not in found.citation

    def test_finds_the_documentation_that_lies_beside_it_in_the_project(self, installed, tmp_path, monkeypatch):
        installed()
        monkeypatch.setattr(about, "_PROJECT", tmp_path)
        (tmp_path / "site-docs").mkdir()
        (tmp_path / "site-docs" / "index.html").touch()
        assert read_about(tmp_path / "leaderboards").documentation == "../../site-docs/index.html"
        assert read_about(tmp_path / "elsewhere" / "boards").documentation == ""


class TestFingerprint:
    def test_is_that_of_the_records_in_any_order(self):
        one, other = record("ststnet"), record("linear-svm", pairs=BAD)
        assert fingerprint([one, other]) == fingerprint([other, one])
        assert fingerprint([one]).digest != fingerprint([other]).digest
        assert fingerprint([one, other]).records == 2
