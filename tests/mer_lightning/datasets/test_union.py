from __future__ import annotations

import numpy as np
import pytest

from mer_lightning.datasets.stills import Stills
from mer_lightning.datasets.union import Union
from mer_lightning.protocols import get_protocol
from mer_lightning.synthetic.composite import SyntheticDatabase, SyntheticStills
from mer_lightning.synthetic.flow_composite import SyntheticFlowComposite
from mer_lightning.types import DataError


@pytest.fixture(scope="module")
def parts():
    return [SyntheticDatabase(name, scale=0.1, size=32, frames=0.05) for name in ("smic", "casme2")]


def test_a_union_has_the_samples_of_all_and_reads_each_from_its_own(parts):
    both = Union(*parts)
    assert len(both.samples) == sum(len(part.samples) for part in parts)
    assert both.name == "synthetic-smic+synthetic-casme2"
    for part in parts:
        assert np.array_equal(both.read(part.samples[0]), part.read(part.samples[0]))
    assert {s.database for s in get_protocol("casme2-5").label(both).samples} == {"casme2"}


def test_what_does_not_go_together_is_refused(parts):
    with pytest.raises(DataError, match="smic is already there"):
        Union(parts[0], parts[0])
    with pytest.raises(DataError, match="frames of each"):
        Union(SyntheticFlowComposite(0.1))
    real = SyntheticDatabase("samm", scale=0.1, size=32, frames=0.05)
    real.synthetic = False
    with pytest.raises(DataError, match="do not mix"):
        Union(parts[0], real)


def test_stills_are_the_last_frames_of_every_clip():
    clips = SyntheticDatabase("ckplus", scale=0.03, size=32, frames=0.2)
    stills = Stills(clips, 3)
    assert len(stills.samples) == 3 * len(clips.samples)
    assert {still.person for still in stills.samples} == {clip.person for clip in clips.samples}
    clip = clips.samples[0]
    frames = clips.read(clip)
    of_clip = [still for still in stills.samples if still.clip.startswith(f"{clip.clip}-")][:3]
    for still, frame in zip(of_clip, frames[::-1], strict=False):
        assert np.array_equal(stills.read(still)[0], frame)


def test_the_full_twin_of_ckplus_has_327_sequences_and_981_stills():
    clips = SyntheticDatabase("ckplus")
    assert len(clips.samples) == 327
    assert len(Stills(clips, 3).samples) == 981


def test_stills_of_fer2013_have_its_classes_and_parts():
    stills = SyntheticStills(scale=0.001)
    assert {sample.subject for sample in stills.samples} == {"Training", "PublicTest", "PrivateTest"}
    assert {sample.emotion for sample in stills.samples} == {
        "angry", "disgust", "fear", "happy", "sad", "surprise", "neutral",
    }  # fmt: skip
    picture = stills.read(stills.samples[0])
    assert picture.shape == (1, 48, 48, 1)
    assert picture.std() > 10


def test_the_full_twin_of_casme2_has_the_classes_of_its_protocol():
    for release, protocol in (("casme2-2014", "casme2-5-2014"), ("casme2-2019", "casme2-5")):
        labelled = get_protocol(protocol).label(SyntheticDatabase("casme2", release=release))
        counts = [labelled.labels.count(c) for c in range(5)]
        assert counts == list(get_protocol(protocol).counts["casme2"])
