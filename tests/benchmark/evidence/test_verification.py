"""The networks of the five papers give the figures that the papers print."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from torch import nn

import benchmark.commands.papers
import benchmark.evidence.verification
from benchmark.__main__ import main
from benchmark.evidence.readings import fill_readings, judge, load_readings
from benchmark.evidence.verification import (
    Measured,
    PaperFigure,
    check,
    fill_verification,
    measure,
    show,
    size_of,
    systems,
    verify_system,
)
from benchmark.methods import recipe_files
from benchmark.methods.budget import SHORT
from benchmark.methods.recipe import load_recipe, recipe_names
from benchmark.places import SHIPPED
from benchmark.records.network_sizes import NETWORKS, load_networks
from mer_lightning.settings import Component
from mer_lightning.types import DataError


@pytest.fixture(scope="module")
def papers():
    return {system.id: system for system in systems()}


@pytest.fixture(scope="module")
def checks(papers):
    return [row for system in papers.values() for row in verify_system(system)]


def test_all_five_papers_and_the_networks_beside_them_are_there(papers):
    assert papers.keys() >= {"s0", "s1", "s2", "s3", "s4", "rcn", "htnet", "at-net", "elrcn"}


def test_every_model_of_a_recipe_is_verified(papers):
    verified = {variant.model.name for paper in papers.values() for variant in paper.variants}
    of_its_own = {"ststnet.STSTNet", "off_apexnet.OffApexNet", "timm_backbone.TimmBackbone"}
    named = {recipe.model.name for name in recipe_names() if (recipe := load_recipe(name)).model}
    assert named - of_its_own <= verified


def test_nothing_fails(checks):
    assert not [row for row in checks if row.verdict == "FAIL"]


def test_every_deviation_and_every_choice_has_a_reason(checks):
    for row in checks:
        if row.verdict == "deviation" or (row.verdict == "not stated" and row.quantity != "multiply-adds"):
            assert row.reason


def test_s2_gives_table_4(checks):
    found = {(row.variant, row.quantity): row.ours for row in checks if row.system == "s2"}
    for variant, parameters, operations in (
        ("S3D CNN", 3_374_453, 3.56),
        ("2D CNN", 3_243_413, 2.43),
        ("3D CNN", 3_829_493, 7.26),
    ):
        assert found[variant, "parameters"] == parameters
        assert found[variant, "operations (billions)"] == operations


def test_multiply_adds_equal_the_sum_over_table_1(papers):
    measured = measure(Component(name="s3d_cnn.S3DCNN"), (3, 10, 96, 96), 5, papers["s2"].biased)
    total, before = 0, 3
    for i, filters in enumerate((16, 16, 32, 32, 64, 64, 128, 128)):
        places = 10 * (96 // 2 ** (i // 2)) ** 2
        total += places * filters * (9 * before + 3 * filters)
        before = filters
    assert measured.multiply_adds == total + 23_040 * 128 + 128 * 5
    # once per pair of a spatial and a temporal convolution
    assert measured.biases == 5_529_600


def test_networks_are_measured_without_storage(papers):
    measured = measure(Component(name="s3d_cnn.S3DCNN"), (3, 10, 96, 96), 5, papers["s2"].biased)
    assert all(p.is_meta for p in measured.model.parameters())
    assert measured.outputs["pool4"] == (128, 5, 6, 6)
    assert measured.inputs["dense"] == (23_040,)


LINEAR = Measured(nn.Linear(3, 2), 6, {"": (2,)}, {"": (3,)}, 0)


@pytest.mark.parametrize(
    ("expected", "source", "reason", "verdict"),
    [
        (8, "Table 1", "", "pass"),
        (9, "Table 1", "", "FAIL"),
        (9, "Table 1", "one bias fewer", "deviation"),
        (8, "Table 1", "no longer differs", "FAIL"),
        (None, "not stated", "our choice", "not stated"),
        (8, "not stated", "our choice", "not stated"),
        (9, "not stated", "our choice", "FAIL"),
    ],
)
def test_verdicts(expected, source, reason, verdict):
    figure = PaperFigure(quantity="parameters", expected=expected, source=source, reason=reason)
    assert check("s", "v", figure, LINEAR).verdict == verdict


def test_a_layer_that_is_not_there_is_named():
    figure = PaperFigure(quantity="output", of="conv9", expected=(1,), source="Table 1")
    with pytest.raises(DataError, match=r"papers/s\.yaml: v: output of 'conv9': no such layer"):
        check("s", "v", figure, LINEAR)


def test_counts_round_as_the_papers_do():
    big = replace(LINEAR, multiply_adds=1_776_000_000, biases=5_000_000)
    figure = PaperFigure(quantity="operations (billions)", expected=3.56, source="Table 4")
    assert check("s", "v", figure, big).verdict == "pass"
    assert [show(value) for value in (None, 1234, 1.5, (1, 2), ("a", "b"))] == ["–", "1,234", "1.50", "1 x 2", "a, b"]


def test_the_tables_of_the_document_are_current(checks):
    text = benchmark.commands.papers.SYSTEMS.read_text(encoding="utf-8")
    assert fill_verification(text, checks) == text, "run mer-bench verify-papers --write"
    assert fill_readings(text, judge(load_readings(), checks)) == text, "run mer-bench verify-papers --write"
    assert text.count("<!-- verification: ") == len({row.system for row in checks})


def test_what_two_networks_of_a_paper_share_stands_in_the_document_once(checks):
    text = fill_verification("<!-- verification: s2 -->\n<!-- end of verification -->\n", checks)
    assert text.count("| output of pool4 |") == 1
    assert text.count("| parameters |") == 3
    # of the two- and the three-dimensional network, one after the other
    assert text.count("| kernel of conv8.spatial |") == 2


def test_a_marker_of_no_system_is_named(checks):
    with pytest.raises(DataError, match="verification: s9"):
        fill_verification("<!-- verification: s9 -->\n<!-- end of verification -->\n", checks)


def test_the_command_prints_writes_and_fails_where_a_figure_is_missed(tmp_path, monkeypatch, capsys, papers):
    only = papers["s2"].model_copy(update={"variants": papers["s2"].variants[:1]})
    monkeypatch.setattr(benchmark.evidence.verification, "systems", lambda: [only])
    files = {name: recipe_files.recipe_files()[name] for name in ("majority", "s3d-cnn")}
    monkeypatch.setattr(recipe_files, "recipe_files", lambda: files)
    monkeypatch.setattr(benchmark.commands.papers, "SYSTEMS", tmp_path / "systems.md")
    monkeypatch.setattr(benchmark.commands.papers, "SHIPPED", tmp_path)
    (tmp_path / "systems.md").write_text(
        "<!-- verification: s2 -->\nold\n<!-- end of verification -->\n<!-- readings -->\n<!-- end of readings -->\n"
    )
    assert main(["verify-papers", "--write"]) == 0
    assert "pass        parameters: 3,374,453, expected 3,374,453" in capsys.readouterr().out
    assert load_networks(tmp_path).keys() == {"s3d-cnn"}
    assert load_networks(tmp_path)["s3d-cnn"].figures
    assert "| S3D CNN | parameters | 3,374,453 | 3,374,453 |" in (tmp_path / "systems.md").read_text()
    assert "| 27 | S1 Tables 1 to 3; " in (tmp_path / "systems.md").read_text()
    assert main(["verify-papers", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["verdict"] for row in found["networks"]} == {"pass", "not stated"}
    assert len(found["readings"]) >= 27

    variant = only.variants[0].model_copy(
        update={"model": Component(name="s3d_cnn.S3DCNN", arguments={"kernel": "3d"})}
    )
    monkeypatch.setattr(
        benchmark.evidence.verification, "systems", lambda: [only.model_copy(update={"variants": (variant,)})]
    )
    # the three-dimensional network has no temporal convolution to look at
    assert main(["verify-papers"]) == 2
    parameters = variant.model_copy(update={"figures": variant.figures[3:]})
    monkeypatch.setattr(
        benchmark.evidence.verification, "systems", lambda: [only.model_copy(update={"variants": (parameters,)})]
    )
    assert main(["verify-papers"]) == 1
    assert "s2, S3D CNN: parameters: differs without a reason" in capsys.readouterr().err


def test_the_meta_device_is_left_behind(checks):
    assert torch.zeros(1).device.type == "cpu"


def test_a_recipe_is_verified_by_the_paper_that_has_its_network(papers):
    size = size_of(load_recipe("s3d-cnn"), list(papers.values()))
    assert (size.paper, size.variant, size.input) == ("s2", "S3D CNN", (3, 10, 96, 96))
    assert {"3,374,453", "3.37", "3.56"} <= {figure.ours for figure in size.figures}  # S2, Tables 1 and 4
    alone = size_of(load_recipe("ststnet"), list(papers.values()))
    assert (alone.paper, alone.parameters) == ("", 1683)
    assert size_of(load_recipe("majority"), list(papers.values())) is None


def test_the_committed_counts_are_current(papers):
    committed = load_networks(SHIPPED)
    recipes = [load_recipe(name) for name in recipe_names()]
    # the weights of its flow network are a file or a download
    counted = {recipe.name: recipe for recipe in recipes if recipe.model and recipe.name != "dual-branch-raft"}
    assert committed.keys() == counted.keys(), "run mer-bench verify-papers --write"
    assert [name for name, size in committed.items() if not size.fits(counted[name])] == []
    assert committed["s3d-cnn"] == size_of(counted["s3d-cnn"], list(papers.values()))
    named = {variant.model.model_dump_json() for system in papers.values() for variant in system.variants}
    whole = [size for name, size in committed.items() if not name.endswith(SHORT)]
    assert all(size.figures for size in whole if size.model.model_dump_json() in named)


@pytest.mark.slow
def test_the_committed_counts_are_what_every_network_gives(tmp_path, monkeypatch):
    documents = {"SYSTEMS": tmp_path / "systems.md", "SHIPPED": tmp_path}
    shutil.copy(benchmark.commands.papers.SYSTEMS, documents["SYSTEMS"])
    for name, path in documents.items():
        monkeypatch.setattr(benchmark.commands.papers, name, path)
    assert main(["verify-papers", "--write"]) == 0
    assert (tmp_path / NETWORKS).read_text() == (SHIPPED / NETWORKS).read_text()
