from __future__ import annotations

from pathlib import Path

import pytest

from mer_lightning.datasets.release_tables import corrections_table, releases_table
from mer_lightning.datasets.releases import get_release, releases
from mer_lightning.synthetic import census
from mer_lightning.types import DataError


def test_counts_add_up():
    for release in releases().values():
        # folders of pictures have one test part, or the two of the table
        parts = {} if release.name == "fer2013-folders" else release.parts
        for stated in (release.counts, release.objective, parts):
            assert not stated or sum(stated.values()) == release.clips, release.name


def test_every_correction_has_a_name_and_a_reason():
    for release in releases().values():
        names = [correction.name for correction in release.corrections]
        assert len(names) == len(set(names))
        assert all(correction.reason for correction in release.corrections)
        assert release.active == {one.name for one in release.corrections if one.default}
        assert release.label == release.name
    assert len({release.hash for release in releases().values()}) == len(releases())


def test_smic_e_lacks_seven_of_the_164_and_calls_one_of_the_others_negative():
    full = get_release("smic-hs-164")
    by_name = get_release("smic-e-157-with:smic-s18_sur_03-emotion")
    assert by_name.expected == {"negative": 65, "positive": 51, "surprise": 41}
    assert full.clips - len(by_name.absent) == by_name.clips == sum(by_name.expected.values())
    for emotion, short in (("negative", "_ne_"), ("positive", "_po_"), ("surprise", "_sur_")):
        absent = sum(short in clip for clip in by_name.absent)
        assert full.counts[emotion] - absent == by_name.expected[emotion]
    assert get_release("smic-e-157").expected == {"negative": 66, "positive": 51, "surprise": 40}
    assert get_release("smic-e-vis-71-with:smic-s18_sur_03-emotion").expected == {
        "negative": 23, "positive": 28, "surprise": 20,
    }  # fmt: skip


def test_a_correction_that_is_off_and_of_one_clip_is_a_remark():
    release = get_release("casme2-2014")
    (remark,) = release.remarks_for("sub20", "EP16_01")
    assert (remark.name, remark.when) == ("casme2-sub20-EP16_01-apex", "equals offset")
    assert get_release(f"casme2-2014-with:{remark.name}").remarks_for("sub20", "EP16_01") == ()
    assert release.remarks_for("sub01", "EP02_01f") == ()


def test_unknown_release():
    with pytest.raises(DataError, match="annotation release 'casme9' is unknown; did you mean casme2-2019"):
        get_release("casme9")


def test_a_correction_cannot_be_switched_both_ways():
    name = "casme2-sub04-EP12_01f-apex"
    with pytest.raises(DataError, match=f"casme2-2014: correction '{name}' is switched both on and off"):
        get_release(f"casme2-2014-no:{name}-with:{name}")


def test_the_documented_tables_are_those_of_the_code():
    page = (Path(__file__).parents[3] / "docs/databases.md").read_text(encoding="utf-8")
    # those that come with twins are shipped; a file that somebody adds changes no page
    assert corrections_table(census.RELEASES) in page
    assert releases_table(census.RELEASES) in page
