"""The pictures of docs/motion.md show motion as it is."""

import numpy as np
import pytest
import torch
from PIL import Image

from tools.motion_pictures import colour_wheel, draw_motion


def test_the_hue_is_the_direction_and_the_saturation_the_length():
    flow = torch.tensor([[1.0, -1.0, 0.0, 0.5], [0.0, 0.0, 0.0, 0.0]]).view(2, 1, 4)
    right, left, still, slower = colour_wheel(flow, 1.0)[0]
    assert right == pytest.approx([1, 0, 0])
    assert left == pytest.approx([0, 1, 1])
    assert still == pytest.approx([1, 1, 1])
    assert slower == pytest.approx([1, 0.5, 0.5])


@pytest.mark.slow
def test_every_picture_is_drawn(tmp_path):
    paths = draw_motion(tmp_path / "pictures")
    assert [path.name for path in paths] == ["flow-methods.png", "flow-strain.png", "flow-magnified.png"]
    for path in paths:
        assert path.stat().st_size < 600_000
        with Image.open(path) as image:
            assert np.asarray(image.convert("L")).std() > 10
