from __future__ import annotations

from pathlib import Path

import pytest

from mer_lightning.datasets.releases import RELEASES, corrections_table, get_release
from mer_lightning.types import DataError


def test_counts_add_up():
    for release in RELEASES.values():
        # folders of pictures have one test part, or the two of the table
        parts = {} if release.name == "fer2013-folders" else release.parts
        for stated in (release.counts, release.objective, parts):
            assert not stated or sum(stated.values()) == release.clips, release.name


def test_every_correction_has_a_name_and_a_reason():
    for release in RELEASES.values():
        names = [correction.name for correction in release.corrections]
        assert len(names) == len(set(names))
        assert all(correction.reason for correction in release.corrections)
        assert release.active == {one.name for one in release.corrections if one.default}
        assert release.label == release.name
    assert len({release.hash for release in RELEASES.values()}) == len(RELEASES)


def test_smic_e_lacks_seven_of_the_164():
    full, sheet = get_release("smic-hs-164"), get_release("smic-e-157")
    assert full.clips - len(sheet.absent) == sheet.clips
    for emotion, short in (("negative", "_ne_"), ("positive", "_po_"), ("surprise", "_sur_")):
        absent = sum(short in clip for clip in sheet.absent)
        assert full.counts[emotion] - absent == sheet.counts[emotion]


def test_unknown_release():
    with pytest.raises(DataError, match="annotation release 'casme9' is unknown; expected one of smic-hs-164"):
        get_release("casme9")


def test_the_documented_corrections_are_those_of_the_code():
    page = (Path(__file__).parents[3] / "docs/databases.md").read_text(encoding="utf-8")
    assert corrections_table() in page
    for name in RELEASES:
        assert f"`{name}`" in page
