"""What the frozen part of a network gives is computed once, and nothing else changes."""

import gc
import logging
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mer_lightning.datamodules import PlannedTable
from mer_lightning.motion import get_representation
from mer_lightning.protocols import Fold, get_protocol
from mer_lightning.settings import Augmentation, Component, Optimizer, Training
from mer_lightning.synthetic.composite import SyntheticComposite
from mer_lightning.tasks import Fit, Start, build_model, fit_network, train_network, train_networks
from mer_lightning.tasks import frozen as room

S3D = Component(name="s3d_cnn.S3DCNN", arguments={"size": 16, "frames": 4})
NORMED = Component(name="ststnet.Normed")
SEQUENCE = get_representation("flow_sequence", {"frames": 5, "size": [16, 16], "flow_size": [16, 16]})
TRAINING = Training(
    epochs=3, batch_size=4, optimizer=Optimizer(name="adam", lr=1e-3), augmentation=Augmentation(nine_positions=2)
)


class Normed(nn.Module):
    """Batch normalisation in the part that is frozen, and after it."""

    head_name = "head"
    frozen_in_transfer = ("conv", "norm")

    def __init__(self, in_channels=3, classes=3):
        super().__init__()
        self.conv, self.norm = nn.Conv3d(in_channels, 4, 3, padding=1), nn.BatchNorm3d(4)
        self.last, self.head = nn.BatchNorm3d(4), nn.Linear(4, classes)

    def frozen_part(self, x):
        return self.norm(self.conv(x))

    def after_frozen(self, x):
        return self.head(self.last(x.relu()).mean((2, 3, 4)))

    def forward(self, x):
        return self.after_frozen(self.frozen_part(x))


class Unfrozen(Normed):
    """Names a module too few: its statistics change in what comes first."""

    frozen_in_transfer = ("conv",)


class Beside(Normed):
    def frozen_part(self, x):
        return super().frozen_part(x - x.mean(0))


class Drops(Normed):
    def frozen_part(self, x):
        return nn.functional.dropout(super().frozen_part(x), 0.5, self.training)


class Other(Normed):
    def forward(self, x):
        return 2 * super().forward(x)


class Whole(Normed):
    frozen_part = after_frozen = None

    def forward(self, x):
        return self.head(self.last(self.norm(self.conv(x)).relu()).mean((2, 3, 4)))


@pytest.fixture(autouse=True)
def models(monkeypatch):
    from mer_lightning.models import ststnet

    for model in (Normed, Unfrozen, Beside, Drops, Other, Whole):
        monkeypatch.setattr(ststnet, model.__name__, model, raising=False)
        monkeypatch.setattr(model, "__module__", ststnet.__name__)
    yield
    room._KEPT.clear()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def read_samm():
    dataset = SyntheticComposite(scale=0.15, size=32, frames=0.05)
    labelled = get_protocol("samm-3").label(dataset)
    return PlannedTable(dataset, labelled, 3, SEQUENCE).get(), get_protocol("samm-3").folds(labelled)


@pytest.fixture(scope="module")
def samm():
    return read_samm()


def start_of(table, model, folder, seed=0):
    torch.manual_seed(seed)
    built = build_model(table, model)
    for module in built.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.normal_(module.running_mean)
    save_file(built.state_dict(), folder / f"{seed}.safetensors")
    return Start(folder / f"{seed}.safetensors", freeze=True)


def both(monkeypatch, do):
    """What is done with and without keeping."""
    kept = do()
    with monkeypatch.context() as patch:
        for place in ("fold", "folds_at_once"):
            patch.setattr(f"mer_lightning.tasks.{place}.keep_frozen", lambda *_: [])
        return kept, do()


def validated(table, fold):
    """The fold with a person of its training side validating."""
    people = table.people.at(fold.train)
    chosen = [row for row, one in zip(fold.train, people, strict=True) if one == people[0]]
    return Fold(fold.held_out, table.people, fold.test, chosen)


class TestWhatIsTrained:
    @pytest.mark.parametrize("model", [S3D, NORMED], ids=lambda model: model.name)
    @pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
    @pytest.mark.parametrize("memory_format", ["contiguous", "channels_last"])
    def test_has_the_same_bits(self, samm, tmp_path, monkeypatch, model, precision, memory_format):
        table, folds = samm
        start = start_of(table, model, tmp_path)
        training = TRAINING.model_copy(update={"precision": precision, "memory_format": memory_format})
        fit = Fit(table, validated(table, folds[0]), seed=3, accelerator="cpu", start=start, every_epoch=True)

        def do():
            fitted = fit_network(fit, model, training)
            result = train_network(fit, model, training)
            return fitted, (result.predictions, result.curve, result.epoch, result.candidates)

        (kept, ours), (plain, theirs) = both(monkeypatch, do)
        assert kept.data.instead is not None
        assert plain.data.instead is None
        assert ours == theirs
        for name, value in plain.task.state_dict().items():
            assert torch.equal(kept.task.state_dict()[name], value), name

    def test_has_the_same_bits_where_every_batch_has_another_size(self, samm, tmp_path, monkeypatch):
        table, folds = samm
        start = start_of(table, S3D, tmp_path)
        for size in (1, 2, 3, 7):
            training = TRAINING.model_copy(update={"batch_size": size, "epochs": 1, "samples_per_class": 4})
            fits = [Fit(table, fold, accelerator="cpu", start=start) for fold in folds[:3]]
            ours, theirs = both(monkeypatch, lambda: [train_network(fit, S3D, training) for fit in fits])  # noqa: B023
            assert [one.curve for one in ours] == [one.curve for one in theirs]
            assert [one.predictions for one in ours] == [one.predictions for one in theirs]

    def test_at_once_is_as_without_up_to_rounding(self, samm, tmp_path, monkeypatch):
        table, folds = samm
        starts = [start_of(table, NORMED, tmp_path, seed) for seed in range(2)]
        training = TRAINING.model_copy(update={"samples_per_class": 5})
        fits = [
            Fit(table, fold, accelerator="cpu", start=start)
            for fold, start in zip((*folds[:2], folds[0]), (*starts, starts[1]), strict=True)
        ]
        ours, theirs = both(monkeypatch, lambda: train_networks(fits, NORMED, training))
        for kept, plain, fit in zip(ours, theirs, fits, strict=True):
            alone = train_network(fit, NORMED, training)
            for other in (plain, alone):
                assert kept.curve["train_loss"] == pytest.approx(other.curve["train_loss"], rel=1e-4)


class TestWhatIsComputed:
    def test_is_each_clip_at_each_position_once_for_all_folds(self, samm, tmp_path, monkeypatch):
        table, folds = samm
        start = start_of(table, NORMED, tmp_path)
        seen = []
        whole = Normed.frozen_part
        monkeypatch.setattr(Normed, "frozen_part", lambda self, x: seen.append(len(x)) or whole(self, x))
        training = TRAINING.model_copy(update={"epochs": 10})
        first = train_network(Fit(table, folds[0], accelerator="cpu", start=start), NORMED, training)
        assert first.predictions
        trial, plain = 8 * 4, 10 * 9 * len(folds[0].train)
        assert sum(seen) < 9 * len(table.keys) + 4 * trial < plain
        seen.clear()
        train_network(Fit(table, folds[1], accelerator="cpu", start=start), NORMED, training)
        # what the first held out, at its other positions
        assert sum(seen) <= 9 * len(folds[0].test) + 2 * trial

    def test_is_anew_for_other_weights_arguments_and_precision(self, samm, tmp_path):
        table, folds = samm
        fit = Fit(table, folds[0], accelerator="cpu", start=start_of(table, NORMED, tmp_path))
        short = TRAINING.model_copy(update={"epochs": 1})
        train_network(fit, NORMED, short)
        assert len(room._KEPT) == 1
        train_network(replace(fit, seed=5), NORMED, short.model_copy(update={"optimizer": Optimizer(name="sgd", lr=1)}))
        assert len(room._KEPT) == 1
        train_network(fit, NORMED, short.model_copy(update={"precision": "bf16-mixed"}))
        train_network(replace(fit, start=start_of(table, NORMED, tmp_path, 1)), NORMED, short)
        assert len(room._KEPT) == 3

    def test_goes_with_its_table(self, tmp_path):
        table, folds = read_samm()
        fit = Fit(table, folds[0], accelerator="cpu", start=start_of(table, NORMED, tmp_path))
        train_network(fit, NORMED, TRAINING)
        assert room._KEPT
        del table, fit
        gc.collect()
        assert not room._KEPT


class TestWhereNothingIsKept:
    @pytest.mark.parametrize(
        ("model", "reason"),
        [
            (Unfrozen, "uses weights that are trained"),
            (Beside, "depends on those beside it"),
            (Drops, "gives other values in training"),
            (Other, r"is not what the model gives of x"),
            (Whole, "has no frozen_part and after_frozen"),
        ],
    )
    def test_a_model_that_cannot_be_divided_trains_as_before(self, samm, tmp_path, monkeypatch, caplog, model, reason):
        table, folds = samm
        component = Component(name=f"ststnet.{model.__name__}")
        fit = Fit(table, folds[0], accelerator="cpu", start=start_of(table, component, tmp_path))
        with caplog.at_level(logging.WARNING):
            ours, theirs = both(monkeypatch, lambda: train_network(fit, component, TRAINING))
        assert ours.curve == theirs.curve
        assert ours.predictions == theirs.predictions
        (record,) = caplog.records
        assert reason in record.getMessage()

    def test_memory_that_takes_one_fold_is_used_for_it_alone_and_too_little_is_said(
        self, samm, tmp_path, monkeypatch, caplog
    ):
        table, folds = samm
        fit = Fit(table, folds[0], accelerator="cpu", start=start_of(table, NORMED, tmp_path))
        training = TRAINING.model_copy(update={"samples_per_class": 2})
        each = 4 * 4 * 4 * 16 * 16
        monkeypatch.setattr(room, "_free_bytes", lambda _: each * 8 * len(table.keys))
        fitted = fit_network(fit, NORMED, training)
        assert fitted.data.instead.kept.nbytes == each * len(fitted.data.numbers())
        assert not room._KEPT
        monkeypatch.setattr(room, "_free_bytes", lambda _: each)
        with caplog.at_level(logging.WARNING):
            ours, theirs = both(monkeypatch, lambda: train_network(fit, NORMED, training))
        assert ours.predictions == theirs.predictions
        assert "does not fit into memory" in caplog.text

    @pytest.mark.parametrize(
        "values", [{"augmentation": Augmentation(nine_positions=2, hflip=0.5)}, {"compile": "default"}]
    )
    def test_random_inputs_and_compiled_networks_are_left_alone(self, samm, tmp_path, values):
        table, folds = samm
        fit = Fit(table, folds[0], start=start_of(table, NORMED, tmp_path))
        model = build_model(table, NORMED, fit.start)
        assert room.keep_frozen(table, [model], NORMED, TRAINING)
        assert not room.keep_frozen(table, [model], NORMED, TRAINING.model_copy(update=values))
        assert not replace(fit, start=None).freezes
        assert not replace(fit, start=Start(fit.start.weights)).freezes


def test_memory_that_is_free_is_known():
    assert 0 < room._free_bytes(torch.device("cpu")) < 2**50
