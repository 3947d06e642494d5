import pytest
import torch

from mer_lightning.synthetic.faces import draw_texture
from mer_lightning.synthetic.identity import Identity, View

SMALL = View.portrait(64, 64)


def test_the_same_seed_gives_the_same_person():
    assert Identity.sample(3) == Identity.sample(3)
    assert torch.equal(draw_texture(Identity.sample(3), SMALL), draw_texture(Identity.sample(3), SMALL))


def test_another_seed_gives_another_person():
    first, second = (draw_texture(Identity.sample(seed), SMALL) for seed in (3, 4))
    assert (first - second).abs().mean() > 0.02


def test_a_texture_is_a_picture_with_values_between_black_and_white():
    for seed in range(6):
        picture = draw_texture(Identity.sample(seed), SMALL, oversample=1)
        assert picture.shape == (3, 64, 64)
        assert torch.isfinite(picture).all()
        assert picture.min() >= 0 and picture.max() <= 1
        assert picture.std() > 0.05


def test_pupils_are_darker_than_the_cheeks_and_lie_one_unit_apart():
    view = View.portrait(256, 256)
    picture = draw_texture(Identity.sample(2), view, oversample=1).mean(0)

    def brightness(x: float, y: float) -> float:
        column, row = (round(value) for value in view.pixels(torch.tensor((x, y))).tolist())
        return float(picture[row - 1 : row + 2, column - 1 : column + 2].mean())

    for side in (-1, 1):
        assert brightness(side * 0.497, -0.01) < 0.65 * brightness(side * 0.6, 0.45)


def test_landmarks_have_the_order_of_ibug():
    points = Identity.sample(5).landmarks()
    assert points.shape == (68, 2)
    # jaw from left to right with the chin lowest, brows over eyes over nose base over mouth over chin
    assert points[0, 0] < points[8, 0] < points[16, 0]
    assert points[:, 1].argmax() == 8
    assert points[17:27, 1].max() < points[36:48, 1].min()
    assert points[36:48, 1].max() < points[33, 1] < points[51, 1] < points[57, 1] < points[8, 1]
    assert points[36, 0] < points[39, 0] < 0 < points[42, 0] < points[45, 0]
    # the person is symmetric at rest
    assert torch.allclose(points[36] * torch.tensor((-1.0, 1.0)), points[45], atol=1e-6)


def test_drawing_keeps_to_the_device_that_was_asked_for():
    # a tensor left in main memory is an error on the meta device, as on an accelerator
    assert draw_texture(Identity.sample(7), SMALL, device="meta").device.type == "meta"


@pytest.mark.gpu
def test_an_accelerator_draws_the_same_person():
    ours, theirs = (draw_texture(Identity.sample(7), SMALL, device=device).cpu() for device in ("cpu", "cuda"))
    assert (ours - theirs).abs().max() < 0.01
