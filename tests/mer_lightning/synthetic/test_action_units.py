import pytest
import torch

from mer_lightning.synthetic.action_units import UNITS, Channel, displacement_basis, shading_basis
from mer_lightning.synthetic.identity import Identity

WHO = Identity.sample(1)


def at(unit: int, point: int, sides: str = "LR") -> torch.Tensor:
    """Displacement of one landmark when a unit acts."""
    place = WHO.landmarks()[point]
    return displacement_basis(WHO, [Channel(unit, side) for side in sides], place[0], place[1]).sum(0)


@pytest.mark.parametrize("unit", UNITS)
def test_the_largest_displacement_of_a_bilateral_unit_is_one(unit: int):
    x, y = torch.linspace(-1.3, 1.3, 200)[None], torch.linspace(-1.3, 2.2, 260)[:, None]
    field = displacement_basis(WHO, [Channel(unit, "L"), Channel(unit, "R")], x, y).sum(0)
    assert field.norm(dim=0).max() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("unit", "point", "axis", "sign"),
    [
        (1, 22, 1, -1),  # inner brow up
        (2, 25, 1, -1),  # outer brow up
        (4, 22, 1, 1),  # inner brow down
        (4, 22, 0, -1),  # and to the middle
        (5, 44, 1, -1),  # upper lid up
        (6, 46, 1, -1),  # lower lid up by the cheek
        (7, 46, 1, -1),  # lower lid up
        (9, 35, 1, -1),  # wing of the nose up
        (10, 52, 1, -1),  # upper lip up
        (12, 54, 0, 1),  # mouth corner out
        (12, 54, 1, -1),  # and up
        (14, 54, 0, 1),  # mouth corner out
        (15, 54, 1, 1),  # mouth corner down
        (17, 57, 1, -1),  # lower lip up
        (20, 54, 0, 1),  # mouth corner out
        (23, 54, 0, -1),  # mouth corner in
        (24, 51, 1, 1),  # upper lip down
        (24, 57, 1, -1),  # lower lip up
        (25, 66, 1, 1),  # lower lip down
        (26, 8, 1, 1),  # jaw down
    ],
)
def test_units_pull_where_facs_says(unit: int, point: int, axis: int, sign: int):
    assert float(at(unit, point)[axis]) * sign > 0.1


@pytest.mark.parametrize("unit", [1, 2, 4, 6, 9, 10, 12, 14, 15, 20])
def test_one_side_leaves_the_other_alone(unit: int):
    # landmarks 17 to 67 with x > 0 are on the person's left
    points = WHO.landmarks()[17:]
    left = points[points[:, 0] > 0.3]
    moved = displacement_basis(WHO, [Channel(unit, "L")], left[:, 0], left[:, 1])[0].norm(dim=0).max()
    other = displacement_basis(WHO, [Channel(unit, "R")], left[:, 0], left[:, 1])[0].norm(dim=0).max()
    assert moved > 5 * other


def test_nothing_acts_when_no_channel_does():
    x, y = torch.zeros(1, 4), torch.zeros(3, 1)
    assert displacement_basis(WHO, [], x, y).shape == (0, 2, 3, 4)
    assert shading_basis(WHO, [], x, y).shape == (0, 3, 4)
