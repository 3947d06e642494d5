"""Runs to search for, and what became of their studies."""

import json
from dataclasses import replace

import optuna

from benchmark.methods.recipe import Recipe
from benchmark.methods.search_space import Choice, FloatRange
from benchmark.training.plan import Run
from mer_lightning.datamodules import load_table
from mer_lightning.datasets.synthetic.flow_composite import SyntheticFlowComposite
from mer_lightning.motion import FlowMap
from mer_lightning.protocols import Labelled, get_protocol
from mer_lightning.settings import Component, Optimizer, Training
from tests.small_tables import planned_of

SPACE = {
    "estimator.arguments.costs": FloatRange(kind="float", low=0.01, high=100.0, log=True),
    "estimator.arguments.kernel": Choice(kind="choice", values=("linear", "rbf")),
    "estimator.arguments.gamma": FloatRange(
        kind="float", low=1.0, high=300.0, log=True, when={"estimator.arguments.kernel": "rbf"}
    ),
    "estimator.arguments.channels": Choice(kind="choice", values=((0, 1, 2), (0, 1), (1, 2), (1,), (0,), (2,))),
}


def make_run(protocol="smic-3", scale=0.3, size=28, labels=None):
    """The SVM on a few invented subjects."""
    recipe = Recipe(
        name="machine",
        title="Machine",
        summary="Small.",
        tier="C",
        representation="flow_map",
        estimator=Component(name="linear_svm.LinearSVM"),
        search_space=SPACE,
    )
    protocol, dataset = get_protocol(protocol), SyntheticFlowComposite(scale=scale, size=size)
    labelled = protocol.label(dataset)
    if labels is not None:
        labelled = Labelled(labelled.samples, tuple(labels(labelled.labels)))
    table = load_table(dataset, labelled, 3, FlowMap())
    return Run(recipe, protocol, 0, dataset, labelled, planned_of(table, labelled), protocol.folds(labelled))


def network(run, **space):
    """A network of two streams instead of the machine."""
    training = Training(epochs=8, batch_size=64, optimizer=Optimizer(name="adam", lr=1e-2))
    model = Component(name="ststnet.STSTNet")
    recipe = run.recipe.model_copy(
        update={"model": model, "training": training, "estimator": None, "search_space": space}
    )
    return replace(run, recipe=recipe)


RATES = {"training.optimizer.lr": FloatRange(kind="float", low=1e-7, high=1e-1, log=True)}


def study_of(record, folder, name="studies.db"):
    """All trials of the only study, failed ones included."""
    place = folder / record.run / "tuning" / name
    storage = optuna.storages.RDBStorage(f"sqlite:///{place}")
    (only,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=only, storage=storage).trials


def trials_of(folder, record):
    """What is told of the trials of the only study, but for the time they took."""
    (path,) = (folder / record.run / "tuning").glob("*.trials.json")
    return [{**trial, "seconds": 0} for trial in json.loads(path.read_text())["trials"]]
