import numpy as np
import pytest

from mer_lightning.synthetic.flow_composite import SyntheticFlowComposite
from mer_lightning.types import DataError


def test_the_full_composite_has_the_official_counts():
    samples = SyntheticFlowComposite(scale=1.0, size=8).samples
    assert len(samples) == 442
    assert len({s.person for s in samples}) == 68
    counts = {(s.database, s.emotion): 0 for s in samples}
    for s in samples:
        counts[s.database, s.emotion] += 1
    assert counts["smic", "negative"] == 70
    assert counts["casme2", "surprise"] == 25
    assert counts["samm", "positive"] == 26


def test_clips_are_dealt_unevenly_and_everybody_has_one():
    samples = SyntheticFlowComposite(scale=1.0, size=8).samples
    _, sizes = np.unique([s.person for s in samples], return_counts=True)
    assert sizes.min() >= 1
    assert sizes.max() > 3 * np.median(sizes)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    one, same, other = (SyntheticFlowComposite(0.1, seed) for seed in (0, 0, 1))
    read = [np.stack([d.read(s) for s in d.samples]) for d in (one, same, other)]
    assert np.array_equal(read[0], read[1])
    assert read[0].shape != read[2].shape or not np.array_equal(read[0], read[2])


def test_maps_look_like_the_real_ones(composite):
    maps = np.concatenate([composite.read(s) for s in composite.samples])
    assert maps.dtype == np.uint8
    assert maps.shape[1:] == (28, 28, 3)
    assert (maps.min((1, 2)) == 0).all()
    assert (maps.max((1, 2)) == 255).all()


@pytest.mark.parametrize("options", [{"scale": 0}, {"scale": 5}, {"size": 4}])
def test_sizes_out_of_range_are_refused(options):
    with pytest.raises(DataError, match="synthetic-flow"):
        SyntheticFlowComposite(**options)
