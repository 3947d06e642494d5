"""Networks that were pre-trained or tuned are explained as they predicted, pre-training and chosen values included."""

import json

import pytest
from PIL import Image

from benchmark.__main__ import main
from benchmark.records.store import Store

pytestmark = pytest.mark.slow

NETWORK = """
title: Small
summary: The network of S2 at a small size.
tier: C
representation: {name: flow_sequence, arguments: {method: farneback, frames: 5, size: [16, 16], flow_size: [16, 16]}}
model: {name: s3d_cnn.S3DCNN, arguments: {size: 16, frames: 4}}
training: {epochs: 2, batch_size: 16, optimizer: {name: adam, lr: 1.0e-3}}
search_space:
  training.optimizer.lr: {kind: float, low: 1.0e-4, high: 1.0e-2, log: true}
  model.arguments.dropout: {kind: float, low: 0.0, high: 0.5}
"""
TRANSFER = """
transfer:
  database: ckplus
  training: {epochs: 1, batch_size: 64, optimizer: {name: adam, lr: 1.0e-3}}
  freeze: true
"""
SUITE = """
title: Starts
summary: Video of invented faces.
source: {name: synthetic-video, scale: 0.05}
protocols: [samm-3]
methods: [pretrained]
seeds: [0]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Folder with a pre-trained run, a tuned one, and one that is both and was tuned on the tested folds."""
    folder = tmp_path_factory.mktemp("starts")
    (folder / "recipes").mkdir()
    (folder / "recipes" / "plain.yaml").write_text(NETWORK)
    (folder / "recipes" / "pretrained.yaml").write_text(NETWORK + TRANSFER)
    (folder / "starts.yaml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.methods.recipe_files.RECIPES", folder / "recipes")
        flags = ["--suite", str(folder / "starts.yaml"), "--accelerator", "cpu", "--executor", "local"]
        flags += ["--runs", str(folder / "runs"), "--records", str(folder / "records")]
        assert main(["run", *flags]) == 0
        tune = ["tune", "--protocol", "samm-3", "--trials", "1", "--inner-folds", "2", *flags]
        assert main([*tune, "--method", "plain"]) == 0
        assert main([*tune, "--method", "pretrained", "--mode", "global"]) == 0
        yield folder


@pytest.mark.parametrize("method", ["pretrained", "plain-tuned", "pretrained-tuned-global"])
def test_the_network_that_predicted_is_found_again_and_drawn(world, method, capsys):
    store = Store(world / "runs")
    (run,) = (manifest.run for manifest in store.manifests() if manifest.method == method)
    fold = list(store.folds(run).values())[-1]
    key, out = fold.predictions[0].key, world / f"{method}.png"
    flags = ["--suite", str(world / "starts.yaml"), "--accelerator", "cpu", "--runs", str(world / "runs")]
    capsys.readouterr()
    assert main(["explain", method, "--sample", key, "--out", str(out), *flags]) == 0
    printed = capsys.readouterr().out
    assert "training the fold" in printed
    assert "as recorded" in printed and "apart" not in printed
    # the other people's database was learnt from once, when the run was made
    assert "pre-training on" not in printed
    with Image.open(out) as image:
        assert image.size[0] > 900
    told = json.loads((world / "runs" / run / "explanations" / f"{method}.json").read_text())
    assert told["config"]["predicted"] == told["config"]["recorded"]
    assert told["config"]["layers"] == ["conv8.temporal"]
    assert bool(fold.tuned) == ("tuned" in method)
    # the second time its weights are there
    assert main(["explain", method, "--sample", key, "--out", str(out), *flags]) == 0
    assert "training the fold" not in capsys.readouterr().out
