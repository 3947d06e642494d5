from __future__ import annotations

from pathlib import Path

import pytest

from mer_lightning.datasets import composite
from mer_lightning.datasets.releases import RELEASES, corrections_table, get_release
from mer_lightning.types import DataError, Sample


def test_counts_add_up():
    for release in RELEASES.values():
        for stated in (release.counts, release.objective, release.parts):
            assert not stated or sum(stated.values()) == release.clips, release.name


def test_every_correction_has_a_name_and_a_reason():
    for release in RELEASES.values():
        names = [correction.name for correction in release.corrections]
        assert len(names) == len(set(names))
        assert all(correction.reason for correction in release.corrections)
        assert release.active == {one.name for one in release.corrections if one.default}
        assert release.label == release.name
    assert len({release.hash for release in RELEASES.values()}) == len(RELEASES)


def test_composite_counts_follow_from_the_releases():
    casme2, samm = get_release("casme2-2014").counts, get_release("samm-v2").counts
    # two of the three clips that are left out are labelled disgust in the 2014 sheet
    assert casme2["disgust"] - 2 + casme2["repression"] == composite.COUNTS["casme2"][0]
    assert sum(samm[name] for name in composite.CLASSES["samm"]["negative"]) == composite.COUNTS["samm"][0]
    assert tuple(get_release("smic-hs-164").counts.values()) == composite.COUNTS["smic"]
    totals = [sum(counts[index] for counts in composite.COUNTS.values()) for index in range(3)]
    assert totals == [250, 109, 83]
    assert sum(composite.SUBJECTS.values()) == get_release("megc2019-442").subjects == 68


def test_smic_e_lacks_seven_of_the_164():
    full, sheet = get_release("smic-hs-164"), get_release("smic-e-157")
    assert full.clips - len(sheet.absent) == sheet.clips
    for emotion, short in (("negative", "_ne_"), ("positive", "_po_"), ("surprise", "_sur_")):
        absent = sum(short in clip for clip in sheet.absent)
        assert full.counts[emotion] - absent == sheet.counts[emotion]


def test_unknown_release():
    with pytest.raises(DataError, match="annotation release 'casme9' is unknown; expected one of smic-hs-164"):
        get_release("casme9")


def sample(database: str, subject: str, clip: str, emotion: str) -> Sample:
    return Sample(database, subject, clip, emotion)


def test_selection_keeps_the_emotions_of_the_composite():
    kept = composite.select(
        [
            sample("casme2", "sub01", "a", "others"),
            sample("casme2", "sub01", "b", "fear"),
            sample("casme2", "sub01", "c", "repression"),
            sample("samm", "006", "d", "other"),
            sample("samm", "006", "e", "fear"),
        ]
    )
    assert [one.key for one in kept] == ["casme2/sub01/c", "samm/006/e"]
    assert any("found 1 clips, the official list has 88" in str(one) for one in composite.class_problems(kept))
    with pytest.raises(DataError, match="ckplus/S005/001: the composite has smic, casme2, samm"):
        composite.select([sample("ckplus", "S005", "001", "anger")])


def test_composite_of_small_folders(smic, casme2, samm):
    from mer_lightning.datasets.casme2 import Casme2
    from mer_lightning.datasets.samm import Samm
    from mer_lightning.datasets.smic import Smic

    parts = (Smic(smic, partial=True), Casme2(casme2, partial=True), Samm(samm, partial=True))
    data = composite.Composite(*parts)
    assert data.release == "megc2019-442-partial"
    assert [one.key for one in data.samples] == [
        "casme2/sub01/EP02_01f",
        "casme2/sub01/EP19_05f",
        "samm/006/006_1_2",
        "samm/013/013_1_9",
        "smic/s01/s01_ne_01",
        "smic/s01/s01_sur_01",
        "smic/s20/s20_po_10",
    ]
    assert data.read(data.samples[0]).shape == (41, 6, 8, 3)
    with pytest.raises(DataError, match="the composite takes smic, casme2, samm, in this order"):
        composite.Composite(parts[1], parts[0], parts[2])
    with pytest.raises(DataError, match="estimated emotions, not objective classes"):
        composite.Composite(parts[0], parts[1], Samm(samm, coding="objective", partial=True))


def test_the_documented_corrections_are_those_of_the_code():
    page = (Path(__file__).parents[3] / "docs/databases.md").read_text(encoding="utf-8")
    assert corrections_table() in page
    for name in RELEASES:
        assert f"`{name}`" in page
