"""A training that is killed goes on to the same weights, and takes no state but its own."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from mer_lightning.tasks import StateFile
from mer_lightning.types import DataError

SCRIPT = """
import os, signal, sys
from pathlib import Path
import lightning
from safetensors.torch import save_file
from mer_lightning.protocols import pretraining_fold
from mer_lightning.settings import Augmentation, Component, Optimizer, Schedule, Training
from mer_lightning.tasks import Fit, StateFile, pretrain
from tests.mer_lightning.tasks.test_going_on import small_table

class Killer(lightning.Callback):
    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if trainer.global_step == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

state, out, every, dies_at = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
table, labelled = small_table()
fit = Fit(
    table, pretraining_fold(labelled), seed=3, accelerator="cpu",
    select="val_accuracy", callbacks=(Killer(),),
)
training = Training(
    epochs=4, batch_size=16, optimizer=Optimizer(name="adam", lr=1e-3), schedule=Schedule(every=2, factor=0.5),
    augmentation=Augmentation(hflip=0.5, vflip=0.5),
)
model = Component(name="me_resnet.MEResNet", arguments={"dimensions": 2, "dropout": 0.3})
told = []
made = pretrain(fit, model, training, StateFile(state, "mine", every, told.append))
save_file(made.state, out)
print(made.epoch, made.accuracy, {name: [repr(v) for v in values] for name, values in made.curve.items()})
print(told[0].epoch, told[-1].epoch, told[-1].seconds_left, file=sys.stderr)
"""


def small_table():
    """Some small pictures of CK+'s twin, in seven classes."""
    from mer_lightning.datamodules import PlannedTable
    from mer_lightning.motion import get_representation
    from mer_lightning.protocols import Labelled
    from mer_lightning.protocols.schemes import CKPLUS_7
    from mer_lightning.synthetic.composite import SyntheticDatabase

    dataset = SyntheticDatabase("ckplus", scale=0.15, size=32, frames=0.1)
    labelled = Labelled(dataset.samples, tuple(CKPLUS_7.label(sample) for sample in dataset.samples))
    seen = get_representation("apex_frame", {"size": [16, 16], "colour": False})
    return PlannedTable(dataset, labelled, 7, seen).get(), labelled


def train(folder, name, *, every, dies_at=-1):
    """Train in a process of its own; gives its exit status and what it says."""
    words = [folder / "state", folder / f"{name}.safetensors", every, dies_at]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, words)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode, done.stdout, done.stderr


class TestATrainingThatIsKilled:
    def test_goes_on_to_the_same_weights_to_the_bit(self, tmp_path):
        _, whole, _ = train(tmp_path, "whole", every=1e9)
        assert not (tmp_path / "state").exists()
        # within the first epoch, before the first step of another one, and some steps after the last state was kept
        for dies_at, every in ((2, 0), (6, 0), (10, 0.2)):
            assert train(tmp_path, "killed", every=every, dies_at=dies_at)[0] == -signal.SIGKILL
            assert (tmp_path / "state").exists()
        status, resumed, told = train(tmp_path, "resumed", every=0)
        assert status == 0
        assert resumed == whole
        first, last, left = told.split()[-3:]
        assert int(first) > 1 and (int(last), float(left)) == (4, 0.0)
        one, other = (load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "resumed"))
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert torch.equal(value, other[name]), name


class TestAStateFile:
    def test_that_was_changed_or_is_of_another_training_is_refused(self, tmp_path):
        train(tmp_path, "killed", every=0, dies_at=6)
        state = tmp_path / "state"
        assert StateFile(state, "mine").check()
        with pytest.raises(DataError, match="checksum does not fit"):
            StateFile(state, "another's").check()
        kept = state.read_bytes()
        for broken in (kept[:-100], kept[:5000] + bytes([kept[5000] ^ 1]) + kept[5001:], b""):
            state.write_bytes(broken)
            with pytest.raises(DataError, match="checksum does not fit"):
                StateFile(state, "mine").check()

    def test_that_is_not_there_is_a_fresh_start(self, tmp_path):
        with StateFile(tmp_path / "none", "mine").checkpoint() as checkpoint:
            assert checkpoint is None
