import numpy as np
import pytest

from mer_lightning.protocols import get_protocol
from mer_lightning.synthetic.composite import SyntheticComposite
from mer_lightning.types import DataError


def test_the_full_composite_has_the_official_list():
    composite = SyntheticComposite(scale=1.0)
    labelled = get_protocol("megc2019").label(composite)
    assert len(labelled.samples) == 442
    assert len({s.person for s in labelled.samples}) == 68
    assert [labelled.labels.count(c) for c in range(3)] == [250, 109, 83]


def test_a_part_has_every_class_in_every_database():
    composite = SyntheticComposite(scale=0.25)
    labelled = get_protocol("megc2019").label(composite)
    found = {(s.database, c) for s, c in zip(labelled.samples, labelled.labels, strict=True)}
    assert len(found) == 9


def test_frames_run_from_onset_to_offset_and_repeat_for_the_same_seed():
    one, same, other = (SyntheticComposite(scale=0.05, seed=seed, size=48) for seed in (0, 0, 1))
    sample = one.samples[0]
    clip = one.read(sample)
    assert clip.shape == (sample.offset - sample.onset + 1, 48, 48, 3)
    assert np.array_equal(clip, same.read(sample))
    assert not np.array_equal(clip[0], other.read(other.samples[0])[0])


@pytest.mark.parametrize("scale", [0, 1.5])
def test_a_scale_out_of_range_is_refused(scale):
    with pytest.raises(DataError, match="scale above 0"):
        SyntheticComposite(scale=scale)
