"""A method that is pre-trained on other people: once per seed, kept, recorded, and done again only where it must be."""

from __future__ import annotations

import pytest
import torch

from benchmark.__main__ import main
from benchmark.methods.recipe import Recipe, load_recipe
from benchmark.methods.recipe_check import check_recipe
from benchmark.methods.suite import load_suite
from benchmark.records.run import load_runs
from benchmark.records.store import Store
from benchmark.training.plan import Inputs, make_plan
from benchmark.training.pretraining import prepare_start, stage_of
from mer_lightning.backbones import load_kept
from mer_lightning.synthetic.twins import write_twin
from mer_lightning.types import DataError

RECIPE = """
title: Small S3D, transferred
summary: The network of S2 at a small size.
tier: C
representation: {name: flow_sequence, arguments: {frames: 5, size: [16, 16], flow_size: [16, 16]}}
model:
  name: s3d_cnn.S3DCNN
  arguments: {size: 16, frames: 4}
training:
  epochs: 1
  batch_size: 16
  optimizer: {name: adam, lr: 1.0e-3}
transfer:
  database: ckplus
  training:
    epochs: 1
    batch_size: 64
    optimizer: {name: adam, lr: 1.0e-3}
  freeze: true
"""
SUITE = """
title: Transfer
summary: A transferred network on a few clips of twins.
source: {name: synthetic-video, scale: 0.05}
protocols: [samm-3]
methods: [small-transfer]
seeds: [0]
"""


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Run a suite whose one method is pre-trained, in folders of its own."""
    (tmp_path / "recipes").mkdir()
    recipe, suite = tmp_path / "recipes" / "small-transfer.yaml", tmp_path / "transfer.yaml"
    recipe.write_text(RECIPE)
    suite.write_text(SUITE)
    monkeypatch.setattr("benchmark.methods.recipe_files.RECIPES", tmp_path / "recipes")

    def run():
        places = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records")]
        return main(["run", "--suite", str(suite), "--accelerator", "cpu", "--executor", "local", *places])

    run.folder, run.suite, run.recipe = tmp_path, suite, recipe
    return run


def test_weights_are_made_once_kept_and_recorded(bench, capsys):
    assert bench() == 0
    assert "pre-training on" in capsys.readouterr().out
    (record,) = load_runs(bench.folder / "records")
    pretraining = record.pretraining
    assert record.complete
    assert pretraining is not None
    assert (pretraining.source, pretraining.synthetic, pretraining.epoch) == ("synthetic-ckplus", True, 1)
    assert pretraining.samples["train"] > pretraining.samples["validation"] > 0
    # a fold that is lost starts from the weights that are there
    next(bench.folder.glob("runs/small-transfer*/folds/*.json")).unlink()
    assert bench() == 0
    assert "pre-training on" not in capsys.readouterr().out
    assert load_runs(bench.folder / "records")[0].result() == record.result()
    # weights without their record were interrupted, and are made again
    next(bench.folder.glob("runs/pretrained/*.json")).unlink()
    next(bench.folder.glob("runs/small-transfer*/folds/*.json")).unlink()
    assert bench() == 0
    assert "pre-training on" in capsys.readouterr().out


def test_weights_that_are_broken_are_made_again(bench, capsys):
    assert bench() == 0
    (before,) = load_runs(bench.folder / "records")
    (weights,) = bench.folder.glob("runs/pretrained/*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-100])
    next(bench.folder.glob("runs/small-transfer*/folds/*.json")).unlink()
    capsys.readouterr()
    assert bench() == 0
    printed = capsys.readouterr().out
    assert f"{weights}: not readable weights" in printed
    assert "; trained again\n" in printed and "pre-training on" in printed
    assert load_runs(bench.folder / "records")[0].result() == before.result()


def test_weights_of_another_input_are_not_taken(bench, capsys):
    assert bench() == 0
    bench.recipe.write_text(RECIPE.replace("flow_size: [16, 16]", "flow_size: [24, 24]"))
    capsys.readouterr()
    assert bench() == 0
    assert "pre-training on" in capsys.readouterr().out
    assert len(list(bench.folder.glob("runs/pretrained/*.safetensors"))) == 2


def test_other_pretraining_is_another_method(bench):
    (run,) = make_plan(load_suite(str(bench.suite)))
    bench.recipe.write_text(RECIPE.replace("freeze: true", "freeze: false"))
    (other,) = make_plan(load_suite(str(bench.suite)))
    assert run.recipe.hash != other.recipe.hash
    assert run.id != other.id


STILLS = """
title: Small pictures, transferred
summary: The network of S1 at a small size.
tier: C
representation: {name: apex_frame, arguments: {size: [16, 16], colour: false}}
model: {name: me_resnet.MEResNet, arguments: {dimensions: 2}}
training: {epochs: 1, batch_size: 16, optimizer: {name: adam, lr: 1.0e-3}}
transfer:
  database: fer2013
  training: {epochs: 1, batch_size: 64, optimizer: {name: adam, lr: 1.0e-3}}
"""


def test_a_picture_of_fer2013_that_trains_does_not_validate_and_that_is_said(bench, tmp_path):
    root = tmp_path / "databases"
    write_twin(root / "samm", "samm", subjects=3, size=(32, 48), frames=0.05)
    write_twin(root / "fer2013", "fer2013", subjects=3, frames=0.0005)
    file = root / "fer2013" / "fer2013.csv"
    header, *rows = (line.split(",") for line in file.read_text().splitlines())
    parts = [row[2] for row in rows]
    for part in ("PublicTest", "PrivateTest"):
        rows[parts.index(part)][1] = rows[parts.index("Training")][1]
    file.write_text("\n".join(",".join(row) for row in (header, *rows)))
    bench.recipe.write_text(STILLS)
    bench.suite.write_text(SUITE.replace("synthetic-video, scale: 0.05", "databases, databases: {samm: {}}"))
    (run,) = make_plan(load_suite(str(bench.suite)), Inputs(data=root))
    said, store = [], Store(tmp_path / "runs")
    assert prepare_start(run, store, said.append, accelerator="cpu")
    assert said[0].endswith("1 epochs, 1 do not validate because they repeat one of them")
    record = store.pretraining(run.id)
    assert record.samples == {
        "train": parts.count("Training"),
        "validation": parts.count("PublicTest") - 1,
        "repeated": 1,
    }
    assert (record.source, record.choices) == ("fer2013", {"variant": "csv"})


def test_maps_have_nobody_to_learn_from(bench, capsys):
    bench.suite.write_text(SUITE.replace("synthetic-video", "synthetic-flow"))
    assert bench() == 2
    error = capsys.readouterr().err
    assert "a method that is pre-trained on ckplus needs frames" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("database: ckplus", "database: imagenet", "transfer.database"),
        ("freeze: true", "freeze: true\n  stills: -1", "transfer.stills"),
        (
            "freeze: true",
            "freeze: true\n  arguments: {depth: 3}",
            "transfer.arguments.depth: s3d_cnn.S3DCNN takes no such",
        ),
        ("freeze: true", "freeze: true\n  representation: flow", "transfer.representation: 'flow' is unknown"),
        (
            "freeze: true",
            "freeze: true\n  arguments: {size: 32}",
            "transfer: pre-trained weights: ",
        ),
        (
            "  freeze: true",
            "    loss: {name: focal, alpha: [0.1, 0.2, 0.7]}",
            "transfer.training.loss.alpha: expected one value for each of 7 classes, got 3",
        ),
        (
            "s3d_cnn.S3DCNN\n  arguments: {size: 16, frames: 4}",
            "ststnet.STSTNet",
            "transfer: STSTNet cannot be transferred",
        ),
    ],
)
def test_a_transfer_that_does_not_fit_is_one_line(bench, capsys, old, new, says):
    bench.recipe.write_text(RECIPE.replace(old, new))
    assert bench() == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_an_estimator_cannot_be_transferred():
    recipe = Recipe.model_validate_json(
        '{"name": "x", "title": "X", "summary": "x", "tier": "C", "representation": "flow_map",'
        ' "estimator": {"name": "majority.Majority"}, "transfer": {"database": "ckplus", "training":'
        ' {"epochs": 1, "batch_size": 1, "optimizer": {"name": "adam", "lr": 0.1}}}}'
    )
    with pytest.raises(DataError, match="transfer: expected a model to transfer"):
        check_recipe(recipe)


class TestWeightsAreSharedByContent:
    def test_by_recipes_of_other_names_that_see_and_freeze_something_else_afterwards(self, bench, tmp_path):
        other = RECIPE.replace("freeze: true", "freeze: false").replace(
            "flow_size: [16, 16]}}\nmodel",
            "flow_size: [24, 24]}}\nmodel",
        )
        same = "  representation: {name: flow_sequence, arguments: {frames: 5, size: [16, 16], flow_size: [16, 16]}}\n"
        (tmp_path / "recipes" / "other-transfer.yaml").write_text(
            other.replace("  database: ckplus\n", "  database: ckplus\n" + same)
        )
        bench.suite.write_text(SUITE.replace("[small-transfer]", "[small-transfer, other-transfer]"))
        store, said = Store(tmp_path / "runs"), []
        first, second = make_plan(load_suite(str(bench.suite)))
        starts = [prepare_start(run, store, said.append, accelerator="cpu") for run in (first, second)]
        assert starts[0].weights == starts[1].weights
        assert [start.freeze for start in starts] == [True, False]
        assert sum("pre-training on" in line for line in said) == 1
        assert store.pretraining(first.id) == store.pretraining(second.id) is not None
        assert starts[0].weights.name.startswith("S3DCNN--ckplus--s0--")

    def test_and_the_51_stages_of_the_tables_of_s1_are_6(self):
        suite = load_suite("paper-s1")
        transferred = [
            recipe for _, name in suite.pairs() for recipe in [load_recipe(name)] if recipe.transfer is not None
        ]
        by_name = {(recipe.name, seed) for recipe in transferred for seed in suite.seeds}
        by_content = {(stage_of(recipe), seed) for recipe in transferred for seed in suite.seeds}
        assert (len(by_name), len(by_content)) == (51, 6)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("lr: 1.0e-3}\n  freeze", "lr: 2.0e-3}\n  freeze"),
            ("frames: 4}", "frames: 4, dropout: 0.4}"),
            ("title", "version: 2\ntitle"),
        ],
    )
    def test_and_never_between_stages_that_differ(self, bench, old, new):
        before = stage_of(load_recipe("small-transfer"))
        assert old in RECIPE
        bench.recipe.write_text(RECIPE.replace(old, new))
        assert stage_of(load_recipe("small-transfer")) != before

    def test_those_that_are_named_after_a_recipe_are_left_alone_and_that_is_said(self, bench, capsys):
        older = bench.folder / "runs" / "pretrained" / "small-transfer--ckplus--s0--0123456789.safetensors"
        older.parent.mkdir(parents=True)
        older.write_bytes(b"weights of before")
        assert bench() == 0
        assert f"{older}: named after a recipe" in capsys.readouterr().out.replace("\n", " ")
        assert older.read_bytes() == b"weights of before"


class TestAPretrainingThatWasStopped:
    @pytest.fixture
    def stopped(self, bench, monkeypatch, tmp_path):
        """One that was stopped after a step: its run, its store and its state."""
        from mer_lightning.tasks import going_on

        monkeypatch.setattr(going_on, "SECONDS", 0.0)
        bench.recipe.write_text(RECIPE.replace("batch_size: 64", "batch_size: 4"))
        (run,) = make_plan(load_suite(str(bench.suite)))
        store = Store(tmp_path / "runs")

        def stop(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr("benchmark.training.pretraining._Teller.tell", stop)
            prepare_start(run, store, lambda _: None, accelerator="cpu")
        (state,) = tmp_path.glob("runs/pretrained/*.state")
        return run, store, state

    def test_goes_on_and_leaves_no_state(self, stopped, tmp_path):
        run, store, state = stopped
        said: list[str] = []
        start = prepare_start(run, store, said.append, accelerator="cpu")
        assert any(line.endswith("goes on where it was stopped") for line in said)
        assert not state.exists()
        whole = prepare_start(run, Store(tmp_path / "whole"), said.append, accelerator="cpu")
        one, other = load_kept(start.weights), load_kept(whole.weights)
        assert all(torch.equal(one[name], other[name]) for name in one)

    def test_begins_again_where_its_state_is_broken_and_says_so(self, stopped):
        run, store, state = stopped
        state.write_bytes(state.read_bytes()[:-70])
        said: list[str] = []
        assert prepare_start(run, store, said.append, accelerator="cpu")
        assert any("its checksum does not fit" in line and line.endswith("from the start") for line in said)
        assert not any("goes on" in line for line in said)


def test_weights_whose_checksum_does_not_fit_are_made_again(bench, capsys):
    assert bench() == 0
    (weights,) = bench.folder.glob("runs/pretrained/*.safetensors")
    content = weights.read_bytes()
    # copies: what is loaded lies in the file
    whole = {name: value.clone() for name, value in load_kept(weights).items()}
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    next(bench.folder.glob("runs/small-transfer*/folds/*.json")).unlink()
    capsys.readouterr()
    assert bench() == 0
    assert "the checksum of its weights does not fit" in capsys.readouterr().out.replace("\n", " ")
    # safetensors writes what is said about weights in any order
    again = load_kept(weights)
    assert again.keys() == whole.keys()
    assert all(torch.equal(again[name], whole[name]) for name in whole)
