import pytest
import torch

from mer_lightning.synthetic.canvas import Canvas, blend, noise_tile
from mer_lightning.synthetic.identity import Identity, View


@pytest.fixture(scope="module")
def canvas():
    view, place = View.portrait(64, 64), torch.device("cpu")
    return Canvas(Identity.sample(3), *view.grid(1, place), noise_tile(place), spacing=1 / view.scale)


def test_a_palette_is_followed_from_its_first_colour_to_its_last():
    palette = ((0.0, 0.0, 0.0), (0.2, 0.4, 0.6), (1.0, 1.0, 1.0))
    colours = [blend(palette, place, torch.device("cpu")).flatten().tolist() for place in (-1, 0.25, 0.5, 2)]
    assert colours == [pytest.approx(expected) for expected in (palette[0], (0.1, 0.2, 0.3), palette[1], palette[2])]


def test_every_band_of_the_noise_has_mean_zero_and_variance_one(canvas):
    assert torch.allclose(canvas.tile.mean((2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(canvas.tile.std((2, 3)), torch.ones(4), atol=1e-4)


def test_lids_and_lips_lie_in_order_from_top_to_bottom(canvas):
    mouth = (canvas.x.abs() < 0.9 * canvas.who.mouth[0]).flatten()
    top, middle, bottom = (edge[:, mouth] for edge in canvas.lips())
    assert mouth.any()
    assert (top < middle).all() and (middle < bottom).all()
    for side in (-1, 1):
        outward, upper, lower = canvas.lids(side)
        assert (upper <= lower).all()
        assert torch.equal((upper < lower).any(0), (outward.abs() < 1).flatten())


def test_the_outline_passes_through_chin_and_crown():
    who, view = Identity.sample(3), View.portrait(64, 64)
    ends = torch.tensor([[who.chin], [who.crown]])
    tile = noise_tile(torch.device("cpu"))
    outline = Canvas(who, torch.zeros(1, 1), ends, tile, spacing=1 / view.scale).outline()
    assert outline.flatten().tolist() == pytest.approx([1, 1])
