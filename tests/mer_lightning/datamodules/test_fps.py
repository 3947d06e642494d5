"""Frames per second go from the camera to a magnification in Hz, and what lacks them is named before it is read."""

from dataclasses import replace

import pytest
import torch

from mer_lightning.datamodules import PlannedTable, check_reading
from mer_lightning.motion import Magnification, OnsetApexFlow
from mer_lightning.motion.cache import Cache
from mer_lightning.motion.image_representations import ApexFrame
from mer_lightning.protocols import Labelled
from mer_lightning.synthetic.composite import SyntheticDatabase
from mer_lightning.types import DataError

HZ = Magnification(alpha=4.0, low=0.5, high=10.0, unit="hz")
SHOWN = ApexFrame(size=(24, 24), magnification=HZ)


class Renamed:
    """A few clips of a twin, recorded by another camera."""

    def __init__(self, base, fps):
        self.name, self.kind, self.samples = base.name, base.kind, base.samples[:3]
        self.samples = tuple(replace(sample, fps=fps) for sample in self.samples)
        self.read = base.read


@pytest.fixture(scope="module")
def twin():
    return SyntheticDatabase("smic", scale=0.1, size=48)


def inputs(dataset, cache=None):
    labelled = Labelled(dataset.samples, tuple(0 for _ in dataset.samples))
    return PlannedTable(dataset, labelled, 1, SHOWN, cache=cache).read().inputs


def test_twins_know_their_cameras(twin):
    assert {sample.fps for sample in twin.samples} == {100}


def test_other_cameras_give_other_pictures_also_out_of_the_cache(twin, tmp_path):
    cache = Cache(tmp_path)
    fast, slow = Renamed(twin, 200.0), Renamed(twin, 60.0)
    first = inputs(fast, cache)
    assert not torch.allclose(first, inputs(slow, cache))
    assert torch.equal(first, inputs(fast, cache))
    assert torch.equal(first, inputs(fast))


@pytest.mark.parametrize("fps", [None, 15.0])
def test_a_clip_without_or_with_too_few_is_named_before_it_is_read(twin, fps):
    dataset = Renamed(twin, fps)
    with pytest.raises(DataError, match=f"{dataset.samples[0].key}: representation apex_frame: magnification from 0.5"):
        check_reading(dataset, SHOWN, "maps")
    check_reading(dataset, OnsetApexFlow(magnification=Magnification(alpha=4.0)), "maps")
