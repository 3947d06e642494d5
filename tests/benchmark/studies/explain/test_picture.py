"""A recorded prediction is explained by the network that made it, and every mistake is one line."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from benchmark.__main__ import main
from benchmark.files import write_json
from benchmark.records.store import Store
from benchmark.studies.explain.picture import colour_reach
from mer_lightning.models.off_apexnet import OffApexNet
from tests.benchmark.training.tracking.test_mirror import read_back

RECIPE = """
title: {title}
summary: A few steps.
tier: C
representation: {representation}
model: {model}
training: {{epochs: 2, batch_size: 16, optimizer: {{name: adam, lr: 1.0e-3}}}}
"""
SUITE = """
title: A few faces
summary: Video of invented faces.
source: {name: synthetic-video, scale: 0.1}
protocols: [casme2-3]
methods: [tiny-2d, tiny-3d]
seeds: [0]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Folder with runs of small recipes: of flow maps without frames and of video, 2-D and 3-D."""
    folder = tmp_path_factory.mktemp("explained")
    (folder / "recipes").mkdir()
    small = "{name: flow_sequence_s2, arguments: {method: farneback, frames: 5, size: [32, 32], flow_size: [32, 32]}}"
    recipes = {
        "tiny": ("Tiny", "flow_map", "{name: off_apexnet.OffApexNet}"),
        "tiny-2d": ("Tiny 2-D", "flow_map", "{name: ststnet.STSTNet}"),
        "tiny-3d": ("Tiny 3-D", small, "{name: s3d_cnn.S3DCNN, arguments: {size: 32, frames: 4}}"),
    }
    for name, (title, representation, model) in recipes.items():
        text = RECIPE.format(title=title, representation=representation, model=model)
        (folder / "recipes" / f"{name}.yaml").write_text(text)
    nothing = "title: M\nsummary: M\ntier: C\nrepresentation: flow_map\nestimator: {name: majority.Majority}\n"
    (folder / "recipes" / "guess.yaml").write_text(nothing)
    (folder / "faces.yaml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.methods.recipe_files.RECIPES", folder / "recipes")
        places = ["--runs", str(folder / "runs"), "--records", str(folder / "records"), "--accelerator", "cpu"]
        flat = ["--suite", "smoke", "--method", "tiny", "--method", "guess", "--seed", "0", "--seed", "1"]
        assert main(["run", "--executor", "local", *flat, *places]) == 0
        assert main(["run", "--executor", "local", "--suite", str(folder / "faces.yaml"), *places]) == 0
        yield folder


@pytest.fixture
def explain(world, tmp_path, capsys):
    """Run the command on the world's runs; gives its status, output and errors."""

    def call(run, sample, *flags, suite="smoke"):
        flags = ["--accelerator", "cpu", "--runs", str(world / "runs"), "--suite", suite, *flags]
        status = main(["explain", run, "--sample", sample, *flags])
        return status, *capsys.readouterr()

    return call


def run_id(world, start):
    return next(path.name for path in sorted((world / "runs").glob(f"{start}--*")))


def first_key(world, run, fold=0):
    return list(Store(world / "runs").folds(run).values())[fold].predictions[0].key


def test_a_map_without_frames_is_explained_on_the_mean_face(world, explain, tmp_path):
    run = run_id(world, "tiny")
    key, out = first_key(world, run), tmp_path / "deep" / "a.png"
    status, printed, errors = explain(run, key, "--out", str(out))
    assert (status, errors) == (0, "")
    assert "training the fold" in printed
    assert "as recorded" in printed and "apart" not in printed
    assert "AU12 lip corner puller" in printed
    with Image.open(out) as image:
        assert image.size[0] > 900
        assert np.asarray(image.convert("L")).std() > 10
    told = json.loads((world / "runs" / run / "explanations" / "a.json").read_text())
    assert told["config"]["sample"] == key
    assert told["config"]["layers"] == ["conv2"]
    assert sum(told["shares"].values()) == pytest.approx(1, abs=1e-4)


def test_the_weights_are_kept_and_predict_the_whole_fold_as_recorded(world, explain):
    from safetensors.torch import load_file

    from benchmark.methods.suite import load_suite
    from benchmark.training.plan import make_plan

    run = run_id(world, "tiny")
    (fold, *_) = Store(world / "runs").folds(run).values()
    key = fold.predictions[-1].key
    explain(run, key)
    kept = world / "runs" / run / "weights" / f"{fold.held_out.replace('/', '--')}.safetensors"
    before = kept.stat().st_mtime_ns
    status, printed, _ = explain(run, key)
    assert status == 0
    assert "training the fold" not in printed and "as recorded" in printed
    assert kept.stat().st_mtime_ns == before
    (plan,) = make_plan(load_suite("smoke"), methods=["tiny"], seeds=[0])
    model = OffApexNet().eval()
    model.load_state_dict(load_file(kept))
    with torch.no_grad():
        scores = model(plan.table.inputs[[plan.table.keys.index(p.key) for p in fold.predictions]]).softmax(1)
    np.testing.assert_allclose(scores.numpy(), [p.scores for p in fold.predictions], atol=2e-6)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_bytes(b"nothing"), "not readable weights"),
        (lambda path: save_file({"a": torch.zeros(1)}, path), "not the weights of this fold"),
    ],
)
def test_weights_that_are_broken_are_trained_again(world, explain, spoil, says):
    run = run_id(world, "tiny")
    key = first_key(world, run)
    explain(run, key)
    kept = world / "runs" / run / "weights" / f"{key.rsplit('/', 1)[0].replace('/', '--')}.safetensors"
    spoil(kept)
    status, printed, _ = explain(run, key)
    assert status == 0
    assert f"{kept}: {says}" in printed
    assert "training the fold" in printed and "as recorded" in printed


@pytest.mark.parametrize(("method", "layer"), [("tiny-2d", "streams.conv"), ("tiny-3d", "conv8.temporal")])
def test_video_is_explained_on_its_face(world, explain, tmp_path, method, layer):
    run, out = run_id(world, method), tmp_path / "a.png"
    status, printed, _ = explain(method, first_key(world, run), "--out", str(out), suite=str(world / "faces.yaml"))
    assert status == 0
    assert "as recorded" in printed and "apart" not in printed
    with Image.open(out) as image:
        colours = np.asarray(image.convert("RGB")).astype(int)
    assert np.ptp(colours, -1).max() > 100
    told = json.loads((world / "runs" / run / "explanations" / "a.json").read_text())
    assert told["config"]["layers"] == [layer]


def test_another_class_and_another_layer_can_be_asked_for(world, explain, tmp_path):
    run = run_id(world, "tiny")
    shares = []
    for target in ("negative", "surprise"):
        out = tmp_path / f"{target}.png"
        flags = ["--class", target, "--layer", "conv1", "--out", str(out)]
        status, printed, _ = explain(run, first_key(world, run), *flags)
        assert (status, f"share for {target}" in printed) == (0, True)
        told = json.loads((world / "runs" / run / "explanations" / f"{target}.json").read_text())
        assert told["config"]["layers"] == ["conv1"] and told["config"]["class"] == target
        shares.append(told["shares"])
    assert shares[0] != shares[1]


def test_a_network_that_predicts_otherwise_is_not_passed_off_as_the_recorded_one(world, explain):
    run, store = run_id(world, "tiny"), Store(world / "runs")
    fold = list(store.folds(run).values())[1]
    path = world / "runs" / run / "folds" / f"{fold.held_out.replace('/', '--')}.json"
    honest = path.read_text()
    first, *others = fold.predictions
    wrong = first.model_copy(update={"prediction": (first.prediction + 1) % 3})
    write_json(path, fold.model_copy(update={"predictions": (wrong, *others)}).model_dump())
    try:
        status, printed, _ = explain(run, first.key)
    finally:
        path.write_text(honest)
    assert status == 1
    assert printed.count("WARNING: this network predicts") == 1
    assert not (world / "runs" / run / "weights" / f"{fold.held_out.replace('/', '--')}.safetensors").exists()


def test_the_picture_goes_into_an_offline_run_beside_that_of_the_run(world, explain, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = run_id(world, "tiny")
    key = first_key(world, run)
    status, _, _ = explain(run, key)
    assert status == 0
    _, everything = read_back(world / "runs" / "wandb")
    assert all(word in everything for word in ("smoke", "explanation", run, key))
    (picture,) = (world / "runs" / "wandb").rglob("files/media/images/explanation*.png")
    with Image.open(picture) as image:
        assert image.size[0] > 900


def test_outliers_do_not_wash_out_the_colours_of_flow():
    generator = torch.Generator().manual_seed(0)
    distances = torch.rand(1, 28, 28, generator=generator)
    assert 0.95 < colour_reach(distances) <= 1
    distances[0, 0, :5] = 100
    assert 0.95 < colour_reach(distances) <= 1
    # a map that moves in a few places only has no outliers
    few = torch.zeros(28, 28)
    few[3, 4] = 2.0
    assert colour_reach(few) == 2


def test_a_gpu_that_is_not_there_is_one_line(explain, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    status, _, errors = explain("tiny", "smic/s01/a", "--accelerator", "gpu")
    assert (status, errors.count("\n")) == (2, 1)
    assert "--accelerator gpu: torch" in errors


def test_mistakes_are_one_line_each(world, explain, tmp_path):
    run = run_id(world, "tiny")
    key = first_key(world, run)
    cases = [
        (("tiny", key), "run 'tiny': 2 runs of it, name one: tiny--synthetic-smic-3--s0--"),
        (("tinny", key), "run 'tinny': not in"),
        ((run, "smic/s99/none"), "--sample smic/s99/none: tiny--synthetic-smic-3"),
        ((run, key, "--class", "joy"), "--class joy: expected one of negative, positive, surprise"),
        (
            (run, key, "--layer", "conv9"),
            "--layer conv9: the network has no such layer; its convolutions: conv1, conv2",
        ),
        ((run, key, "--layer", "head"), "--layer head: gives no map of places"),
        ((run, key, "--out", str(tmp_path)), "expected a file <name>.png"),
        ((run, key, "--data", str(tmp_path)), "this suite invents its data"),
        (("guess", key), "this method has no network"),
    ]
    for arguments, says in cases:
        status, _, errors = explain(*arguments)
        assert (status, errors.count("\n")) == (2, 1), errors
        assert says in errors
    status, _, errors = explain(run, key, suite=str(world / "faces.yaml"))
    assert status == 2
    assert "--suite and --data must be those of the run" in errors or "casme2" in errors
