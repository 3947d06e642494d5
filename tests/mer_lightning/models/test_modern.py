"""The compact transformer and the action-unit graph: sizes, places, and the graph."""

import pytest
import torch

from mer_lightning.models.au_graph import _PLACES, AUGraph, _known_graph, _place_maps
from mer_lightning.models.compact_transformer import CompactTransformer


@pytest.mark.parametrize(
    ("millions", "arguments"),
    [(0.28, {}), (3.76, {"layers": 7, "heads": 4, "width": 256, "widening": 2.0, "convolutions": 1})],
)
def test_cct_has_the_parameters_of_the_papers_table(millions, arguments):
    with torch.device("meta"):
        model = CompactTransformer(size=32, classes=10, **arguments)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == millions


def test_tokens_are_pooled_by_attention():
    torch.manual_seed(0)
    model = CompactTransformer(width=16).eval()
    seen = []
    model.norm.register_forward_hook(lambda _, __, gave: seen.append(gave))
    x = torch.rand(2, 3, 28, 28)
    logits = model(x)
    weights = model.attention(seen[0]).softmax(1)
    assert seen[0].shape == (2, 49, 16)
    torch.testing.assert_close(logits, model.head((weights * seen[0]).sum(1)))
    with torch.no_grad():
        model.attention.weight.zero_()
    torch.testing.assert_close(model(x), model.head(seen[0].mean(1)))


def test_places_of_action_units():
    maps = _place_maps(28)
    assert maps.shape == (16, 28, 28)
    assert torch.allclose(maps.sum((1, 2)), torch.ones(16))
    torch.testing.assert_close(maps, maps.flip(2))
    rows = (maps.sum(2) * torch.arange(28)).sum(1)
    height = dict(zip(_PLACES, rows.tolist(), strict=True))
    # brows above eyes above nose and cheeks above mouth above chin
    assert max(height[1], height[2], height[4]) < height[5] < height[9] < height[12] < height[17]


def test_the_graph_is_symmetric_and_normalised():
    graph, index = _known_graph(), {unit: i for i, unit in enumerate(_PLACES)}
    assert torch.equal(graph, graph.T)
    assert torch.linalg.eigvalsh(graph).max() == pytest.approx(1, abs=1e-5)
    assert graph[index[6], index[12]] > 0
    assert graph[index[6], index[4]] == 0
    # action unit 6 has two neighbours, itself and 12; 12 has three
    assert graph[index[6], index[12]] == pytest.approx((2 * 3) ** -0.5)


def test_a_motion_at_the_mouth_reaches_mouth_nodes_most():
    torch.manual_seed(0)
    model = AUGraph().eval()
    entered = []
    model.enter.register_forward_hook(lambda _, given, __: entered.append(given[0]))
    x = torch.full((1, 3, 28, 28), 0.5)
    model(x)
    x[:, :, 18:23, 6:22] = 1.0
    model(x)
    change = (entered[1] - entered[0]).abs().sum((0, 2))
    index = {unit: i for i, unit in enumerate(_PLACES)}
    assert change[index[12]] > 20 * change[index[1]]
