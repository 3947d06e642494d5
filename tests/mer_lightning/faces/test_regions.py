from __future__ import annotations

import numpy as np
import pytest

from mer_lightning.faces import regions
from mer_lightning.faces.points import COUNT, mean_face
from mer_lightning.types import DataError

POINTS = (mean_face() * 50 + np.array([149.5, 100])).astype(np.float32)


def test_36_regions_inside_the_face():
    labels = regions.region_map(POINTS, 300, 300)
    sizes = np.bincount(labels.ravel(), minlength=37)
    assert regions.REGIONS == 36
    assert len(sizes) == 37
    assert sizes[1:].min() > 200
    mask = regions.face_mask(POINTS, 300, 300)
    assert (mask & (labels > 0)).sum() / (labels > 0).sum() > 0.97
    assert mask[150, 150]
    assert not mask[5, 5]


def test_regions_of_the_mirrored_face_are_the_mirrored_regions():
    np.testing.assert_allclose(regions.mirror_points(POINTS, 300), POINTS, atol=1e-3)
    leaning = POINTS + np.float32(0.2) * (POINTS[:, 1:] - 100) * np.array([1, 0], np.float32)
    mirrored = regions.region_map(regions.mirror_points(leaning, 300), 300, 300)
    swapped = regions.region_map(leaning, 300, 300)[:, ::-1]
    other = np.where(swapped > 18, swapped - 18, np.where(swapped > 0, swapped + 18, 0))
    assert (mirrored == other).mean() > 0.97


def test_blocks():
    top, left, bottom, right = regions.block(POINTS, "eyes", 300, 300)
    assert top < POINTS[17:27, 1].min()
    assert bottom > POINTS[36:48, 1].max()
    assert left < POINTS[36, 0] < POINTS[45, 0] < right
    mouth = regions.block(POINTS, "mouth", 300, 300)
    assert bottom < mouth[2]
    assert regions.block(POINTS + 5000, "mouth", 300, 300) == (299, 299, 300, 300)


def test_other_points_are_errors():
    with pytest.raises(DataError, match="regions need 68 points"):
        regions.region_map(POINTS[:5], 30, 30)
    with pytest.raises(DataError, match="block 'nose'"):
        regions.block(POINTS, "nose", 30, 30)
    with pytest.raises(DataError, match="a face mask needs 68 points"):
        regions.face_mask(POINTS[: COUNT - 1], 30, 30)
