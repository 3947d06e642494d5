from __future__ import annotations

import pytest

from mer_lightning.datasets.releases import get_release, releases
from mer_lightning.protocols import PROTOCOLS, schemes
from mer_lightning.types import DataError, Sample


def counted(scheme, release, *, objective=False) -> dict[str, int]:
    """Clips per class if the release counts what it states."""
    annotation = get_release(release)
    totals = dict.fromkeys(scheme.classes, 0)
    for emotion, count in (annotation.objective if objective else annotation.counts).items():
        label = scheme.label(Sample(annotation.database, "s", "c", emotion))
        if label is not None:
            totals[scheme.classes[label]] += count
    return totals


@pytest.mark.parametrize(
    ("scheme", "release", "counts"),
    [
        (schemes.CASME2_5, "casme2-2014", (32, 63, 27, 25, 99)),
        (schemes.CASME2_5, "casme2-2019", (32, 63, 27, 28, 99)),
        (schemes.SAMM_5, "samm-v2", (57, 26, 26, 15, 12)),
        (schemes.MEGC2019, "smic-hs-164", (70, 51, 43)),
        (schemes.MEGC2019, "samm-v2", (92, 26, 15)),
        (schemes.CKPLUS_7, "ckplus-327", (45, 18, 59, 25, 69, 28, 83)),
        (schemes.FER2013_7, "fer2013", (4953, 547, 5121, 8989, 6077, 4002, 6198)),
    ],
)
def test_class_counts(scheme, release, counts):
    assert tuple(counted(scheme, release).values()) == counts


def test_objective_classes():
    protocol = PROTOCOLS["megc2018"]
    for database, release in (("casme2", "casme2-2014"), ("samm", "samm-v2")):
        counts = tuple(counted(schemes.OBJECTIVE_5, release, objective=True).values())
        assert counts == protocol.counts[database]
    assert sum(sum(counts) for counts in protocol.counts.values()) == 253
    assert sum(protocol.subjects.values()) == 47


def test_every_emotion_of_every_release_is_in_every_table():
    for scheme in (*(protocol.scheme for protocol in PROTOCOLS.values()), schemes.CKPLUS_7, schemes.FER2013_7):
        for release in releases().values():
            known = scheme.table.get(release.database)
            if known is not None:
                coded = release.objective if scheme is schemes.OBJECTIVE_5 else release.counts
                assert set(coded) <= set(known), (scheme.name, release.name)
        assert {name for table in scheme.table.values() for name in table.values() if name} <= set(scheme.classes)
        assert scheme.source


def test_unknown_emotions_are_errors():
    with pytest.raises(DataError, match="casme2/sub01/x: emotion 'joy' is unknown to label scheme casme2-5"):
        schemes.CASME2_5.label(Sample("casme2", "sub01", "x", "joy"))
    with pytest.raises(DataError, match="label scheme casme2-5 knows casme2, not samm"):
        schemes.CASME2_5.label(Sample("samm", "006", "x", "anger"))
