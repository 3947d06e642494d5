"""The apexes of a whole database, as flow maps would have spotted them."""

import numpy as np

from mer_lightning.motion import OnsetApexFlow
from mer_lightning.motion.apexes import agreement, spot_apexes
from mer_lightning.types import NO_CHOICES, Sample


class Blob:
    """A grey blob that grows towards frame 6 and shrinks again, in a clip of frames 10..20."""

    name, release, kind, synthetic, choices = "blob", "r", "frames", True, NO_CHOICES
    samples = (
        Sample("smic", "s01", "a", "positive", onset=10, apex=15, offset=20),
        Sample("smic", "s01", "b", "positive", onset=10, offset=20),
    )

    def read(self, _):
        y, x = np.mgrid[-1:1:40j, -1:1:40j]
        strength = 8 - np.abs(np.arange(11) - 6)
        frames = [128 + 100 * np.exp(-((x + 0.3) ** 2 + (y - 0.5 - 0.02 * s) ** 2) * 20) for s in strength]
        return np.stack(frames)[..., None].astype(np.uint8)


def test_frames_are_counted_as_the_database_does_and_held_against_what_is_annotated():
    one, other = spot_apexes(Blob())
    assert abs(one.frame - 16) <= 1
    assert (one.distance, other.distance) == (one.frame - 15, None)
    found = agreement([one, other])
    assert (found.clips, found.mean, found.within) == (1, abs(one.distance), 1)
    assert found.share == abs(one.distance) / 11
    assert agreement([other]) is None


def test_maps_of_a_file_of_them_are_those_of_spotting():
    dataset = Blob()
    flow = OnsetApexFlow(method="farneback")
    clip = dataset.read(dataset.samples[0])
    (one, _) = spot_apexes(dataset)
    assert flow([clip], [None]).equal(flow([clip], [one.frame - 10]))
