"""Ensembles as recipes: what their members do alone, put together; and what cannot be asked of them."""

import numpy as np
import pytest
import torch

import benchmark.methods.recipe_files
from benchmark.__main__ import main
from benchmark.methods.recipe import load_recipe
from benchmark.methods.recipe_check import check_recipe
from benchmark.methods.source import Source
from benchmark.methods.suite import Suite, load_suite
from benchmark.records.audit import audit_folder
from benchmark.records.run import load_runs
from benchmark.records.store import Store
from benchmark.training.jobs import train_fold
from benchmark.training.plan import make_plan
from mer_lightning.tasks import Fit
from mer_lightning.types import DataError
from tests.small_tables import keys_of

HEAD = "title: {name}\nsummary: One of several.\ntier: C\n"
NET = (
    "representation: flow_map\nmodel: {name: off_apexnet.OffApexNet}\n"
    "training: {epochs: 2, batch_size: 16, optimizer: {name: adam, lr: 1.0e-3}}\n"
)
SVM = "representation: flow_map\nestimator: {name: linear_svm.LinearSVM, arguments: {costs: [1.0], pool: 4}}\n"
SEEDS = "ensemble: {rule: average, members: [{method: net, seeds: 2}]}\n"
MEAN = "ensemble: {rule: average, members: [{method: net, weight: 3.0}, {method: svm}]}\n"
STACK = "ensemble: {rule: stacking, inner_folds: 2, members: [{method: net, seeds: 2}, {method: svm}]}\n"
RECIPES = {"net": NET, "svm": SVM, "seeds": SEEDS, "mean": MEAN, "stacked": STACK}


def write(folder, **recipes):
    for name, text in recipes.items():
        (folder / f"{name}.yaml").write_text(HEAD.format(name=name) + text)


@pytest.fixture
def recipes(tmp_path, monkeypatch):
    folder = tmp_path / "recipes"
    folder.mkdir()
    write(folder, **RECIPES)
    monkeypatch.setattr(benchmark.methods.recipe_files, "RECIPES", folder)
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Every recipe run on the smoke suite, the single ones under two seeds, in one process."""
    folder = tmp_path_factory.mktemp("ensembles")
    (folder / "recipes").mkdir()
    write(folder / "recipes", **RECIPES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmark.methods.recipe_files.RECIPES", folder / "recipes")
        places = ["--runs", str(folder / "runs"), "--records", str(folder / "records"), "--accelerator", "cpu"]
        run = ["run", "--executor", "local", "--suite", "smoke", *places]
        ensembles = [flag for name in ("seeds", "mean", "stacked") for flag in ("--method", name)]
        assert main([*run, "--method", "net", "--method", "svm", "--seed", "0", "--seed", "1"]) == 0
        assert main([*run, *ensembles]) == 0
        yield folder


def run_id(world, start):
    (found,) = [path.name for path in (world / "runs").glob(f"{start}--*")]
    return found


def scores(world, start):
    folds = Store(world / "runs").folds(run_id(world, start)).values()
    return {p.key: np.array(p.scores) for fold in folds for p in fold.predictions}


def test_an_average_of_seeds_is_the_mean_of_runs_with_these_seeds(world):
    together, first, second = (scores(world, name) for name in ("seeds", "net--synthetic-smic-3--s0", "net--*-s1"))
    assert together.keys() == first.keys()
    for key, own in together.items():
        assert own == pytest.approx((first[key] + second[key]) / 2, abs=2e-6)


def test_an_average_of_methods_is_the_weighted_mean_of_their_runs(world):
    together, net, svm = (scores(world, name) for name in ("mean", "net--synthetic-smic-3--s0", "svm"))
    for key, own in together.items():
        assert own == pytest.approx((3 * net[key] + svm[key]) / 4, abs=2e-6)


def test_records_say_what_was_trained_and_pass_the_audit(world):
    records = {record.method: record for record in load_runs(world / "records") if record.seed == 0}
    assert set(records) == set(RECIPES)
    stacked = records["stacked"]
    assert stacked.complete
    assert stacked.recipe["ensemble"]["top"]["name"] == "logistic.Logistic"
    assert stacked.recipe["parts"]["svm"]["estimator"]["arguments"] == {"costs": [1.0], "pool": 4}
    assert stacked.recipe["parts"]["net"]["training"]["epochs"] == 2
    assert "title" not in stacked.recipe["parts"]["net"]
    assert "ensemble" not in records["net"].recipe
    assert stacked.curve is None or not stacked.curve
    found = {audited.run.split("--")[0]: audited for audited in audit_folder(world / "runs")}
    assert all(not audited.problems and audited.audited == audited.folds for audited in found.values())
    assert found["stacked"].folds == stacked.folds


def test_processes_give_the_same_records(world, tmp_path):
    places = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records"), "--accelerator", "cpu"]
    command = ["run", "--suite", "smoke", "--method", "stacked", "--executor", "processes", "--jobs", "2", *places]
    assert main(command) == 0
    (ours,) = load_runs(tmp_path / "records")
    (theirs,) = [record for record in load_runs(world / "records") if record.method == "stacked"]
    assert ours.confusion == theirs.confusion


def test_members_trained_as_one_give_the_same_scores(recipes, monkeypatch):
    run, *_ = make_plan(load_suite("smoke"), methods=["stacked"])
    alone = train_fold(run.recipe, Fit(run.table, run.folds[0], accelerator="cpu"))
    asked = []

    def together(*given, **more):
        asked.append(original(*given, **more))
        return asked[-1]

    original = benchmark.training.jobs.train_together
    monkeypatch.setattr("benchmark.training.jobs.train_together", together)
    monkeypatch.setattr("benchmark.training.jobs.pays_together", bool)
    as_one = train_fold(run.recipe, Fit(run.table, run.folds[0], accelerator="cpu"))
    # the network on two inner folds with two seeds, the machine that has no network, the network on the fold
    assert [len(results) for results in asked] == [4, 0, 2]
    for ours, theirs in zip(as_one.predictions, alone.predictions, strict=True):
        assert ours.scores == pytest.approx(theirs.scores, abs=1e-3)


def test_folds_at_once_are_answered_with_what_an_ensemble_does_instead(recipes, tmp_path, capsys):
    places = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records"), "--accelerator", "cpu"]
    command = ["run", "--suite", "smoke", "--method", "mean", "--executor", "local", "--folds-at-once", "4", *places]
    assert main(command) == 0
    said = (
        "mean · synthetic-smic-3: fold by fold: on a GPU an ensemble trains seeds and inner folds of a member at once"
    )
    assert capsys.readouterr().out.count(said) == 1


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["tune", "--suite", "smoke", "--trials", "2"], "mean: an ensemble has nothing to tune; tune net, svm"),
        (["leak-study", "--suite", "smoke"], "mean: expected a method by itself; study net, svm"),
    ],
)
def test_what_is_about_one_method_is_refused_with_its_members(recipes, tmp_path, capsys, command, says):
    assert main([*command, "--method", "mean", "--protocol", "smic-3", "--runs", str(tmp_path / "runs")]) == 2
    assert says in capsys.readouterr().err


def test_an_ensemble_is_not_explained(world, capsys):
    run = run_id(world, "mean")
    flags = ["--suite", "smoke", "--runs", str(world / "runs"), "--accelerator", "cpu"]
    assert main(["explain", run, "--sample", next(iter(scores(world, "mean"))), *flags]) == 2
    assert "mean: Grad-CAM explains one network, not an ensemble; explain net, svm" in capsys.readouterr().err


def test_seeds_of_two_runs_have_nothing_in_common(recipes):
    (member,) = load_recipe("seeds").ensemble.members
    assert (member.seeds_of(0), member.seeds_of(1)) == ([0, 1], [2, 3])
    (network, _) = load_recipe("mean").ensemble.members
    assert network.seeds_of(7) == [7]


def test_an_ensemble_of_methods_that_draw_nothing_has_one_run(recipes):
    write(recipes, guess="representation: flow_map\nestimator: {name: majority.Majority}\n")
    write(recipes, still="ensemble: {rule: average, members: [{method: svm}, {method: guess}]}\n")
    # who is in which inner fold is drawn
    write(recipes, divided="ensemble: {rule: stacking, members: [{method: svm}, {method: guess}]}\n")
    suite = load_suite("smoke")
    runs = {name: len(make_plan(suite, methods=[name], seeds=[0, 1, 2])) for name in ("still", "divided", "mean")}
    assert runs == {"still": 1, "divided": 3, "mean": 3}


def test_members_may_see_a_clip_in_different_ways(recipes):
    svm = "estimator: {name: linear_svm.LinearSVM, arguments: {costs: [1.0]}}\n"
    images, apex = (
        "{name: dynamic_image, arguments: {size: [20, 20]}}",
        "{name: apex_frame, arguments: {size: [16, 16]}}",
    )
    write(
        recipes,
        moving=f"representation: {images}\n{svm}",
        still=f"representation: {apex}\n{svm}",
        other=f"representation: {apex}\n{svm}",
        both="ensemble: {rule: average, members: [{method: moving}, {method: still}, {method: other}]}\n",
        stacked="ensemble: {rule: stacking, inner_folds: 2, members: [{method: moving}, {method: still}]}\n",
    )
    suite = Suite(
        name="s",
        title="S",
        summary="S.",
        source=Source(name="synthetic-video", scale=0.1),
        protocols=("smic-3",),
        methods=("moving", "still", "both", "stacked"),
        seeds=(0,),
    )
    moving, still, both, stacked = make_plan(suite)
    assert torch.equal(both.table.inputs, moving.table.inputs)
    assert set(both.table.beside) == {"still", "other"}
    assert both.table.seen_by("still") is both.table.seen_by("other")
    assert torch.equal(both.table.seen_by("still").inputs, still.table.inputs)
    assert both.table.content_hash == still.table.content_hash
    assert both.id != stacked.id
    fold = both.folds[0]
    mine, one, two = (train_fold(r.recipe, Fit(r.table, fold, accelerator="cpu")) for r in (both, moving, still))
    for p, a, b in zip(mine.predictions, one.predictions, two.predictions, strict=True):
        assert p.scores == pytest.approx((np.array(a.scores) + 2 * np.array(b.scores)) / 3, abs=1e-6)
    result = train_fold(stacked.recipe, Fit(stacked.table, fold, accelerator="cpu"))
    assert [p.key for p in result.predictions] == keys_of(fold.test, stacked.table.keys)


def test_what_decides_a_member_decides_the_ensemble_and_its_prose_does_not(recipes):
    before = load_recipe("mean").hash
    write(recipes, net=NET + "deviations: [none]\nsearch_space: {training.epochs: {kind: int, low: 1, high: 2}}\n")
    assert load_recipe("mean").hash == before
    write(recipes, net=NET.replace("epochs: 2", "epochs: 3"))
    assert load_recipe("mean").hash != before
    for old, new in (("weight: 3.0", "weight: 2.0"), ("{method: svm}", "{method: svm, weight: 2.0}")):
        write(recipes, net=NET, mean=MEAN.replace(old, new))
        assert load_recipe("mean").hash != before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            MEAN.replace("method: svm", "method: swm"),
            "ensemble.members.1.method: method 'swm' is unknown; did you mean svm",
        ),
        (MEAN.replace("method: svm", "method: seeds"), "ensemble.members.1.method: seeds is an ensemble itself"),
        (MEAN.replace("method: svm", "method: net"), "ensemble: members: net is given twice"),
        (
            MEAN.replace("{method: svm}", "{method: svm, seeds: 2}"),
            "svm is the same with every seed; expected",
        ),
        (MEAN.replace("{method: svm}", "{methods: svm}"), "ensemble.members.1.methods: unknown key"),
        (
            MEAN.replace("weight: 3.0", "weight: 0.0"),
            "ensemble.members.0.weight: Input should be greater than or equal",
        ),
        (SEEDS.replace("seeds: 2", "seeds: 1"), "ensemble: members: expected two methods, or two seeds of one"),
        (SEEDS.replace("average", "mean"), "ensemble.rule: Input should be 'average' or 'stacking'"),
        (SEEDS.replace("average,", "average, inner_folds: 3,"), "ensemble: top and inner_folds belong to stacking"),
        (STACK.replace("seeds: 2", "weight: 2.0"), "ensemble: weight belongs to average"),
        (STACK.replace("inner_folds: 2", "inner_folds: 1"), "ensemble.inner_folds: Input should be greater than"),
        (STACK.replace("stacking,", "stacking, top: {name: svm.SWM},"), "ensemble.top.name: no class SWM in"),
        (MEAN + SVM, "representation: an ensemble has none; its members have theirs"),
        (MEAN + SVM.partition("\n")[2], "estimator: an ensemble has none; its members have theirs"),
        (MEAN + "parts: {}\n", "parts: unknown key"),
        (NET.partition("\n")[2], "representation: missing"),
        (
            MEAN.replace("method: svm", "method: moved"),
            "ensemble.members.1.method: moved is pre-trained",
        ),
        (MEAN.replace("method: svm", "method: seen"), "ensemble.members.1.method: seen was chosen on smic-3"),
        (MEAN.replace("method: svm", "method: peeks"), r"peeks is not ranked \(It peeks\.\); expected unranked"),
        (MEAN.replace("method: svm", "method: wrong"), r"wrong\.yaml: estimator\.name: no class SWM"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_key(recipes, text, says):
    chosen = "{run: r, protocol: smic-3, databases: [smic], mode: nested, folds: 2, inner_uf1: 0.5, table_hash: h}"
    training = NET[NET.index("training: ") :]
    write(
        recipes,
        mine=text,
        moved=NET + "transfer: {database: ckplus, " + training.strip() + "}\n",
        seen=SVM + f"chosen_on: {chosen}\n",
        peeks=SVM + "unranked: It peeks.\n",
        wrong=SVM.replace("LinearSVM", "SWM"),
    )
    with pytest.raises(DataError, match=says) as error:
        check_recipe(load_recipe("mine"))
    assert "\n" not in str(error.value)
    assert ".yaml: " in str(error.value)


def test_an_ensemble_with_a_member_that_peeks_may_say_so(recipes):
    write(recipes, peeks=SVM + "unranked: It peeks.\n", mine=MEAN.replace("svm", "peeks") + "unranked: It peeks too.\n")
    assert check_recipe(load_recipe("mine")).name == "flow_map"
