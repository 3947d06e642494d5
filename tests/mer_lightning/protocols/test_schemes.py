import pytest

from mer_lightning.protocols.schemes import MEGC2019
from mer_lightning.types import DataError, Sample


def labels(database, counts):
    return [MEGC2019.label(Sample(database, "s", "c", emotion)) for emotion, n in counts.items() for _ in range(n)]


def test_samm_sheet_merges_to_the_official_counts():
    sheet = {"anger": 57, "contempt": 12, "disgust": 9, "fear": 8, "sadness": 6, "happiness": 26, "surprise": 15}
    found = labels("samm", sheet | {"other": 26})
    assert [found.count(c) for c in (0, 1, 2, None)] == [92, 26, 15, 26]


def test_casme2_drops_others_fear_and_sadness():
    found = labels(
        "casme2", {"disgust": 61, "repression": 27, "happiness": 32, "surprise": 25, "others": 99, "fear": 2}
    )
    assert [found.count(c) for c in (0, 1, 2, None)] == [88, 32, 25, 101]


@pytest.mark.parametrize(("database", "emotion"), [("smic", "joy"), ("casme3", "disgust"), ("casme2", "Disgust ")])
def test_what_the_table_does_not_know_is_an_error(database, emotion):
    with pytest.raises(DataError, match="label scheme megc2019-3"):
        MEGC2019.label(Sample(database, "s01", "c1", emotion))
