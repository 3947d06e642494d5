"""Parts of a network are trained alone and then kept, bit for bit, while the rest learns from what they give."""

from dataclasses import replace
from typing import NamedTuple

import lightning
import pytest
import torch

from mer_lightning.models.cnn_lstm_fusion import CnnLstmFusion
from mer_lightning.models.transfer import parts_of
from mer_lightning.motion import FlowSequence
from mer_lightning.protocols import get_protocol
from mer_lightning.settings import Component, Training
from mer_lightning.tasks import Fit, fit_network, train_network
from mer_lightning.tasks.best_epoch import BestEpoch
from mer_lightning.types import DataError

SMALL = {"size": 32, "first_stride": 2, "width": 16, "hidden": 8, "fc8": 12, "dropout": 0.3}
FUSED = Component(name="cnn_lstm_fusion.CnnLstmFusion", arguments=SMALL)


def training(**changes):
    values = {"epochs": 3, "batch_size": 32, "stages": "parts_first", "optimizer": {"name": "adam", "lr": 1e-3}}
    return Training.model_validate(values | changes)


class Trained(NamedTuple):
    """A fit: network, weights as it began and ended, names of what learns, best epoch from 1."""

    network: torch.nn.Module
    before: dict[str, torch.Tensor]
    after: dict[str, torch.Tensor]
    learnt: set[str]
    best: int


@pytest.fixture(scope="module")
def clips(smic):
    """(fold, table) of clips of noise."""
    _, labelled, table = smic
    representation = FlowSequence(frames=3, size=(32, 32), flow_size=(32, 32), third="magnitude", with_frames=True)
    inputs = torch.randn(len(table.keys), 4, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    made = replace(table, inputs=inputs, representation=representation)
    return get_protocol("smic-3+inner_subjects").folds(labelled)[0], made


@pytest.fixture
def trained(monkeypatch):
    """Every fit, in order."""
    seen, fit = [], lightning.Trainer.fit

    def spy(trainer, task, data, **more):
        state = lambda: {name: value.detach().clone() for name, value in task.model.state_dict().items()}  # noqa: E731
        before = state()
        fit(trainer, task, data, **more)
        learnt = {n.split(".")[0] for n, weight in task.model.named_parameters() if weight.requires_grad}
        (best,) = (look.epoch for look in trainer.callbacks if isinstance(look, BestEpoch))
        seen.append(Trained(task.model, before, state(), learnt, best))

    monkeypatch.setattr(lightning.Trainer, "fit", spy)
    return seen


class TestPartsFirst:
    def test_are_the_streams_alone_then_the_rest_on_what_they_give(self, clips, trained):
        fold, table = clips
        fitted = fit_network(Fit(table, fold), FUSED, training())
        spatial, temporal, whole = (fit.network for fit in trained)
        assert whole is fitted.task.model
        assert spatial.cnn is whole.spatial
        assert (temporal.cnn, temporal.lstm) == (whole.temporal, whole.lstm)
        assert trained[2].learnt == {"fusion", "fc8", "head"}
        after = whole.state_dict()
        for name, value in trained[2].before.items():
            kept = name.startswith(("spatial.", "temporal.", "lstm."))
            assert torch.equal(value, after[name]) == kept, name

    def test_keep_the_weights_of_their_own_best_epoch(self, clips, trained):
        fold, table = clips
        name = "spatial.fc6.0.weight"
        fit_network(Fit(table, fold), FUSED, training(epochs=6))
        best = trained[0].best
        assert best < 6, "the stream must show something"
        assert not torch.equal(trained[0].after[name.replace("spatial", "cnn")], trained[2].before[name])
        # a training that ends there keeps the same
        fit_network(Fit(table, fold), FUSED, training(epochs=best))
        assert torch.equal(trained[5].before[name], trained[2].before[name])

    def test_give_features_without_dropout(self, clips):
        fold, table = clips
        model = fit_network(Fit(table, fold), FUSED, training(epochs=1)).task.model.train()
        x = table.inputs[:4]
        assert torch.equal(model.spatial(x[:, :1]), model.spatial(x[:, :1]))
        assert not torch.equal(model(x), model(x))

    def test_joined_untrained_leave_the_dense_layers_to_learn(self, clips, trained):
        fold, table = clips
        joined = FUSED.model_copy(update={"arguments": SMALL | {"fusion_mode": "untrained"}})
        fit_network(Fit(table, fold), joined, training(epochs=1))
        assert len(trained) == 3
        assert trained[-1].learnt == {"fc8", "head"}

    def test_of_one_stream_are_that_stream(self, clips, trained):
        fold, table = clips
        alone = FUSED.model_copy(update={"arguments": SMALL | {"stream": "temporal"}})
        staged = train_network(Fit(table, fold), alone, training())
        assert len(trained) == 1
        assert staged.predictions == train_network(Fit(table, fold), alone, training(stages="together")).predictions

    def test_do_not_see_the_held_out_subject(self, clips):
        fold, table = clips
        inputs, rows = table.inputs.clone(), table.rows(fold.test)
        inputs[rows] = 5.0
        fits = [Fit(table, fold), Fit(replace(table, inputs=inputs), fold)]
        ours, theirs = (fit_network(fit, FUSED, training(epochs=2)).task.model.state_dict() for fit in fits)
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items())

    def test_are_the_same_with_the_same_seed(self, clips):
        fold, table = clips
        first, again = (train_network(Fit(table, fold, seed=3), FUSED, training()) for _ in range(2))
        assert first.predictions == again.predictions
        assert first.predictions != train_network(Fit(table, fold, seed=4), FUSED, training()).predictions


@pytest.mark.parametrize("at", ["fc6", "fc7"])
def test_a_part_is_the_network_of_its_stream(at):
    torch.manual_seed(0)
    model, x = CnnLstmFusion(fusion_at=at, **SMALL).eval(), torch.randn(2, 4, 3, 32, 32)
    for part, stream in zip(model.parts(), ("spatial", "temporal"), strict=True):
        alone = CnnLstmFusion(fusion_at=at, stream=stream, **SMALL).eval()
        names = {"cnn": stream, "lstm": "lstm"}
        state = part.network.eval().state_dict()
        first = lambda name: name.split(".")[0]  # noqa: E731
        alone.load_state_dict(
            {names.get(first(n), first(n)) + n.removeprefix(first(n)): value for n, value in state.items()}
        )
        assert torch.equal(part.network(x), alone(x))


def test_a_network_without_parts_is_refused(smic):
    protocol, labelled, table = smic
    plain = Component(name="ststnet.STSTNet")
    with pytest.raises(DataError, match=r"stages: STSTNet names no parts that could be .*; expected together"):
        train_network(Fit(table, protocol.folds(labelled)[0]), plain, training())
    with pytest.raises(DataError, match="names no parts"):
        parts_of(torch.nn.Identity())
