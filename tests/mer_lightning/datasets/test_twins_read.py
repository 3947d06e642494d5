"""The loaders read what the writers of the twins write, cleanly."""

from __future__ import annotations

import numpy as np
import pytest

from mer_lightning.datasets import registry
from mer_lightning.datasets.casme2 import Casme2
from mer_lightning.datasets.samm import Samm
from mer_lightning.datasets.smic import Smic
from mer_lightning.datasets.union import Union
from mer_lightning.datasets.verify import verify_all
from mer_lightning.protocols import get_protocol
from mer_lightning.synthetic.twins import write_twin
from mer_lightning.types import DataError

SMALL = (48, 64)


@pytest.mark.parametrize(
    ("database", "release", "subjects"),
    [
        ("smic", "smic-hs-164", 2),
        ("smic", "smic-e-157", 2),
        ("smic_vis", "smic-vis-71", 1),
        ("smic_vis", "smic-e-vis-71", 1),
        ("smic_nir", "smic-nir-71", 1),
        ("casme2", "casme2-2014", 5),
        ("casme2", "casme2-2014+objective", 2),
        ("casme2", "casme2-2019", 1),
        ("samm", "samm-v2", 2),
        ("ckplus", "ckplus-327", 2),
    ],
)
def test_small_twins_are_clean(tmp_path, database, release, subjects):
    truth = write_twin(tmp_path / "twin", database, release=release, subjects=subjects, size=SMALL, frames=0.1)
    (report,) = verify_all(tmp_path / "twin", frames=database != "casme2")
    assert report.problems == ()
    assert (report.database, report.release, report.synthetic) == (database, release, True)
    data = registry.open_database(database, tmp_path / "twin")
    assert [sample.key for sample in data.samples] == sorted(truth.takes)
    for sample in data.samples[:3]:
        take = truth.takes[sample.key]
        if database != "ckplus":
            assert (sample.onset, sample.offset) == (take.onset, take.offset)
        assert sample.emotion == take.emotion
        assert data.read(sample).shape[0] == sample.offset - sample.onset + 1
    assert data.synthetic


def test_a_part_of_a_twin_is_still_synthetic(tmp_path):
    write_twin(tmp_path / "twin", "ckplus", subjects=1, size=SMALL, frames=0.1)
    for root in (tmp_path, tmp_path / "twin"):
        assert registry.open_database("ckplus", root).synthetic


def test_fer2013_twin(tmp_path):
    truth = write_twin(tmp_path / "twin", "fer2013", subjects=3, frames=0.001)
    (report,) = verify_all(tmp_path / "twin")
    assert report.problems == ()
    data = registry.open_database("fer2013", tmp_path / "twin")
    assert {sample.key: sample.emotion for sample in data.samples} == {
        key: still.emotion for key, still in truth.stills.items()
    }
    assert data.read(data.samples[0]).std() > 5


@pytest.mark.slow
def test_corrections_restore_the_truth(tmp_path):
    truth = write_twin(tmp_path / "twin", "samm", size=(24, 32), frames=0.05)
    data = Samm(tmp_path / "twin")
    names = {f"samm/{clip[:3]}/{clip}": (f"samm-{clip}-apex",) for clip in ("028_4_1", "032_3_1")}
    assert data.applied == names
    for sample in data.samples:
        assert sample.apex == truth.takes[sample.key].apex
    with pytest.raises(DataError, match=r"row \d+: apex is '\d+'; expected a frame within"):
        Samm(tmp_path / "twin", release="samm-v2-no:samm-028_4_1-apex")


def counted(listed):
    """Clips per database and class."""
    classes = range(max(listed.labels) + 1)
    labels = {sample.database: [] for sample in listed.samples}
    for sample, label in zip(listed.samples, listed.labels, strict=True):
        labels[sample.database].append(label)
    return {database: tuple(map(own.count, classes)) for database, own in labels.items()}


@pytest.mark.slow
def test_the_composite_of_three_full_twins(tmp_path):
    for database, release in (("smic", None), ("casme2", "casme2-2014+objective"), ("samm", None)):
        truth = write_twin(tmp_path / database, database, release=release, size=(24, 32), frames=0.05)
        (report,) = verify_all(tmp_path / database, frames=False)
        assert report.problems == (), database
        assert report.clips == len(truth.takes)
    parts = (Smic(tmp_path / "smic"), Casme2(tmp_path / "casme2"), Samm(tmp_path / "samm"))
    data, protocol = Union(*parts), get_protocol("megc2019")
    assert (data.release, data.synthetic) == ("smic-hs-164+casme2-2014+objective+samm-v2", True)
    listed = protocol.label(data)
    assert counted(listed) == protocol.counts
    assert (len(listed.samples), len({one.person for one in listed.samples})) == (442, 68)
    assert np.ndim(data.read(listed.samples[0])) == 4
    write_twin(tmp_path / "later", "casme2", release="casme2-2019", size=(24, 32), frames=0.05)
    later = Union(parts[0], Casme2(tmp_path / "later"), parts[2])
    assert protocol.label(later).table_hash == listed.table_hash
    assert len(Casme2(tmp_path / "later", coding="emotion").samples) == 255
    objective = Union(*(kind(tmp_path / kind.__name__.lower(), coding="objective") for kind in (Casme2, Samm)))
    assert len(objective.samples) == 255 + 159
    assert counted(get_protocol("megc2018").label(objective)) == get_protocol("megc2018").counts
