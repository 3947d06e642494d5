"""S4: what each branch sees, and that the maps are added."""

import pytest
import torch

from mer_lightning.models.dual_branch import DualBranch
from mer_lightning.types import DataError


def test_parameter_counts():
    sizes = [sum(p.numel() for p in DualBranch(branches=b).parameters()) for b in ("both", "magnitude", "strain")]
    # a head of 512 x 5 + 5 for one or two bodies
    assert sizes == [2 * 21_286_240 + 2565, 21_286_240 + 2565, 21_286_240 + 2565]


def test_each_branch_is_sixteen_units_with_attention():
    for branch in DualBranch().branches.values():
        units = [unit for i in range(1, 5) for unit in getattr(branch, f"layer{i}")]
        assert len(units) == 16
        assert all(unit.se.attention.conv.kernel_size == (7, 7) for unit in units)


@pytest.mark.parametrize(("branches", "blind"), [("magnitude", 3), ("strain", 2)])
def test_a_single_branch_does_not_see_the_channel_of_the_other(branches, blind):
    torch.manual_seed(0)
    model, x = DualBranch(branches=branches).eval(), torch.randn(2, 4, 33, 33)
    for channel in range(4):
        changed = x.clone()
        changed[:, channel] += 1
        assert torch.equal(model(x), model(changed)) == (channel == blind)


def test_both_branches_add_their_maps():
    torch.manual_seed(0)
    model, x = DualBranch().eval(), torch.randn(2, 4, 33, 33)
    maps = model.branches["magnitude"](x[:, :3]) + model.branches["strain"](x[:, [0, 1, 3]])
    assert maps.shape == (2, 512, 2, 2)
    torch.testing.assert_close(model(x), model.head(maps.mean((2, 3))))


def test_the_magnitude_of_maps_without_one_is_about_the_value_of_stillness():
    torch.manual_seed(0)
    model = DualBranch(in_channels=3, still=0.5).eval()
    full = DualBranch().eval()
    full.load_state_dict(model.state_dict())
    x = torch.rand(2, 3, 33, 33)
    x[:, :2, 0, 0] = torch.tensor([0.8, 0.1])
    magnitude = ((x[:, :1] - 0.5) ** 2 + (x[:, 1:2] - 0.5) ** 2).sqrt()
    assert magnitude[:, 0, 0, 0].tolist() == pytest.approx([0.5, 0.5])
    torch.testing.assert_close(model(x), full(torch.cat((x[:, :2], magnitude, x[:, 2:]), 1)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"in_channels": 3}, "needs 4 channels .u, v, magnitude, strain., got 3"),
        ({"in_channels": 3, "branches": "magnitude"}, "needs 4 channels"),
        ({"in_channels": 2, "branches": "strain"}, "needs 3 channels .u, v, strain., got 2"),
        ({"in_channels": 4, "still": 0.5}, "needs 3 channels"),
    ],
)
def test_channels_that_do_not_fit_are_named(arguments, says):
    with pytest.raises(DataError, match=says):
        DualBranch(**arguments)


def test_the_strain_branch_takes_flow_with_strain():
    model = DualBranch(in_channels=3, branches="strain")
    assert model(torch.rand(2, 3, 33, 33)).shape == (2, 5)
