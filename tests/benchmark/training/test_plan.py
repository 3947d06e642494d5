"""A plan reads each thing once, and only when somebody trains on it."""

import pytest
import torch

import benchmark.methods.recipe_files
from benchmark.methods.source import Source
from benchmark.methods.suite import Suite, load_suite
from benchmark.training.plan import Inputs, make_plan
from mer_lightning.datamodules import PlannedTable
from mer_lightning.types import DataError
from tests.benchmark.methods.test_recipe import GOOD


def test_a_suite_that_invents_its_data_takes_no_folder(tmp_path):
    with pytest.raises(DataError, match="invents its data"):
        make_plan(load_suite("smoke"), Inputs(data=tmp_path))
    with pytest.raises(DataError, match="needs the folder"):
        make_plan(load_suite("megc2019-flow"))


def test_each_distinct_representation_is_read_once(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark.methods.recipe_files, "RECIPES", tmp_path)
    texts = {"a": "onset_apex_flow", "b": "{name: onset_apex_flow, arguments: {size: [14, 14]}}"}
    texts |= {"c": texts["b"], "d": texts["a"]}
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(GOOD.replace("flow_map", text))
    acting = GOOD.replace("flow_map", texts["a"]).replace("epochs: 1", "augmentation: {acts_on: frames}, epochs: 1")
    (tmp_path / "e.yaml").write_text(acting)
    read = []

    def count(planned):
        read.append((planned.representation.size, planned.holds))
        return read_now(planned)

    read_now = PlannedTable.read
    monkeypatch.setattr(PlannedTable, "read", count)
    suite = Suite(
        name="s",
        title="S",
        summary="S.",
        source=Source(name="synthetic-video", scale=0.05),
        protocols=("smic-3",),
        methods=(*texts, "e"),
        seeds=(0,),
    )
    runs = make_plan(suite)
    assert not read
    assert [run.table.inputs.shape[-1] for run in runs] == [28, 14, 14, 28, 128]
    assert sorted(read) == [((14, 14), "maps"), ((28, 28), "frames"), ((28, 28), "maps")]


@pytest.mark.parametrize(("accelerator", "device"), [("auto", "cuda:0"), ("cpu", "cpu")])
def test_representations_are_computed_where_networks_are_trained(monkeypatch, accelerator, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    (run,) = make_plan(
        load_suite("smoke"), Inputs(accelerator=accelerator), methods=["ststnet"], protocols=["smic-3"], seeds=[0]
    )
    assert str(run.planned.device) == device


def test_runs_of_one_protocol_share_their_folds_and_those_of_one_input_their_table():
    methods, protocols = ["linear-svm", "ststnet"], ["smic-3", "smic-3+inner_subjects"]
    runs = make_plan(load_suite("smoke"), methods=methods, protocols=protocols, seeds=[0, 1])
    plain = [run for run in runs if run.protocol.id == "smic-3"]
    drawn = [run for run in runs if run.protocol.id != "smic-3"]
    assert len({id(run.folds) for run in plain}) == 1
    # validation is drawn anew for each seed
    assert len({id(run.folds) for run in drawn}) == 2
    assert len({run.seed for run in drawn if run.folds is drawn[0].folds}) == 1
    assert len({id(run.planned) for run in plain}) == 1
